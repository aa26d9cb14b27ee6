# shellcheck shell=bash disable=SC2317 # functions are replaced by recipes, or called by name
# The steps of a build, in the order in which images/build takes them.
# Sourced after scripts/lib/common.sh. OUT is the folder for results, WORK a folder in it that is removed at the
# end, ROOT the tree being made, RESULT what will be moved to OUT.

BUILD_PROGRAMS=(mmdebstrap mkfs.ext4 debugfs cpio lz4 xz zstd unshare dpkg-deb)
BUILD_PACKAGES=(mmdebstrap e2fsprogs cpio lz4 xz-utils zstd util-linux dpkg debian-archive-keyring)

require_build_programs() {
    local missing=() program
    for program in "${BUILD_PROGRAMS[@]}"; do have "$program" || missing+=("$program"); done
    [ ${#missing[@]} = 0 ] || fail "missing: ${missing[*]}. Install what building needs with: sudo images/build --install"
}

install_build_packages() {
    [ "$(id -u)" = 0 ] || fail "--install needs root"
    refresh_apt
    DEBIAN_FRONTEND=noninteractive during "installing what building needs" \
        apt-get "${APT_OPTIONS[@]}" install -y --no-install-recommends "${BUILD_PACKAGES[@]}"
}

# A recipe sets the first six, and may replace the functions.
read_recipe() {
    DESCRIPTION='' SUITE=bookworm SIZE='' BOOT_ARGS='' DEFAULT_USER='' PACKAGES=() BOOTSTRAP_OPTIONS=()
    ROOT_DEVICE_NAME=/dev/xvda
    # recipe_prepare runs first, recipe_tree at the end in the finished tree, recipe_kernel takes the kernel (and a
    # ramdisk) from ROOT to RESULT and names them in KERNEL_FILE and RAMDISK_FILE.
    KERNEL_FILE=$NAME.vmlinuz RAMDISK_FILE=$NAME.initrd
    recipe_prepare() { :; }
    recipe_tree() { :; }
    recipe_kernel() { fail "recipe $NAME does not say where its kernel is"; }
    # shellcheck source=/dev/null
    . "$IMAGES/$NAME/recipe.sh"
    DISK_SIZE=${DISK_SIZE:-$SIZE}
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$REPO" log -1 --format=%ct -- images 2>/dev/null || date +%s)}
    export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(date +%s)}
}

# The base system. Packages are kept from build to build.
bootstrap() {
    local debs=$CACHE/debs-$SUITE proxy options=() include early=()
    # Files that packages look at while they are installed.
    [ ! -d "$IMAGES/$NAME/early" ] || early=(--essential-hook="cp -a --no-preserve=ownership '$IMAGES/$NAME/early/.' \"\$1/\"")
    mkdir -p "$debs"
    debian_sources | sed "s/\(^Suites:.*\)/\1 /; /^Suites:/s/ $(debian_suite)\([ -]\)/ $SUITE\1/g" >"$WORK/sources"
    for proxy in http https; do
        proxy=$(apt-config dump --format '%f "%v";%n' "Acquire::$proxy::Proxy" 2>/dev/null | head -n 1)
        [ -z "$proxy" ] || options+=(--aptopt="$proxy")
    done
    include=$(IFS=, && printf '%s' "${PACKAGES[*]}")
    during "bootstrapping Debian $SUITE with ${#PACKAGES[@]} chosen packages and what they need" \
        mmdebstrap --mode=root --format=directory --variant=minbase --include="$include" "${options[@]}" \
        --skip=download/empty,essential/unlink,cleanup/apt/cache \
        --setup-hook='mkdir -p "$1/var/cache/apt/archives"' \
        --setup-hook="cp -al '$debs/.' \"\$1/var/cache/apt/archives/\" 2>/dev/null || cp -a '$debs/.' \"\$1/var/cache/apt/archives/\"" \
        --customize-hook="cp -an \"\$1\"/var/cache/apt/archives/*.deb '$debs/'" \
        --customize-hook='rm -rf "$1"/var/cache/apt/archives/*.deb' \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
        --aptopt='APT::Sandbox::User "root"' --dpkgopt=force-unsafe-io \
        "${BOOTSTRAP_OPTIONS[@]}" "${early[@]}" "$SUITE" "$ROOT" "$WORK/sources"
    # What no build has used for a month is let go.
    find "$debs" -name '*.deb' -atime +30 -mtime +30 -delete
}

# in_root CMD…: runs a command in the tree.
in_root() { chroot "$ROOT" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"; }

# copy_files DIR: a folder's files over the tree, as root's.
copy_files() { tar -C "$1" --owner=0 --group=0 --mode=go-w -cf - . | tar -C "$ROOT" --no-overwrite-dir -xpf -; }

# What is common to all images: our files, and nothing in them that should be an instance's own.
finish_tree() {
    dpkg-query --admindir="$ROOT/var/lib/dpkg" -W -f '${Package} ${Version}\n' | sort >"$RESULT/$NAME.packages"
    [ ! -d "$IMAGES/$NAME/files" ] || copy_files "$IMAGES/$NAME/files"
    recipe_tree
    # What was said to apt and dpkg for the build alone; a recipe's wish to leave files out goes on to count.
    sed -i '/^force-unsafe-io$/d' "$ROOT/etc/dpkg/dpkg.cfg.d/99mmdebstrap"
    rm -f "$ROOT"/etc/ssh/ssh_host_* "$ROOT/etc/hostname" "$ROOT/var/lib/dbus/machine-id" \
        "$ROOT/etc/apt/apt.conf.d/99mmdebstrap" "$ROOT/var/lib/systemd/random-seed"
    # Empty: an id is made at each boot until one is written; absent would mean a first boot in systemd's sense.
    : >"$ROOT/etc/machine-id"
    printf 'localhost\n' >"$ROOT/etc/hostname"
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n' >"$ROOT/etc/hosts"
    find "$ROOT/var/log" -type f -exec truncate -s 0 {} +
    rm -rf "$ROOT"/tmp/* "$ROOT"/var/tmp/* "$ROOT"/run/* "$ROOT"/var/lib/apt/lists/* "$ROOT"/var/cache/apt/*.bin \
        "$ROOT"/var/cache/ldconfig/aux-cache "$ROOT"/var/cache/debconf/*-old "$ROOT"/var/lib/dpkg/*-old
    # Files made just now would make the disk differ from build to build.
    find "$ROOT" -xdev -newermt "@$SOURCE_DATE_EPOCH" -print0 | xargs -0 -r touch -h -d "@$SOURCE_DATE_EPOCH"
}

# The tree as a file system without a partition table around it: it boots without a search for partitions, grows
# with its disk by resize2fs alone, and is made without loop devices or mounts.
make_disk() {
    local uuid
    uuid=$(printf '%s' "$NAME.$SOURCE_DATE_EPOCH" | sha256sum |
        sed -E 's/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/\1-\2-5\3-8\4-\5/')
    truncate -s "$DISK_SIZE" "$RESULT/$NAME.raw"
    # No work is left to the guest's kernel, which would write to every instance's own copy of the disk.
    export E2FSPROGS_FAKE_TIME=$SOURCE_DATE_EPOCH
    mkfs.ext4 -q -F -L root -U "$uuid" -m 1 -O ^orphan_file \
        -E "lazy_itable_init=0,lazy_journal_init=0,hash_seed=$uuid,root_owner=0:0" -d "$ROOT" "$RESULT/$NAME.raw"
    settle_times "$RESULT/$NAME.raw" >"$WORK/times"
    debugfs -w -f "$WORK/times" "$RESULT/$NAME.raw" >/dev/null 2>&1
    fallocate --dig-holes "$RESULT/$NAME.raw"
    e2fsck -fn "$RESULT/$NAME.raw"
}

# settle_times DISK: debugfs's commands that set the times which no tool sets in a tree (when an inode was made, read
# and last changed) on every inode in use: the root and all from 11 on but those that a group lists as free.
settle_times() {
    dumpe2fs "$1" 2>/dev/null | awk -v when="@$SOURCE_DATE_EPOCH" '
        /^Inode count:/ { total = $3 }
        /^ *Free inodes: [0-9]/ {
            sub(/^ *Free inodes: /, "")
            count = split($0, ranges, /, */)
            for (i = 1; i <= count; i++) { split(ranges[i] "-" ranges[i], ends, "-"); free[ends[1]] = ends[2] } }
        END {
            count = split("ctime atime crtime", times, " ")
            for (inode = 2; inode <= total; inode++) {
                if (inode in free) inode = free[inode]
                else if (inode == 2 || inode >= 11) {
                    print "sif <" inode "> mtime_extra 0"
                    for (i = 1; i <= count; i++) {
                        print "sif <" inode "> " times[i] " " when
                        print "sif <" inode "> " times[i] "_extra 0" } } } }'
}

