# shellcheck shell=bash disable=SC2034 # the variables are images/steps.sh's
# A small Debian 12 made for booting fast: systemd with little to do, cumulet-firstboot in place of cloud-init, a
# DHCP client of a few pages, a kernel that needs no unpacking and a ramdisk that holds four modules.

DESCRIPTION="Small Debian 12 for fast boots"
SIZE=2G
BOOT_ARGS="root=/dev/vda rootfstype=ext4 rw console=ttyS0 quiet net.ifnames=0 fsck.mode=skip tsc=reliable"
BOOT_ARGS+=" no_timer_check cryptomgr.notests 8250.nr_uarts=1 random.trust_cpu=on i8042.noaux i8042.nomux i8042.dumbkbd"
DEFAULT_USER=debian
# An ELF kernel, not a compressed one.
KERNEL_FILE=$NAME.vmlinux

PACKAGES=(
    systemd systemd-sysv dbus udev kmod libnss-myhostname
    openssh-server sudo ca-certificates curl iproute2 iputils-ping iptables netbase procps less vim-tiny
    busybox e2fsprogs tzdata
)
BOOTSTRAP_OPTIONS=(
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*'
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*'
    --dpkgopt='path-include=/usr/share/doc/*/copyright'
)

# Loaded by the ramdisk, with what they need; udev loads the rest from the disk.
RAMDISK_MODULES=(virtio_pci virtio_blk virtio_net ext4)

# What a throwaway machine has no use for at boot.
MASKED_UNITS=(
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service
    fstrim.timer systemd-tmpfiles-clean.timer getty@tty1.service console-getty.service
    systemd-network-generator.service systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service systemd-update-utmp.service
    systemd-update-utmp-runlevel.service systemd-hwdb-update.service systemd-journal-flush.service
    systemd-journal-catalog-update.service ldconfig.service systemd-update-done.service systemd-pstore.service
    systemd-ask-password-wall.path systemd-ask-password-console.path systemd-binfmt.service
    systemd-sysusers.service modprobe@configfs.service modprobe@dm_mod.service modprobe@loop.service modprobe@drm.service modprobe@efi_pstore.service modprobe@fuse.service
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount
    sys-kernel-config.mount proc-sys-fs-binfmt_misc.automount systemd-udev-settle.service kmod-static-nodes.service
)

# The program that gives an instance its identity at boot, the host's agent, and their units: linked statically, so
# that it does not matter where they were built. CUMULET_FIRSTBOOT and CUMULET_AGENT name them where they are built
# already.
recipe_prepare() {
    local target=$CACHE/firstboot triple=x86_64-unknown-linux-gnu program
    FIRSTBOOT=${CUMULET_FIRSTBOOT:-$target/$triple/release/cumulet-firstboot}
    AGENT=${CUMULET_AGENT:-$target/$triple/release/cumulet-agent}
    if [ -z "${CUMULET_FIRSTBOOT:-}" ] || [ -z "${CUMULET_AGENT:-}" ]; then
        during "building cumulet-firstboot and cumulet-agent" build_programs "$target" "$triple"
    fi
    for program in "$FIRSTBOOT" "$AGENT"; do
        [ -x "$program" ] || fail "there is no program at $program"
    done
}

build_programs() {
    local cargo
    cargo=$(command -v cargo || printf '%s\n' "${SUDO_USER:+$(getent passwd "$SUDO_USER" | cut -d: -f6)/.cargo/bin/cargo}")
    [ -x "$cargo" ] || {
        echo "no cargo found; CUMULET_FIRSTBOOT and CUMULET_AGENT may name built programs" && return 1
    }
    PATH=$(dirname "$cargo"):$PATH RUSTFLAGS="-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_STRIP=true \
        "$cargo" build --release --manifest-path "$REPO/Cargo.toml" --target "$2" --target-dir "$1" \
        -p cumulet-firstboot -p cumulet-agent
}

recipe_tree() {
    local unit
    install -D -m 755 "$FIRSTBOOT" "$ROOT/usr/lib/cumulet/cumulet-firstboot"
    install -D -m 755 "$AGENT" "$ROOT/usr/lib/cumulet/cumulet-agent"
    for unit in "$REPO"/crates/{firstboot,agent}/systemd/*.service; do
        install -m 644 "$unit" "$ROOT/etc/systemd/system/"
        in_root systemctl --quiet enable "$(basename "$unit")"
    done
    in_root systemctl --quiet mask "${MASKED_UNITS[@]}"
    in_root systemctl --quiet enable cumulet-dhcp@eth0.service ssh.service
    in_root useradd --create-home --shell /bin/bash --groups sudo,adm --comment Debian debian
    chmod 440 "$ROOT/etc/sudoers.d/90-default-user"
    # Names of interfaces are the kernel's: nothing waits for a rename.
    ln -sf /dev/null "$ROOT/etc/systemd/network/99-default.link"
    ln -sf /run/resolv.conf "$ROOT/etc/resolv.conf"
    : >"$ROOT/etc/fstab"
    # An empty list of modules, for which a program would be started at each boot.
    rm -f "$ROOT/etc/modules-load.d/modules.conf"
    unpack_stock_kernel
}

# The modules of the suite's cloud kernel into the tree, for what udev and people load; its image is taken out below.
unpack_stock_kernel() {
    local package
    package=$(apt-cache "${APT_OPTIONS[@]}" show "linux-image-cloud-amd64=$(candidate_version linux-image-cloud-amd64)" |
        sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
    unpack_package "$package" "$WORK/kernel"
    mkdir -p "$ROOT/usr/lib/modules"
    cp -a "$WORK/kernel/lib/modules/${package#linux-image-}" "$ROOT/usr/lib/modules/"
    in_root depmod "${package#linux-image-}"
    printf '%s %s\n' "$package" "$(candidate_version "$package")" >>"$RESULT/$NAME.packages"
}

recipe_kernel() {
    local version dir=$WORK/initrd
    version=$(ls "$ROOT/usr/lib/modules")
    unpack_kernel "$WORK/kernel/boot/vmlinuz-$version" "$RESULT/$KERNEL_FILE"
    mkdir -p "$dir/bin" "$dir/modules"
    # The tree's own busybox is linked with libraries, which a ramdisk has not.
    static_busybox "$dir/bin/busybox"
    install -m 755 "$IMAGES/micro/initrd/init" "$dir/init"
    add_modules "$ROOT/usr/lib/modules/$version" "$dir/modules" list "${RAMDISK_MODULES[@]}"
    pack_initrd "$dir" "$RESULT/$RAMDISK_FILE"
}
