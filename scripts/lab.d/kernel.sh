# shellcheck shell=bash
# The lab's kernel and initramfs, made from Debian's packages in the cache; nothing is installed.
# Sourced by scripts/lab after common.sh. Sets LAB_KERNEL, LAB_INITRD, LAB_MODULES (a folder or nothing), LAB_TOOLS.

# Raise this when what is made below changes, so that an older cache is not used.
LAB_CACHE_FORMAT=2
LAB_CACHE=$CACHE/lab-$LAB_CACHE_FORMAT

# The parts of the module tree that a host for microVMs has use for; the rest is drivers of real hardware.
MODULE_FOLDERS=(
    arch crypto drivers/block drivers/char/hw_random drivers/crypto/ccp drivers/dax drivers/md drivers/net
    drivers/nvdimm drivers/vhost drivers/virtio fs lib net virt
)
NOT_MODULES='/(drivers/net/(ethernet|wireless|usb|phy|can|wwan|ieee802154|fddi|hamradio|dsa|mdio|pcs|arcnet|fjes)|'
NOT_MODULES+='net/(bluetooth|mac80211|wireless|nfc|mac802154|ieee802154|6lowpan|can|rds|tipc|sctp|ceph|smc|batman-adv|ax25|appletalk|atm|dccp|netrom|rose|rxrpc|sunrpc|l2tp)|'
NOT_MODULES+='fs/(ocfs2|gfs2|dlm|nfs|nfsd|smb|cifs|ceph|afs|coda|jfs|jffs2|ubifs|orangefs|f2fs|nilfs2|ntfs|ntfs3|ntfs_fs|ufs|udf|hfs|hfsplus|reiserfs|quota|lockd|bcachefs)|'
NOT_MODULES+='drivers/block/(drbd|rnbd|aoe|mtip32xx))(/|$)'

# Intel's KVM is loaded by name where it is wanted.
# Loaded before the file tree can be seen, and beside that.
MODULES_FIRST=(virtio_pci 9pnet_virtio 9p overlay)
MODULES_REST=(virtio_console virtio_net virtio_rng kvm_amd tun veth loop)

prepare_tools() {
    LAB_TOOLS=$LAB_CACHE/tools
    [ ! -x "$LAB_TOOLS/busybox" ] || return 0
    mkdir -p "$LAB_CACHE"
    refresh_apt
    rm -rf "$LAB_TOOLS.new"
    mkdir "$LAB_TOOLS.new"
    during "fetching busybox" static_busybox "$LAB_TOOLS.new/busybox"
    rm -rf "$LAB_TOOLS"
    mv "$LAB_TOOLS.new" "$LAB_TOOLS"
}

# The general kernel, as the backports have it (quicker to start than the stable one), else as the suite has it.
prepare_debian_kernel() {
    local into=$LAB_CACHE/kernel meta package
    if [ ! -e "$into/version" ]; then
        refresh_apt
        meta=$(newest_version linux-image-amd64 '*bpo*')
        package=$(apt-cache "${APT_OPTIONS[@]}" show "linux-image-amd64${meta:+=$meta}" |
            sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
        [ -n "$package" ] || fail "found no package for linux-image-amd64"
        rm -rf "$into.new" "$into"
        during "fetching $package (about 100 MB)" unpack_package "$package" "$into.new"
        during "picking its modules" pick_modules "$into.new"
        mv "$into.new" "$into"
    fi
    LAB_KERNEL=$into/kernel
    LAB_MODULES=$into/modules
}

# pick_modules DIR: leaves DIR/kernel, DIR/modules/VERSION and DIR/version of an unpacked kernel package.
pick_modules() {
    local dir=$1 version tree folder
    version=$(basename "$dir"/boot/vmlinuz-*)
    version=${version#vmlinuz-}
    tree=$dir/lib/modules/$version
    [ -d "$tree" ] || tree=$dir/usr/lib/modules/$version
    mkdir -p "$dir/modules/$version/kernel"
    for folder in "${MODULE_FOLDERS[@]}"; do
        [ ! -d "$tree/kernel/$folder" ] || (cd "$tree" && cp -a --parents "kernel/$folder" "$dir/modules/$version/")
    done
    find "$dir/modules" -depth -type d | grep -E "$NOT_MODULES" | xargs -r rm -rf
    find "$dir/modules" -name '*.ko.xz' -print0 | xargs -0 -r -P "$(nproc)" -n 50 xz -d
    find "$dir/modules" -name '*.ko.zst' -print0 | xargs -0 -r -P "$(nproc)" -n 50 zstd -q -d --rm
    cp "$tree"/modules.{builtin,builtin.modinfo,order} "$dir/modules/$version/"
    # busybox's depmod looks in /lib/modules unless told where; -b makes it work in our own tree.
    mkdir -p "$dir/depmod/lib"
    ln -s "$dir/modules" "$dir/depmod/lib/modules"
    "$LAB_TOOLS/busybox" depmod -b "$dir/depmod" "$version"
    unpack_kernel "$dir/boot/vmlinuz-$version" "$dir/kernel" || cp "$dir/boot/vmlinuz-$version" "$dir/kernel"
    rm -rf "${dir:?}/boot" "${dir:?}/lib" "${dir:?}/usr" "${dir:?}/depmod"
    printf '%s\n' "$version" >"$dir/version"
}

# make_initrd OUT: busybox, the init script, and the modules of LAB_MODULES if there are any.
make_initrd() {
    local out=$1 work version list modules
    work=$(mktemp -d "$LAB_CACHE/initrd.XXXXXX")
    mkdir -p "$work/bin" "$work/dev"
    cp "$LAB_TOOLS/busybox" "$work/bin/"
    install -m 755 "$LAB_SCRIPTS/init" "$work/init"
    if [ -n "$LAB_MODULES" ]; then
        version=$(ls "$LAB_MODULES")
        mkdir "$work/modules"
        for list in first rest; do
            case $list in first) modules=("${MODULES_FIRST[@]}") ;; rest) modules=("${MODULES_REST[@]}") ;; esac
            add_modules "$LAB_MODULES/$version" "$work/modules" "$list" "${modules[@]}"
        done
    fi
    pack_initrd "$work" "$out.new" || { rm -rf "$work"; return 1; }
    rm -rf "$work"
    mv "$out.new" "$out"
}

prepare_kernel() {
    prepare_tools
    if [ -n "${CUMULET_LAB_KERNEL:-}" ]; then
        [ -r "$CUMULET_LAB_KERNEL" ] || fail "CUMULET_LAB_KERNEL: cannot read $CUMULET_LAB_KERNEL"
        LAB_KERNEL=$CUMULET_LAB_KERNEL LAB_MODULES=
        LAB_INITRD=$LAB_CACHE/initrd-own-kernel
    else
        prepare_debian_kernel
        LAB_INITRD=$LAB_CACHE/initrd-debian
    fi
    local source
    for source in "$LAB_SCRIPTS/init" "$LAB_SCRIPTS/kernel.sh" "$REPO/scripts/lib/kernel.sh" "$LAB_TOOLS/busybox" "$LAB_KERNEL"; do
        if [ ! "$LAB_INITRD" -nt "$source" ]; then
            make_initrd "$LAB_INITRD"
            break
        fi
    done
}
