#!/bin/bash
# Builds what the small QEMU machine of the tests boots, and keeps it: Debian's cloud kernel with its modules, a first
# root file system (initrd) and a disk made of the twin's root file system. It has what the kernel of this machine may
# lack: VLAN-aware bridges, VRF, WireGuard, GRE, bonds.
#
#   scripts/qemu_machine.sh [trixie|bookworm]   prints the directory with vmlinuz, initrd.gz and disk.ext4
#
# Kernel and busybox are unpacked from Debian packages into a throw-away directory; nothing of it is installed.
# Progress goes to stderr. Kept in ${FABRIC_CACHE:-~/.cache/routed-fabric}.
set -euo pipefail

release=${1:-trixie}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${FABRIC_CACHE:-$HOME/.cache/routed-fabric}/qemu
say() { printf 'qemu machine: %s\n' "$*" >&2; }

rootfs=$("$here/twin_image.sh" --rootfs "$release")
hash=$( { cat "${BASH_SOURCE[0]}"; basename "$rootfs"; } | sha256sum | cut -c1-12)
result=$cache/$release-$hash

mkdir -p "$cache"
exec 8>"$cache/lock"
flock 8
touch "$result.used"
if [ -d "$result" ]; then echo "$result"; exit 0; fi

[ "$(id -u)" = 0 ] || { say "building it needs root"; exit 1; }
for tool in mmdebstrap mke2fs xz; do
    command -v "$tool" >/dev/null || { say "$tool is missing: scripts/bootstrap.sh live installs it"; exit 1; }
done
find "$cache" -maxdepth 1 -name '*.used' -mtime +14 | while read -r used; do
    rm -rf "${used%.used}" "${used%.used}".*
done

from=$SECONDS
say "building kernel and disk (about half a minute, and 350 MB)"
work=$(mktemp -d "$cache/build.XXXXXX")
trap 'rm -rf "$work"' EXIT
if ! mmdebstrap --variant=extract --include=linux-image-cloud-amd64,busybox-static "$release" "$work/packages" \
    >"$result.log" 2>&1 </dev/null; then
    tail -n 20 "$result.log" >&2
    say "failed (the whole output: $result.log)"
    exit 1
fi
kernel=$(basename "$work"/packages/boot/vmlinuz-*)
kernel=${kernel#vmlinuz-}
modules=$(find "$work"/packages/{usr/,}lib/modules -maxdepth 1 -name "$kernel" 2>/dev/null | head -n 1 || true)

# The initrd finds the disk, and leaves everything else to what is unpacked from the second disk (qemulab.py).
tree=$work/packages/initrd
mkdir -p "$tree"/{bin,dev,proc,newroot}
cp "$(find "$work"/packages/{usr/,}bin -maxdepth 1 -name busybox 2>/dev/null | head -n 1)" "$tree/bin/busybox"
found=$(find "$modules" -name 'virtio_blk.ko*')
case $found in
    *.xz) xz -dc "$found" >"$tree/virtio_blk.ko" ;;
    *) cp "$found" "$tree/virtio_blk.ko" ;;
esac
cat >"$tree/init" <<'END'
#!/bin/busybox sh
bb=/bin/busybox
$bb mount -t proc proc /proc
$bb mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
$bb insmod /virtio_blk.ko
while [ ! -b /dev/vdb ]; do $bb sleep 0.05; done
$bb mount -t ext4 /dev/vda /newroot
$bb mount -o move /dev /newroot/dev
$bb umount /proc
exec $bb switch_root /newroot /bin/sh -c 'mount -t tmpfs tmpfs /mnt && tar -C /mnt -xf /dev/vdb && exec sh /mnt/init'
END
chmod 755 "$tree/init"
mkdir "$work/result"
(cd "$tree" && bin/busybox find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -9) >"$work/result/initrd.gz"
cp "$work/packages/boot/vmlinuz-$kernel" "$work/result/vmlinuz"

# The disk: the twin's root file system with the modules over it, without a copy of either.
mkdir -p "$work/upper/usr/lib/modules" "$work/work" "$work/merged"
cp -a "$modules" "$work/upper/usr/lib/modules/$kernel"
# shellcheck disable=SC2016  # for the inner shell
unshare -m sh -euc '
    mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
    chroot "$2/merged" depmod -a "$3"
    mke2fs -q -t ext4 -O ^has_journal -d "$2/merged" "$2/result/disk.ext4" 1200M 2>/dev/null
' sh "$rootfs" "$work" "$kernel"
echo "$kernel" >"$work/result/kernel"
chmod 755 "$work/result"
mv "$work/result" "$result"
say "  done in $((SECONDS - from)) s"
echo "$result"
