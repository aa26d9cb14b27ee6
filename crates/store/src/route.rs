//! Route tables, their associations with subnets, and routes.

use std::collections::HashMap;

use cumulet_model::route::{Destination, Route, RouteTable, RouteTableAssociation};
use cumulet_model::{RouteTableAssociationId, RouteTableId, SubnetId};
use jiff::Timestamp;
use sqlx::{Sqlite, Transaction};

use crate::column::Columns;
use crate::token::{self, RequestToken};
use crate::{Store, StoreResult, doing, inserting, one_row, tag};

impl Store {
    /// All route tables with their routes, oldest first.
    pub async fn route_tables(&self) -> StoreResult<Vec<RouteTable>> {
        let mut tags = self.tags_by_id().await?;
        let (mut subnets, mut routes) = (associations(self).await?, routes(self).await?);
        let rows = sqlx::query("SELECT * FROM route_tables ORDER BY seq")
            .fetch_all(&self.pool)
            .await
            .map_err(doing("read the route tables"))?;
        rows.iter()
            .map(|row| {
                let row = Columns::new("route_tables", row);
                let id: RouteTableId = row.parsed("id")?;
                Ok(RouteTable {
                    vpc_id: row.parsed("vpc_id")?,
                    main: row.parsed_if("main_id")?,
                    subnets: subnets.remove(&id).unwrap_or_default(),
                    routes: routes.remove(&id).unwrap_or_default(),
                    tags: tags.remove(id.as_str()).unwrap_or_default(),
                    id,
                })
            })
            .collect()
    }

    /// Adds a route table.
    pub async fn add_route_table(
        &self,
        table: &RouteTable,
        token: Option<&RequestToken>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_table(&mut tx, table).await?;
        if let Some(token) = token {
            token::insert(&mut tx, token, table.id.as_str(), now).await?;
        }
        tx.commit().await.map_err(doing("add a route table"))
    }

    /// Removes a route table that nothing is associated with, and its routes.
    pub async fn delete_route_table(&self, id: &RouteTableId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        tag::forget(&mut tx, id.as_str()).await?;
        token::forget(&mut tx, id.as_str()).await?;
        let done = sqlx::query("DELETE FROM route_tables WHERE id = ? AND main_id IS NULL")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .map_err(doing("delete a route table"))?;
        one_row(done, "the route table")?;
        tx.commit().await.map_err(doing("delete a route table"))
    }

    /// Associates a subnet with a route table; one that has an association is [`crate::StoreError::Duplicate`].
    pub async fn associate_route_table(
        &self,
        table: &RouteTableId,
        association: &RouteTableAssociation,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_association(&mut tx, table, association).await?;
        tx.commit().await.map_err(doing("associate a route table"))
    }

    /// Takes a subnet's association away.
    pub async fn disassociate_route_table(&self, id: &RouteTableAssociationId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        delete_association(&mut tx, id).await?;
        tx.commit().await.map_err(doing("disassociate a route table"))
    }

    /// Puts a new association of a subnet in the place of another.
    pub async fn replace_association(
        &self,
        old: &RouteTableAssociationId,
        table: &RouteTableId,
        new: &RouteTableAssociationId,
        subnet: &SubnetId,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        delete_association(&mut tx, old).await?;
        let association = RouteTableAssociation { id: new.clone(), subnet_id: subnet.clone() };
        insert_association(&mut tx, table, &association).await?;
        tx.commit().await.map_err(doing("replace a route table's association"))
    }

