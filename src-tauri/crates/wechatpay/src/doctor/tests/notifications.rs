//! `doctor notification`: what is done to notifications on their way, and to their ciphertext.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::workshop::*;
use crate::doctor::{Diagnosis, NotificationInput, notification, parse_headers};
use crate::keys::{ApiV3Key, Certificate};
use crate::seal;
use crate::time::Timestamp;

const PLATFORM_KEY: &[u8] = fixture!("platform_key.pem");
const PLATFORM_CERT: &[u8] = fixture!("platform_cert.pem");
const PLATFORM2_CERT: &[u8] = fixture!("platform2_cert.pem");
const PUBLIC_KEY: &[u8] = fixture!("pub_key.pem");
const PUBLIC_KEY_PRIVATE: &[u8] = fixture!("pub_key_private.pem");
const ID: &str = "PUB_KEY_ID_0119000072912024091800000000001234";

fn sealed(aad: &str, stated: Option<&str>) -> String {
    let key = ApiV3Key::parse(API_V3_KEY).unwrap();
    let ciphertext = seal::seal(&key, b"fdasfjihihih", aad.as_bytes(), "{\"out_trade_no\":\"1217752501\"}".as_bytes());
    let stated = stated.map(|text| format!("\"associated_data\":\"{text}\",")).unwrap_or_default();
    format!(
        "{{\"id\":\"3119dfba-e649-5eec-ab1e-3412bc4d2e17\",\"create_time\":\"2021-03-03T15:28:53+08:00\",\"resource_type\":\"encrypt-resource\",\"event_type\":\"TRANSACTION.SUCCESS\",\"summary\":\"支付成功 a/b\",\"resource\":{{\"original_type\":\"transaction\",\"algorithm\":\"AEAD_AES_256_GCM\",\"ciphertext\":\"{ciphertext}\",{stated}\"nonce\":\"fdasfjihihih\"}}}}"
    )
}

pub(super) fn body() -> String {
    sealed("transaction", Some("transaction"))
}

#[derive(Clone)]
pub(super) struct Given {
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    certificates: Vec<&'static [u8]>,
    public_key: Option<(&'static str, &'static [u8])>,
    own: Option<&'static [u8]>,
    key: Option<Vec<u8>>,
    now: i64,
}

impl Given {
    /// Signed over `sent`, held as `sent`.
    pub(super) fn sound(sent: &str) -> Given {
        Given::signed_by(sent, PLATFORM_KEY, Certificate::from_pem(PLATFORM_CERT).unwrap().serial().as_str())
    }

    fn signed_by(sent: &str, key: &'static [u8], serial: &str) -> Given {
        let text = format!("{T}\n{NONCE}\n{sent}\n");
        let pair = |name: &str, value: String| (name.to_owned(), value);
        Given {
            headers: vec![
                pair("Content-Type", "application/json".into()),
                pair("wechatpay-timestamp", T.to_string()),
                pair("Wechatpay-Nonce", NONCE.into()),
                pair("Wechatpay-Serial", serial.into()),
                pair("WECHATPAY-SIGNATURE", STANDARD.encode(sign(key, text.as_bytes(), How::Right))),
            ],
            body: sent.into(),
            certificates: vec![PLATFORM_CERT],
            public_key: None,
            own: Some(MERCHANT_CERT),
            key: Some(API_V3_KEY.into()),
            now: T + 5,
        }
    }

    pub(super) fn public(sent: &str) -> Given {
        let given = Given::signed_by(sent, PUBLIC_KEY_PRIVATE, ID);
        Given { certificates: vec![], public_key: Some((ID, PUBLIC_KEY)), ..given }
    }

    fn set(&mut self, name: &str, value: &str) {
        for (known, slot) in &mut self.headers {
            if known.eq_ignore_ascii_case(name) {
                *slot = value.to_owned();
            }
        }
    }

