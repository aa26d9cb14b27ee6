//! `cumulet-kvm-probe`: prints what this host's KVM can run, as `stock`, `paravirtual` or `none` and a reason.

#![forbid(unsafe_code)]

fn main() {
    println!("{}", cumulet_kvm_probe::probe());
}
