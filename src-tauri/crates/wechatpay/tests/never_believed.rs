//! What must never be believed: mutated, forged, stale and unsigned notifications and answers.

#![allow(missing_docs)]

mod fixture;

use fixture::{PAYMENT, api_v3_key, file, headers, notified, now, trusted};
use rand_core::OsRng;
use wechatpay::api::close::Close;
use wechatpay::api::{Answer, VerifiedAnswer};
use wechatpay::ids::{Mchid, OutTradeNo};
use wechatpay::keys::{KeyError, PrivateKey};
use wechatpay::message;
use wechatpay::notification::{self, RawCallback};
use wechatpay::verify::Rejection;

fn payment() -> RawCallback {
    notified("TRANSACTION.SUCCESS", "transaction", PAYMENT)
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
    let (sound, keys, api) = (payment(), trusted(), [api_v3_key()]);
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
            let heads: Vec<_> = raw
                .headers
                .iter()
                .map(|(n, v)| {
                    (n.clone(), if n.ends_with("Serial") { v.trim().to_uppercase() } else { v.trim().to_owned() })
                })
                .collect();
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
fn of_100_000_mutated_answers_none_is_believed() {
    let body = br#"{"prepay_id":"wx201410272009395522657a690389285100"}"#.to_vec();
    let sound = Answer { status: 200, headers: headers(&body), body };
    let keys = trusted();
    assert!(VerifiedAnswer::check(sound.clone(), &keys, now()).is_ok());
    let mut dice = Dice(0x5eed_2026_1124_0002);
    let mut changed = 0;
    while changed < 100_000 {
        let mut answer = sound.clone();
        match dice.roll(4) {
            0 => answer.status = u16::try_from(100 + dice.roll(100)).unwrap(),
            1 => {
                // The digits of the time stamp, the nonce and the signature; the serial's letter case doesn't count.
                let at = [0, 1, 3][dice.roll(3)];
                let value = change(sound.headers[at].1.as_bytes(), &mut dice);
                answer.headers[at].1 = String::from_utf8_lossy(&value).trim().to_owned();
            }
            _ => answer.body = change(&sound.body, &mut dice),
        }
        if answer != sound {
            changed += 1;
            assert!(VerifiedAnswer::check(answer.clone(), &keys, now()).is_err(), "{answer:?} {:?}", answer.headers);
        }
    }
}

#[test]
fn each_reason_is_told_apart() {
    let (sound, keys, api) = (payment(), trusted(), [api_v3_key()]);
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
    let forged = stranger.sign(&message::answer(&fixture::NOW.to_string(), fixture::NONCE, &sound.body));
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
    let unsigned =
        |status| Answer { status, headers: vec![], body: r#"{"code":"SIGN_ERROR","message":"签名错误"}"#.into() };
    let error = VerifiedAnswer::check(unsigned(200), &trusted(), now()).unwrap_err();
    assert!(matches!(error, wechatpay::api::AnswerError::NotGenuine { why: Rejection::HeaderMissing(_), .. }));
    let error = VerifiedAnswer::check(unsigned(401), &trusted(), now()).unwrap_err();
    assert!(matches!(error, wechatpay::api::AnswerError::Refused(e) if e.code == "SIGN_ERROR"));
    assert!(VerifiedAnswer::check(unsigned(302), &trusted(), now()).is_err());
    let close =
        Close { mchid: Mchid::parse("1900000001").unwrap(), out_trade_no: OutTradeNo::parse("NO1234").unwrap() };
    assert!(VerifiedAnswer::unsigned(unsigned(200), &close.request()).is_err(), "a close must be signed");
}

#[test]
fn sensitive_fields_go_there_and_back() {
    let key = PrivateKey::from_pem(&file("platform_key.pem")).unwrap();
    let sealed = key.public_key().encrypt_oaep(&mut OsRng, "张三".as_bytes()).unwrap();
    assert_eq!(key.decrypt_oaep(&sealed).unwrap().as_slice(), "张三".as_bytes());
    assert!(key.public_key().encrypt_oaep(&mut OsRng, &[0; 214]).is_ok());
    assert!(matches!(
        key.public_key().encrypt_oaep(&mut OsRng, &[0; 215]),
        Err(KeyError::PlaintextTooLong { limit: 214, .. })
    ));
    assert!(PrivateKey::from_pem(&file("other_key.pem")).unwrap().decrypt_oaep(&sealed).is_err());
}
