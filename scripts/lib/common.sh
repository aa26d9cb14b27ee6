# shellcheck shell=bash
# What scripts/lab and images/build have in common: telling how things go, the cache, Debian's packages.
# Sourced; expects `set -euo pipefail`.

# Everything that is downloaded or made once stands here and may be deleted at any time.
CACHE=${CUMULET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cumulet}

say() { printf '%s: %s\n' "${PROGRAM:-cumulet}" "$*" >&2; }
fail() { say "$*"; exit 125; }
have() { command -v "$1" >/dev/null 2>&1; }

# at_exit FUNCTION-AND-ARGUMENTS: runs this when the script ends, however it ends; the last one given first.
# Interrupts end the script once the command in the foreground has ended.
AT_EXIT=()
at_exit() {
    local quoted
    printf -v quoted '%q ' "$@"
    AT_EXIT=("$quoted" ${AT_EXIT[@]+"${AT_EXIT[@]}"})
    trap run_at_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}
run_at_exit() {
    local command
    # What runs in the background is ended first, so that nothing below is made again while it is removed.
    [ -z "${DURING:-}" ] || { kill -TERM -- "-$DURING" 2>/dev/null && wait "$DURING"; } || true
    for command in ${AT_EXIT[@]+"${AT_EXIT[@]}"}; do eval "$command" || true; done
}

# during TEXT CMD…: runs CMD with its output in a file, and says every few seconds what it is that takes so long.
# If CMD fails, the end of its output is shown.
during() {
    local text=$1 log pid status=0 waited=0 last
    shift
    say "$text"
    log=$(mktemp "${TMPDIR:-/tmp}/cumulet.XXXXXX")
    at_exit rm -f "$log"
    # In a process group of its own, so that it can be ended with all it has started.
    set -m
    (trap - EXIT INT TERM HUP; "$@") >"$log" 2>&1 </dev/null &
    pid=$!
    set +m
    DURING=$pid
    while kill -0 "$pid" 2>/dev/null; do
        sleep 0.1
        waited=$((waited + 1))
        if [ $((waited % 50)) = 0 ]; then
            last=$(tail -qn 1 "$log" | cut -c1-90)
            say "  … $((waited / 10)) s${last:+: $last}"
        fi
    done
    wait "$pid" || status=$?
    DURING=
    if [ "$status" != 0 ]; then
        say "$text: failed with status $status"
        tail -n 25 "$log" >&2
    fi
    rm -f "$log"
    return "$status"
}

# one_at_a_time NAME: holds a lock of that name from here to the end of this shell.
one_at_a_time() {
    mkdir -p "$CACHE/lock"
    exec {LOCK_FD}>"$CACHE/lock/$1"
    if ! flock -n "$LOCK_FD"; then
        say "waiting for another $1 to end"
        until flock -w 8 "$LOCK_FD"; do say "  … still waiting"; done
    fi
}

# apt in a directory of its own: the machine's sources as they are configured, and the backports of the same
# suite from the same place. Nothing of the machine's own configuration or lists is changed.
APT_DIR=$CACHE/apt
APT_OPTIONS=(
    -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$APT_DIR/sources"
    -o "Dir::State::lists=$APT_DIR/lists" -o "Dir::Cache::archives=$APT_DIR/archives"
    -o "Dir::Cache::pkgcache=" -o "Dir::Cache::srcpkgcache="
    -o "DPkg::Lock::Timeout=600" -o "APT::Sandbox::User=root"
)
debian_suite() { (. /etc/os-release && printf '%s\n' "${VERSION_CODENAME:?}"); }

