//! A real guest on the real hypervisor: boots, is talked to over its serial console, and ends in every way there is.

mod balloon;
mod boot;
mod control;
mod disk;
mod ends;
mod golden;
mod hostile;
mod hotplug;
mod memory;
mod modules;
mod net;
mod prober;
mod snapshot;
mod support;
mod vsock;
