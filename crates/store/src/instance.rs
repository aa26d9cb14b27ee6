//! Instances: their facts, launches in one transaction, and changes that read, decide and write in one.

use std::net::Ipv4Addr;

use cumulet_model::credits::{CreditBalance, CreditMode};
use cumulet_model::instance::MetadataOptions;
use cumulet_model::state::{InstanceState, Intent, Machine, ShutdownBehavior, StateReason};
use cumulet_model::volume::Volume;
use cumulet_model::{
    ImageId, InstanceId, InterfaceId, LaunchId, ReservationId, SavedMachineId, SubnetId, Tags, VpcId,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use crate::column::{Columns, json, word};
use crate::interface::{self, InterfaceRecord};
use crate::{Store, StoreError, StoreResult, credits, doing, holder, inserting, one_row, tag, volume};

/// An instance's row. Saved machines keep such rows: a field that is added needs a default for those that lack it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    /// Id.
    pub id: InstanceId,
    /// The launch that it came from.
    pub reservation_id: ReservationId,
    /// Its number in the launch.
    pub launch_index: u32,
    /// Machine image.
    pub image_id: ImageId,
    /// Kernel.
    pub kernel_id: Option<ImageId>,
    /// Ramdisk.
    pub ramdisk_id: Option<ImageId>,
    /// Kernel command line, as the image gave it at launch.
    pub boot_args: String,
    /// Name of the instance type.
    pub instance_type: String,
    /// Name of the key pair.
    pub key_name: Option<String>,
    /// The key pair's public key, as it was at launch.
    pub public_key: Option<String>,
    /// What is wanted.
    pub intent: Intent,
    /// What is known of the machine.
    pub machine: Machine,
    /// The VMM that belongs to the machine.
    pub launch_id: Option<LaunchId>,
    /// Whether a VMM of it ever ran.
    pub has_run: bool,
    /// Whether the stop was asked for by force.
    pub force: bool,
    /// Whether a reboot is under way.
    pub reboot: bool,
    /// Whether it was launched to be hibernated.
    pub hibernation: bool,
    /// Whether the stop that is under way is to save its memory.
    pub hibernate: bool,
    /// Its memory in complete files, from which its machine goes on at the next start. Nothing of the machine has run
    /// since they were written.
    pub saved: Option<SavedMachineId>,
    /// Why it came to its state.
    pub reason: Option<StateReason>,
    /// EC2's older text of the same.
    pub transition_reason: String,
    /// When it was last launched or started.
    pub launch_time: Timestamp,
    /// When it was terminated.
    pub terminated: Option<Timestamp>,
    /// Zone's name.
    pub zone: String,
    /// VPC of the primary interface.
    pub vpc_id: VpcId,
    /// Subnet of the primary interface.
    pub subnet_id: SubnetId,
    /// Root device's name.
    pub root_device_name: String,
    /// User data.
    pub user_data: Option<Vec<u8>>,
    /// Metadata options.
    pub metadata_options: MetadataOptions,
    /// What a power-off by the guest does.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether TerminateInstances is refused.
    pub disable_api_termination: bool,
    /// Whether StopInstances is refused.
    pub disable_api_stop: bool,
    /// The launch's client token.
    pub client_token: Option<String>,
    /// Whether detailed monitoring was asked for.
    pub monitoring: bool,
    /// The instance whose machine it began from, if it is a fork.
    pub forked_from: Option<InstanceId>,
    /// The saved machine that it began from, if it is a fork of one.
    pub from_saved: Option<SavedMachineId>,
    /// Tags; read, not written by changes.
    pub tags: Tags,
}

impl InstanceRecord {
    /// The machine is off: what belonged to its run is forgotten.
    pub fn turn_off(&mut self) {
        self.machine = Machine::Off;
        self.launch_id = None;
        self.force = false;
        self.reboot = false;
        self.hibernate = false;
    }

    /// The state that callers see.
    pub fn state(&self) -> InstanceState {
        InstanceState::of(self.intent, self.machine)
    }
}

/// All rows of one launch.
#[derive(Debug, Clone)]
pub struct NewLaunch {
    /// The client token with the digest of the request's parameters.
    pub token: Option<(String, String)>,
    /// The reservation.
    pub reservation_id: ReservationId,
    /// When it was asked for.
    pub now: Timestamp,
    /// Instances with their tags.
    pub instances: Vec<InstanceRecord>,
    /// Their interfaces.
    pub interfaces: Vec<InterfaceRecord>,
    /// Their volumes.
    pub volumes: Vec<Volume>,
    /// The mode of CPU credits that was chosen for the instances, and what they have at first.
    pub credits: Option<(CreditMode, CreditBalance)>,
}

