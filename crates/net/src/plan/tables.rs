//! The numbers of a VPC's route tables: what packets are marked with, and which of Linux's tables they are looked up in.
//!
//! A number follows from the table's id, so it stays while other tables come and go: the hash of the id, or the next
//! number that is free. Only where two hashes meet can one that comes or goes move another.

use std::collections::{BTreeMap, BTreeSet};

use cumulet_model::{RouteTableId, SubnetId};
use cumulet_ports::network::{RouteTableSpec, VpcSpec};

use crate::names;

/// The bits of a packet's mark that hold the number of the route table that it is to be looked up in.
pub const TABLE_MASK: u32 = 0xf_ff00;
const TABLE_SHIFT: u32 = 8;
/// How many numbers there are for tables. Packets of the router itself have 0, those of subnets without a table the last.
pub const MOST_TABLES: usize = 0xffe;
const NO_TABLE: TableNumber = TableNumber(0xfff);
/// What Linux's tables count from: those below 256 are its own.
const LINUX_BASE: u32 = 1000;

/// The number of a route table within its VPC: 1 to 4095.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableNumber(u16);

impl TableNumber {
    /// The bits of a packet's mark, under [`TABLE_MASK`].
    pub fn mark(self) -> u32 {
        u32::from(self.0) << TABLE_SHIFT
    }

    /// The table's number in Linux.
    pub fn linux_table(self) -> u32 {
        LINUX_BASE + u32::from(self.0)
    }

    /// The chain in `raw` that marks and accepts what is to be looked up in it.
    pub fn chain(self) -> String {
        format!("rt-{}", self.0)
    }

    /// The target that marks a packet, as `iptables-save` prints it.
    pub fn marking(self) -> String {
        format!("MARK --set-xmark {:#x}/{TABLE_MASK:#x}", self.mark())
    }
}

/// A VPC's route tables by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables<'a> {
    numbers: BTreeMap<&'a RouteTableId, TableNumber>,
    subnets: BTreeMap<&'a SubnetId, &'a RouteTableSpec>,
    tables: &'a [RouteTableSpec],
    /// Stands for the table that a subnet does not have, if there is such a subnet.
    none: Option<RouteTableSpec>,
}

/// Numbers a VPC's route tables.
pub fn tables(vpc: &VpcSpec) -> Tables<'_> {
    let ids: BTreeSet<&RouteTableId> = vpc.route_tables.iter().map(|table| &table.id).collect();
    let (mut numbers, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for id in ids.into_iter().take(MOST_TABLES) {
        let mut slot = names::fnv1a(id.as_str().as_bytes()) as usize % MOST_TABLES;
        while !taken.insert(slot) {
            slot = (slot + 1) % MOST_TABLES;
        }
        numbers.insert(id, TableNumber(slot as u16 + 1));
    }
    let by_id: BTreeMap<_, _> = vpc.route_tables.iter().map(|table| (&table.id, table)).collect();
    let table_of = |own: &Option<RouteTableId>| match own {
        Some(id) => by_id.get(id).copied(),
        None => vpc.route_tables.first(),
    };
    let subnets: BTreeMap<_, _> =
        vpc.subnets.iter().filter_map(|subnet| Some((&subnet.id, table_of(&subnet.route_table)?))).collect();
    let empty = || RouteTableSpec {
        id: format!("rtb-{}", vpc.id.digits()).parse().expect("the form of an id"),
        routes: vec![],
    };
    let none = (subnets.len() < vpc.subnets.len()).then(empty);
    Tables { numbers, subnets, tables: &vpc.route_tables, none }
}

impl<'a> Tables<'a> {
    /// The number of the table that decides for what is sent from a subnet; `None` if the VPC has no such subnet.
    pub fn number_of(&self, subnet: &SubnetId) -> Option<TableNumber> {
        match self.table_of(subnet) {
            Some(table) => self.numbers.get(&table.id).copied(),
            None => self.none.as_ref().map(|_| NO_TABLE),
        }
    }

    /// The table that decides for what is sent from a subnet; without one nothing from it leaves the VPC.
    pub fn table_of(&self, subnet: &SubnetId) -> Option<&'a RouteTableSpec> {
        self.subnets.get(subnet).copied()
    }

    /// All tables with their numbers, and an empty one if a subnet has none.
    pub fn iter(&self) -> impl Iterator<Item = (TableNumber, &RouteTableSpec)> {
        let own = self.tables.iter().filter_map(|table| Some((*self.numbers.get(&table.id)?, table)));
        own.chain(self.none.as_ref().map(|none| (NO_TABLE, none)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vpc(ids: impl IntoIterator<Item = u32>) -> VpcSpec {
        let table = |n: u32| RouteTableSpec { id: format!("rtb-{n:017x}").parse().unwrap(), routes: vec![] };
        VpcSpec {
            route_tables: ids.into_iter().map(table).collect(),
            ..VpcSpec::open("vpc-00000001".parse().unwrap(), "10.0.0.0/16".parse().unwrap())
        }
    }

    proptest! {
        #[test]
        fn each_table_has_a_number_of_its_own(ids in proptest::collection::btree_set(any::<u32>(), 1..300)) {
            let vpc = vpc(ids.clone());
            let tables = tables(&vpc);
            let numbers: BTreeSet<_> = tables.iter().map(|(number, _)| number).collect();
            prop_assert_eq!(numbers.len(), ids.len());
            prop_assert!(numbers.iter().all(|number| number.mark() & !TABLE_MASK == 0 && number.mark() != 0));
        }

        #[test]
        fn nearly_all_keep_their_numbers_when_one_comes(
            ids in proptest::collection::btree_set(any::<u32>(), 1..200),
            new: u32,
        ) {
            let (before, after) = (vpc(ids.clone()), vpc(ids.into_iter().chain([new])));
            let after: BTreeSet<_> = tables(&after).iter().map(|(n, table)| (n, table.id.clone())).collect();
            let moved = tables(&before).iter().filter(|(n, table)| !after.contains(&(*n, table.id.clone()))).count();
            prop_assert!(moved <= 8, "{moved} moved");
        }
    }

    #[test]
    fn a_subnet_without_a_table_of_its_own_has_the_first() {
        let mut vpc = vpc([7, 3]);
        let subnet = |n: u32| {
            let cidr = format!("10.0.{n}.0/24").parse().unwrap();
            cumulet_ports::network::SubnetSpec::new(format!("subnet-{n:08x}").parse().unwrap(), cidr)
        };
        vpc.subnets = vec![subnet(1), subnet(2), subnet(3)];
        vpc.subnets[1].route_table = Some(vpc.route_tables[1].id.clone());
        vpc.subnets[2].route_table = Some("rtb-0000dead".parse().unwrap());
        let tables = tables(&vpc);
        let id = |n: usize| tables.table_of(&vpc.subnets[n].id).map(|table| &table.id);
        assert_eq!(id(0), Some(&vpc.route_tables[0].id));
        assert_eq!(id(1), Some(&vpc.route_tables[1].id));
        assert_eq!(id(2), None, "one that the VPC does not have");
        assert_eq!(tables.number_of(&vpc.subnets[2].id), Some(NO_TABLE));
        assert_eq!(tables.iter().count(), 3);
        assert!(tables.number_of(&vpc.subnets[0].id) != tables.number_of(&vpc.subnets[1].id));
    }
}