    fn get(&self, name: &str) -> String {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone()).unwrap()
    }

    pub(super) fn with_key(mut self, key: Vec<u8>) -> Given {
        self.key = Some(key);
        self
    }

    pub(super) fn case(self, name: &str, expected: &str) -> Case {
        let name = format!("{name}: {expected}");
        Case { name, expected: expected.to_owned(), examine: Box::new(move || self.examine()) }
    }

    fn examine(&self) -> Diagnosis {
        notification(&NotificationInput {
            headers: &self.headers,
            body: &self.body,
            platform_certificates: &self.certificates,
            public_key: self.public_key,
            certificate: self.own,
            api_v3_key: self.key.as_deref(),
            now: Some(Timestamp::from_second(self.now).unwrap()),
        })
        .unwrap()
    }
}

#[test]
fn sound_ones_are_valid() {
    let mut tally = Tally::default();
    let refund = sealed("refund", Some("refund"));
    for sent in
        [body(), refund, sealed("", None), "{\"prepay_id\":\"wx1\"}".into(), String::new(), " {\"a\" : 1}\n".into()]
    {
        tally.expect(&sent, "valid", &Given::sound(&sent).examine());
        tally.expect(&sent, "valid", &Given::public(&sent).examine());
        let mut surplus = Given::sound(&sent);
        surplus.certificates = vec![PLATFORM2_CERT, PLATFORM_CERT];
        surplus.public_key = Some((ID, PUBLIC_KEY));
        tally.expect("surplus keys", "valid", &surplus.examine());
        let mut lower = Given::sound(&sent);
        lower.set("wechatpay-serial", &lower.get("wechatpay-serial").to_lowercase());
        lower.key = Some(format!("{API_V3_KEY}\r\n").into());
        tally.expect("lower case", "valid", &lower.examine());
    }
    tally.finish();
}

