//! CPU credits of instances.

use std::collections::HashMap;

use cumulet_model::InstanceId;
use cumulet_model::credits::{CreditBalance, CreditMode};
use sqlx::SqliteConnection;

use crate::column::{Columns, word};
use crate::{Store, StoreResult, doing};

/// What is kept of an instance's credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditRecord {
    /// The mode that was chosen; the type's default when none was.
    pub mode: Option<CreditMode>,
    /// What it has.
    pub balance: CreditBalance,
}

impl Store {
    /// The credits of all instances that ever had another mode or balance than a new one of their type.
    pub async fn credits(&self) -> StoreResult<HashMap<InstanceId, CreditRecord>> {
        let rows = sqlx::query("SELECT * FROM cpu_credits")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the instances' CPU credits"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("cpu_credits", row);
                let (earned, launch, surplus) =
                    (row.count("earned")?, row.count("launch")?, row.count("surplus")?);
                let balance = CreditBalance { earned, launch, surplus };
                Ok((row.parsed("instance_id")?, CreditRecord { mode: row.word_if("mode")?, balance }))
            })
            .collect()
    }

    /// Writes the balances of these instances, all or none. Their modes stay. One that was forgotten meanwhile has none.
    pub async fn set_credit_balances(&self, balances: &[(InstanceId, CreditBalance)]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for (id, balance) in balances {
            sqlx::query(
                "INSERT INTO cpu_credits (instance_id, earned, launch, surplus)
                 SELECT id, ?, ?, ? FROM instances WHERE id = ? ON CONFLICT (instance_id) DO UPDATE
                 SET earned = excluded.earned, launch = excluded.launch, surplus = excluded.surplus",
            )
            .bind(kept(balance.earned))
            .bind(kept(balance.launch))
            .bind(kept(balance.surplus))
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("write an instance's CPU credits"))?;
        }
        tx.commit().await.map_err(doing("write the instances' CPU credits"))
    }

    /// Chooses an instance's mode. `balance` is what it has if nothing was written of it yet.
    pub async fn set_credit_mode(
        &self,
        id: &InstanceId,
        mode: CreditMode,
        balance: CreditBalance,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        write_mode(&mut tx, id, mode, balance).await?;
        tx.commit().await.map_err(doing("write an instance's mode of CPU credits"))
    }
}

pub(crate) async fn write_mode(
    connection: &mut SqliteConnection,
    id: &InstanceId,
    mode: CreditMode,
    balance: CreditBalance,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO cpu_credits (instance_id, mode, earned, launch, surplus) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (instance_id) DO UPDATE SET mode = excluded.mode",
    )
    .bind(id.as_str())
    .bind(word(&mode))
    .bind(kept(balance.earned))
    .bind(kept(balance.launch))
    .bind(kept(balance.surplus))
    .execute(connection)
    .await
    .map_err(doing("write an instance's mode of CPU credits"))?;
    Ok(())
}

fn kept(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}
