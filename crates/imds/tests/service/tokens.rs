//! Versions 1 and 2: who gets a token, and what it opens.

use std::sync::atomic::Ordering;

use crate::service::{ONE, Reply, Service, TWO};

const ID: &str = "/latest/meta-data/instance-id";

fn with_token(service: &Service, from: std::net::Ipv4Addr, token: &str) -> Reply {
    service.ask(from, "GET", ID, &[("X-aws-ec2-metadata-token", token)])
}

#[test]
fn a_token_opens_what_is_closed_without_one() {
    let service = Service::start();
    assert_eq!(service.get(ID).status, 200, "version 1 while tokens are optional");
    service.change(|facts| facts.instance.metadata_options.tokens_required = true);
    assert_eq!(service.get(ID).status, 401);
    let reply = service.token(ONE, "21600");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("text/plain")));
    assert_eq!(reply.header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
    assert_eq!(with_token(&service, ONE, reply.text()).text(), "i-0123456789abcde00");
}

#[test]
fn a_token_is_good_on_its_own_instance_and_for_its_time() {
    let service = Service::start();
    let token = service.token(ONE, "60").text().to_owned();
    let second = service.token(ONE, "21600").text().to_owned();
    assert_eq!(with_token(&service, TWO, &token).status, 401, "the neighbour's");
    assert_eq!(with_token(&service, ONE, "nonsense").status, 401, "also while tokens are optional");
    service.ahead.store(61, Ordering::SeqCst);
    assert_eq!(with_token(&service, ONE, &token).status, 401, "its time is over");
    assert_eq!(with_token(&service, ONE, &second).status, 200, "several live at once");
}

#[test]
fn a_token_outlives_the_service() {
    let token = Service::start().token(ONE, "600").text().to_owned();
    assert_eq!(with_token(&Service::start(), ONE, &token).status, 200);
}

#[test]
fn a_lifetime_must_be_asked_for_within_bounds() {
    let service = Service::start();
    for ttl in ["0", "21601", "-1", "", "x", "1.5", "99999999999999999999"] {
        assert_eq!(service.token(ONE, ttl).status, 400, "{ttl:?}");
    }
    assert_eq!(service.ask(ONE, "PUT", "/latest/api/token", &[]).status, 400);
    assert_eq!(service.token(ONE, "1").status, 200);
}

#[test]
fn a_request_that_came_through_a_proxy_gets_no_token() {
    let service = Service::start();
    let headers = [("X-Forwarded-For", "10.0.0.1"), ("X-aws-ec2-metadata-token-ttl-seconds", "60")];
    assert_eq!(service.ask(ONE, "PUT", "/latest/api/token", &headers).status, 403);
}

#[test]
fn no_header_makes_a_caller_another() {
    let service = Service::start();
    let headers =
        [("X-Forwarded-For", "127.0.7.11"), ("Host", "127.0.7.11"), ("Forwarded", "for=127.0.7.11")];
    assert_eq!(service.ask(ONE, "GET", ID, &headers).text(), "i-0123456789abcde00");
    assert_eq!(service.ask(TWO, "GET", ID, &[]).text(), "i-0123456789abcde01");
    assert_eq!(service.ask([127, 0, 7, 99], "GET", ID, &[]).status, 404, "nobody's address");
}

#[test]
fn a_service_that_is_off_answers_nothing() {
    let service = Service::start();
    let token = service.token(ONE, "60").text().to_owned();
    service.change(|facts| facts.instance.metadata_options.endpoint_enabled = false);
    assert_eq!(service.get(ID).status, 403);
    assert_eq!(service.token(ONE, "60").status, 403);
    assert_eq!(with_token(&service, ONE, &token).status, 403);
    assert_eq!(service.ask(TWO, "GET", ID, &[]).status, 200, "the neighbour's is on");
}

#[test]
fn over_ipv6_it_answers_those_who_switched_that_on() {
    let service = Service::start_at("[::1]:0");
    let own = std::net::Ipv6Addr::LOCALHOST;
    let facts = |on| {
        let mut facts = cumulet_imds::fixtures::instance(0);
        facts.instance.metadata_options.ipv6_enabled = on;
        facts
    };
    service.source.put(own, facts(false));
    assert_eq!(service.ask(own, "GET", ID, &[]).status, 403, "off, as at first");
    service.source.put(own, facts(true));
    assert_eq!(service.ask(own, "GET", ID, &[]).text(), "i-0123456789abcde00");
}

#[test]
fn each_path_has_its_methods() {
    let service = Service::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let reply = service.ask(ONE, method, ID, &[]);
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    let reply = service.get("/latest/api/token");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("PUT")));
    let head = service.ask(ONE, "HEAD", ID, &[]);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some("19"), 0));
}
