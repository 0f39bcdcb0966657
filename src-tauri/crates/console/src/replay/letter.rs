//! What goes out when a delivery is sent again: as it came, signed anew, or with other content, sealed and signed anew;
//! with a fault in it if that is wanted. Nothing is sent here.

use crate::outside::Outside;
use crate::problem;
use crate::replay::target::end_to_end;
use crate::store::CallbackRaw;
use crate::visible;
use crate::wire::Problem;
use rand_core::RngCore as _;
use serde_json::{Map, Value};
use wechatpay::error::FieldError;
use wechatpay::keys::{ApiV3Key, PrivateKey};
use wechatpay::sign::SCHEME;
use wechatpay::{message, seal};

/// A stale delivery is signed so long ago; WeChat Pay's limit is 300 s.
const STALE_SECONDS: i64 = 600;
/// What a probe's signature begins with.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// The five headers of a signature.
const SIGNED: [&str; 5] =
    ["Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Signature-Type", "Wechatpay-Timestamp"];
/// Bytes of edited content at most: sealed it still fits the 64 KiB that a listener takes.
const EDITED: usize = 40 * 1024;

/// What is wrong with a replay on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    BadSignature,
    StaleTimestamp,
    TamperedCiphertext,
    WrongSerial,
    SignatureProbe,
    Duplicate,
}

impl Fault {
    pub(super) const ALL: [Fault; 6] = [
        Fault::BadSignature,
        Fault::StaleTimestamp,
        Fault::TamperedCiphertext,
        Fault::WrongSerial,
        Fault::SignatureProbe,
        Fault::Duplicate,
    ];

    pub(super) fn slug(self) -> &'static str {
        match self {
            Fault::BadSignature => "bad_signature",
            Fault::StaleTimestamp => "stale_timestamp",
            Fault::TamperedCiphertext => "tampered_ciphertext",
            Fault::WrongSerial => "wrong_serial",
            Fault::SignatureProbe => "signature_probe",
            Fault::Duplicate => "duplicate",
        }
    }

    pub(super) fn parse(text: &str) -> Result<Fault, Problem> {
        Fault::ALL.into_iter().find(|fault| fault.slug() == text).ok_or_else(|| {
            let known = Fault::ALL.map(Fault::slug).join(", ");
            FieldError::new("fault", "one_of", text, format!("must be one of {known}"), format!("须为 {known} 之一"))
                .into()
        })
    }

    /// Only a signature over it makes the fault what it is called.
    pub(super) fn needs_key(self) -> bool {
        matches!(self, Fault::StaleTimestamp | Fault::TamperedCiphertext)
    }
}

/// A key that the sandbox's WeChat Pay signs with.
pub(super) struct PlatformSigner {
    pub(super) serial: String,
    pub(super) key: PrivateKey,
}

/// What goes out.
pub(super) struct Letter {
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Content that is to go out in place of what came: one JSON object, kept letter by letter.
///
/// # Errors
/// `INVALID_FIELD` at `edited`.
pub(super) fn checked_content(text: &str) -> Result<(), Problem> {
    let wrong = |rule: &'static str, shown: &str, en: String, zh: String| {
        Problem::from(FieldError::new("edited", rule, &visible(shown, 100), en, zh))
    };
    if text.len() > EDITED {
        let count = text.len().to_string();
        let (en, zh) = ("must have 40 KiB at most".to_owned(), "不能超过 40 KiB".to_owned());
        return Err(wrong("at_most_40_kib", &count, en, zh));
    }
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            let line = text.lines().nth(error.line().saturating_sub(1)).unwrap_or_default();
            let en = format!("must be one JSON object: {error}");
            let zh = format!("须为一个 JSON 对象：第 {} 行第 {} 列（{error}）", error.line(), error.column());
            Err(wrong("json_object", line, en, zh))
        }
    }
}

/// The body that came, with this content sealed in it under a fresh nonce; everything else of it stays.
///
/// # Errors
/// `REPLAY_NOT_EDITABLE` where the kept body is no notification.
pub(super) fn with_content(
    raw: &CallbackRaw,
    content: &str,
    key: &ApiV3Key,
    outside: &Outside,
) -> Result<Vec<u8>, Problem> {
    let not_editable = || {
        problem::new(
            "REPLAY_NOT_EDITABLE",
            "保存的正文不是微信支付的通知（没有 resource），无法放入改过的内容。",
            "The kept body is no notification of WeChat Pay (it has no resource), so other content can't be put in it.",
            "换一条通知来编辑；这一条可以按原样重放。",
            "Edit another delivery; this one can be replayed as received.",
        )
    };
    let mut body: Value = serde_json::from_slice(&raw.body).map_err(|_| not_editable())?;
    let resource = body.get_mut("resource").and_then(Value::as_object_mut).ok_or_else(not_editable)?;
    let fresh = outside.nonce();
    let nonce: &[u8; 12] = fresh.as_bytes().first_chunk().ok_or_else(not_editable)?;
    let aad = resource.get("associated_data").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ciphertext = seal::seal(key, nonce, aad.as_bytes(), content.as_bytes());
    resource.insert("algorithm".to_owned(), seal::ALGORITHM.into());
    resource.insert("nonce".to_owned(), String::from_utf8_lossy(nonce).into());
    resource.insert("ciphertext".to_owned(), ciphertext.into());
    Ok(body.to_string().into_bytes())
}

/// The bytes that came, and all headers that say something about them.
pub(super) fn as_received(raw: &CallbackRaw, fault: Option<Fault>, outside: &Outside) -> Letter {
    let mut headers = end_to_end(&raw.headers);
    for (name, value) in &mut headers {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted);
        match fault {
            Some(Fault::BadSignature) if is("Wechatpay-Signature") => *value = flip_first(value),
            Some(Fault::SignatureProbe) if is("Wechatpay-Signature") => *value = probe(value),
            Some(Fault::WrongSerial) if is("Wechatpay-Serial") => *value = strange_serial(outside),
            _ => {}
        }
    }
    Letter { headers, body: raw.body.clone() }
}

