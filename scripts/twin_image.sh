#!/bin/bash
# Builds what the twin's nodes boot, and keeps it: a Debian root file system and a podman image made of it.
#
#   scripts/twin_image.sh [trixie|bookworm]            the image; prints its name
#   scripts/twin_image.sh --rootfs [trixie|bookworm]   no podman: unpacks the root file system; prints its directory
#   scripts/twin_image.sh --tar [trixie|bookworm]      no podman: prints the root file system's tar
#   BASE=registry/name:tag scripts/twin_image.sh ...   starts from that image instead of mmdebstrap
#
# Progress goes to stderr, the answer to stdout. Kept in ${FABRIC_CACHE:-~/.cache/routed-fabric}.
set -euo pipefail

packages=systemd,systemd-sysv,udev,dbus,iproute2,python3,frr,frr-pythontools,ifupdown2,nftables,iputils-ping
packages+=,tcpdump,procps,kmod,ethtool,jq,less,ca-certificates,wireguard-tools,wireguard-go

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}/twin
inside=$here/twin_image_inside.sh
label=routed.fabric.twin

say() { printf 'twin image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
podman() { python3 "$here/twin.py" podman "$@"; }

# Runs a command that takes long: its output goes to a file, of which the end is shown when it fails.
quietly() {
    local log=$1 from=$SECONDS; shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        die "failed: $1 (the whole output: $log)"
    fi
    say "  done in $((SECONDS - from)) s"
}

what=image
case ${1:-} in
    --rootfs|--tar) what=${1#--}; shift ;;
    -h|--help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
release=${1:-trixie}
case $release in
    trixie|bookworm) ;;
    *) die "no recipe for '$release': take trixie (FRR 10.3) or bookworm (FRR 8.4)" ;;
esac
base=${BASE:-}
if [ -n "$base" ] && [ "$what" != image ]; then die "BASE is for images: leave it out with --$what"; fi

hash=$( { echo "$release $packages $base"; cat "$inside"; } | sha256sum | cut -c1-12)
name=$release-$hash
image=localhost/fabric-twin:$name
tar=$cache/$name.tar
rootfs=$cache/$name.rootfs

mkdir -p "$cache"
exec 9>"$cache/lock"
flock -n 9 || { say "another build is running: waiting for it"; flock 9; }

build_tar() {
    [ -e "$tar" ] && return
    [ "$(id -u)" = 0 ] || die "building it needs root"
    command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: apt-get install mmdebstrap"
    say "building the root file system of $release with mmdebstrap (about half a minute and 300 MB)"
    rm -f "$cache/$release"-*.tar.part
    quietly "$cache/$name.log" mmdebstrap --variant=minbase --format=tar --include="$packages" \
        --customize-hook="chroot \"\$1\" sh -s <'$inside'" "$release" "$tar.part"
    mv "$tar.part" "$tar"
}

# Builds that nobody has asked for in two weeks go. Not at once: another checkout may have another recipe.
drop_unused() {
    local used build
    touch "$cache/$name.used"
    find "$cache" -maxdepth 1 -name '*.used' -mtime +14 | while read -r used; do
        build=$(basename "$used" .used)
        say "removing $build, unused for two weeks"
        rm -rf "${cache:?}/$build".*
        podman untag "localhost/fabric-twin:$build" 2>/dev/null || true
    done
}

build_rootfs() {
    build_tar
    [ -d "$rootfs" ] && return
    say "unpacking it"
    rm -rf "$rootfs.part"
    mkdir -p "$rootfs.part"
    tar -C "$rootfs.part" --numeric-owner --xattrs -xpf "$tar"
    mv "$rootfs.part" "$rootfs"
}

build_image() {
    podman image exists "$image" || {
        if [ -n "$base" ]; then
            say "building $image from $base"
            local context=$cache/$name.build
            mkdir -p "$context"
            cp "$inside" "$context/inside.sh"
            printf 'FROM %s\nLABEL %s\nCOPY inside.sh /inside.sh\nRUN %s && %s && sh /inside.sh && rm -f /inside.sh\nCMD ["/sbin/init"]\nSTOPSIGNAL SIGRTMIN+3\n' \
                "$base" "$label=$release" "export DEBIAN_FRONTEND=noninteractive; apt-get update" \
                "apt-get install -y --no-install-recommends ${packages//,/ } && apt-get clean" >"$context/Containerfile"
            quietly "$cache/$name.log" podman build --force-rm --layers=false --network=host --isolation=chroot --tag "$image" "$context"
            rm -rf "$context"
        else
            build_tar
            say "importing it into podman as $image"
            quietly "$cache/$name.import.log" podman import --change 'CMD ["/sbin/init"]' --change 'STOPSIGNAL SIGRTMIN+3' \
                --change "LABEL $label=$release" "$tar" "$image"
        fi
    }
    podman tag "$image" "localhost/fabric-twin:$release"
    # Builds without a name go once no node of a twin is made of them any more.
    podman image prune --force --filter "label=$label" >/dev/null
}

case $what in
    tar) build_tar; drop_unused; echo "$tar" ;;
    rootfs) build_rootfs; drop_unused; echo "$rootfs" ;;
    image) build_image; drop_unused; echo "$image" ;;
esac
