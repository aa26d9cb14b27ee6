//! The text that a client signs: method, path, query, signed headers and payload hash in one canonical form.

use axum::http::HeaderMap;

use super::encode::{hex_sha256, uri_encode};
use super::error::SignatureError;
use super::presented::{Form, Presented};

/// A request as its signature sees it.
#[derive(Debug)]
pub struct Signed<'a> {
    /// Method.
    pub method: &'a str,
    /// The query's pairs, decoded.
    pub query: &'a [(String, String)],
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

impl Signed<'_> {
    /// The string to sign of this request by these claims. The path is always `/`, which is all that is served.
    pub fn string_to_sign(&self, presented: &Presented) -> Result<String, SignatureError> {
        let request = self.canonical_request(presented)?;
        let (time, scope) = (presented.basic_time(), presented.scope.text());
        Ok(format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex_sha256(request.as_bytes())))
    }

    fn canonical_request(&self, presented: &Presented) -> Result<String, SignatureError> {
        let mut headers = String::new();
        for name in &presented.signed_headers {
            headers.push_str(&self.canonical_header(name)?);
        }
        let (query, payload) = (self.canonical_query(), self.payload_hash(presented.form)?);
        let names = presented.signed_headers.join(";");
        Ok(format!("{}\n/\n{query}\n{headers}\n{names}\n{payload}", self.method))
    }

    /// Pairs encoded, then sorted by name and value; the signature itself is not part of what it signs.
    fn canonical_query(&self) -> String {
        let mut pairs: Vec<_> = self
            .query
            .iter()
            .filter(|(name, _)| name != "X-Amz-Signature")
            .map(|(name, value)| (uri_encode(name), uri_encode(value)))
            .collect();
        pairs.sort();
        let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }

    /// `name:value` with runs of blanks as one, the values of a repeated header with commas between them.
    fn canonical_header(&self, name: &str) -> Result<String, SignatureError> {
        let mut values = Vec::new();
        for value in self.headers.get_all(name) {
            let text = std::str::from_utf8(value.as_bytes())
                .map_err(|_| SignatureError::Incomplete(format!("the signed header {name} is not UTF-8")))?;
            values.push(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
        }
        if values.is_empty() {
            return Err(SignatureError::Incomplete(format!(
                "the signed header {name} is not in the request"
            )));
        }
        Ok(format!("{name}:{}\n", values.join(",")))
    }

    /// The hash of the body that is here, whatever the client says; but what it says must agree.
    fn payload_hash(&self, form: Form) -> Result<String, SignatureError> {
        let hash = hex_sha256(self.body);
        let declared = self.headers.get("x-amz-content-sha256").map(|value| value.as_bytes());
        match (declared, form) {
            (Some(b"UNSIGNED-PAYLOAD"), _) => {
                Err(SignatureError::Payload("UNSIGNED-PAYLOAD is refused: the body must be signed"))
            }
            (Some(declared), _) if !declared.eq_ignore_ascii_case(hash.as_bytes()) => {
                Err(SignatureError::Payload("The header x-amz-content-sha256 is not the hash of the body"))
            }
            _ => Ok(hash),
        }
    }
}
