//! Signature V4 against values known from elsewhere: the signatures that AWS publishes for its test suite's requests,
//! and properties of requests that the tests sign by themselves.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::query::decode_pairs;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const NOW: &str = "2015-08-30T12:36:00Z";
const EXPECTED: Expected<'_> = Expected { region: "us-east-1", services: &["service"] };

fn header_map(headers: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

struct Sent {
    method: &'static str,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    /// Runs the whole check as the server does.
    fn check(&self, secret: Option<&str>, now: Timestamp) -> Result<Presented, SignatureError> {
        let pairs: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let headers = header_map(&pairs);
        let query = decode_pairs(self.query.as_bytes()).unwrap();
        let presented = Presented::read(&headers, &query)?;
        check_claims(&presented, EXPECTED, now)?;
        let signed = Signed { method: self.method, query: &query, headers: &headers, body: &self.body };
        verify(&presented, &signed, secret)?;
        Ok(presented)
    }
}

fn with_header(
    method: &'static str,
    query: &str,
    headers: &[(&str, &str)],
    names: &str,
    signature: &str,
) -> Sent {
    let mut all = vec![("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
    all.extend(headers);
    let mut headers: Vec<_> = all.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
    headers.push((
        "authorization".into(),
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={names}, Signature={signature}"
        ),
    ));
    Sent { method, query: query.into(), headers, body: Vec::new() }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[test]
fn published_signatures_are_accepted() {
    let plain = "host;x-amz-date";
    let table = [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("GET", "\u{1234}=bar", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ];
    for (method, query, signature) in table {
        let sent = with_header(method, query, &[], plain, signature);
        assert!(sent.check(Some(SECRET), now()).is_ok(), "{method} {query}");
    }
}

#[test]
fn repeated_and_blank_filled_headers_have_one_canonical_form() {
    let repeated = with_header(
        "GET",
        "",
        &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
        "host;my-header1;x-amz-date",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    );
    let blanks = with_header(
        "GET",
        "",
        &[("my-header1", " value1"), ("my-header2", "\"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    assert!(repeated.check(Some(SECRET), now()).is_ok());
    assert!(blanks.check(Some(SECRET), now()).is_ok());
}

const PRESIGNED: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
    &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request&X-Amz-Date=20150830T123600Z\
    &X-Amz-SignedHeaders=host&X-Amz-Expires=3600\
    &X-Amz-Signature=e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d";

fn presigned(query: &str) -> Sent {
    let headers = vec![("host".to_owned(), "example.amazonaws.com".to_owned())];
    Sent { method: "GET", query: query.into(), headers, body: Vec::new() }
}

#[test]
fn a_presigned_url_is_good_until_it_expires() {
    let at = |text: &str| presigned(PRESIGNED).check(Some(SECRET), text.parse().unwrap());
    assert!(at(NOW).is_ok());
    assert!(at("2015-08-30T13:35:59Z").is_ok());
    assert!(matches!(at("2015-08-30T13:36:01Z"), Err(SignatureError::Expired { .. })));
    assert!(matches!(at("2015-08-30T12:20:00Z"), Err(SignatureError::Expired { .. })));
    let longer = PRESIGNED.replace("Expires=3600", "Expires=3601");
    assert_eq!(presigned(&longer).check(Some(SECRET), now()), Err(SignatureError::NotValid));
}

#[test]
fn a_clock_may_be_off_by_fifteen_minutes_either_way() {
    let sent = with_header(
        "GET",
        "",
        &[],
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    for (time, good) in [
        ("2015-08-30T12:21:00Z", true),
        ("2015-08-30T12:51:00Z", true),
        ("2015-08-30T12:20:59Z", false),
        ("2015-08-30T12:51:01Z", false),
    ] {
        assert_eq!(sent.check(Some(SECRET), time.parse().unwrap()).is_ok(), good, "{time}");
    }
}

#[test]
fn an_unknown_key_and_a_wrong_secret_look_the_same() {
    let sent = with_header(
        "GET",
        "",
        &[],
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    );
    assert_eq!(sent.check(None, now()), Err(SignatureError::NotValid));
    assert_eq!(sent.check(Some("another"), now()), Err(SignatureError::NotValid));
}

#[test]
fn what_is_malformed_says_which_part() {
    let good = with_header("GET", "", &[], "host;x-amz-date", &"0".repeat(64));
    let broken = |change: &dyn Fn(&mut Sent)| {
        let mut sent = with_header("GET", "", &[], "host;x-amz-date", &"0".repeat(64));
        change(&mut sent);
        sent.check(Some(SECRET), now()).unwrap_err().to_string()
    };
    let authorization = |from: &'static str, to: &'static str| {
        move |sent: &mut Sent| {
            let last = sent.headers.last_mut().unwrap();
            last.1 = last.1.replace(from, to);
        }
    };
    assert_eq!(good.check(Some(SECRET), now()), Err(SignatureError::NotValid));
    assert!(broken(&|sent| drop(sent.headers.pop())).contains("missing"));
    assert!(broken(&authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256")).contains("AWS4-ECDSA-P256"));
    assert!(broken(&authorization("host;", "")).contains("host must be signed"));
    assert!(broken(&authorization(";x-amz-date", "")).contains("x-amz-date must be signed"));
    assert!(broken(&authorization("host;", "absent;host;")).contains("absent"));
    assert!(broken(&authorization("us-east-1", "mars-1")).contains("not 'mars-1'"));
    assert!(broken(&authorization("/service/", "/iam/")).contains("'iam'"));
    assert!(broken(&authorization("AKIDEXAMPLE/20150830", "AKIDEXAMPLE/20150831")).contains("20150831"));
    assert!(broken(&authorization("aws4_request", "aws5_request")).contains("Credential"));
    assert!(
        broken(&authorization("00, ", "")).contains("Credential")
            || !broken(&authorization("0000", "00")).is_empty()
    );
    assert!(broken(&|sent| sent.headers[1].1 = "20150830T126100Z".into()).contains("x-amz-date"));
    assert!(broken(&|sent| sent.headers.push(("x-amz-security-token".into(), "t".into()))).contains("token"));
    assert!(
        broken(&|sent| sent.headers.push(("x-amz-content-sha256".into(), "UNSIGNED-PAYLOAD".into())))
            .contains("UNSIGNED")
    );
    assert!(
        broken(&|sent| sent.headers.push(("x-amz-content-sha256".into(), hex_sha256(b"x")))).contains("hash")
    );
    let v2 = presigned("Action=X&AWSAccessKeyId=AKID&SignatureVersion=2&Signature=x");
    assert!(v2.check(Some(SECRET), now()).unwrap_err().to_string().contains("Version 2"));
}

/// Signs as a client does, by the same rules.
fn sign(sent: &mut Sent, names: &str) {
    let claims = with_header("GET", "", &[], names, &"0".repeat(64)).headers.pop().unwrap();
    sent.headers.push(claims);
    let pairs: Vec<_> = sent.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let headers = header_map(&pairs);
    let query = decode_pairs(sent.query.as_bytes()).unwrap();
    let presented = Presented::read(&headers, &query).unwrap();
    let signed = Signed { method: sent.method, query: &query, headers: &headers, body: &sent.body };
    let proof = signature(&presented, SECRET, &signed.string_to_sign(&presented).unwrap());
    let last = sent.headers.last_mut().unwrap();
    last.1 = last.1.replace(&"0".repeat(64), &hex(&proof));
}

proptest! {
    #[test]
    fn a_signed_request_is_accepted_and_any_changed_byte_is_not(
        body in prop::collection::vec(any::<u8>(), 1..200),
        header in "[!-~][ -~]{0,30}[!-~]",
        name in "[a-z]{1,8}", value in "[ -~]{0,20}",
        at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let query = format!("{}={}", uri_encode(&name), uri_encode(&value));
        let headers = vec![
            ("host".to_owned(), "localhost:8773".to_owned()), ("x-amz-date".into(), "20150830T123600Z".into()),
            ("x-other".into(), header),
        ];
        let mut sent = Sent { method: "POST", query, headers, body };
        sign(&mut sent, "host;x-amz-date;x-other");
        prop_assert!(sent.check(Some(SECRET), now()).is_ok());
        let i = at.index(sent.body.len());
        sent.body[i] ^= 1 << bit;
        prop_assert_eq!(sent.check(Some(SECRET), now()), Err(SignatureError::NotValid));
        sent.body[i] ^= 1 << bit;
        sent.headers[2].1.push('x');
        prop_assert_eq!(sent.check(Some(SECRET), now()), Err(SignatureError::NotValid));
        sent.headers[2].1.pop();
        sent.query.push_str("&x=y");
        prop_assert_eq!(sent.check(Some(SECRET), now()), Err(SignatureError::NotValid));
    }

    #[test]
    fn no_authorization_header_panics(value in "(AWS4-HMAC-SHA256 )?[ -~]{0,200}", date in "[0-9TZ]{0,17}") {
        let headers = header_map(&[("authorization", &value), ("x-amz-date", &date), ("host", "h")]);
        let _ = Presented::read(&headers, &[]);
    }
}
