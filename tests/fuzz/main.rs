//! Fuzzing of what reads strangers' bytes in the protocol: notifications, sealed fields, key files, bills. The door, the
//! desk and the command fuzz their own readers with the same mutator (`fuzz.rs` in each).

mod mutator;

use mutator::{fuzz, fuzz_slowly};
use serde_json::json;
use std::path::{Path, PathBuf};
use wechatpay::api::bill;
use wechatpay::authorization::Authorization;
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey, PublicKey, TrustedKeys, pkcs12};
use wechatpay::notification::{self, RawCallback, Refusal};
use wechatpay::time::Timestamp;
use wechatpay::{message, seal};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const NOW: i64 = 1_790_000_000;

fn keys() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("keys")
}

fn key_file(name: &str) -> Vec<u8> {
    std::fs::read(keys().join(name)).expect("a key of the tests")
}

/// How far a delivery got: the last rung, and how it ended.
fn ending(raw: &RawCallback, trusted: &TrustedKeys) -> String {
    let key = ApiV3Key::parse(KEY).expect("32 characters");
    let now = Timestamp::from_second(NOW).expect("a time");
    let opened = notification::open(raw, trusted, &[key], now);
    let rung = opened.checks.last().map_or("none", |it| it.name);
    match &opened.result {
        Ok(notification) => format!("{rung} {}", notification.event_type()),
        Err(Refusal::NotGenuine(rejection)) => format!("{rung} {:?}", std::mem::discriminant(rejection)),
        Err(Refusal::NotUnderstood { plaintext, .. }) => format!("{rung} not understood {}", plaintext.is_some()),
        Err(Refusal::Undecryptable { why }) => format!("{rung} {why:?}"),
    }
}

fn trusted() -> TrustedKeys {
    let mut trusted = TrustedKeys::new();
    trusted.add_certificate(Certificate::from_pem(&key_file("platform_cert.pem")).expect("a certificate"));
    trusted
}

/// Headers as lines, an empty line, the body: whatever a stranger may send. None of it can be genuine.
#[test]
fn deliveries_by_strangers() {
    let trusted = trusted();
    let words =
        ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature", "Wechatpay-Serial", "1790000000", "resource"];
    fuzz("delivery", &words, |bytes| {
        let at = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
        let (head, body) = bytes.split_at(at);
        let head = String::from_utf8_lossy(head);
        let header = |line: &str| line.split_once(": ").map(|(n, v)| (n.to_owned(), v.to_owned()));
        let raw = RawCallback {
            headers: head.lines().filter_map(header).collect(),
            body: body.get(2..).unwrap_or_default().to_vec(),
        };
        let ending = ending(&raw, &trusted);
        assert!(!ending.contains(".SUCCESS"), "forged: {ending}");
        ending
    });
}

