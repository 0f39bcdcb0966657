//! Genuine notifications: those that are understood, and those that are kept for a person because this version doesn't.

#![allow(missing_docs)]

mod fixture;

use fixture::{COMBINED, PAYMENT, REFUND, api_v3_key, file, headers, notified, now, signed, trusted};
use wechatpay::api::objects::RefundStatus;
use wechatpay::keys::{ApiV3Key, PrivateKey, TrustedKeys};
use wechatpay::money::Fen;
use wechatpay::notification::{self, Event, Opened, RawCallback, Refusal};

fn open(raw: &RawCallback) -> Opened {
    notification::open(raw, &trusted(), &[api_v3_key()], now())
}

fn rungs(opened: &Opened) -> Vec<(&'static str, bool)> {
    opened.checks.iter().map(|check| (check.name, check.ok)).collect()
}

const ALL: [(&str, bool); 6] = [
    ("headers_present", true),
    ("timestamp_fresh", true),
    ("serial_known", true),
    ("signature_valid", true),
    ("body_is_json", true),
    ("resource_decrypts", true),
];

#[test]
fn a_payment_a_refund_and_a_combined_order_are_understood() {
    let opened = open(&notified("TRANSACTION.SUCCESS", "transaction", PAYMENT));
    assert_eq!(rungs(&opened), ALL);
    let notification = opened.result.unwrap();
    assert_eq!(notification.id(), "3119dfba-e649-5eec-ab1e-3412bc4d2e17");
    assert_eq!(notification.plaintext(), PAYMENT);
    let Event::Payment(payment) = notification.event() else { panic!() };
    assert_eq!(payment.amount.as_ref().unwrap().total, Fen::new(1250));
    assert_eq!(payment.extra["promotion_detail"][0]["coupon_id"], "109519", "what is not typed is kept");
    assert_eq!(serde_json::to_value(payment).unwrap(), serde_json::from_str::<serde_json::Value>(PAYMENT).unwrap());

    let opened = open(&notified("REFUND.SUCCESS", "refund", REFUND)).result.unwrap();
    let Event::Refund(refund) = opened.event() else { panic!() };
    assert_eq!((refund.amount.refund, &refund.refund_status), (Fen::new(250), &RefundStatus::Success));

    let opened = open(&notified("TRANSACTION.SUCCESS", "transaction", COMBINED)).result.unwrap();
    let Event::Combined(combined) = opened.event() else { panic!() };
    assert_eq!(combined.sub_orders.len(), 2);
    assert_eq!(combined.sub_orders[1].amount.total_amount, Fen::new(200));
    assert_eq!(combined.sub_orders[0].extra["bank_type"], "OTHERS");
}