/// What is expected, and the body as it is held.
pub(super) fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let sent = body();
    let spaced = sent.replace(",\"", ", \"").replace("\":", "\": ");
    let value: serde_json::Value = serde_json::from_str(&sent).unwrap();
    let indented = serde_json::to_string_pretty(&value).unwrap();
    let moved = "{\"summary\":\"支付成功 a/b\",".to_owned() + &sent[1..].replace(",\"summary\":\"支付成功 a/b\"", "");
    let escaped = sent.replace("支付成功", "\\u652f\\u4ed8\\u6210\\u529f");
    let slashed = sent.replace('/', "\\/");
    let camel = ["create_time", "resource_type", "event_type", "original_type", "associated_data"].iter().fold(
        sent.clone(),
        |text, name| {
            let mut parts = name.split('_');
            let first = parts.next().unwrap().to_owned();
            let rest = parts.map(|p| p[..1].to_uppercase() + &p[1..]).collect::<String>();
            text.replace(&format!("\"{name}\""), &format!("\"{first}{rest}\""))
        },
    );
    let nginx: String = sent
        .bytes()
        .map(|b| {
            if b == b'"' || b == b'\\' || !(32..127).contains(&b) {
                format!("\\x{b:02X}")
            } else {
                char::from(b).to_string()
            }
        })
        .collect();
    let mojibake: String = sent.bytes().map(char::from).collect();
    let gbk = encoding_rs::GBK.encode(&sent).0.into_owned();
    let bytes = |text: &str| text.as_bytes().to_vec();
    let quoted = serde_json::to_string(&sent).unwrap();
    let resource = sent.find("\"resource\"").unwrap();
    let (outer, inner) = sent.split_at(resource);
    let only_inner =
        outer.to_owned() + &inner.replace("original_type", "originalType").replace("associated_data", "associatedData");
    let only_outer = outer
        .replace("create_time", "createTime")
        .replace("event_type", "eventType")
        .replace("resource_type", "resourceType")
        + inner;
    vec![
        ("body_json_key_order", bytes(&sorted(&value))),
        (
            "body_json_key_order",
            bytes(&sent.replace(
                "\"original_type\":\"transaction\",\"algorithm\":\"AEAD_AES_256_GCM\"",
                "\"algorithm\":\"AEAD_AES_256_GCM\",\"original_type\":\"transaction\"",
            )),
        ),
        ("body_json_unicode_escapes", bytes(&sent.replace('支', "\\u652f").replace('付', "\\u4ED8"))),
        ("body_json_slash_escapes", bytes(&sent.replace("a/b", "a\\/b"))),
        ("body_json_slash_escapes", bytes(&sent.replacen('/', "\\/", 1))),
        ("body_object_string", bytes(&quoted.replace('支', "\\u652f"))),
        ("body_bom", bytes(&format!("\u{feff}{sent}"))),
        ("body_bom", [b"\xef\xbb\xbf".as_slice(), sent.as_bytes()].concat()),
        ("body_charset_wrong", encoding_rs::GB18030.encode(&sent).0.into_owned()),
        ("body_charset_wrong", bytes(&encoding_rs::WINDOWS_1252.decode(sent.as_bytes()).0)),
        ("body_keys_renamed", bytes(&only_inner)),
        ("body_keys_renamed", bytes(&only_outer)),
        ("body_empty?", bytes(" \n")),
        ("body_empty?", bytes("\u{feff}")),
        ("body_truncated?", bytes(&sent[..sent.len() - 1])),
        ("sign_string_unexplained?", bytes("{}")),
        ("sign_string_unexplained?", b"\xff\x00 binary".to_vec()),
        ("body_v2_xml?", bytes("\u{feff}\n<XML><a/></XML>")),
        ("body_v2_xml?", bytes("<?xml version=\"1.0\"?><xml/>")),
        ("body_json_spacing", bytes(&spaced)),
        ("body_json_spacing", bytes(&indented)),
        ("body_json_spacing", bytes(&indented.replace("  ", "\t"))),
        ("body_json_key_order", bytes(&moved)),
        ("body_json_unicode_escapes", bytes(&escaped)),
        ("body_json_unicode_escapes", bytes(&escaped.replace("\\u652f", "\\u652F"))),
        ("body_json_slash_escapes", bytes(&slashed)),
        ("body_json_unicode_escapes+body_json_slash_escapes", bytes(&escaped.replace('/', "\\/"))),
        (
            "body_json_spacing+body_json_unicode_escapes",
            bytes(&spaced.replace("支付成功", "\\u652f\\u4ed8\\u6210\\u529f")),
        ),
        ("body_json_spacing+body_json_key_order", bytes(&moved.replace(",\"", ", \"").replace("\":", "\": "))),
        ("body_object_string", bytes(&serde_json::to_string(&sent).unwrap())),
        ("body_object_string", bytes(&serde_json::to_string(&sent).unwrap().replace('/', "\\/"))),
        ("body_outer_whitespace", bytes(&format!("{sent}\n"))),
        ("body_outer_whitespace", bytes(&format!("\r\n {sent}"))),
        ("body_outer_whitespace", bytes(&format!(" {sent} "))),
        ("body_bom", bytes(&format!("\u{feff}{sent}"))),
        ("body_charset_wrong", gbk),
        ("body_charset_wrong", bytes(&mojibake)),
        ("body_keys_renamed", bytes(&camel)),
        ("body_log_escaped", bytes(&nginx)),
        ("body_log_escaped", bytes(&sent.replace('"', "\\x22"))),
        ("body_log_escaped", bytes(&sent.replace('"', "&quot;"))),
        ("body_log_escaped", bytes(&sent.replace('"', "&#34;"))),
        ("body_empty?", vec![]),
        ("body_truncated?", bytes(&sent[..200])),
        ("body_truncated?", bytes(&sent)[..sent.find('支').unwrap() + 1].to_vec()),
        ("sign_string_unexplained?", bytes(&sent.replace("SUCCESS", "REFUND"))),
        ("body_v2_xml?", bytes("<xml><return_code>SUCCESS</return_code></xml>")),
    ]
}

