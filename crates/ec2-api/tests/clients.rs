//! Real, unmodified clients against the endpoint: boto3, whose answers are held against botocore's model of EC2, and
//! the aws CLI.

mod support;

use support::{Endpoint, skip, works};

/// Runs a story in Python, with a machine image to launch from; or says that it can't.
async fn story(name: &str, script: &str) {
    if !works("python3", &["-c", "import boto3"]).await {
        return skip(name, "python3 has no boto3");
    }
    let endpoint = Endpoint::start().await;
    let image = endpoint.cloud.image().await;
    endpoint.run("python3", script, &[image.id.as_str()]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_every_answer_as_its_model_says() {
    story("boto3_finds_every_answer_as_its_model_says", "every_action.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_leads_elastic_addresses_where_it_wants() {
    story("boto3_leads_elastic_addresses_where_it_wants", "addresses.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_gives_interfaces_secondary_addresses() {
    story("boto3_gives_interfaces_secondary_addresses", "secondary.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_makes_rules_of_every_kind() {
    story("boto3_makes_rules_of_every_kind", "groups.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_keeps_prefix_lists_in_versions() {
    story("boto3_keeps_prefix_lists_in_versions", "prefix_lists.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_guards_subnets_by_acls() {
    story("boto3_guards_subnets_by_acls", "acls.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_finds_every_documented_filter() {
    story("boto3_finds_every_documented_filter", "every_filter.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_gets_errors_by_their_codes() {
    story("boto3_gets_errors_by_their_codes", "errors.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn botocores_signatures_are_taken_in_every_form() {
    story("botocores_signatures_are_taken_in_every_form", "signatures.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_does_a_days_work() {
    if !works("aws", &["--version"]).await {
        return skip("the_aws_cli_does_a_days_work", "there is no aws CLI");
    }
    let endpoint = Endpoint::start().await;
    let image = endpoint.cloud.image().await;
    endpoint.run("bash", "cli_story.sh", &[image.id.as_str()]).await;
}