/// This body (the kept one, or an edited one) under a time, a nonce and a signature of now.
pub(super) fn resigned(
    raw: &CallbackRaw,
    content: &[u8],
    signer: &PlatformSigner,
    fault: Option<Fault>,
    outside: &Outside,
) -> Letter {
    let body = match fault {
        Some(Fault::TamperedCiphertext) => tampered(content),
        _ => content.to_vec(),
    };
    let age = if fault == Some(Fault::StaleTimestamp) { STALE_SECONDS } else { 0 };
    let timestamp = outside.now().as_second().saturating_sub(age).to_string();
    let nonce = outside.nonce();
    let text = message::answer(&timestamp, &nonce, &body);
    let signature = match fault {
        // a sound signature, of something else
        Some(Fault::BadSignature) => signer.key.sign(&[text.as_slice(), b"\n"].concat()),
        _ => signer.key.sign(&text),
    };
    let (serial, signature) = match fault {
        Some(Fault::WrongSerial) => (strange_serial(outside), signature),
        Some(Fault::SignatureProbe) => (signer.serial.clone(), probe(&signature)),
        _ => (signer.serial.clone(), signature),
    };
    let mut headers = end_to_end(&raw.headers);
    headers.retain(|(name, _)| !SIGNED.iter().any(|signed| signed.eq_ignore_ascii_case(name)));
    let values = [nonce, serial, signature, SCHEME.to_owned(), timestamp];
    headers.extend(SIGNED.iter().map(|name| (*name).to_owned()).zip(values));
    Letter { headers, body }
}

/// One letter of the ciphertext changed, in place; every other byte stays.
fn tampered(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<serde_json::Value>(body) else { return body.to_vec() };
    let Some(serde_json::Value::String(ciphertext)) = value.pointer_mut("/resource/ciphertext") else {
        return body.to_vec();
    };
    let flipped = flip_first(ciphertext);
    let text = String::from_utf8_lossy(body);
    if !ciphertext.is_empty() && text.contains(ciphertext.as_str()) {
        return text.replacen(ciphertext.as_str(), &flipped, 1).into_bytes();
    }
    *ciphertext = flipped;
    value.to_string().into_bytes()
}

fn flip_first(text: &str) -> String {
    let first = if text.starts_with('A') { 'B' } else { 'A' };
    std::iter::once(first).chain(text.chars().skip(1)).collect()
}

fn probe(signature: &str) -> String {
    PROBE.chars().chain(signature.chars().skip(PROBE.len())).collect()
}

/// A serial that nobody knows: 40 hex digits.
fn strange_serial(outside: &Outside) -> String {
    let mut bytes = [0_u8; 20];
    outside.random().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

pub(super) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tampering_changes_one_letter() {
        let body = br#"{ "id" : "1", "resource":{"nonce":"n","ciphertext":"AbCd/+=="} }"#;
        let expected = String::from_utf8_lossy(body).replace("AbCd", "BbCd");
        assert_eq!(String::from_utf8_lossy(&tampered(body)), expected);
        assert_eq!(tampered(b"no json"), b"no json");
        let escaped = tampered(br#"{"resource":{"ciphertext":"x\/y"}}"#);
        assert_eq!(escaped, br#"{"resource":{"ciphertext":"A/y"}}"#);
    }

    #[test]
    fn faults_have_the_sandbox_s_names() {
        for fault in Fault::ALL {
            assert_eq!(Fault::parse(fault.slug()).expect("known"), fault);
        }
        assert_eq!(Fault::parse("nonsense").expect_err("unknown").code, "INVALID_FIELD");
    }

    #[test]
    fn edited_content_is_sealed_as_it_was_written_and_the_rest_of_the_body_stays() {
        let key = ApiV3Key::parse("0123456789abcdef0123456789abcdef").expect("32 characters");
        let outside = Outside::fixed(wechatpay::time::Timestamp::UNIX_EPOCH, 1);
        let raw = |body: &str| CallbackRaw {
            target: String::new(),
            source: String::new(),
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
            decrypted: None,
            intact: true,
        };
        let came = r#"{"id":"n","resource":{"original_type":"t","ciphertext":"x","associated_data":"transaction","nonce":"y"},"z":1}"#;
        let content = "{\"amount\": {\"total\": 1} }";
        let body = with_content(&raw(came), content, &key, &outside).expect("sealed");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let part = |name: &str| body["resource"][name].as_str().expect("text").to_owned();
        let opened = seal::open(&key, part("nonce").as_bytes(), b"transaction", &part("ciphertext")).expect("opens");
        assert_eq!(opened.as_slice(), content.as_bytes());
        assert_eq!((&body["id"], &body["z"], part("original_type").as_str()), (&"n".into(), &1.into(), "t"));
        for not in ["", "no json", "[]", r#"{"resource":1}"#] {
            let refused = with_content(&raw(not), content, &key, &outside).expect_err(not);
            assert_eq!(refused.code, "REPLAY_NOT_EDITABLE", "{not}");
        }
    }

    #[test]
    fn only_a_json_object_is_content() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(EDITED));
        for (text, sound) in [
            ("{}", true),
            ("{\"a\":1}\n", true),
            ("", false),
            ("[]", false),
            ("{", false),
            ("{} {}", false),
            (&long, false),
        ] {
            assert_eq!(checked_content(text).is_ok(), sound, "{}", visible(text, 20));
        }
    }
}
