//! Answers as HTTP: status, headers, document.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use cumulet_model::CloudError;
use rand::RngExt;

use super::Service;
use crate::error_document::error_document;
use crate::xml::{Xml, render};

/// How much of the warnings goes into a header.
const MAX_WARNING: usize = 2000;

/// A new request id: a random UUID (RFC 9562, version 4).
pub fn request_id() -> String {
    let random: u128 = rand::rng().random();
    let n = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{n:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The answer of an action that went well. Warnings, for which EC2's XML has no place, go into the header
/// `x-cumulet-warning`.
pub fn success(
    service: Service,
    action: &str,
    xml: Xml,
    warnings: &[String],
    request_id: &str,
) -> Response<Body> {
    let root = format!("{action}Response");
    let body = match service {
        Service::Ec2 => Xml::new().text("requestId", request_id).and(xml),
        Service::Sts => xml.node("ResponseMetadata", Xml::new().text("RequestId", request_id)),
    };
    let document = render(&root, Some(service.namespace()), &body);
    let mut response = respond(StatusCode::OK, document, request_id);
    if let Some(value) = warning_header(warnings) {
        response.headers_mut().insert("x-cumulet-warning", value);
    }
    response
}

/// The answer of a request that failed.
pub fn failure(service: Service, error: &CloudError, request_id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    respond(status, error_document(service, error, request_id), request_id)
}

fn respond(status: StatusCode, document: String, request_id: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=UTF-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// Warnings in one line of visible ASCII.
fn warning_header(warnings: &[String]) -> Option<HeaderValue> {
    if warnings.is_empty() {
        return None;
    }
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    let text: String = warnings.join("; ").chars().map(plain).take(MAX_WARNING).collect();
    HeaderValue::from_str(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_of_version_4() {
        let id = request_id();
        let parts: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4");
        assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        assert_ne!(id, request_id());
    }

    #[test]
    fn a_warning_can_not_break_out_of_its_header() {
        assert_eq!(warning_header(&[]), None);
        let value = warning_header(&["a\r\nSet-Cookie: x".into(), "é".into()]).unwrap();
        assert_eq!(value, "a??Set-Cookie: x; ?");
        assert_eq!(warning_header(&["x".repeat(5000)]).unwrap().len(), MAX_WARNING);
    }
}
