# shellcheck shell=bash
# What scripts/quickstart and scripts/test need on the machine: packages, Rust, the aws CLI. Sourced after common.sh.

# need_packages PACKAGE…: installs by apt those that are not there.
need_packages() {
    local package missing=()
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} != 0 ] || return 0
    [ "$(id -u)" = 0 ] || fail "needs these packages: ${missing[*]}; run it as root, or apt-get install them"
    have apt-get || fail "needs these packages, and knows only apt: ${missing[*]}"
    during "reading the lists of packages" apt-get update -q
    during "installing ${missing[*]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 "${missing[@]}"
}

# need_cargo: finds cargo also where rustup put it for the user who called sudo.
need_cargo() {
    local home
    for home in "$HOME" "${SUDO_USER:+$(getent passwd "$SUDO_USER" | cut -d: -f6)}" /root; do
        if ! have cargo && [ -n "$home" ] && [ -x "$home/.cargo/bin/cargo" ]; then
            PATH=$home/.cargo/bin:$PATH
            export CARGO_HOME=${CARGO_HOME:-$home/.cargo} RUSTUP_HOME=${RUSTUP_HOME:-$home/.rustup}
        fi
    done
    have cargo || fail "there is no cargo; install Rust 1.95 or newer (https://rustup.rs)"
}

# need_aws: the aws CLI, the one on the PATH or one in the cache.
need_aws() {
    local venv=$CACHE/aws
    if have aws && aws --version >/dev/null 2>&1; then return; fi
    if [ ! -x "$venv/bin/aws" ]; then
        need_packages python3 python3-venv
        during "installing the aws CLI in $venv" make_venv "$venv"
    fi
    PATH=$venv/bin:$PATH
}
make_venv() {
    rm -rf "$1"
    # A virtual environment can't be moved, so it is complete when its last file, the link to aws, is there.
    python3 -m venv "$1" && "$1/bin/pip" install --quiet boto3 awscli
}

# need_boto3: a python3 on the PATH that has boto3, the one beside the aws CLI in the cache if there is no other.
need_boto3() {
    if python3 -c 'import boto3' 2>/dev/null; then return; fi
    if ! "$CACHE/aws/bin/python3" -c 'import boto3' 2>/dev/null; then
        need_packages python3 python3-venv
        during "installing boto3 in $CACHE/aws" make_venv "$CACHE/aws"
    fi
    PATH=$CACHE/aws/bin:$PATH
}

# The programs that a build and a cloud need.
# shellcheck disable=SC2034 # for those who source this
BUILD_PACKAGES=(build-essential pkg-config ca-certificates)
# shellcheck disable=SC2034 # likewise
HOST_PACKAGES=(kmod iproute2 iptables ipset openssh-client curl procps e2fsprogs)