# debian_sources: the machine's entries that have its own suite (or its security suite), in the deb822 format.
debian_sources() {
    local suite file
    suite=$(debian_suite)
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -e "$file" ] || awk -v suite="$suite" '
            BEGIN { RS = ""; ORS = "\n\n" } $0 ~ "(^|\n)Suites:[^\n]*[ \t]" suite "([ \t/-]|\n|$)" { print }' "$file"
    done
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [ ! -e "$file" ] || awk -v suite="$suite" '
            $1 == "deb" { i = 2; options = ""
                if ($2 ~ /^\[/) { while ($i !~ /\]$/) options = options " " $(i++); options = options " " $(i++) }
                if ($(i + 1) ~ "^" suite) {
                    gsub(/[][]/, "", options)
                    printf "Types: deb\nURIs: %s\nSuites: %s\nComponents:", $i, $(i + 1)
                    for (k = i + 2; k <= NF; k++) printf " %s", $k
                    n = split(options, list, " ")
                    for (k = 1; k <= n; k++) { split(list[k], pair, "=")
                        if (pair[1] == "signed-by") printf "\nSigned-By: %s", pair[2]
                        if (pair[1] == "trusted") printf "\nTrusted: %s", pair[2] }
                    printf "\n\n" } }' "$file"
    done
}

# refresh_apt: brings the private lists up to date, at most once in six hours.
refresh_apt() {
    local suite
    suite=$(debian_suite)
    mkdir -p "$APT_DIR/sources" "$APT_DIR/lists/partial" "$APT_DIR/archives/partial"
    debian_sources >"$APT_DIR/sources/debian.sources.new"
    [ -s "$APT_DIR/sources/debian.sources.new" ] ||
        fail "found no source of Debian packages for $suite in /etc/apt"
    awk -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n\n"; FS = "\n" } {
        mine = 0; text = ""
        for (i = 1; i <= NF; i++) {
            line = $i
            if (line ~ /^Suites:/) { mine = (line ~ "[ \t]" suite "([ \t]|$)"); line = "Suites: " suite "-backports" }
            if (line !~ /^#/) text = text (text == "" ? "" : "\n") line }
        if (mine) print text }' "$APT_DIR/sources/debian.sources.new" >"$APT_DIR/sources/backports.sources.new"
    if cmp -s "$APT_DIR/sources/debian.sources"{.new,} && cmp -s "$APT_DIR/sources/backports.sources"{.new,} &&
        [ -n "$(find "$APT_DIR/updated" -mmin -360 2>/dev/null)" ]; then
        rm -f "$APT_DIR"/sources/*.new
        return
    fi
    mv "$APT_DIR/sources/debian.sources"{.new,}
    mv "$APT_DIR/sources/backports.sources"{.new,}
    if ! during "reading the lists of Debian's packages" apt-get "${APT_OPTIONS[@]}" update; then
        # Not every place has backports; all that is taken from there can be had from the suite itself too.
        : >"$APT_DIR/sources/backports.sources"
        during "reading them without the backports" apt-get "${APT_OPTIONS[@]}" update
    fi
    touch "$APT_DIR/updated"
}

# unpack_package PACKAGE[=VERSION] DIR: a package's files below DIR, without installing it.
unpack_package() {
    local work
    work=$(mktemp -d "$CACHE/unpack.XXXXXX")
    (cd "$work" && apt-get "${APT_OPTIONS[@]}" download "$1" && mkdir -p "$2" && dpkg-deb -x ./*.deb "$2") ||
        { rm -rf "$work"; return 1; }
    rm -rf "$work"
}

# static_busybox FILE: Debian's busybox that needs no libraries, for where there are none.
static_busybox() {
    local work status=0
    work=$(mktemp -d "$CACHE/busybox.XXXXXX")
    { unpack_package busybox-static "$work" && cp "$(find "$work" -name busybox -type f -perm -u=x)" "$1"; } || status=$?
    rm -rf "$work"
    return "$status"
}

# newest_version PACKAGE [PATTERN]: the newest version of a package that matches a shell pattern, or nothing.
newest_version() {
    apt-cache "${APT_OPTIONS[@]}" madison "$1" 2>/dev/null | awk -F ' *[|] *' '{ print $2 }' |
        while read -r version; do
            # shellcheck disable=SC2254 # a pattern it is
            case $version in ${2:-*}) printf '%s\n' "$version" && break ;; esac
        done
}

# candidate_version PACKAGE: the version that apt would install, which is the suite's own where it has one.
candidate_version() { apt-cache "${APT_OPTIONS[@]}" policy "$1" | sed -n 's/^  Candidate: //p'; }
