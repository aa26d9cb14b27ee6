//! A panic in any thread ends the process, after a record of it. So no lock is ever seen poisoned, and no half-dead
//! machine goes on.

use super::end::Ender;
use cumulet_vmm_protocol::ExitReason;
use std::sync::Arc;

/// Installs the hook.
pub fn install(ender: Arc<Ender>) {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        let thread = std::thread::current().name().unwrap_or("?").to_owned();
        ender.end(ExitReason::InternalError { message: format!("thread {thread}: {info}") });
    }));
}
