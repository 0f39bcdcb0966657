//! What must never be believed: mutated notifications and answers, and files that are no keys.

#![allow(missing_docs)]

use rand_core::OsRng;
use wechatpay::api::close::Close;
use wechatpay::api::prepay::{Prepay, Product};
use wechatpay::api::{Answer, VerifiedAnswer};
use wechatpay::ids::{Appid, Mchid, NotifyUrl, Openid, OutTradeNo};
use wechatpay::keys::{ApiV3Key, Certificate, KeyError, PrivateKey, PublicKey, TrustedKeys, pkcs12};
use wechatpay::message;
use wechatpay::money::Fen;
use wechatpay::notification::{self, Envelope, RawCallback};
use wechatpay::time::Timestamp;
use wechatpay::verify::Rejection;

const NOW: i64 = 1_764_000_000;
const API_V3_KEY: &str = "0123456789abcdefGHIJKLMNOPQRSTUV";

fn file(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../../tests/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn trusted() -> TrustedKeys {
    let mut keys = TrustedKeys::new();
    keys.add_certificate(Certificate::from_pem(&file("platform_cert.pem")).unwrap());
    keys
}

fn headers(body: &[u8]) -> Vec<(String, String)> {
    let key = PrivateKey::from_pem(&file("platform_key.pem")).unwrap();
    let serial = Certificate::from_pem(&file("platform_cert.pem")).unwrap().serial().as_str().to_owned();
    let signature = key.sign(&message::answer(&NOW.to_string(), "abcdefghijklmnopqrstuvwxyz012345", body));
    vec![
        ("Wechatpay-Timestamp".into(), NOW.to_string()),
        ("Wechatpay-Nonce".into(), "abcdefghijklmnopqrstuvwxyz012345".into()),
        ("Wechatpay-Serial".into(), serial),
        ("Wechatpay-Signature".into(), signature),
        ("Wechatpay-Signature-Type".into(), "WECHATPAY2-SHA256-RSA2048".into()),
    ]
}

fn payment() -> RawCallback {
    let plaintext = serde_json::json!({
        "mchid": "1900000001", "appid": "wxd678efh567hg6787", "out_trade_no": "NO20261124000001",
        "transaction_id": "4200000985202103031441826014", "trade_type": "JSAPI", "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功", "bank_type": "OTHERS", "success_time": "2026-11-24T10:00:00+08:00",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 1250, "payer_total": 1250, "currency": "CNY", "payer_currency": "CNY"},
    });
    let envelope = Envelope {
        id: "3119dfba-e649-5eec-ab1e-3412bc4d2e17",
        create_time: "2026-11-24T10:00:01+08:00",
        event_type: "TRANSACTION.SUCCESS",
        summary: "支付成功",
        original_type: "transaction",
    };
    let key = ApiV3Key::parse(API_V3_KEY).unwrap();
    let body = notification::write(envelope, &key, b"abcdefghijkl", plaintext.to_string().as_bytes());
    RawCallback { headers: headers(&body), body }
}

/// A small generator with a seed, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// Changes one thing in bytes so that they are other bytes afterwards.
fn change(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match dice.roll(5) {
        0 => {
            let at = dice.roll(out.len());
            out[at] ^= 1 << dice.roll(8);
        }
        1 => out.truncate(dice.roll(out.len())),
        2 => out.insert(dice.roll(out.len()), u8::try_from(dice.roll(256)).unwrap()),
        3 => {
            out.remove(dice.roll(out.len()));
        }
        _ => {
            let (a, b) = (dice.roll(out.len()), dice.roll(out.len()));
            out.swap(a, b);
        }
    }
    out
}

#[test]
fn of_100_000_mutated_notifications_none_is_believed() {
    let (sound, keys, api) = (payment(), trusted(), [ApiV3Key::parse(API_V3_KEY).unwrap()]);
    assert!(notification::open(&sound, &keys, &api, now()).result.is_ok(), "the sound one must pass");
    let mut dice = Dice(0x5eed_2026_1124_0001);
    let mut changed = 0;
    while changed < 100_000 {
        let mut raw = sound.clone();
        match dice.roll(3) {
            0 => raw.body = change(&sound.body, &mut dice),
            1 => {
                let at = dice.roll(4);
                let value = change(sound.headers[at].1.as_bytes(), &mut dice);
                raw.headers[at].1 = String::from_utf8_lossy(&value).into_owned();
            }
            _ => match dice.roll(3) {
                0 => {
                    raw.headers.remove(dice.roll(4));
                }
                1 => {
                    let again = raw.headers[dice.roll(4)].clone();
                    raw.headers.push(again);
                }
                _ => {
                    let (a, b) = (dice.roll(4), dice.roll(4));
                    let value = raw.headers[a].1.clone();
                    raw.headers[a].1 = std::mem::replace(&mut raw.headers[b].1, value);
                }
            },
        }
        // Blanks around a value and the letter case of a serial are no change in what is said.
        let said = |raw: &RawCallback| {
            let heads: Vec<_> =
                raw.headers.iter().map(|(n, v)| (n.clone(), if n.ends_with("Serial") { v.trim().to_uppercase() } else { v.trim().to_owned() })).collect();
            (heads, raw.body.clone())
        };
        if said(&raw) == said(&sound) {
            continue;
        }
        changed += 1;
        let opened = notification::open(&raw, &keys, &api, now());
        assert!(opened.result.is_err(), "{raw:?}");
        assert!(opened.id.is_none(), "nothing of it may be read: {raw:?}");
    }
}

