//! What a client presents as its proof: key id, scope, time, which headers it signed, and the signature. Read from the
//! `Authorization` header, or from the query of a presigned URL.

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, DATE};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::encode::unhex;
use super::error::SignatureError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How many headers a client may sign; real ones sign about ten.
const MAX_SIGNED_HEADERS: usize = 64;
/// A presigned URL lives for a week at most.
const MAX_EXPIRES: u32 = 7 * 24 * 3600;

/// The place and day that a signature is for: `20260102/us-east-1/ec2/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The day in UTC as eight digits.
    pub date: String,
    /// The region.
    pub region: String,
    /// The service.
    pub service: String,
}

/// Which way the signature came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query of a presigned URL.
    Query {
        /// For how many seconds from its signing the URL is good.
        expires: u32,
    },
}

/// A client's claims, unproven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// Id of the access key.
    pub access_key: String,
    /// Scope.
    pub scope: Scope,
    /// When the request was signed.
    pub timestamp: Timestamp,
    /// Lower-case names of the signed headers, in the order in which they were signed.
    pub signed_headers: Vec<String>,
    /// The signature.
    pub signature: [u8; 32],
    /// Which way it came.
    pub form: Form,
}

impl Scope {
    fn parse(credential: &str) -> Result<(String, Self), SignatureError> {
        let form = "Credential must be KEY/DATE/REGION/SERVICE/aws4_request";
        let mut parts = credential.rsplitn(5, '/');
        let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or_else(|| incomplete(form));
        let (terminator, service, region, date, key) = (next()?, next()?, next()?, next()?, next()?);
        if terminator != "aws4_request" || date.len() != 8 || key.len() > 128 {
            return Err(incomplete(form));
        }
        let scope = Self { date: date.into(), region: region.into(), service: service.into() };
        Ok((key.to_owned(), scope))
    }

    /// The scope as it stands in the text that is signed.
    pub fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

impl Presented {
    /// Reads the claims of a request with these headers and decoded query pairs.
    pub fn read(headers: &HeaderMap, query: &[(String, String)]) -> Result<Self, SignatureError> {
        if headers.contains_key(AUTHORIZATION) {
            return Self::from_header(headers);
        }
        if find(query, "X-Amz-Algorithm").is_some() || find(query, "X-Amz-Signature").is_some() {
            return Self::from_query(query);
        }
        match find(query, "SignatureVersion") {
            Some(version) => Err(SignatureError::OtherScheme(format!("Signature Version {}", cut(version)))),
            None => Err(SignatureError::Missing),
        }
    }