write_manifest() {
    local ramdisk=null
    [ -z "$RAMDISK_FILE" ] || ramdisk="\"$RAMDISK_FILE\""
    cat >"$RESULT/$NAME.json" <<JSON
{
  "name": "$NAME",
  "description": "$DESCRIPTION",
  "architecture": "x86_64",
  "disk": "$NAME.raw",
  "disk_bytes": $(stat -c %s "$RESULT/$NAME.raw"),
  "kernel": "$KERNEL_FILE",
  "ramdisk": $ramdisk,
  "root_device_name": "$ROOT_DEVICE_NAME",
  "boot_args": "$BOOT_ARGS",
  "default_user": "$DEFAULT_USER",
  "packages": "$NAME.packages",
  "packages_sha256": "$(sha256sum "$RESULT/$NAME.packages" | cut -d ' ' -f 1)",
  "source_date_epoch": $SOURCE_DATE_EPOCH
}
JSON
}

# All files, the manifest last: a folder with a manifest is complete.
publish() {
    local file
    rm -f "$OUT/$NAME.json"
    sync -f "$RESULT"
    for file in "$RESULT"/*; do [ "$file" = "$RESULT/$NAME.json" ] || mv -f "$file" "$OUT/"; done
    mv -f "$RESULT/$NAME.json" "$OUT/"
}

# take_kernel_from_tree: the newest kernel in the tree's /boot, with its initrd.
take_kernel_from_tree() {
    local version
    version=$(cd "$ROOT/boot" && printf '%s\n' vmlinuz-* | sort -V | tail -n 1)
    version=${version#vmlinuz-}
    cp "$ROOT/boot/vmlinuz-$version" "$RESULT/$KERNEL_FILE"
    cp "$ROOT/boot/initrd.img-$version" "$RESULT/$RAMDISK_FILE"
}
