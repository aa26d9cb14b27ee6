# shellcheck shell=bash
# Kernels and ramdisks: taking them apart and putting them together. Sourced after common.sh.

# unpack_kernel BZIMAGE OUT: the ELF kernel in a bzImage (Documentation/arch/x86/boot.rst, payload_offset), so that
# an emulated processor has not to decompress it.
unpack_kernel() {
    local sectors offset length magic
    number() { od -An -v -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
    sectors=$(number "$1" $((0x1f1)) 1)
    offset=$(($(number "$1" $((0x248)) 4) + (sectors + 1) * 512))
    length=$(number "$1" $((0x24c)) 4)
    magic=$(od -An -t x1 -j "$offset" -N 4 "$1" | tr -d ' ')
    payload() { dd if="$1" iflag=skip_bytes,count_bytes skip="$offset" count=$((length - 4)) bs=1M status=none; }
    case $magic in
        fd377a58) payload "$1" | xz -dc >"$2" ;;
        28b52ffd) payload "$1" | zstd -dc >"$2" ;;
        02214c18) payload "$1" | lz4 -dc - >"$2" ;;
        1f8b*) payload "$1" | gzip -dc >"$2" ;;
        *) return 1 ;;
    esac
    [ "$(head -c 4 "$2" | od -An -t x1 | tr -d ' ')" = 7f454c46 ]
}

# in_order DEP-FILE MODULE…: the modules' files with what they need before them, each once. What is not there is
# taken to be built in.
in_order() {
    local file=$1
    shift
    awk -v wanted="$*" '
        function name(path) { sub(/.*\//, "", path); sub(/\.ko.*/, "", path); gsub(/-/, "_", path); return path }
        function visit(path,   list, count, i) {
            if (path in done) return
            done[path] = 1
            count = split(needs[path], list, " ")
            for (i = count; i >= 1; i--) visit(list[i])
            print path }
        { path = $1; sub(/:$/, "", path); known[name(path)] = path; $1 = ""; needs[path] = $0 }
        END { count = split(wanted, list, " "); for (i = 1; i <= count; i++) if (list[i] in known) visit(known[list[i]]) }
    ' "$file"
}

# add_modules TREE DIR LIST NAME…: the uncompressed modules and what they need from a module tree into DIR, and
# their names, in the order to load them in, into the file LIST there. What is in DIR already is not listed again.
add_modules() {
    local tree=$1 dir=$2 list=$3 path
    shift 3
    : >>"$dir/$list"
    in_order "$tree/modules.dep" "$@" | while read -r path; do
        [ ! -e "$dir/$(basename "$path")" ] || continue
        cp "$tree/$path" "$dir/"
        basename "$path" >>"$dir/$list"
    done
}

# pack_initrd DIR OUT: a ramdisk with what is in DIR, uncompressed: to read it costs less than to unpack it.
pack_initrd() {
    find "$1" -exec touch -h -d "@${SOURCE_DATE_EPOCH:-0}" {} +
    (cd "$1" && find . -print0 | LC_ALL=C sort -z | cpio -o -0 -H newc -R 0:0 --reproducible --quiet) >"$2"
}