#[test]
fn of_20_000_mutated_answers_none_is_believed() {
    let body = br#"{"prepay_id":"wx201410272009395522657a690389285100"}"#.to_vec();
    let sound = Answer { status: 200, headers: headers(&body), body };
    let keys = trusted();
    assert!(VerifiedAnswer::check(sound.clone(), &keys, now()).is_ok());
    let mut dice = Dice(0x5eed_2026_1124_0002);
    for _ in 0..20_000 {
        let mut answer = sound.clone();
        answer.body = change(&sound.body, &mut dice);
        if answer.body != sound.body {
            assert!(VerifiedAnswer::check(answer, &keys, now()).is_err());
        }
    }
}

#[test]
fn each_reason_is_told_apart() {
    let (sound, keys, api) = (payment(), trusted(), [ApiV3Key::parse(API_V3_KEY).unwrap()]);
    let with = |name: &str, value: &str| {
        let mut raw = sound.clone();
        for header in &mut raw.headers {
            if header.0 == name {
                header.1 = value.to_owned();
            }
        }
        raw
    };
    let stranger = PrivateKey::from_pem(&file("other_key.pem")).unwrap();
    let forged = stranger.sign(&message::answer(&NOW.to_string(), "abcdefghijklmnopqrstuvwxyz012345", &sound.body));
    let probe = format!("WECHATPAY/SIGNTEST/{}", sound.headers[3].1);
    let rows = [
        (with("Wechatpay-Signature", ""), "header_missing", "headers_present"),
        (with("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3"), "signature_type_unknown", "headers_present"),
        (with("Wechatpay-Timestamp", "1764000000000"), "timestamp_stale", "timestamp_fresh"),
        (with("Wechatpay-Timestamp", "17640O0000"), "timestamp_malformed", "timestamp_fresh"),
        (with("Wechatpay-Timestamp", "1763999699"), "timestamp_stale", "timestamp_fresh"),
        (with("Wechatpay-Timestamp", "1764000301"), "timestamp_stale", "timestamp_fresh"),
        (with("Wechatpay-Serial", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"), "serial_unknown", "serial_known"),
        (with("Wechatpay-Signature", &probe), "probe", "signature_valid"),
        (with("Wechatpay-Signature", "AAAA"), "signature_malformed", "signature_valid"),
        (with("Wechatpay-Signature", &forged), "signature_mismatch", "signature_valid"),
    ];
    for (raw, slug, rung) in rows {
        let opened = notification::open(&raw, &keys, &api, now());
        let Err(notification::Refusal::NotGenuine(rejection)) = opened.result else { panic!("{slug}") };
        assert_eq!((rejection.slug(), rejection.check_name()), (slug, rung));
        let last = opened.checks.last().unwrap();
        assert_eq!((last.name, last.ok), (rung, false), "the ladder ends at the rung that fails");
        assert!(opened.checks.iter().rev().skip(1).all(|check| check.ok));
    }
}

#[test]
fn an_answer_without_a_signature_is_an_error_and_a_refusal_needs_none() {
    let unsigned = |status| Answer { status, headers: vec![], body: r#"{"code":"SIGN_ERROR","message":"签名错误"}"#.into() };
    let error = VerifiedAnswer::check(unsigned(200), &trusted(), now()).unwrap_err();
    assert!(matches!(error, wechatpay::api::AnswerError::NotGenuine { why: Rejection::HeaderMissing(_), .. }));
    let error = VerifiedAnswer::check(unsigned(401), &trusted(), now()).unwrap_err();
    assert!(matches!(error, wechatpay::api::AnswerError::Refused(e) if e.code == "SIGN_ERROR"));
    assert!(VerifiedAnswer::check(unsigned(302), &trusted(), now()).is_err());
    let close = Close { mchid: Mchid::parse("1900000001").unwrap(), out_trade_no: OutTradeNo::parse("NO1234").unwrap() };
    assert!(VerifiedAnswer::unsigned(unsigned(200), &close.request()).is_err(), "a close must be signed");
}

#[test]
fn files_that_are_no_keys_are_refused_by_name() {
    let big = vec![b'A'; 50 * 1024 * 1024];
    assert_eq!(PrivateKey::from_pem(&big).unwrap_err(), KeyError::TooLarge(big.len()));
    assert_eq!(pkcs12::open(&big, "1900000001").unwrap_err(), KeyError::TooLarge(big.len()));
    assert_eq!(PrivateKey::from_pem(&file("merchant_key_encrypted.pem")).unwrap_err(), KeyError::Encrypted);
    for (name, found) in [("merchant_cert.pem", "CERTIFICATE"), ("pub_key.pem", "PUBLIC KEY")] {
        assert_eq!(
            PrivateKey::from_pem(&file(name)).unwrap_err(),
            KeyError::WrongKind { expected: "PRIVATE KEY", found: found.into() }
        );
    }
    assert!(matches!(Certificate::from_pem(&file("merchant_key.pem")), Err(KeyError::WrongKind { .. })));
    assert!(matches!(PublicKey::from_pem(&file("merchant_cert.pem")), Err(KeyError::WrongKind { .. })));
    assert_eq!(PrivateKey::from_pem(&file("small_key.pem")).unwrap_err(), KeyError::Size(1024));
    assert!(matches!(PrivateKey::from_pem(&file("ec_key.pem")), Err(KeyError::Damaged(..))));
    let whole = file("merchant_key.pem");
    for cut in [10, 100, whole.len() / 2, whole.len() - 40] {
        assert!(PrivateKey::from_pem(&whole[..cut]).is_err(), "{cut}");
    }
    assert!(PrivateKey::from_pem(b"").is_err());
    assert!(ApiV3Key::parse("short").is_err());
    assert!(ApiV3Key::parse(&"x".repeat(33)).is_err());
}

#[test]
fn secrets_are_not_shown() {
    let key = PrivateKey::from_pem(&file("merchant_key.pem")).unwrap();
    let api = ApiV3Key::parse(API_V3_KEY).unwrap();
    assert_eq!(format!("{key:?} {api:?}"), "PrivateKey(***) ApiV3Key(***)");
}

#[test]
fn sensitive_fields_go_there_and_back() {
    let key = PrivateKey::from_pem(&file("platform_key.pem")).unwrap();
    let sealed = key.public_key().encrypt_oaep(&mut OsRng, "张三".as_bytes()).unwrap();
    assert_eq!(key.decrypt_oaep(&sealed).unwrap().as_slice(), "张三".as_bytes());
    assert!(key.public_key().encrypt_oaep(&mut OsRng, &[0; 214]).is_ok());
    assert!(matches!(key.public_key().encrypt_oaep(&mut OsRng, &[0; 215]), Err(KeyError::PlaintextTooLong { limit: 214, .. })));
    assert!(PrivateKey::from_pem(&file("other_key.pem")).unwrap().decrypt_oaep(&sealed).is_err());
}

fn prepay(product: Product) -> Prepay {
    let prepay = Prepay::new(
        product,
        Appid::parse("wxd678efh567hg6787").unwrap(),
        Mchid::parse("1900000001").unwrap(),
        OutTradeNo::parse("NO20261124000001").unwrap(),
        "奶茶",
        NotifyUrl::parse("https://shop.example.com/notify").unwrap(),
        Fen::new(1250),
    );
    if product == Product::Jsapi { prepay.openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()) } else { prepay }
}

#[test]
fn a_broken_rule_names_field_and_value_before_anything_is_sent() {
    type Spoil = fn(&mut Prepay);
    let rows: [(&str, &str, Spoil); 9] = [
        ("description", "max_length", |p| p.description = "好".repeat(128)),
        ("description", "required", |p| p.description.clear()),
        ("description", "basic_plane", |p| p.description = "🧋".into()),
        ("description", "no_control", |p| p.description = "a\nb".into()),
        ("amount.total", "minimum", |p| p.amount.total = Fen::new(0)),
        ("amount.total", "maximum", |p| p.amount.total = Fen::new(1_000_000_001)),
        ("amount.currency", "one_of", |p| p.amount.currency = "USD".into()),
        ("attach", "max_length", |p| p.attach = Some("x".repeat(129))),
        ("payer.openid", "required", |p| p.payer = None),
    ];
    for (field, rule, spoil) in rows {
        let mut order = prepay(Product::Jsapi);
        assert!(order.request().is_ok());
        spoil(&mut order);
        let error = order.request().unwrap_err();
        assert_eq!((error.field.as_str(), error.rule), (field, rule));
        assert!(!error.zh.is_empty() && !error.en.is_empty());
    }
    let mut order = prepay(Product::Jsapi);
    order.description = "好".repeat(127);
    assert!(order.request().is_ok());
    assert_eq!(prepay(Product::H5).request().unwrap_err().field, "scene_info.h5_info");
    for url in [
        "https://shop.example.com/notify?a=1", "http://shop.example.com/notify", "https://127.0.0.1/n", "https://shop.example.com",
        "shop.example.com/notify", "https://10.0.0.8/n", "https://localhost/n", "https://u:p@shop.example.com/n", "https://shop.example.com/n ",
        "https://[::1]/n", "https://shop.example.com/n#x",
    ] {
        assert!(NotifyUrl::parse(url).is_err(), "{url}");
    }
    assert!(NotifyUrl::parse_for_sandbox("http://127.0.0.1:8787/notify/shop").is_ok());
    assert!(NotifyUrl::parse_for_sandbox("http://127.0.0.1:8787/notify?x=1").is_err());
}
