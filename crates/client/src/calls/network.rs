//! VPCs, subnets, route tables and internet gateways.

use cumulet_api_types::gateway::{CreateInternetGateway, InternetGateway, InternetGatewayList};
use cumulet_api_types::network::{CreateSubnet, CreateVpc, Subnet, SubnetList, Vpc, VpcList};
use cumulet_api_types::route::{
    AssociateRouteTable, CreateRoute, CreateRouteTable, DeleteRouteQuery, RouteTable, RouteTableList,
};
use hyper::Method;

use crate::client::{segment, with_query};
use crate::{Client, Result};

fn table_path(id: &str, rest: &str) -> String {
    format!("/v1/route-tables/{}{rest}", segment(id))
}

impl Client {
    /// All VPCs.
    pub async fn vpcs(&self) -> Result<Vec<Vpc>> {
        Ok(self.get::<VpcList>("/v1/vpcs").await?.vpcs)
    }

    /// Makes a VPC.
    pub async fn create_vpc(&self, request: &CreateVpc) -> Result<Vpc> {
        self.post("/v1/vpcs", request).await
    }

    /// Deletes a VPC that nothing is in.
    pub async fn delete_vpc(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &format!("/v1/vpcs/{}", segment(id)), None::<&()>).await
    }

    /// All subnets.
    pub async fn subnets(&self) -> Result<Vec<Subnet>> {
        Ok(self.get::<SubnetList>("/v1/subnets").await?.subnets)
    }

    /// Makes a subnet.
    pub async fn create_subnet(&self, request: &CreateSubnet) -> Result<Subnet> {
        self.post("/v1/subnets", request).await
    }

    /// Deletes a subnet that nothing is in.
    pub async fn delete_subnet(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &format!("/v1/subnets/{}", segment(id)), None::<&()>).await
    }

    /// All route tables.
    pub async fn route_tables(&self) -> Result<Vec<RouteTable>> {
        Ok(self.get::<RouteTableList>("/v1/route-tables").await?.route_tables)
    }

    /// Makes a route table.
    pub async fn create_route_table(&self, request: &CreateRouteTable) -> Result<RouteTable> {
        self.post("/v1/route-tables", request).await
    }

    /// Deletes a route table.
    pub async fn delete_route_table(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &table_path(id, ""), None::<&()>).await
    }

    /// Has a subnet use a route table.
    pub async fn associate_route_table(&self, id: &str, subnet_id: &str) -> Result<RouteTable> {
        let request = AssociateRouteTable { subnet_id: subnet_id.to_owned() };
        self.post(&table_path(id, "/associate"), &request).await
    }

    /// Adds a route.
    pub async fn create_route(&self, table: &str, request: &CreateRoute) -> Result<RouteTable> {
        self.post(&table_path(table, "/routes"), request).await
    }

    /// Removes a route.
    pub async fn delete_route(&self, table: &str, destination: &str) -> Result<()> {
        let query = DeleteRouteQuery { destination: destination.to_owned() };
        self.order(Method::DELETE, &with_query(&table_path(table, "/routes"), &query)?, None::<&()>).await
    }

    /// All internet gateways.
    pub async fn internet_gateways(&self) -> Result<Vec<InternetGateway>> {
        Ok(self.get::<InternetGatewayList>("/v1/internet-gateways").await?.internet_gateways)
    }

    /// Makes an internet gateway for a VPC.
    pub async fn create_internet_gateway(&self, request: &CreateInternetGateway) -> Result<InternetGateway> {
        self.post("/v1/internet-gateways", request).await
    }

    /// Detaches an internet gateway and deletes it.
    pub async fn delete_internet_gateway(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &format!("/v1/internet-gateways/{}", segment(id)), None::<&()>).await
    }
}
