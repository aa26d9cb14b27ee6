//! Route tables and what is associated with them.

use cumulet_model::route::{RouteTable, RouteTableAssociation, ShownRouteTable};
use cumulet_model::tag::check_tags;
use cumulet_model::{CloudError, ErrorCode, RouteTableAssociationId, RouteTableId, SubnetId};
use tracing::info;

use super::{dependency, limits, make};
use crate::api::vpc::CreateRouteTable;
use crate::cloud::{Cloud, Result, internal};
use crate::idempotent::token_of;

impl Cloud {
    /// Makes a route table. The same client token with the same parameters gives the same one.
    pub async fn create_route_table(&self, request: CreateRouteTable) -> Result<ShownRouteTable> {
        let allocation = self.inner.allocation.lock().await;
        let token = token_of("CreateRouteTable", request.client_token.as_deref(), &request);
        if let Some(id) = self.made_before(token.as_ref()).await? {
            let id = id.parse().map_err(|_| CloudError::internal("a request's token is damaged"))?;
            return self.shown_route_table(&id).await;
        }
        check_tags(&request.tags)?;
        let vpc = self.one_vpc(&request.vpc_id).await?;
        let tables = self.inner.store.route_tables().await.map_err(internal)?;
        limits::ROUTE_TABLES.check(tables.iter().filter(|table| table.vpc_id == vpc.id).count())?;
        let table = RouteTable { tags: request.tags, ..make::table(&vpc.id, None) };
        let store = &self.inner.store;
        store.add_route_table(&table, token.as_ref(), self.inner.clock.now()).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(store.delete_route_table(&table.id)).await?;
        info!(table = %table.id, vpc = %table.vpc_id, "made a route table");
        self.shown_route_table(&table.id).await
    }

    /// Deletes a route table that is not the main one and that no subnet uses.
    pub async fn delete_route_table(&self, id: &RouteTableId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_route_table_unused(id).await?;
        self.inner.store.delete_route_table(id).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await?;
        info!(table = %id, "deleted a route table");
        Ok(())
    }

    /// Whether a route table is not the main one and no subnet uses it.
    pub async fn check_route_table_unused(&self, id: &RouteTableId) -> Result<()> {
        let table = self.route_table(id).await?;
        match table.main.is_some() || !table.subnets.is_empty() {
            true => Err(dependency("routeTable", id)),
            false => Ok(()),
        }
    }

    /// Lets a subnet that uses the main table use another.
    pub async fn associate_route_table(
        &self,
        table: &RouteTableId,
        subnet: &SubnetId,
    ) -> Result<RouteTableAssociationId> {
        let allocation = self.inner.allocation.lock().await;
        self.check_associate(table, subnet).await?;
        let id = RouteTableAssociationId::random(&mut rand::rng());
        let association = RouteTableAssociation { id: id.clone(), subnet_id: subnet.clone() };
        self.inner.store.associate_route_table(table, &association).await.map_err(internal)?;
        drop(allocation);
        self.bring_about(self.inner.store.disassociate_route_table(&id)).await?;
        Ok(id)
    }

    /// Whether a subnet can be associated with a route table.
    pub async fn check_associate(&self, table: &RouteTableId, subnet: &SubnetId) -> Result<()> {
        let table = self.route_table(table).await?;
        let subnet = self.subnet(subnet).await?;
        if table.vpc_id != subnet.vpc_id {
            return Err(CloudError::invalid_value(format!(
                "Route table {} and subnet {} belong to different networks",
                table.id, subnet.id
            )));
        }
        let tables = self.inner.store.route_tables().await.map_err(internal)?;
        if tables.iter().flat_map(|table| &table.subnets).any(|held| held.subnet_id == subnet.id) {
            return Err(CloudError::new(
                ErrorCode::ResourceAlreadyAssociated,
                format!(
                    "the specified association for route table {} conflicts with an existing association",
                    table.id
                ),
            ));
        }
        Ok(())
    }

    /// Lets a subnet use the main table again.
    pub async fn disassociate_route_table(&self, id: &RouteTableAssociationId) -> Result<()> {
        let allocation = self.inner.allocation.lock().await;
        self.check_disassociate(id).await?;
        self.inner.store.disassociate_route_table(id).await.map_err(internal)?;
        drop(allocation);
        self.bring_away().await
    }

    /// Whether an association can be taken away: the main one can't.
    pub async fn check_disassociate(&self, id: &RouteTableAssociationId) -> Result<()> {
        match self.associated(id).await? {
            (_, Some(_)) => Ok(()),
            (_, None) => Err(CloudError::invalid_value(format!(
                "cannot disassociate the main route table association {id}"
            ))),
        }
    }

    /// Lets the subnet of an association use another table, or makes another table the main one; gives the association
    /// that takes the old one's place.
    pub async fn replace_association(
        &self,
        old: &RouteTableAssociationId,
        table: &RouteTableId,
    ) -> Result<RouteTableAssociationId> {
        let allocation = self.inner.allocation.lock().await;
        let (before, subnet) = self.check_replace_association(old, table).await?;
        let new = RouteTableAssociationId::random(&mut rand::rng());
        let store = &self.inner.store;
        match &subnet {
            Some(subnet) => store.replace_association(old, table, &new, subnet).await,
            None => store.replace_main_table(&before, table, &new).await,
        }
        .map_err(internal)?;
        drop(allocation);
        self.bring_about(async {
            match &subnet {
                Some(subnet) => store.replace_association(&new, &before, old, subnet).await,
                None => store.replace_main_table(table, &before, old).await,
            }
        })
        .await?;
        Ok(new)
    }

    /// The table and the subnet of an association, if another table can take the former's place.
    pub async fn check_replace_association(
        &self,
        old: &RouteTableAssociationId,
        table: &RouteTableId,
    ) -> Result<(RouteTableId, Option<SubnetId>)> {
        let (before, subnet) = self.associated(old).await?;
        let table = self.route_table(table).await?;
        if table.vpc_id != before.vpc_id {
            return Err(CloudError::invalid_value(format!(
                "Route table {} and route table {} belong to different networks",
                table.id, before.id
            )));
        }
        if table.id == before.id {
            let text = format!("Route table {} has the association {old} already", table.id);
            return Err(CloudError::new(ErrorCode::ResourceAlreadyAssociated, text));
        }
        Ok((before.id, subnet))
    }

    /// The table of an association, and the subnet if it is not the main one.
    async fn associated(&self, id: &RouteTableAssociationId) -> Result<(RouteTable, Option<SubnetId>)> {
        for table in self.inner.store.route_tables().await.map_err(internal)? {
            if table.main.as_ref() == Some(id) {
                return Ok((table, None));
            }
            if let Some(subnet) = table.subnets.iter().find(|held| held.id == *id) {
                let subnet = subnet.subnet_id.clone();
                return Ok((table, Some(subnet)));
            }
        }
        Err(CloudError::not_found(ErrorCode::InvalidAssociationIdNotFound, "association ID", id))
    }

    async fn shown_route_table(&self, id: &RouteTableId) -> Result<ShownRouteTable> {
        let found = self.route_tables().await?.into_iter().find(|shown| shown.table.id == *id);
        found
            .ok_or_else(|| CloudError::not_found(ErrorCode::InvalidRouteTableIdNotFound, "routeTable ID", id))
    }
}
