//! For tests: a merchant of the fixture keys, and requests signed as it would sign them.

use std::path::Path;

use bytes::Bytes;
use guitai_door::Request;
use wechatpay::ids::{Mchid, SerialNo};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey, PublicKey, TrustedKeys};
use wechatpay::sign::Signer;

use crate::clock::Clock;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/keys/", $name))
    };
}

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const APPID: &str = "wx0123456789abcdef";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0119000000010000000000000001";

/// Lays the keys of the merchant into `keys`, as the keyring would.
pub(crate) fn lay(keys: &Path) {
    lay_as(keys, MCHID, APPID);
}

/// Lays the same keys under other numbers.
pub(crate) fn lay_as(keys: &Path, mchid: &str, appid: &str) {
    let folder = keys.join(mchid);
    std::fs::create_dir_all(&folder).unwrap();
    let serial = platform_serial();
    let description = serde_json::json!({
        "mchid": mchid, "appid": appid, "appsecret": SECRET, "api_v3_key": fixture!("apiv3.key").trim_end(),
        "public_key_id": PUBLIC_KEY_ID, "ended": [],
        "platforms": [{ "serial": serial, "key": "wechatpay_key.pem", "since": 1 }],
    });
    for (name, text) in [
        ("apiclient_key.pem", fixture!("merchant_key.pem")),
        ("apiclient_cert.pem", fixture!("merchant_cert.pem")),
        ("pub_key.pem", fixture!("pub_key.pem")),
        ("pub_key_private.pem", fixture!("pub_key_private.pem")),
        ("wechatpay_key.pem", fixture!("platform_key.pem")),
        (&format!("wechatpay_{serial}.pem"), fixture!("platform_cert.pem")),
        ("merchant.json", &description.to_string()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

pub(crate) fn platform_serial() -> String {
    Certificate::from_pem(fixture!("platform_cert.pem").as_bytes()).unwrap().serial().as_str().to_owned()
}

pub(crate) fn signer() -> Signer {
    let certificate = Certificate::from_pem(fixture!("merchant_cert.pem").as_bytes()).unwrap();
    Signer {
        mchid: Mchid::parse(MCHID).unwrap(),
        serial_no: SerialNo::parse(certificate.serial().as_str()).unwrap(),
        key: PrivateKey::from_pem(fixture!("merchant_key.pem").as_bytes()).unwrap(),
    }
}

pub(crate) fn strangers_key() -> PrivateKey {
    PrivateKey::from_pem(fixture!("other_key.pem").as_bytes()).unwrap()
}

pub(crate) fn api_v3_key() -> ApiV3Key {
    ApiV3Key::parse(fixture!("apiv3.key").trim_end()).unwrap()
}

/// What the merchant trusts: the platform certificate and the public key.
pub(crate) fn trusted() -> TrustedKeys {
    let mut keys = TrustedKeys::new();
    keys.add_certificate(Certificate::from_pem(fixture!("platform_cert.pem").as_bytes()).unwrap());
    let id = wechatpay::ids::PublicKeyId::parse(PUBLIC_KEY_ID).unwrap();
    keys.add_public_key(id, PublicKey::from_pem(fixture!("pub_key.pem").as_bytes()).unwrap());
    keys
}

/// The headers of a well-signed request.
pub(crate) fn headers(method: &str, target: &str, body: &[u8]) -> Vec<(String, String)> {
    let nonce = crate::clock::alphanumeric(32);
    let signed = signer().authorization(method, target, body, Clock::wall().as_second(), &nonce);
    [
        ("Host", "127.0.0.1:1"),
        ("Accept", "application/json"),
        ("User-Agent", "test"),
        ("Content-Type", "application/json"),
        ("Authorization", signed.authorization.as_str()),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .to_vec()
}

/// A well-signed request.
pub(crate) fn request(method: &str, target: &str, body: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers(method, target, body.as_bytes()),
        body: Bytes::copy_from_slice(body.as_bytes()),
        peer: ([127, 0, 0, 1], 9).into(),
        received_at: std::time::SystemTime::now(),
        via: None,
        answered: guitai_door::Answered::default(),
    }
}
