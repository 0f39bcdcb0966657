//! What holds for every input: what is signed is what is sent, what was sealed opens, and nothing that comes from
//! outside makes the library panic.

#![allow(missing_docs)]

mod fixture;

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fixture::{api_v3_key, file, headers, merchant, now, trusted};
use proptest::prelude::*;
use wechatpay::api::bill;
use wechatpay::api::prepay::{Prepay, Product};
use wechatpay::api::query::ByOutTradeNo;
use wechatpay::api::{Answer, VerifiedAnswer};
use wechatpay::authorization::Authorization;
use wechatpay::ids::{Appid, Mchid, NotifyUrl, OutTradeNo, SerialNo};
use wechatpay::keys::{Certificate, PrivateKey, PublicKey, TrustedKeys, pkcs12};
use wechatpay::money::Fen;
use wechatpay::notification::{self, RawCallback};
use wechatpay::sign::Signer;
use wechatpay::verify::SignatureHeaders;
use wechatpay::{ApiError, json, message, seal, time};

static MERCHANT: LazyLock<Signer> = LazyLock::new(merchant);
static TRUSTED: LazyLock<TrustedKeys> = LazyLock::new(trusted);

/// What the gateway does with a request: it takes the header apart and rebuilds the text from what came over the wire.
fn gateway_believes(method: &str, target: &str, body: &[u8], authorization: &str) -> bool {
    let read = Authorization::parse(authorization).unwrap();
    let text = message::request(method, target, read.timestamp.parse().unwrap(), &read.nonce_str, body);
    MERCHANT.key.public_key().verify(&text, &STANDARD.decode(read.signature).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_is_byte_for_byte_what_is_sent(
        description in "[\\PC&&[\u{1}-\u{ffff}]]{1,127}",
        attach in proptest::option::of("[a-z\"\\\\/一-龥]{1,128}"),
        number in "[0-9A-Za-z_|*-]{6,32}",
        total in 1i64..=1_000_000_000,
        timestamp in 0i64..=9_999_999_999,
        nonce in "[0-9A-Za-z]{1,32}",
    ) {
        let out_trade_no = OutTradeNo::parse(&number).unwrap();
        let mut order = Prepay::new(
            Product::Native,
            Appid::parse("wxd678efh567hg6787").unwrap(),
            MERCHANT.mchid.clone(),
            out_trade_no.clone(),
            description.clone(),
            NotifyUrl::parse("https://shop.example.com/notify").unwrap(),
            Fen::new(total),
        );
        order.attach = attach;
        let request = order.request().unwrap();
        let signed = MERCHANT.authorization(request.method, &request.target, &request.body, timestamp, &nonce);
        prop_assert!(gateway_believes(request.method, &request.target, &request.body, &signed.authorization));
        prop_assert!(signed.message.ends_with(&[request.body.as_slice(), b"\n"].concat()));
        prop_assert!(!signed.authorization.contains('\n'));
        // Nothing was lost on the way into the body.
        let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
        prop_assert_eq!(body["description"].as_str().unwrap(), description);
        prop_assert_eq!(body["amount"]["total"].as_i64().unwrap(), total);

        let query = ByOutTradeNo { mchid: MERCHANT.mchid.clone(), out_trade_no }.request();
        let signed = MERCHANT.authorization(query.method, &query.target, &query.body, timestamp, &nonce);
        prop_assert!(gateway_believes(query.method, &query.target, &query.body, &signed.authorization));
        prop_assert!(query.target.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'|' | b'*' | b'"')));
    }

    #[test]
    fn a_request_that_was_altered_on_its_way_is_not_believed(
        body in proptest::collection::vec(any::<u8>(), 1..200), at in any::<proptest::sample::Index>(), bit in 0u8..8,
    ) {
        let signed = MERCHANT.authorization("POST", "/v3/x", &body, 1, "n");
        prop_assert!(gateway_believes("POST", "/v3/x", &body, &signed.authorization));
        let mut altered = body.clone();
        altered[at.index(body.len())] ^= 1 << bit;
        prop_assert!(!gateway_believes("POST", "/v3/x", &altered, &signed.authorization));
        prop_assert!(!gateway_believes("PUT", "/v3/x", &body, &signed.authorization));
        prop_assert!(!gateway_believes("POST", "/v3/x?", &body, &signed.authorization));
    }

    #[test]
    fn what_was_sealed_opens_as_it_was(text in proptest::collection::vec(any::<u8>(), 1..2000), aad in ".{0,40}", nonce in any::<[u8; 12]>()) {
        let sealed = seal::seal(&api_v3_key(), &nonce, aad.as_bytes(), &text);
let opened = seal::open(&api_v3_key(), &nonce, aad.as_bytes(), &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), text.as_slice());
    }

    #[test]
    fn yuan_and_fen_are_the_same_money(fen in 0i64..=i64::MAX, text in "[0-9.,+e -]{0,24}") {
        prop_assert_eq!(Fen::parse_yuan(&Fen::new(fen).yuan()), Ok(Fen::new(fen)));
        if let Ok(parsed) = Fen::parse_yuan(&text) {
            prop_assert!(parsed.get() >= 0);
            prop_assert_eq!(Fen::parse_yuan(&parsed.yuan()), Ok(parsed));
        }
    }

    #[test]
    fn ids_that_parse_are_of_the_alphabet_and_come_out_as_they_went_in(text in "\\PC{0,70}") {
        if let Ok(id) = OutTradeNo::parse(&text) {
            prop_assert_eq!(id.as_str(), text.as_str());
            prop_assert!(text.is_ascii() && (6..=32).contains(&text.len()));
        }
        if let Ok(id) = Mchid::parse(&text) {
            prop_assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
        }
        if let Ok(url) = NotifyUrl::parse(&text) {
            prop_assert!(url.as_str().starts_with("https://"));
        }
    }

    #[test]
    fn a_serial_is_the_same_in_any_spelling(hex in "[1-9a-f][0-9a-f]{0,39}") {
        let serial = SerialNo::parse(&hex).unwrap();
        prop_assert_eq!(&SerialNo::parse(&hex.to_uppercase()).unwrap(), &serial);
        prop_assert_eq!(&SerialNo::parse(&format!("00{hex}")).unwrap(), &serial);
        prop_assert_eq!(serial.as_str().len() % 2, 0);
    }

    #[test]
    fn beijing_time_is_read_as_it_was_written(second in 0i64..=253_370_000_000) {
        let at = time::Timestamp::from_second(second).unwrap();
        prop_assert_eq!(time::parse(&time::beijing(at)).unwrap(), at);
        let date = time::beijing_date(at);
        prop_assert!(time::beijing(at).starts_with(&date));
    }

    #[test]
    fn nothing_from_outside_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), text in "\\PC{0,200}") {
        for input in [bytes.as_slice(), text.as_bytes()] {
            let _ = PrivateKey::from_pem(input);
            let _ = PublicKey::from_pem(input);
            let _ = Certificate::from_pem(input);
            let _ = PrivateKey::from_pkcs8_der(input);
            let _ = PublicKey::from_spki_der(input);
            let _ = Certificate::from_der(input);
            let _ = pkcs12::open(input, &text);
            let _ = bill::gunzip(input);
            let _ = bill::read(input).map(|bill| (bill.trade_lines().is_ok(), bill.fund_flow_lines().is_ok()));
            let _ = json::strict(input);
            let _ = ApiError::read(400, input, Some(&text)).advice();
            let _ = seal::open(&api_v3_key(), input, input, &text);
            let raw = RawCallback { headers: headers(b""), body: input.to_vec() };
            prop_assert!(input.is_empty() || notification::open(&raw, &TRUSTED, &[api_v3_key()], now()).result.is_err());
        }
        let _ = Authorization::parse(&text);
        let _ = SignatureHeaders::read([("Wechatpay-Serial", text.as_str())]);
        let _ = time::parse(&text);
        let _ = NotifyUrl::parse(&text);
        let _ = NotifyUrl::parse_for_sandbox(&format!("http://{text}"));
    }

    #[test]
    fn a_genuine_body_of_any_shape_is_held_and_never_a_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        // WeChat Pay itself signs nonsense: kept for a person, not rejected and not applied.
        let raw = RawCallback { headers: headers(&body), body: body.clone() };
        let opened = notification::open(&raw, &TRUSTED, &[api_v3_key()], now());
        let held = matches!(opened.result, Err(notification::Refusal::NotUnderstood { .. }));
        prop_assert!(held);
        let answer = Answer { status: 200, headers: headers(&body), body };
        prop_assert!(VerifiedAnswer::check(answer, &TRUSTED, now()).is_ok());
    }

    #[test]
    fn a_key_file_with_one_byte_changed_is_refused_or_the_same_key(at in any::<proptest::sample::Index>(), to in any::<u8>()) {
        let whole = file("platform_cert.pem");
        let mut changed = whole.clone();
        changed[at.index(whole.len())] = to;
        // No panic; if it is read, it is read to the end.
        if let Ok(certificate) = Certificate::from_pem(&changed) {
            prop_assert!(Certificate::from_pem(certificate.to_pem().as_bytes()).is_ok());
        }
    }
}
