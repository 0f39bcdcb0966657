//! Known answers that OpenSSL made over the fixture keys (`tests/openssl/make.sh`).

#![allow(missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use wechatpay::keys::{ApiV3Key, Certificate, KeyError, PrivateKey, PublicKey};
use wechatpay::{message, seal};

fn key(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../../tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn signatures_are_openssls() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("openssl/signatures.json")).unwrap();
    assert_eq!(vectors.len(), 5);
    for vector in vectors {
        let text = vector["text"].as_str().unwrap();
        let private = PrivateKey::from_pem(&key(vector["key"].as_str().unwrap())).unwrap();
        let signature = vector["signature"].as_str().unwrap();
        assert_eq!(private.sign(text.as_bytes()), signature, "{}", vector["name"]);
        assert!(private.public_key().verify(text.as_bytes(), &STANDARD.decode(signature).unwrap()));
    }
}

#[test]
fn the_texts_are_the_ones_that_openssl_signed() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("openssl/signatures.json")).unwrap();
    let nonce = "abcdefghijklmnopqrstuvwxyz012345";
    let body = "{\"description\":\"奶茶 \\/ \\\"大杯\\\"\",\"amount\":{\"total\":1250}}";
    let texts = [
        message::request("GET", "/v3/certificates", 1_554_208_460, "593BEC0C930BF1AFEB40B4A08C8FB242", b""),
        message::request("POST", "/v3/pay/transactions/jsapi", 1_764_000_000, nonce, body.as_bytes()),
        message::jsapi("wx2421b1c4370ec43b", "1764000000", nonce, "prepay_id=wx201410272009395522657a690389285100"),
        message::answer("1764000000", nonce, b""),
        message::answer("1764000000", nonce, b"{\"code_url\":\"weixin://wxpay/bizpayurl?pr=JyC91EIz1\"}"),
    ];
    for (text, vector) in texts.iter().zip(&vectors) {
        assert_eq!(String::from_utf8_lossy(text), vector["text"].as_str().unwrap(), "{}", vector["name"]);
    }
}

#[test]
fn key_and_certificate_belong_together() {
    let merchant = PrivateKey::from_pem(&key("merchant_key.pem")).unwrap();
    let certificate = Certificate::from_pem(&key("merchant_cert.pem")).unwrap();
    assert!(merchant.public_key() == *certificate.public_key());
    assert_eq!(certificate.subject_cn(), "1900000001");
    assert_eq!(certificate.serial().as_str().len(), 40);
    let bundle = wechatpay::keys::pkcs12::open(&key("merchant.p12"), "1900000001").unwrap();
    assert!(bundle.0.public_key() == merchant.public_key());
    assert_eq!(bundle.1.serial(), certificate.serial());
    assert!(wechatpay::keys::pkcs12::open(&key("merchant.p12"), "1900000002").is_err());
    let public = PublicKey::from_pem(&key("pub_key.pem")).unwrap();
    assert!(public == PrivateKey::from_pem(&key("pub_key_private.pem")).unwrap().public_key());
}

#[test]
fn what_openssl_sealed_opens_and_oaep_with_sha256_does_not() {
    let sealed: Value = serde_json::from_str(include_str!("openssl/sealed.json")).unwrap();
    let at = |name: &str| sealed[name].as_str().unwrap();
    let api = ApiV3Key::parse(std::str::from_utf8(&key("apiv3.key")).unwrap()).unwrap();
    let opened = seal::open(&api, b"abcdefghijkl", b"transaction", at("gcm_transaction")).unwrap();
    assert_eq!(opened.as_slice(), r#"{"summary":"支付成功"}"#.as_bytes());
    assert_eq!(seal::seal(&api, b"abcdefghijkl", b"transaction", &opened), at("gcm_transaction"));
    assert_eq!(seal::open(&api, b"0123456789ab", b"", at("gcm_without_aad")).unwrap().as_slice(), b"x");
    assert!(seal::open(&api, b"0123456789ab", b"transaction", at("gcm_without_aad")).is_err());
    let private = PrivateKey::from_pem(&key("pub_key_private.pem")).unwrap();
    assert_eq!(private.decrypt_oaep(at("oaep_sha1")).unwrap().as_slice(), "张三".as_bytes());
    assert_eq!(private.decrypt_oaep(at("oaep_sha256")), Err(KeyError::Decrypt));
    for text in ["", "AAAA", "not base64", &"A".repeat(344)] {
        assert_eq!(private.decrypt_oaep(text), Err(KeyError::Decrypt), "one error for all causes");
    }
}
