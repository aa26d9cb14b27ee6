//! The certificate, and signed data as RFC 5652 (5) has it: the document inside, one signer, no signed attributes, so
//! that the signature is over the document's own bytes.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, DigestAlgorithmIdentifiers, EncapsulatedContentInfo, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::EncodePublicKey;
use rsa::sha2::Sha256;
use rsa::signature::Keypair;
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::{Any, Null, ObjectIdentifier, OctetString, SetOfVec, UtcTime};
use x509_cert::der::{DateTime, Decode, Encode, Error};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A self-signed certificate for the key. Serial number and dates are fixed: the same key has the same certificate.
pub(super) fn certificate(key: &SigningKey<Sha256>) -> Result<Certificate, x509_cert::builder::Error> {
    let name: Name =
        "CN=Cumulet instance identity,O=Cumulet".parse().map_err(x509_cert::builder::Error::Asn1)?;
    let year = |year| DateTime::new(year, 1, 1, 0, 0, 0).and_then(UtcTime::from_date_time).map(Time::UtcTime);
    let validity = Validity {
        not_before: year(2020).map_err(x509_cert::builder::Error::Asn1)?,
        // The last year that this form of time has.
        not_after: year(2049).map_err(x509_cert::builder::Error::Asn1)?,
    };
    let public = key.verifying_key().to_public_key_der().map_err(x509_cert::builder::Error::PublicKey)?;
    let public =
        SubjectPublicKeyInfoOwned::from_der(public.as_bytes()).map_err(x509_cert::builder::Error::Asn1)?;
    let serial = SerialNumber::from(1_u32);
    CertificateBuilder::new(Profile::Root, serial, validity, name, public, key)?
        .build::<rsa::pkcs1v15::Signature>()
}

/// The document with its signature and certificate, as DER.
pub(super) fn signed_data(
    document: &[u8],
    signature: &[u8],
    certificate: &Certificate,
) -> Result<Vec<u8>, Error> {
    let sha_256 = AlgorithmIdentifierOwned { oid: SHA_256, parameters: None };
    let signer = SignerInfo {
        version: CmsVersion::V1,
        sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
            issuer: certificate.tbs_certificate.issuer.clone(),
            serial_number: certificate.tbs_certificate.serial_number.clone(),
        }),
        digest_alg: sha_256.clone(),
        signed_attrs: None,
        signature_algorithm: AlgorithmIdentifierOwned {
            oid: RSA_ENCRYPTION,
            parameters: Some(Any::from(Null)),
        },
        signature: OctetString::new(signature)?,
        unsigned_attrs: None,
    };
    let content = SignedData {
        version: CmsVersion::V1,
        digest_algorithms: DigestAlgorithmIdentifiers::try_from(vec![sha_256])?,
        encap_content_info: EncapsulatedContentInfo {
            econtent_type: DATA,
            econtent: Some(Any::encode_from(&OctetString::new(document)?)?),
        },
        certificates: Some(CertificateSet(SetOfVec::try_from(vec![CertificateChoices::Certificate(
            certificate.clone(),
        )])?)),
        crls: None,
        signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
    };
    ContentInfo { content_type: SIGNED_DATA, content: Any::encode_from(&content)? }.to_der()
}