#[test]
fn the_older_spelling_of_a_closed_refund_is_the_same() {
    for word in ["CLOSED", "CLOSE"] {
        let content = REFUND.replace(r#""refund_status":"SUCCESS""#, &format!(r#""refund_status":"{word}""#));
        let opened = open(&notified("REFUND.CLOSED", "refund", &content)).result.unwrap();
        let Event::Refund(refund) = opened.event() else { panic!() };
        assert_eq!(refund.refund_status, RefundStatus::Closed);
    }
}

#[test]
fn the_serial_received_decides_which_key_verifies() {
    let raw = notified("TRANSACTION.SUCCESS", "transaction", PAYMENT);
    let public = PrivateKey::from_pem(&file("pub_key_private.pem")).unwrap();
    let by_public_key = RawCallback { headers: signed(&public, fixture::PUBLIC_KEY_ID, &raw.body), ..raw.clone() };
    assert!(open(&by_public_key).result.is_ok());
    // Signed by the one, named as the other.
    let mixed = RawCallback { headers: signed(&public, &raw.headers[2].1, &raw.body), ..raw.clone() };
    assert!(matches!(open(&mixed).result, Err(Refusal::NotGenuine(_))));
    // Header names and the serial in any letter case.
    let mut shouted = raw.clone();
    for (name, value) in &mut shouted.headers {
        name.make_ascii_uppercase();
        if name == "WECHATPAY-SERIAL" {
            value.make_ascii_lowercase();
        }
    }
    assert!(open(&shouted).result.is_ok());
    // Without the type it is RSA.
    shouted.headers.truncate(4);
    assert!(open(&shouted).result.is_ok());
    assert!(matches!(
        notification::open(&raw, &TrustedKeys::new(), &[api_v3_key()], now()).result,
        Err(Refusal::NotGenuine(wechatpay::verify::Rejection::SerialUnknown(_)))
    ));
}

#[test]
fn what_no_key_of_ours_opens_says_so_and_the_old_key_still_opens() {
    let raw = notified("TRANSACTION.SUCCESS", "transaction", PAYMENT);
    let other = ApiV3Key::parse("an0ther-key-that-has-32-bytes-00").unwrap();
    for keys in [&[] as &[ApiV3Key], std::slice::from_ref(&other)] {
        let opened = notification::open(&raw, &trusted(), keys, now());
        assert!(matches!(opened.result, Err(Refusal::Undecryptable { .. })));
        assert_eq!(rungs(&opened).last(), Some(&("resource_decrypts", false)));
        assert_eq!(opened.id.as_deref(), Some("3119dfba-e649-5eec-ab1e-3412bc4d2e17"));
    }
    assert!(notification::open(&raw, &trusted(), &[other, api_v3_key()], now()).result.is_ok());
}

#[test]
fn a_body_that_is_no_notification_is_held_at_its_rung() {
    let sound = String::from_utf8(notified("TRANSACTION.SUCCESS", "transaction", PAYMENT).body).unwrap();
    let rows = [
        "not json".to_owned(),
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        format!("\u{feff}{sound}"),
        format!("{sound} {{}}"),
        sound.replace(r#""id":"#, r#""id":"x","id":"#),
        sound.replace(r#""nonce":"#, r#""nonce":"x","nonce":"#),
        sound.replace("3119dfba-e649-5eec-ab1e-3412bc4d2e17", ""),
        sound.replace("3119dfba-e649-5eec-ab1e-3412bc4d2e17", "a\\nb"),
        sound.replace("AEAD_AES_256_GCM", "AEAD_SM4_GCM"),
        sound.replace("encrypt-resource", "plain"),
        sound.replace(r#""nonce":"abcdefghijkl""#, r#""nonce":12"#),
        sound.replace(r#""event_type":"TRANSACTION.SUCCESS""#, r#""event_type":null"#),
    ];
    for body in rows {
        let raw = RawCallback { headers: headers(body.as_bytes()), body: body.clone().into_bytes() };
        let opened = open(&raw);
        assert!(matches!(opened.result, Err(Refusal::NotUnderstood { plaintext: None, .. })), "{body}");
        assert_eq!(rungs(&opened).last(), Some(&("body_is_json", false)), "{body}");
    }
    // A nonce of another length must not panic.
    let body = sound.replace(r#""nonce":"abcdefghijkl""#, r#""nonce":"short""#);
    let raw = RawCallback { headers: headers(body.as_bytes()), body: body.into_bytes() };
    assert!(matches!(open(&raw).result, Err(Refusal::Undecryptable { .. })));
}

#[test]
fn a_content_that_is_not_understood_is_held_with_its_plaintext() {
    let rows = [
        ("PAYSCORE.USER_OPEN_SERVICE", "payscore", r#"{"mchid":"1900000001"}"#.to_owned()),
        ("TRANSACTION.SUCCESS", "transaction", "not json".into()),
        ("TRANSACTION.SUCCESS", "transaction", "{}".into()),
        ("TRANSACTION.SUCCESS", "transaction", REFUND.into()),
        ("TRANSACTION.SUCCESS", "refund", PAYMENT.into()),
        ("REFUND.SUCCESS", "refund", PAYMENT.into()),
        ("REFUND.SUCCESS", "transaction", REFUND.into()),
        ("REFUND.CLOSED", "refund", REFUND.into()),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""SUCCESS""#, r#""NOTPAY""#)),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""total":1250"#, r#""total":"1250""#)),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""total":1250"#, r#""total":12.50"#)),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""total":1250"#, r#""total":99999999999999999999"#)),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""total":1250"#, r#""total":1,"total":1250"#)),
        ("TRANSACTION.SUCCESS", "transaction", PAYMENT.replace(r#""transaction_id""#, r#""another_id""#)),
        ("TRANSACTION.SUCCESS", "transaction", COMBINED.replacen(r#""SUCCESS""#, r#""NOTPAY""#, 1)),
    ];
    for (event_type, original_type, content) in rows {
        let opened = open(&notified(event_type, original_type, &content));
        assert_eq!(rungs(&opened), ALL, "it is genuine and opens: {content}");
        let Err(Refusal::NotUnderstood { plaintext, why }) = opened.result else { panic!("{content}") };
        assert_eq!(plaintext.as_deref(), Some(content.as_str()));
        assert!(!why.is_empty());
    }
}

#[test]
fn a_notification_is_written_in_the_live_order() {
    let text = String::from_utf8(notified("TRANSACTION.SUCCESS", "transaction", PAYMENT).body).unwrap();
    let mut from = 0;
    for name in [
        "{\"id\":",
        "\"create_time\":",
        "\"resource_type\":\"encrypt-resource\"",
        "\"event_type\":",
        "\"summary\":\"支付成功\"",
        "\"resource\":{\"original_type\":",
        "\"algorithm\":\"AEAD_AES_256_GCM\"",
        "\"ciphertext\":",
        "\"associated_data\":\"transaction\"",
        "\"nonce\":\"abcdefghijkl\"}}",
    ] {
        from += text[from..].find(name).unwrap_or_else(|| panic!("{name} in {text}"));
    }
}
