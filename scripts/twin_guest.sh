#!/bin/bash
# Builds what the twin's QEMU guests boot, and the program that measures how they are reached; and keeps both.
#
#   scripts/twin_guest.sh          prints the directory with vmlinuz, initrd.gz and guestd
#   scripts/twin_guest.sh prober   prints the path of the prober (tests/integration/guests/prober.c)
#
# Kernel, busybox, compiler and C library are unpacked from Debian packages into a throw-away directory; nothing of it
# is installed. Progress goes to stderr. Kept in ${FABRIC_CACHE:-~/.cache/routed-fabric}.
set -euo pipefail

release=trixie
compiler=tcc,musl-dev,libc6
modules='net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/acpi/button drivers/input/evdev'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}/twin
guest=$root/roles/twin/files/guest
prober=$root/tests/integration/guests/prober.c

say() { printf 'twin guest: %s\n' "$*" >&2; }

what=${1:-guest}
case $what in
    guest) hash=$(cat "${BASH_SOURCE[0]}" "$guest/init" "$guest/guestd.c" | sha256sum | cut -c1-12) ;;
    prober) hash=$(sha256sum <"$prober" | cut -c1-12) ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
result=$cache/$what-$hash
answer=$result
if [ "$what" = prober ]; then answer=$result/prober; fi

mkdir -p "$cache"
exec 8>"$cache/guest.lock"
flock 8
touch "$result.used"
if [ -d "$result" ]; then echo "$answer"; exit 0; fi

[ "$(id -u)" = 0 ] || { say "building it needs root"; exit 1; }
command -v mmdebstrap >/dev/null || { say "mmdebstrap is missing: apt-get install mmdebstrap"; exit 1; }
from=$SECONDS
work=$(mktemp -d "$cache/$what.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/result"
chmod 755 "$work/result"

unpack() { # PACKAGES
    if ! mmdebstrap --variant=extract --include="$1" "$release" "$work/root" >"$result.log" 2>&1 </dev/null; then
        tail -n 20 "$result.log" >&2
        say "failed (the whole output: $result.log)"
        exit 1
    fi
    local directory
    for directory in bin lib lib64; do
        [ -e "$work/root/$directory" ] || ln -s "usr/$directory" "$work/root/$directory"
    done
}

compile() { # SOURCE
    local name musl=/usr/lib/x86_64-linux-musl
    name=$(basename "$1" .c)
    cp "$1" "$work/root/$name.c"
    chroot "$work/root" /usr/bin/tcc -Wall -static -nostdinc -nostdlib -I/usr/include/x86_64-linux-musl \
        -I/usr/lib/x86_64-linux-gnu/tcc/include -o "/$name" $musl/crt1.o $musl/crti.o "/$name.c" $musl/libc.a $musl/crtn.o
    cp "$work/root/$name" "$work/result/$name"
}

build_guest() {
    say "building the guests' kernel and initramfs (about ten seconds)"
    unpack "$compiler,linux-image-cloud-amd64,busybox-static"
    compile "$guest/guestd.c"
    local tree=$work/root/initramfs module
    mkdir -p "$tree"/{bin,dev,proc,sys,modules}
    cp "$work/root/usr/bin/busybox" "$tree/bin/busybox"
    cp "$work/result/guestd" "$tree/guestd"
    { echo "#!/bin/busybox sh"; cat "$guest/init"; } >"$tree/init"
    chmod 755 "$tree/init"
    mknod -m 600 "$tree/dev/console" c 5 1
    for module in $modules; do
        xz -dc "$work"/root/usr/lib/modules/*/kernel/"$module".ko.xz >"$tree/modules/$(basename "$module").ko"
    done
    chroot "$work/root" /usr/bin/busybox sh -c \
        'cd /initramfs && busybox find . | busybox cpio -o -H newc 2>/dev/null | busybox gzip -9' >"$work/result/initrd.gz"
    cp "$work"/root/boot/vmlinuz-* "$work/result/vmlinuz"
}

if [ "$what" = guest ]; then
    build_guest
else
    say "building the prober"
    unpack "$compiler"
    compile "$prober"
fi
mv "$work/result" "$result"
say "  done in $((SECONDS - from)) s"
echo "$answer"