impl NewLaunch {
    /// A launch without rows and without a token.
    pub fn new(reservation_id: ReservationId, now: Timestamp) -> Self {
        let (instances, interfaces, volumes) = (Vec::new(), Vec::new(), Vec::new());
        Self { token: None, reservation_id, now, instances, interfaces, volumes, credits: None }
    }
}

/// What is written with an instance's change.
#[derive(Default)]
struct Extra<'a> {
    /// Public addresses for interfaces that have none.
    addresses: &'a [(InterfaceId, Ipv4Addr)],
    /// Devices that its machine has begun with.
    devices: &'a [String],
}

/// What a change of an instance did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The state before.
    pub previous: InstanceState,
    /// The row after.
    pub record: InstanceRecord,
}

impl Store {
    /// All instances, oldest launch first.
    pub async fn instances(&self) -> StoreResult<Vec<InstanceRecord>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM instances ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the instances"))?;
        rows.iter()
            .map(|row| {
                let mut record = read(&Columns::new("instances", row))?;
                record.tags = tags.remove(record.id.as_str()).unwrap_or_default();
                Ok(record)
            })
            .collect()
    }

    /// One instance.
    pub async fn instance(&self, id: &InstanceId) -> StoreResult<Option<InstanceRecord>> {
        let mut connection = self.connection().await?;
        let Some(mut record) = read_one(&mut connection, id).await? else { return Ok(None) };
        record.tags = tag::of(&mut connection, &[id.as_str()]).await?.remove(id.as_str()).unwrap_or_default();
        Ok(Some(record))
    }

    /// The digest and reservation that a client token stands for.
    pub async fn client_token(&self, token: &str) -> StoreResult<Option<(String, ReservationId)>> {
        let row = sqlx::query("SELECT * FROM client_tokens WHERE token = ?")
            .bind(token)
            .fetch_optional(&self.pool)
            .await
            .map_err(doing("read a client token"))?;
        row.map(|row| {
            let row = Columns::new("client_tokens", &row);
            Ok((row.text("digest")?, row.parsed("reservation_id")?))
        })
        .transpose()
    }

    /// Adds all rows of a launch, or none.
    pub async fn add_launch(&self, launch: &NewLaunch) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let Some((token, digest)) = &launch.token {
            sqlx::query(
                "INSERT INTO client_tokens (token, digest, reservation_id, created) VALUES (?, ?, ?, ?)",
            )
            .bind(token)
            .bind(digest)
            .bind(launch.reservation_id.as_str())
            .bind(launch.now.as_millisecond())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the client token"))?;
        }
        for record in &launch.instances {
            insert(&mut tx, record).await?;
            if let Some((mode, balance)) = launch.credits {
                credits::write_mode(&mut tx, &record.id, mode, balance).await?;
            }
        }
        for record in &launch.interfaces {
            interface::insert(&mut tx, record).await?;
        }
        for new in &launch.volumes {
            volume::insert(&mut tx, new).await?;
        }
        tx.commit().await.map_err(doing("add a launch"))
    }

    /// Reads an instance, lets `change` decide and alter it, and writes it, with nothing in between. An error of
    /// `change` writes nothing. An instance that is off and not wanted to run loses its dynamic public addresses with
    /// the same write, so that nobody sees it stopped and holding one; one without a machine has no device on its way.
    pub async fn change_instance<E: From<StoreError>>(
        &self,
        id: &InstanceId,
        change: impl FnOnce(&mut InstanceRecord) -> Result<(), E> + Send,
    ) -> Result<Transition, E> {
        self.change_instance_with(id, Extra::default(), change).await
    }

    /// The same when a machine has begun, with these devices by their ids: those that were attaching are attached.
    pub async fn change_begun_instance<E: From<StoreError>>(
        &self,
        id: &InstanceId,
        devices: &[String],
        change: impl FnOnce(&mut InstanceRecord) -> Result<(), E> + Send,
    ) -> Result<Transition, E> {
        self.change_instance_with(id, Extra { devices, ..Extra::default() }, change).await
    }

    /// The same, giving public addresses to interfaces of the instance that have none, if it is then wanted to run.
    pub async fn change_instance_giving<E: From<StoreError>>(
        &self,
        id: &InstanceId,
        addresses: &[(InterfaceId, Ipv4Addr)],
        change: impl FnOnce(&mut InstanceRecord) -> Result<(), E> + Send,
    ) -> Result<Transition, E> {
        self.change_instance_with(id, Extra { addresses, ..Extra::default() }, change).await
    }

    async fn change_instance_with<E: From<StoreError>>(
        &self,
        id: &InstanceId,
        extra: Extra<'_>,
        change: impl FnOnce(&mut InstanceRecord) -> Result<(), E> + Send,
    ) -> Result<Transition, E> {
        let mut tx = self.begin().await?;
        let mut record = read_one(&mut tx, id).await?.ok_or(StoreError::Gone("the instance"))?;
        let previous = record.state();
        let before = record.clone();
        change(&mut record)?;
        if record != before {
            write(&mut tx, &record).await?;
        }
        if record.machine == Machine::Off && record.intent != Intent::Run {
            interface::take_public_ips(&mut tx, id).await?;
        }
        if matches!(record.machine, Machine::Off | Machine::Resetting) {
            holder::without_machine(&mut tx, id).await?;
        }
        if record.intent == Intent::Run {
            for (interface, address) in extra.addresses {
                interface::give_public_ip(&mut tx, id, interface, *address).await?;
            }
        }
        holder::attached(&mut tx, id, extra.devices).await?;
        tx.commit().await.map_err(doing("change an instance"))?;
        Ok(Transition { previous, record })
    }

    /// The last step of a termination: the instance's interfaces go or are detached, and it is released.
    pub async fn release_instance(&self, id: &InstanceId, now: Timestamp) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        interface::release_of(&mut tx, id).await?;
        let done = sqlx::query(
            "UPDATE instances SET machine = ?, launch_id = NULL, terminated = ?, user_data = NULL WHERE id = ?",
        )
        .bind(word(&Machine::Released))
        .bind(now.as_millisecond())
        .bind(id.as_str())
        .execute(&mut *tx)
        .await
        .map_err(doing("release an instance"))?;
        one_row(done, "the instance")?;
        tx.commit().await.map_err(doing("release an instance"))
    }

    /// Forgets instances that were terminated before `before`, and client tokens of that age whose instances are
    /// gone. Gives how many instances went.
    pub async fn forget_terminated(&self, before: Timestamp) -> StoreResult<u64> {
        let mut tx = self.begin().await?;
        let limit = before.as_millisecond();
        sqlx::query(
            "DELETE FROM tags WHERE resource_id IN
             (SELECT id FROM instances WHERE terminated IS NOT NULL AND terminated < ?)",
        )
        .bind(limit)
        .execute(&mut *tx)
        .await
        .map_err(doing("forget terminated instances"))?;
        let done = sqlx::query("DELETE FROM instances WHERE terminated IS NOT NULL AND terminated < ?")
            .bind(limit)
            .execute(&mut *tx)
            .await
            .map_err(doing("forget terminated instances"))?;
        sqlx::query(
            "DELETE FROM client_tokens WHERE created < ?
             AND reservation_id NOT IN (SELECT reservation_id FROM instances)",
        )
        .bind(limit)
        .execute(&mut *tx)
        .await
        .map_err(doing("forget old client tokens"))?;
        tx.commit().await.map_err(doing("forget terminated instances"))?;
        Ok(done.rows_affected())
    }
}

