//! The hypervisor: one process per machine, synchronous. `run` is the life of the process, `machine` builds and holds
//! a machine, `cpu`, `memory`, `boot`, `acpi`, `smbios` and `pci` are its parts, and each device has its folder in
//! `devices`. vCPUs have a thread each and so have disks; everything else happens in the main thread's loop.
#![warn(unsafe_op_in_unsafe_fn)]

pub mod acpi;
pub mod begin;
pub mod boot;
pub mod bus;
pub mod config;
pub mod control;
pub mod cpu;
pub mod devices;
pub mod event_loop;
pub mod jail;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod pci;
pub mod platform;
pub mod run;
pub mod smbios;
pub mod snapshot;
pub mod source;
pub mod virtio;
pub mod vm;
