//! Key files from strangers: each that can't be used is refused by name, quickly, and shows nothing of what it holds.

#![allow(missing_docs)]

use rsa::pkcs1::der::{Decode, EncodePem, asn1::UintRef, pem::LineEnding};
use rsa::pkcs8::{PrivateKeyInfo, SecretDocument};
use wechatpay::keys::{ApiV3Key, Certificate, FILE_LIMIT, KeyError, PrivateKey, PublicKey, pkcs12};

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../../tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn private(file: &[u8]) -> KeyError {
    PrivateKey::from_pem(file).unwrap_err()
}

/// The merchant's key with another modulus or exponent, in PKCS#1 PEM.
fn altered(modulus: Option<&[u8]>, exponent: Option<&[u8]>) -> Vec<u8> {
    let pem = String::from_utf8(file("merchant_key.pem")).unwrap();
    let (_, der) = SecretDocument::from_pem(&pem).unwrap();
    let info = PrivateKeyInfo::from_der(der.as_bytes()).unwrap();
    let mut key = rsa::pkcs1::RsaPrivateKey::from_der(info.private_key).unwrap();
    if let Some(bytes) = modulus {
        key.modulus = UintRef::new(bytes).unwrap();
    }
    if let Some(bytes) = exponent {
        key.public_exponent = UintRef::new(bytes).unwrap();
    }
    key.to_pem(LineEnding::LF).unwrap().as_bytes().to_vec()
}

#[test]
fn both_forms_of_a_key_are_the_same_key() {
    let key = PrivateKey::from_pem(&file("merchant_key.pem")).unwrap();
    assert_eq!(PrivateKey::from_pem(&file("merchant_key_pkcs1.pem")).unwrap().public_key(), key.public_key());
    assert_eq!(PrivateKey::from_pem(key.to_pkcs8_pem().as_bytes()).unwrap().public_key(), key.public_key());
    assert_eq!(PublicKey::from_pem(key.public_key().to_spki_pem().as_bytes()).unwrap(), key.public_key());
    assert_eq!(PrivateKey::from_pem(&altered(None, None)).unwrap().public_key(), key.public_key());
}

#[test]
fn what_editors_and_tools_do_to_a_file_is_forgiven() {
    let text = String::from_utf8(file("merchant_key.pem")).unwrap();
    for kind in [
        format!("\u{feff}{text}"),
        text.replace('\n', "\r\n"),
        format!("\n\n  {text}\n\n"),
        format!("Bag Attributes\n    localKeyID: 01\nKey Attributes: <No Attributes>\n{text}"),
        text.trim_end().to_owned(),
    ] {
        assert!(PrivateKey::from_pem(kind.as_bytes()).is_ok(), "{:?}", &kind[..40]);
    }
}

#[test]
fn private_keys_are_refused_by_name() {
    let text = String::from_utf8(file("merchant_key.pem")).unwrap();
    let wrong = |found: &str| KeyError::WrongKind { expected: "PRIVATE KEY", found: found.to_owned() };
    assert_eq!(private(&vec![b'A'; 50 * 1024 * 1024]), KeyError::TooLarge(50 * 1024 * 1024));
    assert_eq!(private(&vec![b'\n'; FILE_LIMIT + 1]), KeyError::TooLarge(FILE_LIMIT + 1));
    assert_eq!(private(b""), wrong("no PEM"));
    assert_eq!(private(b"1900000001"), wrong("no PEM"));
    assert_eq!(private(b"-----BEGIN "), wrong("no PEM"));
    assert_eq!(private(&file("merchant.p12")), wrong("bytes that are no text"));
    assert_eq!(private(&file("merchant_cert.pem")), wrong("CERTIFICATE"));
    assert_eq!(private(&file("pub_key.pem")), wrong("PUBLIC KEY"));
    assert_eq!(private(text.repeat(2).as_bytes()), KeyError::SeveralBlocks(2));
    assert_eq!(private(&file("merchant_key_encrypted.pem")), KeyError::Encrypted);
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_eq!(private(old.as_bytes()), KeyError::Encrypted);
    assert_eq!(private(&file("small_key.pem")), KeyError::Size(1024));
    assert_eq!(private(&file("ec_key.pem")), KeyError::NotRsa("private key"));
    assert_eq!(
        private(b"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n"),
        KeyError::NotRsa("private key")
    );
    assert_eq!(
        private(&altered(Some(&[0xff; 2048]), None)),
        KeyError::Size(16_384),
        "before anything is computed with it"
    );
    assert_eq!(private(&altered(Some(&[0x7f; 256]), None)), KeyError::Size(2047));
    assert_eq!(private(&altered(None, Some(&[3]))), KeyError::Exponent);
    // A modulus that the rest of the key doesn't fit.
    assert!(matches!(private(&altered(Some(&[0xfd; 256]), None)), KeyError::Damaged("private key", _)));
    for cut in 28..text.len() - 1 {
        assert!(PrivateKey::from_pem(&text.as_bytes()[..cut]).is_err(), "cut after {cut} bytes");
    }
}

