//! Compiles the programs of the benchmark's guests, which are embedded: a guest's RAM disk holds nothing else, so they
//! are linked statically, whatever the rest of the build is.

use std::env::{var, var_os};
use std::path::PathBuf;
use std::process::Command;

const COMMON: &[&str] = &["--edition", "2024", "-O", "-C", "panic=abort", "-C", "strip=symbols"];
/// Without the standard library and its start.
const BARE: &[&str] =
    &["-C", "link-arg=-nostdlib", "-C", "link-arg=-static", "-C", "relocation-model=static"];
const STATIC: &[&str] = &["-C", "target-feature=+crt-static"];

fn main() {
    compile("answer", BARE);
    compile("load", STATIC);
}

fn compile(name: &str, how: &[&str]) {
    let source = PathBuf::from("guest").join(name).with_extension("rs");
    println!("cargo:rerun-if-changed={}", source.display());
    let program = PathBuf::from(var_os("OUT_DIR").expect("cargo sets it")).join(name);
    let status = Command::new(var_os("RUSTC").expect("cargo sets it"))
        .args(COMMON)
        .args(how)
        .args(["--target", &var("TARGET").expect("cargo sets it"), "-o"])
        .arg(program)
        .arg(&source)
        .status()
        .expect("rustc runs");
    assert!(status.success(), "{} compiles", source.display());
}
