//! An instance with the devices that it holds, read in one transaction with whatever is decided on it; and what its
//! attachments become when its machine is gone.

use cumulet_model::InstanceId;
use cumulet_model::volume::Volume;
use sqlx::SqliteConnection;

use crate::instance::{self, InstanceRecord};
use crate::interface::{self, InterfaceRecord};
use crate::{StoreResult, doing, volume};

/// An instance with its devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The instance, without its tags.
    pub record: InstanceRecord,
    /// Its volumes, without their tags.
    pub volumes: Vec<Volume>,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceRecord>,
}

/// Reads an instance with its devices.
pub(crate) async fn read(connection: &mut SqliteConnection, id: &InstanceId) -> StoreResult<Option<Holder>> {
    let Some(record) = instance::read_one(connection, id).await? else { return Ok(None) };
    let volumes = volume::read_of(connection, id).await?;
    let interfaces = interface::read_of(connection, id).await?;
    Ok(Some(Holder { record, volumes, interfaces }))
}

/// The machine of an instance has these devices: what was attaching is attached.
pub(crate) async fn attached(
    connection: &mut SqliteConnection,
    instance: &InstanceId,
    devices: &[String],
) -> StoreResult<()> {
    for device in devices {
        for statement in [
            "UPDATE volumes SET attachment_state = 'attached'
             WHERE id = ? AND instance_id = ? AND attachment_state = 'attaching'",
            "UPDATE interfaces SET attachment_state = 'attached'
             WHERE id = ? AND instance_id = ? AND attachment_state = 'attaching'",
        ] {
            sqlx::query(statement)
                .bind(device)
                .bind(instance.as_str())
                .execute(&mut *connection)
                .await
                .map_err(doing("write that devices are attached"))?;
        }
    }
    Ok(())
}

/// An instance has no machine: what was to be detached is detached, and what was to be attached will be there from the
/// next start on.
pub(crate) async fn without_machine(connection: &mut SqliteConnection, id: &InstanceId) -> StoreResult<()> {
    for statement in [
        "UPDATE volumes SET instance_id = NULL, device = NULL, attached = NULL, delete_on_termination = 0,
                            attachment_state = NULL, force_detach = 0, of_launch = 0, state = 'available'
         WHERE instance_id = ? AND attachment_state = 'detaching' AND state = 'in-use'",
        "UPDATE volumes SET attachment_state = 'attached'
         WHERE instance_id = ? AND attachment_state = 'attaching' AND state = 'in-use'",
        "UPDATE interfaces SET instance_id = NULL, attachment_id = NULL, device_index = NULL, attached = NULL,
                               delete_on_termination = 0, attachment_state = NULL, force_detach = 0,
                               public_ip = CASE auto_public_ip WHEN 1 THEN NULL ELSE public_ip END, auto_public_ip = 0
         WHERE instance_id = ? AND attachment_state = 'detaching'",
        "UPDATE interfaces SET attachment_state = 'attached'
         WHERE instance_id = ? AND attachment_state = 'attaching'",
    ] {
        sqlx::query(statement)
            .bind(id.as_str())
            .execute(&mut *connection)
            .await
            .map_err(doing("settle an instance's attachments"))?;
    }
    Ok(())
}