#[test]
fn public_keys_and_certificates_are_refused_by_name() {
    let expected = |expected, found: &str| KeyError::WrongKind { expected, found: found.to_owned() };
    let public = |name: &str| PublicKey::from_pem(&file(name)).unwrap_err();
    let certificate = |name: &str| Certificate::from_pem(&file(name)).unwrap_err();
    assert_eq!(public("platform_cert.pem"), expected("PUBLIC KEY", "CERTIFICATE"));
    assert_eq!(public("merchant_key.pem"), expected("PUBLIC KEY", "PRIVATE KEY"));
    assert_eq!(certificate("merchant_key.pem"), expected("CERTIFICATE", "PRIVATE KEY"));
    assert_eq!(certificate("pub_key.pem"), expected("CERTIFICATE", "PUBLIC KEY"));
    let both = [file("platform_cert.pem"), file("platform2_cert.pem")].concat();
    assert_eq!(Certificate::from_pem(&both).unwrap_err(), KeyError::SeveralBlocks(2));
    let whole = file("platform_cert.pem");
    for cut in (28..whole.len() - 1).step_by(7) {
        assert!(Certificate::from_pem(&whole[..cut]).is_err(), "cut after {cut} bytes");
    }
    let certificate = Certificate::from_pem(&whole).unwrap();
    assert_eq!(certificate.to_pem().as_bytes(), whole.as_slice(), "it is written as it was read");
    assert!(certificate.not_before() < certificate.not_after());
}

#[test]
fn bundles_are_opened_by_the_mchid_or_refused_by_name() {
    let key = PrivateKey::from_pem(&file("merchant_key.pem")).unwrap().public_key();
    for name in ["merchant.p12", "merchant_legacy.p12"] {
        let bundle = file(name);
        let (opened, certificate) = pkcs12::open(&bundle, "1900000001").unwrap();
        assert!(opened.public_key() == key && certificate.public_key() == &key, "{name}");
        for password in ["1900000002", "", "1900000001 "] {
            assert_eq!(pkcs12::open(&bundle, password).unwrap_err(), KeyError::Password, "{name} {password:?}");
        }
        for cut in [0, 1, 10, 100, bundle.len() / 2, bundle.len() - 1] {
            assert!(
                matches!(pkcs12::open(&bundle[..cut], "1900000001"), Err(KeyError::Damaged(..))),
                "{name} cut after {cut}"
            );
        }
    }
    let of = |bytes: &[u8]| pkcs12::open(bytes, "1900000001").unwrap_err();
    assert_eq!(of(&vec![0x30; 50 * 1024 * 1024]), KeyError::TooLarge(50 * 1024 * 1024));
    assert_eq!(
        of(&file("merchant_key.pem")),
        KeyError::WrongKind { expected: "PKCS#12 bundle", found: "PRIVATE KEY".into() }
    );
    assert!(matches!(of(&[0x30; 60_000]), KeyError::Damaged(..)));
    // SEQUENCE { version 3, … } with a length that claims four gigabytes.
    assert!(matches!(of(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x02, 0x01, 0x03]), KeyError::Damaged(..)));
}

#[test]
fn an_apiv3_key_has_exactly_32_bytes() {
    for (text, bytes) in [
        ("", 0),
        ("short", 5),
        ("0123456789abcdef0123456789abcdef0", 33),
        ("密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥密钥", 96),
    ] {
        assert_eq!(ApiV3Key::parse(text), Err(KeyError::ApiV3Length(bytes)));
    }
    assert!(ApiV3Key::parse("0123456789abcdef0123456789abcdef").is_ok());
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let secret = "0123456789abcdefGHIJKLMNOPQRSTUV";
    let key = PrivateKey::from_pem(&file("merchant_key.pem")).unwrap();
    let api = ApiV3Key::parse(secret).unwrap();
    assert_eq!(format!("{key:?} {key:#?} {api:?}"), "PrivateKey(***) PrivateKey(***) ApiV3Key(***)");
    let mut shown = format!("{:?}", ApiV3Key::parse(&secret[1..]).unwrap_err());
    // Errors about a file hold nothing of its body: the base64 of the key, cut in the middle of a line.
    let text = String::from_utf8(file("merchant_key.pem")).unwrap();
    for cut in (28..text.len()).step_by(13) {
        if let Err(error) = PrivateKey::from_pem(&text.as_bytes()[..cut]) {
            shown += &format!("{error} {error:?}");
        }
    }
    for line in text.lines().filter(|line| !line.starts_with('-')) {
        assert!(!shown.contains(&line[..12]), "{line}");
    }
    assert!(!shown.contains(&secret[1..]));
}