/// One instance, without its tags.
pub(crate) async fn read_one(
    connection: &mut SqliteConnection,
    id: &InstanceId,
) -> StoreResult<Option<InstanceRecord>> {
    let row = sqlx::query("SELECT * FROM instances WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await
        .map_err(doing("read an instance"))?;
    row.map(|row| read(&Columns::new("instances", &row))).transpose()
}

fn read(row: &Columns<'_>) -> StoreResult<InstanceRecord> {
    Ok(InstanceRecord {
        id: row.parsed("id")?,
        reservation_id: row.parsed("reservation_id")?,
        launch_index: row.count("launch_index")?,
        image_id: row.parsed("image_id")?,
        kernel_id: row.parsed_if("kernel_id")?,
        ramdisk_id: row.parsed_if("ramdisk_id")?,
        boot_args: row.text("boot_args")?,
        instance_type: row.text("instance_type")?,
        key_name: row.text_if("key_name")?,
        public_key: row.text_if("public_key")?,
        intent: row.word("intent")?,
        machine: row.word("machine")?,
        launch_id: row.parsed_if("launch_id")?,
        has_run: row.flag("has_run")?,
        force: row.flag("force")?,
        reboot: row.flag("reboot")?,
        hibernation: row.flag("hibernation")?,
        hibernate: row.flag("hibernate")?,
        saved: row.parsed_if("saved")?,
        reason: row.json_if("reason")?,
        transition_reason: row.text("transition_reason")?,
        launch_time: row.time("launch_time")?,
        terminated: row.time_if("terminated")?,
        zone: row.text("zone")?,
        vpc_id: row.parsed("vpc_id")?,
        subnet_id: row.parsed("subnet_id")?,
        root_device_name: row.text("root_device_name")?,
        user_data: row.blob_if("user_data")?,
        metadata_options: row.json("metadata_options")?,
        shutdown_behavior: row.word("shutdown_behavior")?,
        disable_api_termination: row.flag("disable_api_termination")?,
        disable_api_stop: row.flag("disable_api_stop")?,
        client_token: row.text_if("client_token")?,
        monitoring: row.flag("monitoring")?,
        forked_from: row.parsed_if("forked_from")?,
        from_saved: row.parsed_if("from_saved")?,
        tags: Tags::new(),
    })
}

async fn insert(tx: &mut Transaction<'_, Sqlite>, record: &InstanceRecord) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO instances (id, reservation_id, launch_index, image_id, boot_args, instance_type, key_name,
                                public_key, intent, machine, launch_time, zone, vpc_id, subnet_id, root_device_name,
                                metadata_options, shutdown_behavior, disable_api_termination, disable_api_stop,
                                client_token, monitoring, hibernation, forked_from, from_saved)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(record.id.as_str())
    .bind(record.reservation_id.as_str())
    .bind(record.launch_index)
    .bind(record.image_id.as_str())
    .bind(&record.boot_args)
    .bind(&record.instance_type)
    .bind(&record.key_name)
    .bind(&record.public_key)
    .bind(word(&record.intent))
    .bind(word(&record.machine))
    .bind(record.launch_time.as_millisecond())
    .bind(&record.zone)
    .bind(record.vpc_id.as_str())
    .bind(record.subnet_id.as_str())
    .bind(&record.root_device_name)
    .bind(json(&record.metadata_options))
    .bind(word(&record.shutdown_behavior))
    .bind(record.disable_api_termination)
    .bind(record.disable_api_stop)
    .bind(&record.client_token)
    .bind(record.monitoring)
    .bind(record.hibernation)
    .bind(record.forked_from.as_ref().map(InstanceId::as_str))
    .bind(record.from_saved.as_ref().map(SavedMachineId::as_str))
    .execute(&mut **tx)
    .await
    .map_err(inserting("the instance"))?;
    write(tx, record).await?;
    tag::insert(tx, record.id.as_str(), &record.tags).await
}

