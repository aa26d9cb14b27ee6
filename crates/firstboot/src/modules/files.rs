//! `write_files`.

use cumulet_cloud_init_config::config::WriteFile;
use cumulet_cloud_init_config::limits;

use super::each;
use crate::accounts;
use crate::context::Context;
use crate::error::{ActionError, chain};

pub(super) fn write(context: &mut Context, files: &[&WriteFile]) -> Result<(), ActionError> {
    each(files.iter(), |file| write_one(context, file))
}

fn write_one(context: &Context, file: &WriteFile) -> Result<(), ActionError> {
    let content = file.decoded(limits::INFLATED_BYTES);
    let content =
        content.map_err(|error| ActionError::Refused(format!("{}: {}", file.path, chain(&error))))?;
    let mode = file.permissions.unwrap_or(0o644);
    context.system.write_in_place(&file.path, &content, mode, file.append)?;
    match &file.owner {
        Some(owner) => accounts::give(&context.system, &context.system.path(&file.path), owner),
        None => Ok(()),
    }
}
