//! The identity document and its signatures, verified by OpenSSL where it is installed.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use cumulet_imds::IdentityKey;

use crate::service::{Service, identity};

const FOLDER: &str = "/latest/dynamic/instance-identity/";

fn decoded(text: &str) -> Vec<u8> {
    assert!(text.lines().all(|line| line.len() <= 64) && !text.ends_with('\n') && !text.contains("-----"));
    base64::engine::general_purpose::STANDARD.decode(text.replace('\n', "")).unwrap()
}

#[test]
fn the_document_keeps_its_nulls() {
    let service = Service::start();
    assert_eq!(service.get(FOLDER).text(), "document\npkcs7\nrsa2048\nsignature");
    let document: serde_json::Value =
        serde_json::from_slice(&service.get(&format!("{FOLDER}document")).body).unwrap();
    let expected = serde_json::json!({
        "accountId": "123456789012", "architecture": "x86_64", "availabilityZone": "us-east-1a",
        "billingProducts": null, "devpayProductCodes": null, "marketplaceProductCodes": null,
        "imageId": "ami-0123456789abcdef0", "instanceId": "i-0123456789abcde00", "instanceType": "t3.micro",
        "kernelId": "aki-0123456789abcdef0", "pendingTime": "2026-01-02T03:04:05Z", "privateIp": "172.31.0.10",
        "ramdiskId": null, "region": "us-east-1", "version": "2017-09-30",
    });
    assert_eq!(document, expected);
}

#[test]
fn a_key_that_was_kept_signs_the_same() {
    let key = identity();
    let again = IdentityKey::from_pem(&key.to_pem().unwrap()).unwrap();
    assert_eq!(key.certificate_pem(), again.certificate_pem());
    assert_eq!(key.signature("x"), again.signature("x"));
    assert_eq!(key.pkcs7("x"), again.pkcs7("x"));
    assert!(IdentityKey::from_pem("nonsense").is_err());
}

#[test]
fn both_signatures_verify_with_the_certificate() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let document = service.get(&format!("{FOLDER}document")).body;
    std::fs::write(at.join("document"), &document).unwrap();
    std::fs::write(at.join("certificate.pem"), identity().certificate_pem()).unwrap();
    for (name, file) in [("signature", "signature"), ("pkcs7", "pkcs7"), ("rsa2048", "rsa2048")] {
        let reply = service.get(&format!("{FOLDER}{name}"));
        std::fs::write(at.join(file), decoded(reply.text())).unwrap();
    }
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: openssl is not installed, so signatures are not verified by it");
        return;
    }
    openssl(at, "x509 -in certificate.pem -pubkey -noout -out public.pem");
    openssl(at, "dgst -sha256 -verify public.pem -signature signature document");
    for name in ["pkcs7", "rsa2048"] {
        openssl(
            at,
            &format!("cms -verify -inform DER -in {name} -CAfile certificate.pem -purpose any -out verified"),
        );
        assert_eq!(std::fs::read(at.join("verified")).unwrap(), document);
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {errors}");
}
