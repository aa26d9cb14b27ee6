//! Security groups.

use cumulet_api_types::security_group::{
    AuthorizeRules, CreateSecurityGroup, RevokeRules, Rule, RuleList, SecurityGroup, SecurityGroupList,
};
use hyper::Method;

use crate::client::segment;
use crate::{Client, Result};

fn path(id: &str, rest: &str) -> String {
    format!("/v1/security-groups/{}{rest}", segment(id))
}

impl Client {
    /// All security groups with their rules.
    pub async fn security_groups(&self) -> Result<Vec<SecurityGroup>> {
        Ok(self.get::<SecurityGroupList>("/v1/security-groups").await?.security_groups)
    }

    /// One security group.
    pub async fn security_group(&self, id: &str) -> Result<SecurityGroup> {
        self.get(&path(id, "")).await
    }

    /// Makes a security group.
    pub async fn create_security_group(&self, request: &CreateSecurityGroup) -> Result<SecurityGroup> {
        self.post("/v1/security-groups", request).await
    }

    /// Removes a security group.
    pub async fn delete_security_group(&self, id: &str) -> Result<()> {
        self.order(Method::DELETE, &path(id, ""), None::<&()>).await
    }

    /// Adds rules; they hold when this returns.
    pub async fn authorize_rules(&self, id: &str, request: &AuthorizeRules) -> Result<Vec<Rule>> {
        Ok(self.post::<RuleList>(&path(id, "/rules"), request).await?.rules)
    }

    /// Removes rules; they no longer hold when this returns.
    pub async fn revoke_rules(&self, id: &str, request: &RevokeRules) -> Result<Vec<Rule>> {
        Ok(self.post::<RuleList>(&path(id, "/rules/revoke"), request).await?.rules)
    }
}