    /// Makes another table of the same VPC the main one, by a new association.
    pub async fn replace_main_table(
        &self,
        old: &RouteTableId,
        table: &RouteTableId,
        new: &RouteTableAssociationId,
    ) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for (id, main) in [(old, None), (table, Some(new.as_str()))] {
            let done = sqlx::query("UPDATE route_tables SET main_id = ? WHERE id = ?")
                .bind(main)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await
                .map_err(doing("replace a VPC's main route table"))?;
            one_row(done, "the route table")?;
        }
        tx.commit().await.map_err(doing("replace a VPC's main route table"))
    }

    /// Adds a route; one for the same destination is [`crate::StoreError::Duplicate`].
    pub async fn add_route(&self, table: &RouteTableId, route: &Route) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        insert_route(&mut tx, table, route).await?;
        tx.commit().await.map_err(doing("add a route"))
    }

    /// Leads a route elsewhere.
    pub async fn replace_route(&self, table: &RouteTableId, route: &Route) -> StoreResult<()> {
        let done = sqlx::query("UPDATE routes SET target = ? WHERE route_table_id = ? AND destination = ?")
            .bind(route.target.to_string())
            .bind(table.as_str())
            .bind(route.destination.to_string())
            .execute(&self.writer)
            .await
            .map_err(doing("replace a route"))?;
        one_row(done, "the route")
    }

    /// Removes a route.
    pub async fn delete_route(&self, table: &RouteTableId, destination: &Destination) -> StoreResult<()> {
        let done = sqlx::query("DELETE FROM routes WHERE route_table_id = ? AND destination = ?")
            .bind(table.as_str())
            .bind(destination.to_string())
            .execute(&self.writer)
            .await
            .map_err(doing("delete a route"))?;
        one_row(done, "the route")
    }
}

async fn associations(store: &Store) -> StoreResult<HashMap<RouteTableId, Vec<RouteTableAssociation>>> {
    let rows = sqlx::query("SELECT * FROM route_table_associations ORDER BY seq")
        .fetch_all(&store.pool)
        .await
        .map_err(doing("read the route tables' associations"))?;
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for row in &rows {
        let row = Columns::new("route_table_associations", row);
        let association =
            RouteTableAssociation { id: row.parsed("id")?, subnet_id: row.parsed("subnet_id")? };
        all.entry(row.parsed("route_table_id")?).or_default().push(association);
    }
    Ok(all)
}

async fn routes(store: &Store) -> StoreResult<HashMap<RouteTableId, Vec<Route>>> {
    let rows = sqlx::query("SELECT * FROM routes ORDER BY seq")
        .fetch_all(&store.pool)
        .await
        .map_err(doing("read the routes"))?;
    let mut all: HashMap<_, Vec<_>> = HashMap::new();
    for row in &rows {
        let row = Columns::new("routes", row);
        let route = Route { destination: row.parsed("destination")?, target: row.parsed("target")? };
        all.entry(row.parsed("route_table_id")?).or_default().push(route);
    }
    Ok(all)
}

pub(crate) async fn insert_table(tx: &mut Transaction<'_, Sqlite>, table: &RouteTable) -> StoreResult<()> {
    sqlx::query("INSERT INTO route_tables (id, vpc_id, main_id) VALUES (?, ?, ?)")
        .bind(table.id.as_str())
        .bind(table.vpc_id.as_str())
        .bind(table.main.as_ref().map(RouteTableAssociationId::as_str))
        .execute(&mut **tx)
        .await
        .map_err(inserting("the route table"))?;
    for route in &table.routes {
        insert_route(tx, &table.id, route).await?;
    }
    tag::insert(tx, table.id.as_str(), &table.tags).await
}

async fn insert_route(
    tx: &mut Transaction<'_, Sqlite>,
    table: &RouteTableId,
    route: &Route,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO routes (route_table_id, destination, target) VALUES (?, ?, ?)")
        .bind(table.as_str())
        .bind(route.destination.to_string())
        .bind(route.target.to_string())
        .execute(&mut **tx)
        .await
        .map_err(inserting("the route"))?;
    Ok(())
}

async fn insert_association(
    tx: &mut Transaction<'_, Sqlite>,
    table: &RouteTableId,
    association: &RouteTableAssociation,
) -> StoreResult<()> {
    sqlx::query("INSERT INTO route_table_associations (id, route_table_id, subnet_id) VALUES (?, ?, ?)")
        .bind(association.id.as_str())
        .bind(table.as_str())
        .bind(association.subnet_id.as_str())
        .execute(&mut **tx)
        .await
        .map_err(inserting("the subnet's route table"))?;
    Ok(())
}

async fn delete_association(
    tx: &mut Transaction<'_, Sqlite>,
    id: &RouteTableAssociationId,
) -> StoreResult<()> {
    let done = sqlx::query("DELETE FROM route_table_associations WHERE id = ?")
        .bind(id.as_str())
        .execute(&mut **tx)
        .await
        .map_err(doing("disassociate a route table"))?;
    one_row(done, "the route table's association")
}
