//! Metadata options in requests: what is not given stays as it was.

use cumulet_model::CloudError;
use cumulet_model::instance::MetadataOptions;

use crate::query::Params;

const ABLE: &[(&str, bool)] = &[("enabled", true), ("disabled", false)];

/// `options` with the changes that `params` asks for.
pub fn read(params: &Params<'_>, mut options: MetadataOptions) -> Result<MetadataOptions, CloudError> {
    if let Some(required) = params.word("HttpTokens", &[("required", true), ("optional", false)])? {
        options.tokens_required = required;
    }
    if let Some(enabled) = params.word("HttpEndpoint", ABLE)? {
        options.endpoint_enabled = enabled;
    }
    if let Some(limit) = params.number::<u8>("HttpPutResponseHopLimit")? {
        if !(1..=64).contains(&limit) {
            return Err(params.invalid("HttpPutResponseHopLimit", &limit.to_string(), "expected 1 to 64"));
        }
        options.hop_limit = limit;
    }
    if let Some(enabled) = params.word("InstanceMetadataTags", ABLE)? {
        options.tags_enabled = enabled;
    }
    if let Some(enabled) = params.word("HttpProtocolIpv6", ABLE)? {
        options.ipv6_enabled = enabled;
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Query, decode_pairs};

    #[test]
    fn only_what_is_given_changes() {
        let options = |form: &str| {
            let query = Query::new(decode_pairs(form.as_bytes()).unwrap()).unwrap();
            read(&query.params(), MetadataOptions { tokens_required: true, ..MetadataOptions::default() })
        };
        let changed = options("HttpPutResponseHopLimit=2&InstanceMetadataTags=enabled").unwrap();
        let expected = MetadataOptions {
            tokens_required: true,
            endpoint_enabled: true,
            hop_limit: 2,
            tags_enabled: true,
            ipv6_enabled: false,
        };
        assert_eq!(changed, expected);
        assert!(options("HttpPutResponseHopLimit=65").unwrap_err().message.contains("1 to 64"));
        assert!(options("HttpTokens=maybe").unwrap_err().message.contains("required, optional"));
        assert!(options("HttpProtocolIpv6=enabled").unwrap().ipv6_enabled);
    }
}