    fn from_header(headers: &HeaderMap) -> Result<Self, SignatureError> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(Ok(value)), None) = (all.next().map(|v| v.to_str()), all.next()) else {
            return Err(incomplete("there must be one Authorization header, in ASCII"));
        };
        let (scheme, fields) = value.trim().split_once(' ').unwrap_or((value, ""));
        if scheme != ALGORITHM {
            return Err(SignatureError::OtherScheme(cut(scheme)));
        }
        if headers.contains_key("x-amz-security-token") {
            return Err(SignatureError::Token);
        }
        let (mut credential, mut signed, mut signature) = (None, None, None);
        for field in fields.split(',').map(str::trim).filter(|field| !field.is_empty()) {
            let (name, value) =
                field.split_once('=').ok_or_else(|| incomplete("Authorization is a list of NAME=VALUE"))?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed,
                "Signature" => &mut signature,
                other => {
                    return Err(incomplete(&format!("Authorization has an unknown part {}", cut(other))));
                }
            };
            if slot.replace(value).is_some() {
                return Err(incomplete(&format!("Authorization has {name} twice")));
            }
        }
        let date_header = if headers.contains_key("x-amz-date") { "x-amz-date" } else { DATE.as_str() };
        let timestamp = header_time(headers, date_header)?;
        let signed_headers = signed_headers(signed)?;
        if !signed_headers.iter().any(|name| name == date_header) {
            return Err(incomplete(&format!("the header {date_header} must be signed")));
        }
        Self::build(credential, signed_headers, signature, timestamp, Form::Header)
    }

    fn from_query(query: &[(String, String)]) -> Result<Self, SignatureError> {
        let needed = |name: &str| find(query, name).ok_or_else(|| incomplete(&format!("{name} is absent")));
        let algorithm = needed("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::OtherScheme(cut(algorithm)));
        }
        if find(query, "X-Amz-Security-Token").is_some() {
            return Err(SignatureError::Token);
        }
        let expires =
            needed("X-Amz-Expires")?.parse().ok().filter(|seconds| (1..=MAX_EXPIRES).contains(seconds));
        let expires = expires.ok_or_else(|| incomplete("X-Amz-Expires must be 1 to 604800 seconds"))?;
        Self::build(
            find(query, "X-Amz-Credential"),
            signed_headers(find(query, "X-Amz-SignedHeaders"))?,
            find(query, "X-Amz-Signature"),
            basic_time("X-Amz-Date", needed("X-Amz-Date")?)?,
            Form::Query { expires },
        )
    }

    fn build(
        credential: Option<&str>,
        signed_headers: Vec<String>,
        signature: Option<&str>,
        timestamp: Timestamp,
        form: Form,
    ) -> Result<Self, SignatureError> {
        let credential = credential.ok_or_else(|| incomplete("Credential is absent"))?;
        let (access_key, scope) = Scope::parse(credential)?;
        let signature = signature.ok_or_else(|| incomplete("Signature is absent"))?;
        let signature =
            unhex(signature).ok_or_else(|| incomplete("Signature must be 64 hexadecimal digits"))?;
        Ok(Self { access_key, scope, timestamp, signed_headers, signature, form })
    }

    /// The time as it stands in the text that is signed.
    pub fn basic_time(&self) -> String {
        self.timestamp.strftime("%Y%m%dT%H%M%SZ").to_string()
    }
}

fn signed_headers(list: Option<&str>) -> Result<Vec<String>, SignatureError> {
    let list = list.ok_or_else(|| incomplete("SignedHeaders is absent"))?;
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    let is_name = |name: &String| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
    };
    if names.len() > MAX_SIGNED_HEADERS || !names.iter().all(is_name) {
        return Err(incomplete(
            "SignedHeaders must be up to 64 lower-case names with semicolons between them",
        ));
    }
    if !names.iter().any(|name| name == "host") {
        return Err(incomplete("the header host must be signed"));
    }
    Ok(names)
}

fn header_time(headers: &HeaderMap, name: &str) -> Result<Timestamp, SignatureError> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    let text = text.ok_or_else(|| incomplete("there must be a header x-amz-date or date"))?.trim();
    match basic_time(name, text) {
        Err(_) if name == DATE.as_str() => jiff::fmt::rfc2822::parse(text)
            .map(|time| time.timestamp())
            .map_err(|_| incomplete("the header date is no date of RFC 1123 or ISO 8601")),
        other => other,
    }
}

/// `20260102T030405Z`, nothing else.
fn basic_time(name: &str, text: &str) -> Result<Timestamp, SignatureError> {
    let malformed = || incomplete(&format!("{name} must look like 20260102T030405Z"));
    let digits: Vec<u8> =
        text.bytes().enumerate().filter(|(i, _)| *i != 8 && *i != 15).map(|(_, b)| b).collect();
    let separators = (text.as_bytes().get(8), text.as_bytes().get(15));
    if text.len() != 16 || separators != (Some(&b'T'), Some(&b'Z')) || !digits.iter().all(u8::is_ascii_digit)
    {
        return Err(malformed());
    }
    let number =
        |from: usize, to: usize| digits[from..to].iter().fold(0i16, |n, d| n * 10 + i16::from(d - b'0'));
    let small = |from: usize| i8::try_from(number(from, from + 2)).unwrap_or(i8::MAX);
    let civil = DateTime::new(number(0, 4), small(4), small(6), small(8), small(10), small(12), 0);
    let zoned = civil.and_then(|civil| civil.to_zoned(TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp()).map_err(|_| malformed())
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

fn incomplete(what: &str) -> SignatureError {
    SignatureError::Incomplete(what.to_owned())
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(32).collect()
}