/// Names sorted at every level.
fn sorted(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Object(map) => {
            let members: std::collections::BTreeMap<_, _> = map.iter().collect();
            let each = members.iter().map(|(name, value)| format!("\"{name}\":{}", sorted(value)));
            format!("{{{}}}", each.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn what_happens_to_bodies_is_named() {
    let mut tally = Tally::default();
    let sent = body();
    let cases = bodies();
    for make in [Given::sound as fn(&str) -> Given, Given::public] {
        for (expected, held) in &cases {
            let mut given = make(&sent);
            given.body.clone_from(held);
            let said = given.examine();
            tally.expect(&String::from_utf8_lossy(held), expected, &said);
            if !expected.ends_with('?') {
                assert_eq!(said.sign_string, format!("{T}\n{NONCE}\n{sent}\n"), "{expected}");
            }
            // With a stale time stamp beside it.
            if !expected.ends_with('?') && !expected.contains('+') {
                given.now = T + 301;
                tally.expect("stale", &format!("timestamp_stale+{expected}"), &given.examine());
                given.now = T;
                let mut other = given.clone();
                other.set("wechatpay-serial", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1");
                let identity = if other.public_key.is_some() { "public_key_id_wrong" } else { "serial_mismatch" };
                tally.expect("another serial", &format!("{identity}+{expected}"), &other.examine());
                given.set(
                    "wechatpay-signature",
                    &given.get("wechatpay-signature").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
                );
                tally.expect("encoded", &format!("{expected}+signature_url_encoded"), &given.examine());
            }
        }
    }
    tally.finish();
}

#[test]
fn headers_and_keys_are_judged() {
    let mut tally = Tally::default();
    let sent = body();
    let sound = Given::sound(&sent);
    let mut expect = |name: &str, expected: &str, change: &dyn Fn(&mut Given)| {
        let mut given = sound.clone();
        change(&mut given);
        tally.expect(name, expected, &given.examine());
    };
    for name in ["Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"] {
        expect(name, "header_missing?", &|g| g.set(name, ""));
        expect(name, "header_missing?", &|g| g.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name)));
    }
    for (one, two) in [
        ("timestamp", "nonce"),
        ("timestamp", "serial"),
        ("nonce", "serial"),
        ("nonce", "signature"),
        ("serial", "signature"),
        ("timestamp", "signature"),
    ] {
        expect(&format!("{one} and {two}"), "headers_mixed_up", &|g| {
            let (a, b) = (g.get(&format!("wechatpay-{one}")), g.get(&format!("wechatpay-{two}")));
            g.set(&format!("wechatpay-{one}"), &b);
            g.set(&format!("wechatpay-{two}"), &a);
        });
    }
    expect("probe", "signature_probe?", &|g| g.set("wechatpay-signature", "WECHATPAY/SIGNTEST/abcd"));
    expect("stale", "timestamp_stale", &|g| g.now = T + 301);
    expect("early", "timestamp_stale", &|g| g.now = T - 301);
    expect("own certificate", "merchant_certificate_used?", &|g| g.certificates = vec![MERCHANT_CERT]);
    expect("public key only", "public_key_mode_mismatch?", &|g| {
        g.certificates.clear();
        g.public_key = Some((ID, PUBLIC_KEY));
    });
    expect("old certificate", "serial_unknown?", &|g| g.certificates = vec![PLATFORM2_CERT]);
    expect("another serial", "serial_mismatch", &|g| {
        g.set("wechatpay-serial", "5157F09EFDC096DE15EBE81A47057A7232F1B8E1")
    });
    expect("key mismatch", "key_mismatch?", &|g| {
        let other = Given::signed_by(&body(), PUBLIC_KEY_PRIVATE, "1");
        g.set("wechatpay-signature", &other.get("wechatpay-signature"));
    });
    expect("truncated", "signature_truncated?", &|g| {
        g.set("wechatpay-signature", &g.get("wechatpay-signature")[..200])
    });
    expect("encoded", "signature_url_encoded", &|g| {
        g.set("wechatpay-signature", &g.get("wechatpay-signature").replace('=', "%3D"))
    });
    expect("another nonce", "sign_string_unexplained?", &|g| g.set("wechatpay-nonce", "abc"));
    let until = Certificate::from_pem(PLATFORM_CERT).unwrap().not_after().as_second();
    expect("expired", "timestamp_stale+certificate_expired", &|g| g.now = until + 1);
    let public = Given::public(&sent);
    for id in ["0119000072912024091800000000001234", "PUB_KEY_ID_0119000072912024091800000000001235", "x"] {
        let mut given = public.clone();
        given.public_key = Some((id, PUBLIC_KEY));
        tally.expect(id, "public_key_id_wrong", &given.examine());
    }
    let mut certificates = public.clone();
    (certificates.public_key, certificates.certificates) = (None, vec![PLATFORM_CERT]);
    tally.expect("certificates only", "public_key_mode_mismatch?", &certificates.examine());
    tally.finish();
}

/// Name, what is expected, the body that was sent, the key file.
pub(super) fn ciphertexts() -> Vec<(&'static str, &'static str, String, String)> {
    use super::super::opened::hex;
    let right = body();
    let key = || API_V3_KEY.to_owned();
    vec![
        ("hex", "api_v3_key_malformed", right.clone(), hex(API_V3_KEY.as_bytes())),
        ("base64", "api_v3_key_malformed", right.clone(), STANDARD.encode(API_V3_KEY)),
        ("blanks", "api_v3_key_malformed", right.clone(), format!(" {API_V3_KEY} \n")),
        ("two line ends", "api_v3_key_malformed", right.clone(), format!("{API_V3_KEY}\n\n")),
        ("short", "api_v3_key_malformed?", right.clone(), API_V3_KEY[..31].to_owned()),
        ("hex of another", "api_v3_key_malformed?", right.clone(), hex(b"0123456789abcdef0123456789ABCDEX")),
        ("another", "api_v3_key_wrong?", right.clone(), API_V3_KEY.to_lowercase()),
        ("another", "api_v3_key_wrong?", right.clone(), "x".repeat(32)),
        ("sealed by another", "api_v3_key_wrong?", right.replace("\"nonce\":\"fda", "\"nonce\":\"fdb"), key()),
        ("no nonce", "resource_malformed?", right.replace("\"nonce\":\"fdasfjihihih\"", "\"nonce\":\"\""), key()),
        ("no ciphertext", "resource_malformed?", right.replace("\"ciphertext\"", "\"cipher\""), key()),
        ("no base64", "resource_malformed?", right.replace("\"ciphertext\":\"", "\"ciphertext\":\"***"), key()),
        (
            "short",
            "resource_malformed?",
            "{\"resource\":{\"nonce\":\"fdasfjihihih\",\"ciphertext\":\"AAAA\"}}".into(),
            key(),
        ),
        ("no AAD used", "resource_aad_wrong", sealed("", Some("transaction")), key()),
        ("AAD not said", "resource_aad_wrong", sealed("transaction", None), key()),
        ("AAD empty", "resource_aad_wrong", sealed("refund", Some("")), key()),
        ("nothing sealed", "valid", "{\"prepay_id\":\"wx1\"}".into(), key()),
    ]
}

type Change = fn(&mut Given);

/// What is expected, and what is done to headers and signature, whoever signed.
pub(super) fn changes() -> Vec<(&'static str, Change)> {
    fn swap(given: &mut Given, one: &str, two: &str) {
        let (a, b) = (given.get(one), given.get(two));
        given.set(one, &b);
        given.set(two, &a);
    }
    fn signature(given: &mut Given, change: fn(&str) -> String) {
        given.set("wechatpay-signature", &change(&given.get("wechatpay-signature")));
    }
    vec![
        ("header_missing?", |g| g.set("wechatpay-nonce", "")),
        ("header_missing?", |g| g.headers.clear()),
        ("header_missing?", |g| g.headers.truncate(2)),
        ("headers_mixed_up", |g| swap(g, "wechatpay-timestamp", "wechatpay-nonce")),
        ("headers_mixed_up", |g| swap(g, "wechatpay-serial", "wechatpay-signature")),
        ("headers_mixed_up", |g| swap(g, "wechatpay-nonce", "wechatpay-serial")),
        ("signature_probe?", |g| g.set("wechatpay-signature", "WECHATPAY/SIGNTEST/abcd")),
        ("signature_probe?", |g| g.set("wechatpay-signature", "WECHATPAY/SIGNTEST/")),
        ("signature_probe?", |g| signature(g, |s| format!("WECHATPAY/SIGNTEST/{s}"))),
        ("timestamp_stale", |g| g.now = T + 301),
        ("timestamp_stale", |g| g.now = T - 301),
        ("timestamp_stale", |g| g.now = T + 86_400),
        ("signature_url_encoded", |g| signature(g, |s| s.replace('=', "%3D"))),
        ("signature_url_encoded", |g| signature(g, |s| s.replace('+', " ").replace('/', "%2f"))),
        ("signature_url_encoded", |g| signature(g, |s| s.replace('+', "%2B").replace('=', "%3D").replace('/', "%2F"))),
        ("signature_truncated?", |g| signature(g, |s| s[..200].to_owned())),
        ("signature_truncated?", |g| signature(g, |s| s[..255].to_owned())),
        ("signature_truncated?", |g| signature(g, |s| s[..100].to_owned())),
        ("sign_string_unexplained?", |g| g.set("wechatpay-nonce", "abc")),
        ("sign_string_unexplained?", |g| g.set("wechatpay-timestamp", &(T + 1).to_string())),
    ]
}

/// What depends on the keys that were given.
pub(super) fn of_keys() -> Vec<Case> {
    let sent = body();
    let (sound, public) = (Given::sound(&sent), Given::public(&sent));
    let until = Certificate::from_pem(PLATFORM_CERT).unwrap().not_after().as_second();
    let since = Certificate::from_pem(PLATFORM_CERT).unwrap().not_before().as_second();
    let serial = sound.get("wechatpay-serial");
    let at = |time: i64| {
        let text = format!("{time}\n{NONCE}\n{sent}\n");
        let mut given = Given { now: time, ..sound.clone() };
        given.set("wechatpay-timestamp", &time.to_string());
        given.set("wechatpay-signature", &STANDARD.encode(sign(PLATFORM_KEY, text.as_bytes(), How::Right)));
        given
    };
    let forged = |make: &Given, key: &'static [u8]| {
        let mut given = make.clone();
        given.set("wechatpay-signature", &Given::signed_by(&sent, key, "1").get("wechatpay-signature"));
        given
    };
    let with = |given: &Given, certificates: &[&'static [u8]], public_key: Option<(&'static str, &'static [u8])>| {
        Given { certificates: certificates.to_vec(), public_key, ..given.clone() }
    };
    let named = |given: &Given, serial: &str| {
        let mut given = given.clone();
        given.set("wechatpay-serial", serial);
        given
    };
    let mut cases = vec![
        at(until + 1).case("after its end", "certificate_expired"),
        at(since - 1).case("before its beginning", "certificate_expired"),
        with(&at(until + 9), &[PLATFORM2_CERT, PLATFORM_CERT], None).case("another beside it", "certificate_expired"),
        with(&sound, &[MERCHANT_CERT], None).case("own", "merchant_certificate_used?"),
        with(&sound, &[PLATFORM2_CERT, MERCHANT_CERT], None).case("own and old", "merchant_certificate_used?"),
        with(&public, &[MERCHANT_CERT], None).case("own, public key mode", "merchant_certificate_used?"),
        with(&sound, &[], Some((ID, PUBLIC_KEY))).case("public key only", "public_key_mode_mismatch?"),
        with(&public, &[PLATFORM_CERT], None).case("certificate only", "public_key_mode_mismatch?"),
        with(&public, &[PLATFORM_CERT, PLATFORM2_CERT], None).case("certificates only", "public_key_mode_mismatch?"),
        with(&sound, &[PLATFORM2_CERT], None).case("old", "serial_unknown?"),
        with(&sound, &[PLATFORM2_CERT], Some((ID, PUBLIC_KEY))).case("old and public key", "serial_unknown?"),
        with(&sound, &[], None).case("no key at all", "serial_unknown?"),
        named(&sound, "5157F09EFDC096DE15EBE81A47057A7232F1B8E1").case("another serial", "serial_mismatch"),
        named(&sound, &serial[2..]).case("half a serial", "serial_mismatch"),
        named(&sound, ID).case("an id", "serial_mismatch"),
        forged(&sound, PUBLIC_KEY_PRIVATE).case("forged", "key_mismatch?"),
        forged(&sound, OTHER_KEY).case("forged", "key_mismatch?"),
        forged(&public, PLATFORM_KEY).case("forged", "key_mismatch?"),
        named(&public, &serial).case("a certificate's serial", "public_key_id_wrong"),
    ];
    for id in ["0119000072912024091800000000001234", "PUB_KEY_ID_0119000072912024091800000000001235", "x"] {
        cases.push(with(&public, &[], Some((id, PUBLIC_KEY))).case(id, "public_key_id_wrong"));
    }
    cases
}

#[test]
fn ciphertexts_are_judged_over_genuine_bodies_only() {
    use super::super::opened::hex;
    let mut tally = Tally::default();
    let right = body();
    let binary = Given { key: Some(vec![0xff; 32]), ..Given::sound(&right) };
    tally.expect("32 bytes that are no text", "api_v3_key_wrong?", &binary.examine());
    // Over a mended body; and not at all over one that isn't genuine.
    let mut mended = Given::sound(&right);
    mended.body.push(b'\n');
    mended.key = Some(hex(API_V3_KEY.as_bytes()).into());
    tally.expect("mended", "body_outer_whitespace+api_v3_key_malformed", &mended.examine());
    let mut forged = Given::sound(&right);
    forged.body = right.replace("SUCCESS", "REFUND").into();
    forged.key = Some(API_V3_KEY.to_lowercase().into());
    tally.expect("forged", "sign_string_unexplained?", &forged.examine());
    tally.finish();
}

#[test]
fn headers_are_read_in_three_forms() {
    let expected = vec![("A".to_owned(), "1".to_owned()), ("B-c".to_owned(), "x: y".to_owned())];
    for text in [
        "{\"A\":\"1\",\"B-c\":\" x: y \"}",
        "[[\"A\",\"1\"],[\"B-c\",\"x: y\"]]",
        "A: 1\nB-c:  x: y \n",
        "POST /notify HTTP/1.1\r\nA: 1\r\nB-c: x: y\r\n\r\nbody: no\r\n",
        "HTTP/1.1 200 OK\nA:1\nB-c:x: y\n\n",
        "\u{feff}{\"A\":[\"1\"],\"B-c\":\"x: y\"}",
    ] {
        assert_eq!(parse_headers(text.as_bytes()), Ok(expected.clone()), "{text}");
    }
    for text in ["", "[1]", "[[\"a\"]]", "{\"a\":{}}", "{", "no header"] {
        assert!(parse_headers(text.as_bytes()).is_err(), "{text}");
    }
}
