//! Security groups and their rules.

use std::collections::HashMap;

use cumulet_model::security::{Rule, SecurityGroup};
use cumulet_model::{GroupId, RuleId};

use crate::column::{Columns, json, word};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All security groups with their rules, by VPC and name.
    pub async fn security_groups(&self) -> StoreResult<Vec<SecurityGroup>> {
        let mut tags = self.tags_by_id().await?;
        let rows = sqlx::query("SELECT * FROM security_group_rules ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the security group rules"))?;
        let mut rules: HashMap<GroupId, Vec<Rule>> = HashMap::new();
        for row in &rows {
            let row = Columns::new("security_group_rules", row);
            let group_id: GroupId = row.parsed("group_id")?;
            rules.entry(group_id.clone()).or_default().push(Rule {
                id: row.parsed("id")?,
                group_id,
                direction: row.word("direction")?,
                spec: row.json("spec")?,
                description: row.text_if("description")?,
                tags: tags.remove(&row.text("id")?).unwrap_or_default(),
            });
        }
        let rows = sqlx::query("SELECT * FROM security_groups ORDER BY vpc_id, name")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the security groups"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("security_groups", row);
                let id: GroupId = row.parsed("id")?;
                Ok(SecurityGroup {
                    vpc_id: row.parsed("vpc_id")?,
                    name: row.text("name")?,
                    description: row.text("description")?,
                    rules: rules.remove(&id).unwrap_or_default(),
                    tags: tags.remove(id.as_str()).unwrap_or_default(),
                    id,
                })
            })
            .collect()
    }

    /// Adds a security group with its rules; a name that its VPC has is [`crate::StoreError::Duplicate`].
    pub async fn add_security_group(&self, group: &SecurityGroup) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_group(&mut tx, group).await?;
        tx.commit().await.map_err(doing("add a security group"))
    }

    /// Adds rules, all or none; one that is there is [`crate::StoreError::Duplicate`].
    pub async fn add_rules(&self, rules: &[Rule]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for rule in rules {
            insert_rule(&mut tx, rule).await?;
        }
        tx.commit().await.map_err(doing("add security group rules"))
    }

    /// Removes rules, all or none; one that is not there is [`crate::StoreError::Gone`].
    pub async fn delete_rules(&self, ids: &[RuleId]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for id in ids {
            let done = sqlx::query("DELETE FROM security_group_rules WHERE id = ?")
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(doing("delete a security group rule"))?;
            one_row(done, "the security group rule")?;
            tag::forget(&mut tx, id.as_str()).await?;
        }
        tx.commit().await.map_err(doing("delete security group rules"))
    }

    /// Writes what rules allow and their descriptions, all or none; one that is not there is [`crate::StoreError::Gone`].
    pub async fn update_rules(&self, rules: &[Rule]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        // Rules may change places with each other: each gives its own up before any takes another's.
        for rule in rules {
            sqlx::query("UPDATE security_group_rules SET spec = id WHERE id = ?")
                .bind(rule.id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(doing("change security group rules"))?;
        }
        for rule in rules {
            let done = sqlx::query("UPDATE security_group_rules SET spec = ?, description = ? WHERE id = ?")
                .bind(json(&rule.spec))
                .bind(&rule.description)
                .bind(rule.id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(inserting("the security group rule"))?;
            one_row(done, "the security group rule")?;
        }
        tx.commit().await.map_err(doing("change security group rules"))
    }

    /// Writes the descriptions of rules, all or none; one that is not there is [`crate::StoreError::Gone`].
    pub async fn describe_rules(&self, descriptions: &[(RuleId, Option<String>)]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for (id, description) in descriptions {
            let done = sqlx::query("UPDATE security_group_rules SET description = ? WHERE id = ?")
                .bind(description)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(doing("describe security group rules"))?;
            one_row(done, "the security group rule")?;
        }
        tx.commit().await.map_err(doing("describe security group rules"))
    }

    /// Removes a security group with its rules. Interfaces that use it must be gone.
    pub async fn delete_security_group(&self, group: &SecurityGroup) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for rule in &group.rules {
            tag::forget(&mut tx, rule.id.as_str()).await?;
        }
        tag::forget(&mut tx, group.id.as_str()).await?;
        let done = sqlx::query("DELETE FROM security_groups WHERE id = ?")
            .bind(group.id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a security group"))?;
        one_row(done, "the security group")?;
        tx.commit().await.map_err(doing("delete a security group"))
    }
}

pub(crate) async fn insert_group(
    tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>,
    group: &SecurityGroup,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO security_groups (id, vpc_id, name, description) VALUES (?, ?, ?, ?)")
        .bind(group.id.as_str())
        .bind(group.vpc_id.as_str())
        .bind(&group.name)
        .bind(&group.description)
        .execute(&mut **tx)
        .await
        .map_err(inserting("the security group's name"))?;
    tag::insert(tx, group.id.as_str(), &group.tags).await?;
    for rule in &group.rules {
        insert_rule(tx, rule).await?;
    }
    Ok(())
}

async fn insert_rule(tx: &mut sqlx::Transaction<'_, sqlx::Sqlite>, rule: &Rule) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO security_group_rules (id, group_id, direction, spec, description) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(rule.id.as_str())
    .bind(rule.group_id.as_str())
    .bind(word(&rule.direction))
    .bind(json(&rule.spec))
    .bind(&rule.description)
    .execute(&mut **tx)
    .await
    .map_err(inserting("the security group rule"))?;
    tag::insert(tx, rule.id.as_str(), &rule.tags).await
}