/// A body that is signed whatever it says: what stands behind the signature reads it. Signing takes its time, so this one
/// reads a tenth as many.
#[test]
fn signed_bodies() {
    let trusted = trusted();
    let platform = PrivateKey::from_pem(&key_file("platform_key.pem")).expect("a key");
    let serial = trusted.newest_certificate().expect("one").serial().to_string();
    let words = ["resource", "ciphertext", "associated_data", "nonce", "algorithm", "AEAD_AES_256_GCM", "event_type"];
    fuzz_slowly("signed", &words, Vec::new(), 10, |bytes| {
        let (timestamp, nonce) = (NOW.to_string(), "n");
        let headers = [
            ("Wechatpay-Timestamp", timestamp.clone()),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Serial", serial.clone()),
            ("Wechatpay-Signature", platform.sign(&message::answer(&timestamp, nonce, bytes))),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        ending(&RawCallback { headers, body: bytes.to_vec() }, &trusted)
    });
}

/// The content of a genuine notification, sealed and signed whatever it says.
#[test]
fn sealed_content() {
    let trusted = trusted();
    let platform = PrivateKey::from_pem(&key_file("platform_key.pem")).expect("a key");
    let serial = trusted.newest_certificate().expect("one").serial().to_string();
    let key = ApiV3Key::parse(KEY).expect("32 characters");
    let words = ["out_trade_no", "amount", "payer_total", "trade_state", "SUCCESS", "refund_status", "sub_orders"];
    fuzz_slowly("content", &words, Vec::new(), 10, |bytes| {
        let refund = bytes.windows(6).any(|part| part == b"refund");
        let kind = if refund { "refund" } else { "transaction" };
        let event = if refund { "REFUND.SUCCESS" } else { "TRANSACTION.SUCCESS" };
        let ciphertext = seal::seal(&key, b"abcdefghijkl", kind.as_bytes(), bytes);
        let body = json!({ "id": "1", "create_time": "2026-09-21T12:00:00+08:00", "event_type": event,
            "resource": { "algorithm": seal::ALGORITHM, "ciphertext": ciphertext, "associated_data": kind,
                "nonce": "abcdefghijkl", "original_type": kind } })
        .to_string()
        .into_bytes();
        let (timestamp, nonce) = (NOW.to_string(), "n");
        let headers = [
            ("Wechatpay-Timestamp", timestamp.clone()),
            ("Wechatpay-Nonce", nonce.to_owned()),
            ("Wechatpay-Serial", serial.clone()),
            ("Wechatpay-Signature", platform.sign(&message::answer(&timestamp, nonce, &body))),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        ending(&RawCallback { headers, body }, &trusted)
    });
}

/// Base64 where ciphertext, signatures and sealed fields stand.
#[test]
fn base64_fields() {
    let key = ApiV3Key::parse(KEY).expect("32 characters");
    fuzz("base64", &["=", "==", "+", "-", "_", "\n", "AAAA"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let nonce = bytes.get(..12).unwrap_or(bytes);
        let sealed = seal::open(&key, nonce, bytes, &text).err().map(|error| format!("{error:?}"));
        let authorization = Authorization::parse(&text).err();
        (sealed, authorization, ApiV3Key::parse(&text).is_ok())
    });
}

#[test]
fn key_files() {
    let words = [
        "PRIVATE KEY-----\n",
        "PUBLIC KEY-----\n",
        "CERTIFICATE-----\n",
        "RSA PRIVATE KEY-----\n",
        "EC ",
        "ENCRYPTED ",
    ];
    let files =
        ["merchant_key.pem", "merchant_key_pkcs1.pem", "merchant_key_encrypted.pem", "ec_key.pem", "small_key.pem"];
    fuzz_slowly("pem", &words, files.map(key_file).to_vec(), 10, |bytes| {
        let word =
            |error: Option<wechatpay::keys::KeyError>| error.map(|it| format!("{:?}", std::mem::discriminant(&it)));
        (
            word(PrivateKey::from_pem(bytes).err()),
            word(Certificate::from_pem(bytes).err()),
            word(PublicKey::from_pem(bytes).err()),
        )
    });
}

#[test]
fn key_bundles() {
    let bundles = ["merchant.p12", "merchant_legacy.p12"].map(key_file).to_vec();
    fuzz_slowly("pkcs12", &[], bundles, 20, |bytes| {
        let opened = pkcs12::open(bytes, "1900000001");
        opened.err().map(|error| format!("{:?}", std::mem::discriminant(&error)))
    });
}

/// Bills as they are read: unfolded where they are gzip, hashed, and taken apart by both kinds of line.
#[test]
fn bills() {
    let words = ["`", ",`", "交易时间", "订单金额", "总交易单数", "\r\n", "收支金额(元)", "-", "0.01"];
    fuzz("bill", &words, |bytes| {
        let _ = bill::check(bytes, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let read = bill::read(bytes).map_err(|error| format!("{:?}", std::mem::discriminant(&error)))?;
        Ok::<_, String>((read.trade_lines().is_ok(), read.fund_flow_lines().is_ok(), read.rows.len().min(3)))
    });
}

#[test]
fn gzip() {
    fuzz("gzip", &["\u{1f}"], |bytes| {
        bill::gunzip(bytes).map(|it| it.len().min(1)).map_err(|error| format!("{:?}", std::mem::discriminant(&error)))
    });
}
