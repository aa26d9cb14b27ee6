# shellcheck shell=bash
# The emulated machine: what it is made of, its start and end, and commands in it.
# Sourced by scripts/lab after common.sh and kernel.sh. A running lab has a run folder with `pid`, `console.log`,
# `summary`, the sockets `port-N.sock` by which commands go in (crates/lab-agent), and `out` for results.

# How many commands may run at once in one lab.
PORTS=8
# Seconds after which a lab that does not answer is given up.
BOOT_LIMIT=${CUMULET_LAB_BOOT_LIMIT:-180}
AGENT_FOLDER=$LAB_CACHE/agent-$(printf '%s' "$REPO" | cksum | cut -d ' ' -f 1)/release
QEMU=${CUMULET_LAB_QEMU:-qemu-system-x86_64}

note() { [ "${CUMULET_LAB_QUIET:-}" = 1 ] || say "$@"; }

make_run_folder() {
    LABS=${XDG_RUNTIME_DIR:-/tmp}/cumulet-lab-$(id -u)
    mkdir -p "$LABS" && chmod 700 "$LABS"
    [ -O "$LABS" ] || fail "$LABS is somebody else's"
    # What a killed caller left behind.
    local run
    # shellcheck disable=SC2044 # names of our own making, without spaces
    for run in $(find "$LABS" -mindepth 1 -maxdepth 1 -name 'once.*' -mmin +1); do
        is_alive "$run" || rm -rf "$run"
    done
}

# The emulator's package must fit the installed qemu-utils: it is taken from the same suite if that is installed.
install_packages() {
    local version='' emulator=(qemu-system-x86)
    [ "$(id -u)" = 0 ] || fail "--install needs root"
    refresh_apt
    export DEBIAN_FRONTEND=noninteractive
    during "installing what the lab needs" \
        apt-get "${APT_OPTIONS[@]}" install -y --no-upgrade --no-install-recommends cpio xz-utils zstd
    ! have "$QEMU" || return 0
    version=$(dpkg-query -W -f '${db:Status-Abbrev} ${Version}' qemu-utils 2>/dev/null | sed -n 's/^ii *//p')
    case $version in *bpo*) emulator+=(-t "$(debian_suite)-backports") ;; esac
    during "installing QEMU" apt-get "${APT_OPTIONS[@]}" install -y --no-install-recommends "${emulator[@]}"
}

require_programs() {
    local missing=() program
    for program in "$QEMU" cpio xz zstd; do have "$program" || missing+=("$program"); done
    [ ${#missing[@]} = 0 ] || fail "missing: ${missing[*]}. Install what the lab needs with: sudo scripts/lab --install
     (or: apt-get install qemu-system-x86 cpio xz-utils zstd)"
}

# The agent and its like, built when their sources are newer.
prepare_agent() {
    local program sources=("$REPO/crates/lab-agent" "$REPO/crates/kvm-probe")
    for program in cumulet-lab-agent cumulet-lab-exec cumulet-kvm-probe; do
        if [ ! -x "$AGENT_FOLDER/$program" ] ||
            [ -n "$(find "${sources[@]}" -name '*.rs' -newer "$AGENT_FOLDER/$program" -print -quit)" ]; then
            have cargo || fail "missing: cargo, to build the lab's agent"
            (
                one_at_a_time lab-agent
                during "building the lab's agent" cargo build --release \
                    --manifest-path "$REPO/Cargo.toml" --target-dir "$(dirname "$AGENT_FOLDER")" \
                    -p cumulet-lab-agent -p cumulet-kvm-probe
                touch "$AGENT_FOLDER"/cumulet-{lab-agent,lab-exec,kvm-probe}
            )
            return
        fi
    done
}

prepare() {
    require_programs
    prepare_agent
    exec {LOCK_FD}>"$LABS/prepare.lock"
    until flock -w 8 "$LOCK_FD"; do note "waiting for another lab's preparations"; done
    prepare_kernel
    exec {LOCK_FD}>&-
}

# Whether the host's own virtualization can be handed on, so that nothing has to be emulated.
can_nest() {
    grep -qsE '^(1|Y)' /sys/module/kvm_{amd,intel}/parameters/nested || return 1
    case $("$AGENT_FOLDER/cumulet-kvm-probe") in stock*) return 0 ;; *) return 1 ;; esac
}

# The processor: AMD's, since the emulator has SVM and no VMX. Features that guests use much and that are slow to
# emulate are left out. The frequency is told to the kernel, which would take a while to measure it.
choose_processor() {
    local accel=${CUMULET_LAB_ACCEL:-} khz
    [ -n "$accel" ] || { can_nest && accel=kvm || accel=tcg; }
    KERNEL_LINE="console=ttyS0 quiet loglevel=4 mitigations=off nokaslr reboot=t panic=-1 tsc=reliable no_timer_check"
    KERNEL_LINE+=" transparent_hugepage=always random.trust_cpu=on cryptomgr.notests 8250.nr_uarts=1 audit=0"
    case $accel in
        kvm) PROCESSOR=(-accel kvm -cpu host) ;;
        tcg)
            PROCESSOR=(-accel "tcg,thread=multi,tb-size=512"
                -cpu "EPYC,+svm,+x2apic,-avx,-avx2,-fma,-f16c,-smap,-smep")
            khz=$(dmesg 2>/dev/null | sed -n 's/.*tsc: Detected \([0-9]*\)\.\([0-9]*\) MHz.*/\1\2/p' | head -n 1)
            KERNEL_LINE+="${khz:+ tsc_early_khz=$khz}"
            ;;
        *) fail "CUMULET_LAB_ACCEL is tcg or kvm, not $accel" ;;
    esac
    ACCEL=$accel
}

