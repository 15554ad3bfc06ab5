#!/bin/bash
# Builds what the twin's nodes boot, and keeps it: a Debian root file system and a podman image made of it.
#
#   scripts/twin_image.sh [trixie|bookworm]            the image; prints its name
#   scripts/twin_image.sh --rootfs [trixie|bookworm]   no podman: unpacks the root file system; prints its directory
#   scripts/twin_image.sh --tar [trixie|bookworm]      no podman: prints the root file system's tar
#   scripts/twin_image.sh --flavour proxmox ...        for Proxmox nodes: with QEMU, what guests boot, corosync, keepalived, and pvesim
#   scripts/twin_image.sh --flavour edge ...           for edge routers and their devices: SSH, GoBGP, BIRD, arping
#   scripts/twin_image.sh --flavour ceph ...           for Ceph nodes: with Debian's packages of Ceph
#   BASE=registry/name:tag scripts/twin_image.sh ...   starts from that image instead of mmdebstrap
#
# An image of the flavour proxmox has two layers, of which pvesim is the upper one: a change of its code takes seconds.
# Progress goes to stderr, the answer to stdout. Kept in ${FABRIC_CACHE:-~/.cache/routed-fabric}.
set -euo pipefail

packages=systemd,systemd-sysv,udev,dbus,iproute2,python3,frr,frr-pythontools,ifupdown2,nftables,iputils-ping
packages+=,tcpdump,procps,kmod,ethtool,jq,less,ca-certificates,wireguard-tools,wireguard-go
edge_packages=openssh-client,openssh-server,gobgpd,bird2,iputils-arping
proxmox_packages=qemu-system-x86,corosync,keepalived,python3-pyroute2,dnsmasq-base
ceph_packages=ceph-mon,ceph-mgr,ceph-osd,ceph-common,ceph-base,lvm2

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}/twin
inside=$here/twin_image_inside.sh
pvesim=$here/../roles/twin/files/pvesim
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
flavour=
while [ $# -gt 0 ]; do
    case $1 in
        --rootfs|--tar) what=${1#--}; shift ;;
        --flavour) flavour=${2:-}; shift 2 || die "--flavour: which?" ;;
        -h|--help) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) break ;;
    esac
done
case $flavour in
    ''|proxmox|ceph|edge) ;;
    *) die "no flavour '$flavour': there are proxmox, ceph and edge, or none" ;;
esac
release=${1:-trixie}
case $release in
    trixie|bookworm) ;;
    *) die "no recipe for '$release': take trixie (FRR 10.3) or bookworm (FRR 8.4)" ;;
esac
base=${BASE:-}
if [ -n "$base" ] && [ "$what" != image ]; then die "BASE is for images: leave it out with --$what"; fi

guest=
if [ "$flavour" = proxmox ]; then
    packages+=,$proxmox_packages
    guest=$("$here/twin_guest.sh")
fi
if [ "$flavour" = edge ]; then packages+=,$edge_packages; fi
if [ "$flavour" = ceph ]; then
    [ "$release" = trixie ] || die "no recipe for Ceph on '$release': take trixie (Ceph 18.2)"
    packages+=,$ceph_packages
