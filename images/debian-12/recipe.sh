# shellcheck shell=bash disable=SC2034 # the variables are images/steps.sh's
# A stock Debian 12, as Debian's own cloud images are put together: cloud-init finds out by itself that it is on
# EC2, and netplan with systemd-networkd does as it says.

DESCRIPTION="Debian 12 with cloud-init"
SIZE=3G
BOOT_ARGS="root=/dev/vda ro console=ttyS0"
# What stock cloud-init makes in Debian.
DEFAULT_USER=debian

PACKAGES=(
    linux-image-cloud-amd64 initramfs-tools zstd
    systemd systemd-sysv systemd-resolved systemd-timesyncd libpam-systemd libnss-systemd dbus udev kmod
    cloud-init cloud-guest-utils fdisk netplan.io isc-dhcp-client
    openssh-server sudo apt-utils ca-certificates curl wget iproute2 iputils-ping netbase iptables
    procps less vim-tiny bash-completion e2fsprogs busybox tzdata
)

recipe_tree() {
    in_root systemctl enable systemd-networkd.service systemd-resolved.service >/dev/null
    # The network is netplan's business.
    rm -f "$ROOT/etc/network/interfaces" "$ROOT/etc/resolv.conf"
    ln -s ../run/systemd/resolve/stub-resolv.conf "$ROOT/etc/resolv.conf"
}

recipe_kernel() { take_kernel_from_tree; }