/// Writes what can change in an instance's life.
async fn write(tx: &mut Transaction<'_, Sqlite>, record: &InstanceRecord) -> StoreResult<()> {
    let done = sqlx::query(
        "UPDATE instances SET kernel_id = ?, ramdisk_id = ?, instance_type = ?, intent = ?, machine = ?, launch_id = ?,
                              has_run = ?, force = ?, reboot = ?, hibernate = ?, saved = ?, reason = ?, transition_reason = ?, launch_time = ?,
                              user_data = ?, metadata_options = ?, shutdown_behavior = ?,
                              disable_api_termination = ?, disable_api_stop = ?
         WHERE id = ?",
    )
    .bind(record.kernel_id.as_ref().map(ImageId::as_str))
    .bind(record.ramdisk_id.as_ref().map(ImageId::as_str))
    .bind(&record.instance_type)
    .bind(word(&record.intent))
    .bind(word(&record.machine))
    .bind(record.launch_id.as_ref().map(LaunchId::as_str))
    .bind(record.has_run)
    .bind(record.force)
    .bind(record.reboot)
    .bind(record.hibernate)
    .bind(record.saved.as_ref().map(SavedMachineId::as_str))
    .bind(record.reason.as_ref().map(json))
    .bind(&record.transition_reason)
    .bind(record.launch_time.as_millisecond())
    .bind(&record.user_data)
    .bind(json(&record.metadata_options))
    .bind(word(&record.shutdown_behavior))
    .bind(record.disable_api_termination)
    .bind(record.disable_api_stop)
    .bind(record.id.as_str())
    .execute(&mut **tx)
    .await
    .map_err(doing("write an instance"))?;
    one_row(done, "the instance")
}
