//! Flow logs.

use cumulet_model::FlowLogId;
use cumulet_model::flow_log::{FlowLog, FlowLogResource};

use crate::column::{Columns, word};
use crate::tag::TagsById;
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, tag};

impl Store {
    /// All flow logs, oldest first.
    pub async fn flow_logs(&self) -> StoreResult<Vec<FlowLog>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM flow_logs ORDER BY created, id")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the flow logs"))?;
        rows.iter().map(|row| read(&Columns::new("flow_logs", row), &mut tags)).collect()
    }

    /// Adds flow logs, all or none, with the token of the request that made them.
    pub async fn add_flow_logs(&self, logs: &[FlowLog], token: Option<&RequestToken>) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        if let (Some(token), Some(first)) = (token, logs.first()) {
            let ids: Vec<&str> = logs.iter().map(|log| log.id.as_str()).collect();
            token::insert(&mut tx, token, &ids.join(","), first.created).await?;
        }
        for log in logs {
            let (subnet, interface) = match &log.resource {
                FlowLogResource::Vpc(_) => (None, None),
                FlowLogResource::Subnet(id) => (Some(id.as_str()), None),
                FlowLogResource::Interface(id) => (None, Some(id.as_str())),
            };
            sqlx::query(
                "INSERT INTO flow_logs (id, vpc_id, subnet_id, interface_id, traffic, format, aggregation_seconds,
                 destination, role, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(log.id.as_str())
            .bind(log.vpc_id.as_str())
            .bind(subnet)
            .bind(interface)
            .bind(word(&log.traffic))
            .bind(log.format.to_string())
            .bind(log.aggregation_seconds)
            .bind(&log.destination)
            .bind(&log.role)
            .bind(log.created.as_millisecond())
            .execute(&mut *tx)
            .await
            .map_err(inserting("the flow log"))?;
            tag::insert(&mut tx, log.id.as_str(), &log.tags).await?;
        }
        tx.commit().await.map_err(doing("add flow logs"))
    }

    /// Removes a flow log; `false` if there is none of that id.
    pub async fn delete_flow_log(&self, id: &FlowLogId) -> StoreResult<bool> {
        let done = sqlx::query("DELETE FROM flow_logs WHERE id = ?")
            .bind(id.as_str())
            .execute(&self.pool)
            .await
            .map_err(doing("delete a flow log"))?;
        Ok(done.rows_affected() > 0)
    }
}

fn read(row: &Columns<'_>, tags: &mut TagsById) -> StoreResult<FlowLog> {
    let (vpc_id, subnet, interface) =
        (row.parsed("vpc_id")?, row.parsed_if("subnet_id")?, row.parsed_if("interface_id")?);
    let resource = match (subnet, interface) {
        (Some(subnet), _) => FlowLogResource::Subnet(subnet),
        (None, Some(interface)) => FlowLogResource::Interface(interface),
        (None, None) => FlowLogResource::Vpc(cumulet_model::VpcId::clone(&vpc_id)),
    };
    Ok(FlowLog {
        id: row.parsed("id")?,
        resource,
        vpc_id,
        traffic: row.word("traffic")?,
        format: row.parsed("format")?,
        aggregation_seconds: row.count("aggregation_seconds")?,
        destination: row.text("destination")?,
        role: row.text_if("role")?,
        created: row.time("created")?,
        tags: tags.remove(&row.text("id")?).unwrap_or_default(),
    })
}
