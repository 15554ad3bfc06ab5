#!/bin/bash
# Builds what the twin's QEMU guests boot, and keeps it: a kernel and an initramfs; and the small C programs.
#
#   scripts/twin_guest.sh          prints the directory with vmlinuz, initrd.gz, guestd and prober
#   scripts/twin_guest.sh --hash   prints only the recipe's hash
#
# Kernel, busybox, compiler and C library are unpacked from Debian packages into a throw-away directory; nothing of it
# is installed. Progress goes to stderr. Kept in ${FABRIC_CACHE:-~/.cache/routed-fabric}.
set -euo pipefail

release=trixie
packages=linux-image-cloud-amd64,busybox-static,tcc,musl-dev,libc6
modules='net/core/failover drivers/net/net_failover drivers/net/virtio_net drivers/acpi/button drivers/input/evdev'

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}/twin
guest=$root/roles/twin/files/guest
programs="$guest/guestd.c $root/tests/integration/guests/prober.c"

say() { printf 'twin guest: %s\n' "$*" >&2; }

# shellcheck disable=SC2086  # a list of files
hash=$(cat "${BASH_SOURCE[0]}" "$guest/init" $programs | sha256sum | cut -c1-12)
if [ "${1:-}" = --hash ]; then echo "$hash"; exit 0; fi
result=$cache/guest-$hash

mkdir -p "$cache"
exec 8>"$cache/guest.lock"
flock 8
touch "$cache/guest-$hash.used"
if [ -d "$result" ]; then echo "$result"; exit 0; fi

[ "$(id -u)" = 0 ] || { say "building it needs root"; exit 1; }
command -v mmdebstrap >/dev/null || { say "mmdebstrap is missing: apt-get install mmdebstrap"; exit 1; }
from=$SECONDS
say "building the guests' kernel and initramfs (a few seconds)"
work=$(mktemp -d "$cache/guest.XXXXXX")
trap 'rm -rf "$work"' EXIT
if ! mmdebstrap --variant=extract --include="$packages" "$release" "$work/root" >"$result.log" 2>&1 </dev/null; then
    tail -n 20 "$result.log" >&2
    say "failed (the whole output: $result.log)"
    exit 1
fi
for directory in bin lib lib64; do [ -e "$work/root/$directory" ] || ln -s "usr/$directory" "$work/root/$directory"; done

mkdir "$work/result"
musl=/usr/lib/x86_64-linux-musl
for source in $programs; do
    name=$(basename "$source" .c)
    cp "$source" "$work/root/$name.c"
    chroot "$work/root" /usr/bin/tcc -Wall -static -nostdinc -nostdlib -I/usr/include/x86_64-linux-musl \
        -I/usr/lib/x86_64-linux-gnu/tcc/include -o "/$name" $musl/crt1.o $musl/crti.o "/$name.c" $musl/libc.a $musl/crtn.o
    cp "$work/root/$name" "$work/result/$name"
done

tree=$work/root/initramfs
mkdir -p "$tree"/{bin,dev,proc,sys,modules}
cp "$work/root/usr/bin/busybox" "$tree/bin/busybox"
cp "$work/root/guestd" "$tree/guestd"
install -m 755 "$guest/init" "$tree/init"
mknod -m 600 "$tree/dev/console" c 5 1
for module in $modules; do
    xz -dc "$work"/root/usr/lib/modules/*/kernel/"$module".ko.xz >"$tree/modules/$(basename "$module").ko"
done
chroot "$work/root" /usr/bin/busybox sh -c 'cd /initramfs && busybox find . | busybox cpio -o -H newc 2>/dev/null | busybox gzip -9' >"$work/result/initrd.gz"
cp "$work"/root/boot/vmlinuz-* "$work/result/vmlinuz"

chmod 755 "$work/result"
mv "$work/result" "$result"
say "  done in $((SECONDS - from)) s"
echo "$result"