# start_machine RUN OUT once|stay: starts the emulator with its run folder, in the background.
start_machine() {
    local run=$1 out=$2 i forward network=user,id=net arguments
    if [ -n "$out" ]; then mkdir -p "$out"; else mkdir "$run/out" && out=$run/out; fi
    choose_processor
    for forward in ${FORWARDS[@]+"${FORWARDS[@]}"}; do
        network+=",hostfwd=tcp:127.0.0.1:${forward%:*}-:${forward#*:}"
    done
    KERNEL_LINE+=" lab.agent=$AGENT_FOLDER/cumulet-lab-agent lab.tools=$LAB_TOOLS lab.modules=$LAB_MODULES"
    # shellcheck disable=SC2054 # commas are QEMU's
    arguments=(
        -M q35 "${PROCESSOR[@]}" -smp "$CPUS" -m "$MEMORY" -nodefaults -no-user-config -no-reboot -display none
        -kernel "$LAB_KERNEL" -initrd "$LAB_INITRD" -append "$KERNEL_LINE"
        -chardev "file,id=console,path=$run/console.log" -serial chardev:console
        -fsdev "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"
        -device virtio-9p-pci,fsdev=host,mount_tag=hostfs
        -fsdev "local,id=out,path=${out//,/,,},security_model=none,multidevs=remap"
        -device virtio-9p-pci,fsdev=out,mount_tag=out
        -netdev "$network" -device virtio-net-pci,netdev=net,romfile= -device virtio-rng-pci
        -device "virtio-serial-pci,max_ports=$((PORTS + 1))"
    )
    for ((i = 0; i < PORTS; i++)); do
        arguments+=(-chardev "socket,id=port$i,path=$run/port-$i.sock,server=on,wait=off"
            -device "virtserialport,chardev=port$i,name=cumulet.exec.$i")
    done
    # shellcheck disable=SC2206 # arguments separated by spaces they are
    arguments+=(${CUMULET_LAB_QEMU_ARGS:-})
    printf '%s, %s processors, %s MiB\n' "$ACCEL" "$CPUS" "$MEMORY" >"$run/summary"
    note "starting a lab ($(cat "$run/summary"))"
    local launcher=(setsid)
    # One that is there for one command ends with this shell, however that ends.
    [ "$3" = stay ] || ! have setpriv || launcher+=(setpriv --pdeathsig KILL)
    "${launcher[@]}" "$QEMU" "${arguments[@]}" </dev/null >"$run/qemu.log" 2>&1 &
    echo $! >"$run/pid"
}

# Whether the lab's emulator runs: its process must be there and be about this run folder.
is_alive() {
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) && grep -qsF "$1/port-0.sock" "/proc/$pid/cmdline"
}

# await_machine RUN: waits until the lab's agent says that it is ready.
await_machine() {
    local run=$1 tenths=0 pid
    pid=$(cat "$run/pid")
    until grep -qs 'lab agent: ready' "$run/console.log"; do
        sleep 0.1
        tenths=$((tenths + 1))
        [ $((tenths % 50)) != 0 ] || note "  … still starting ($((tenths / 10)) s)"
        if ! kill -0 "$pid" 2>/dev/null || [ "$tenths" -gt $((BOOT_LIMIT * 10)) ]; then
            say "the lab did not start; the end of the emulator's words and of its console:"
            tail -n 20 "$run/qemu.log" "$run/console.log" >&2 || true
            exit 125
        fi
    done
}

stop_machine() {
    local run=$1 pid i
    if is_alive "$run"; then
        pid=$(cat "$run/pid")
        kill -TERM "$pid" 2>/dev/null || true
        for ((i = 0; i < 50; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            [ "$i" != 40 ] || kill -KILL "$pid" 2>/dev/null || true
            sleep 0.1
        done
    fi
    [ -z "${CUMULET_LAB_KEEP:-}" ] || { note "kept $run" && return; }
    rm -rf "$run"
}

# The variables for the command, as NAME=VALUE in ENVIRONMENT. Proxies on the host's loopback are told as the lab
# reaches them.
choose_environment() {
    local name value
    ENVIRONMENT=(LAB=1 LAB_OUT=/run/lab/out USER=root LOGNAME=root SHELL=/bin/bash)
    for name in $(compgen -e); do
        case $name in
            CUMULET_LAB_*) continue ;;
            CUMULET_* | RUST_* | RUSTUP_* | CARGO_* | NEXTEST_* | AWS_* | CI | PATH | HOME | TERM | LANG | LC_*) ;;
            *_proxy | *_PROXY) ;;
            *) [[ " ${PASS[*]:-} " == *" $name "* ]] || continue ;;
        esac
        value=${!name}
        case $name in
            no_proxy | NO_PROXY) ;;
            *_proxy | *_PROXY) value=$(sed -E 's#//(localhost|127\.0\.0\.1)(:|/|$)#//10.0.2.2\2#' <<<"$value") ;;
        esac
        ENVIRONMENT+=("$name=$value")
    done
}

# execute RUN COMMAND…: runs a command in the lab and gives its exit status.
execute() {
    local run=$1
    shift
    choose_environment
    # One word that no file is named after is a script.
    if [ $# = 1 ] && [[ $1 == *[!A-Za-z0-9_./+:@%=-]* ]]; then set -- bash -c "$1"; fi
    # Files of the host may have changed since the last command.
    [ "${CUMULET_LAB_STALE:-}" = 1 ] || ENVIRONMENT+=(LAB_FRESH=1)
    ${REPLACE_SHELL:+exec} "$AGENT_FOLDER/cumulet-lab-exec" "$run" "$PWD" "${ENVIRONMENT[@]}" -- "$@"
}
