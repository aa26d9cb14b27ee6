//! Region and zones: one region, one or more zones on one host.

use serde::{Deserialize, Serialize};

/// A region with its zones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Name, such as `us-east-1`: what clients sign their requests for.
    pub name: String,
    /// Zones in order; never empty.
    pub zones: Vec<Zone>,
}

/// An availability zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Name, such as `us-east-1a`.
    pub name: String,
    /// Zone id, such as `use1-az1`.
    pub id: String,
}

impl Region {
    /// A region with `zones` zones (1 to 6), lettered from `a`.
    pub fn new(name: &str, zones: usize) -> Self {
        let short = short_name(name);
        let zones = ('a'..='f')
            .zip(1..=zones.clamp(1, 6))
            .map(|(letter, n)| Zone { name: format!("{name}{letter}"), id: format!("{short}-az{n}") })
            .collect();
        Self { name: name.to_owned(), zones }
    }

    /// The zone of that name.
    pub fn zone(&self, name: &str) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.name == name)
    }

    /// The domain of private DNS names: `ec2.internal` in us-east-1, `REGION.compute.internal` elsewhere (VPC guide,
    /// "DNS hostnames").
    pub fn private_domain(&self) -> String {
        match self.name.as_str() {
            "us-east-1" => "ec2.internal".to_owned(),
            region => format!("{region}.compute.internal"),
        }
    }

    /// The domain of public DNS names: `compute-1.amazonaws.com` in us-east-1, `REGION.compute.amazonaws.com`
    /// elsewhere.
    pub fn public_domain(&self) -> String {
        match self.name.as_str() {
            "us-east-1" => "compute-1.amazonaws.com".to_owned(),
            region => format!("{region}.compute.amazonaws.com"),
        }
    }
}

/// `us-east-1` becomes `use1`, as in zone ids: the words' first letters but a whole first word.
fn short_name(region: &str) -> String {
    let mut words = region.split('-');
    let mut short = words.next().unwrap_or_default().to_owned();
    for word in words {
        if word.bytes().all(|b| b.is_ascii_digit()) {
            short.push_str(word);
        } else {
            short.extend(word.chars().take(1));
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_lettered_and_have_ids() {
        let region = Region::new("us-east-1", 2);
        assert_eq!(region.zones[1], Zone { name: "us-east-1b".into(), id: "use1-az2".into() });
        assert_eq!(region.private_domain(), "ec2.internal");
        assert_eq!(Region::new("eu-west-1", 1).private_domain(), "eu-west-1.compute.internal");
    }
}
