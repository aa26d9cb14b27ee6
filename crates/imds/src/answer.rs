//! Answers, as EC2 words them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use hyper::{Response, StatusCode};

use crate::token;

/// What a handler gives back.
pub(crate) type Answer = Response<Full<Bytes>>;

/// The token's life in seconds, in the request and in the answer.
pub(crate) const TTL_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds");
/// The token, in a request.
pub(crate) const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-aws-ec2-metadata-token");
/// What proxies add.
pub(crate) const FORWARDED_HEADER: HeaderName = HeaderName::from_static("x-forwarded-for");

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(SERVER, HeaderValue::from_static("EC2ws"));
    answer
}

/// A file or a listing of the tree.
pub(crate) fn text(body: Bytes) -> Answer {
    answer(StatusCode::OK, "text/plain", body)
}

/// User data.
pub(crate) fn octets(body: Bytes) -> Answer {
    answer(StatusCode::OK, "application/octet-stream", body)
}

/// A token. The connection ends with it, because its packets carry the hop limit.
pub(crate) fn token(token: String, ttl: u32) -> Answer {
    debug_assert!(ttl <= token::LONGEST_TTL);
    let mut answer = answer(StatusCode::OK, "text/plain", Bytes::from(token));
    answer.headers_mut().insert(TTL_HEADER, HeaderValue::from(ttl));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

/// An error, with the page that EC2 shows.
pub(crate) fn error(status: StatusCode) -> Answer {
    let title = format!("{} - {}", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
    let page = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n\
         <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
         \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n \
         <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    );
    answer(status, "text/html", Bytes::from(page))
}

/// A method that the path doesn't have.
pub(crate) fn method_not_allowed(allowed: &'static str) -> Answer {
    let mut answer = error(StatusCode::METHOD_NOT_ALLOWED);
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
