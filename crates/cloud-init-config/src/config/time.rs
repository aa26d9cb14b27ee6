//! `ntp`.

use super::fields::Fields;
use super::write::Writer;
use crate::yaml::Mapping;

/// Time servers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ntp {
    /// Whether the client runs; true where absent.
    pub enabled: Option<bool>,
    /// Single servers.
    pub servers: Vec<String>,
    /// Names with many servers behind them.
    pub pools: Vec<String>,
    /// `chrony`, `ntp`, `systemd-timesyncd` or `auto`.
    pub ntp_client: Option<String>,
    /// Keys that this crate doesn't know, or doesn't type.
    pub other: Mapping,
}

pub(super) fn read(fields: &mut Fields<'_>) -> Option<Ntp> {
    let map = fields.mapping("ntp")?;
    let mut inner = Fields::new("ntp", map, fields.notes());
    Some(Ntp {
        enabled: inner.flag("enabled"),
        servers: inner.texts("servers"),
        pools: inner.texts("pools"),
        ntp_client: inner.text("ntp_client"),
        other: inner.finish(&["config"]),
    })
}

pub(super) fn write(ntp: &Ntp) -> Mapping {
    Writer::default()
        .put("enabled", ntp.enabled)
        .texts("servers", &ntp.servers)
        .texts("pools", &ntp.pools)
        .put("ntp_client", ntp.ntp_client.as_deref())
        .finish(&ntp.other)
}