fi
hash=$( { echo "$release $packages $base${guest:+ ${guest##*/}}"; cat "$inside"; } | sha256sum | cut -c1-12)
kind=$release${flavour:+-$flavour}
name=$kind-$hash
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
    say "building the root file system of $kind with mmdebstrap (about half a minute and 300 MB; twice that for proxmox and ceph)"
    rm -f "$cache/$kind"-????????????.tar.part
    local hooks=(--customize-hook="chroot \"\$1\" sh -s <'$inside'")
    if [ -n "$guest" ]; then
        hooks+=(--customize-hook="mkdir -p \"\$1/usr/share/pvesim\" && cp '$guest'/* \"\$1/usr/share/pvesim/\"")
        # A cluster is made later, by the node's own command.
        hooks+=(--customize-hook="rm -f \"\$1/etc/corosync/corosync.conf\"")
    fi
    quietly "$cache/$name.log" mmdebstrap --variant=minbase --format=tar --include="$packages" \
        "${hooks[@]}" "$release" "$tar.part"
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
            mkdir -p "$context/share"
            cp "$inside" "$context/inside.sh"
            if [ -n "$guest" ]; then cp "$guest"/* "$context/share/"; fi
            printf 'FROM %s\nLABEL %s\nCOPY share /usr/share/pvesim\nCOPY inside.sh /inside.sh\nRUN %s && %s && sh /inside.sh && rm -f /inside.sh /etc/corosync/corosync.conf\nCMD ["/sbin/init"]\nSTOPSIGNAL SIGRTMIN+3\n' \
                "$base" "$label=$kind" "export DEBIAN_FRONTEND=noninteractive; apt-get update" \
                "apt-get install -y --no-install-recommends ${packages//,/ } && apt-get clean" >"$context/Containerfile"
            quietly "$cache/$name.log" podman build --force-rm --layers=false --network=host --isolation=chroot --tag "$image" "$context"
            rm -rf "$context"
        else
            build_tar
            say "importing it into podman as $image"
            quietly "$cache/$name.import.log" podman import --change 'CMD ["/sbin/init"]' --change 'STOPSIGNAL SIGRTMIN+3' \
                --change "LABEL $label=$kind" "$tar" "$image"
        fi
    }
    if [ "$flavour" = proxmox ]; then add_pvesim; fi
    podman tag "$image" "localhost/fabric-twin:$kind"
    # Builds without a name go once no node of a twin is made of them any more.
    podman image prune --force --filter "label=$label" >/dev/null
}

# The upper layer: pvesim's code, its commands and its units.
add_pvesim() {
    local code under=$image context=$cache/$name.pvesim command
    code=$(cd "$pvesim" && find . -type f ! -name '*.pyc' ! -name README.md -print0 | sort -z | xargs -0 sha256sum |
        cat - "$here/twin_image.sh" | sha256sum | cut -c1-8)
    image=$under-$code
    touch "$cache/$name-$code.used"
    if podman image exists "$image"; then return; fi
    say "adding pvesim: $image"
    rm -rf "$context"
    mkdir -p "$context"/root/{etc/systemd/system/multi-user.target.wants,etc/systemd/system/corosync.service.d,etc/pve} \
        "$context"/root/{usr/lib/pvesim,usr/sbin,usr/bin,usr/libexec/qemu-server,var/lib/vz/snippets,var/lib/pvesim}
    cp "$pvesim"/*.py "$context/root/usr/lib/pvesim/"
    cp "$pvesim"/units/*.service "$context/root/etc/systemd/system/"
    for command in "$pvesim"/units/*.service; do
        ln -s "../$(basename "$command")" "$context/root/etc/systemd/system/multi-user.target.wants/"
    done
    printf '[Unit]\nConditionPathExists=/etc/corosync/corosync.conf\n' \
        >"$context/root/etc/systemd/system/corosync.service.d/pvesim.conf"
    printf '#!/usr/bin/python3\nimport sys\n\nsys.path[0] = "/usr/lib/pvesim"\nfrom pvesim.main import main\n\nmain()\n' \
        >"$context/root/usr/lib/pvesim/run"
    mkdir "$context/root/usr/lib/pvesim/pvesim"
    mv "$context"/root/usr/lib/pvesim/*.py "$context/root/usr/lib/pvesim/pvesim/"
    chmod 755 "$context/root/usr/lib/pvesim/run"
    for command in sbin/qm sbin/pct bin/vzdump bin/pvecm bin/pvesh bin/pveversion sbin/pvesim sbin/pvesim-ha \
        libexec/qemu-server/pve-bridge libexec/qemu-server/pve-bridgedown; do
        ln -s /usr/lib/pvesim/run "$context/root/usr/$command"
    done
    printf 'FROM %s\nLABEL %s\nCOPY root /\n' "$under" "$label=$kind" >"$context/Containerfile"
    quietly "$cache/$name.pvesim.log" podman build --force-rm --layers=false --network=host --isolation=chroot \
        --tag "$image" "$context"
    rm -rf "$context"
}

case $what in
    tar) build_tar; drop_unused; echo "$tar" ;;
    rootfs) build_rootfs; drop_unused; echo "$rootfs" ;;
    image) build_image; drop_unused; echo "$image" ;;
esac
