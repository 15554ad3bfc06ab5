#!/bin/sh
# Turns a Debian root file system with systemd, FRR and ifupdown2 into one of the twin's nodes.
# Runs inside it (chroot or image build). Its text is part of the image's hash: change it, and the image is built anew.
set -eu

# What would reach through to the host's kernel, or waits for hardware that a container does not have.
for unit in \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer logrotate.timer man-db.timer systemd-tmpfiles-clean.timer \
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount sys-kernel-config.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount proc-sys-fs-binfmt_misc.automount \
    systemd-binfmt.service systemd-firstboot.service systemd-hwdb-update.service systemd-journal-catalog-update.service \
    systemd-modules-load.service kmod-static-nodes.service ldconfig.service systemd-logind.service systemd-oomd.service \
    systemd-pcrphase.service systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service \
    systemd-timesyncd.service systemd-udev-trigger.service systemd-udev-settle.service systemd-udevd.service \
    systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udev-load-credentials.service \
    systemd-update-utmp.service systemd-tpm2-setup.service systemd-tpm2-setup-early.service \
    console-getty.service getty.target getty@tty1.service nvmf-autoconnect.service remote-fs.target; do
    ln -sf /dev/null "/etc/systemd/system/$unit"
done

# An empty machine-id makes systemd apply presets at the first boot: it must not switch on what the packages left off.
mkdir -p /etc/systemd/system-preset
echo 'disable *' >/etc/systemd/system-preset/00-twin.preset

# A privileged container's /proc/sys is the host's, except for net.*: of the packages' sysctls keep the network's only.
mkdir -p /etc/sysctl.d
for file in /usr/lib/sysctl.d/*.conf; do
    [ -e "$file" ] || continue
    name=$(basename "$file")
    grep -E '^-?net[./]' "$file" >"/etc/sysctl.d/$name" || true
done

mkdir -p /etc/systemd/journald.conf.d
cat >/etc/systemd/journald.conf.d/twin.conf <<'END'
[Journal]
Storage=persistent
SystemMaxUse=32M
RuntimeMaxUse=16M
RateLimitIntervalSec=0
Audit=no
ReadKMsg=no
ForwardToConsole=no
END
mkdir -p /var/log/journal

# Container restarts must not wait long for a unit that hangs.
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >/etc/systemd/system.conf.d/twin.conf

# Each of the manager's modules fails at its first start on trixie (see docs/guides/ceph.md) and leaves a report,
# which ceph-crash, without a key for its client, would try to post for ever: a good part of a core, for nothing.
if [ -e /usr/bin/ceph-crash ]; then ln -sf /dev/null /etc/systemd/system/ceph-crash.service; fi

# ifupdown2 fails in its second ifreload without this directory.
mkdir -p /etc/iproute2/rt_tables.d
mkdir -p /etc/network/interfaces.d
cat >/etc/network/interfaces <<'END'
auto lo
iface lo inet loopback

source /etc/network/interfaces.d/*
END

# During an image build these are mounted and cannot be removed; writing would go through to the mounted file.
: >/etc/machine-id
rm -f /etc/hostname || true
if rm -f /etc/resolv.conf; then : >/etc/resolv.conf; fi
if rm -f /etc/hosts; then printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >/etc/hosts; fi
