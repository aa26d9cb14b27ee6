//! Tables, chains and rules as plain data.

use std::collections::BTreeMap;

use super::Rule;

/// What a namespace's firewall holds or shall hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruleset {
    /// Tables by name: `raw`, `filter`, `nat`.
    pub tables: BTreeMap<String, Table>,
}

/// One table's chains by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Chains, the kernel's own and ours.
    pub chains: BTreeMap<String, Chain>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The verdict at the end of one of the kernel's own chains; `None` for a chain that rules jump to.
    pub policy: Option<String>,
    /// Rules in order, each without its `-A CHAIN`.
    pub rules: Vec<String>,
}

impl Ruleset {
    /// The table of that name, made if it is missing.
    pub fn table(&mut self, name: &str) -> &mut Table {
        self.tables.entry(name.to_owned()).or_default()
    }
}

impl Table {
    /// One of the kernel's own chains, with its policy.
    pub fn builtin(&mut self, name: &str, policy: &str) -> &mut Chain {
        let chain = self.chain(name);
        chain.policy = Some(policy.to_owned());
        chain
    }

    /// A chain of ours, made if it is missing.
    pub fn chain(&mut self, name: &str) -> &mut Chain {
        self.chains.entry(name.to_owned()).or_default()
    }
}

impl Chain {
    /// Appends a rule.
    pub fn push(&mut self, rule: Rule) -> &mut Self {
        self.rules.push(rule.to_string());
        self
    }
}
