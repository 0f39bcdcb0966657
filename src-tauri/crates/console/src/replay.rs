//! Sending a kept delivery again by hand: as it was received, or signed anew as the sandbox's WeChat Pay would, with a
//! fault in it if that is wanted. Where it may go and how it is carried is in `target`.
//!
//! A live platform's key is nobody's but WeChat Pay's, so only a sandbox merchant's deliveries can be signed anew.

pub(crate) mod target;

use crate::console::Console;
use crate::merchants::Profile;
use crate::orders::{parse_id, shown_time};
use crate::outside::{self, Outside};
use crate::problem;
use crate::store::{CallbackRaw, ReplayRow, StoreError};
use crate::wire::Problem;
use rand_core::RngCore as _;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use target::{Sent, Target, end_to_end};
use wechatpay::error::FieldError;
use wechatpay::keys::PrivateKey;
use wechatpay::message;
use wechatpay::sign::SCHEME;

/// A key file has at most so many bytes.
const KEY_FILE: u64 = 64 * 1024;
/// A stale delivery is signed so long ago; WeChat Pay's limit is 300 s.
const STALE_SECONDS: i64 = 600;
/// What a probe's signature begins with.
const PROBE: &str = "WECHATPAY/SIGNTEST/";
/// The five headers of a signature.
const SIGNED: [&str; 5] =
    ["Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature", "Wechatpay-Signature-Type", "Wechatpay-Timestamp"];

/// What is to be sent again, and where.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ReplayInput {
    /// An http or https address without user name, password or fragment.
    pub to: String,
    /// Signed anew with a fresh time, instead of as it was received.
    #[serde(default)]
    pub resigned: bool,
    /// `bad_signature`, `stale_timestamp`, `tampered_ciphertext`, `wrong_serial`, `signature_probe` or `duplicate`.
    #[serde(default)]
    pub fault: Option<String>,
    /// The ready line of a sandbox, to sign with its key; otherwise the sandbox that the merchant was added from.
    #[serde(default)]
    pub sandbox: Option<serde_json::Value>,
    /// The address may be private or link-local.
    #[serde(default)]
    pub allow_private: bool,
}

/// What the target answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct ReplayAnswer {
    /// `None`: no answer.
    pub status: Option<u16>,
    /// Until the answer's last byte, or until it was given up.
    pub latency_ms: u32,
    /// In order, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// The first 64 KiB; bytes that are no UTF-8 are shown as U+FFFD.
    pub response_body: String,
    /// The answer had more, or ended early.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
    /// Why there is no (whole) answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// A replay as it is kept with its delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct Replay {
    /// `rp_12`.
    pub id: String,
    /// When it was sent.
    pub at: String,
    /// Where to.
    pub to: String,
    /// Signed anew.
    pub resigned: bool,
    /// What was wrong with it on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What came back.
    #[serde(flatten)]
    pub answer: ReplayAnswer,
}

/// What is wrong with a replay on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    BadSignature,
    StaleTimestamp,
    TamperedCiphertext,
    WrongSerial,
    SignatureProbe,
    Duplicate,
}

impl Fault {
    const ALL: [Fault; 6] = [
        Fault::BadSignature,
        Fault::StaleTimestamp,
        Fault::TamperedCiphertext,
        Fault::WrongSerial,
        Fault::SignatureProbe,
        Fault::Duplicate,
    ];

    fn slug(self) -> &'static str {
        match self {
            Fault::BadSignature => "bad_signature",
            Fault::StaleTimestamp => "stale_timestamp",
            Fault::TamperedCiphertext => "tampered_ciphertext",
            Fault::WrongSerial => "wrong_serial",
            Fault::SignatureProbe => "signature_probe",
            Fault::Duplicate => "duplicate",
        }
    }

    fn parse(text: &str) -> Result<Fault, Problem> {
        Fault::ALL.into_iter().find(|fault| fault.slug() == text).ok_or_else(|| {
            let known = Fault::ALL.map(Fault::slug).join(", ");
            FieldError::new("fault", "one_of", text, format!("must be one of {known}"), format!("须为 {known} 之一"))
                .into()
        })
    }

    /// Only a signature over it makes the fault what it is called.
    fn needs_key(self) -> bool {
        matches!(self, Fault::StaleTimestamp | Fault::TamperedCiphertext)
    }
}

/// A key that the sandbox's WeChat Pay signs with.
struct PlatformSigner {
    serial: String,
    key: PrivateKey,
}

/// What goes out.
struct Letter {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Console {
    /// Sends a kept delivery to an address of your choice and keeps the answer with it (the newest 50). `duplicate`
    /// sends it twice at once and returns the first answer. A target that gives no answer is no error: the status is
    /// `None` and [`ReplayAnswer::error`] says why.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`, `CALLBACK_DAMAGED`; `INVALID_FIELD`, `TARGET_REFUSED`, `TARGET_UNKNOWN` for the address;
    /// `REPLAY_NOT_SANDBOX`, `REPLAY_NO_KEY`, `KEY_…` where it can't be signed; the store's.
    pub async fn callback_replay(&self, id: &str, input: ReplayInput) -> Result<ReplayAnswer, Problem> {
        let target = Target::parse("to", &input.to, input.allow_private)?;
        let fault = input.fault.as_deref().map(Fault::parse).transpose()?;
        if let Some(fault) = fault.filter(|fault| fault.needs_key() && !input.resigned) {
            let (en, zh) = ("needs a new signature: replay it resigned", "需要重新签名：请以 resigned 方式重放");
            return Err(FieldError::new("fault", "needs_resigned", fault.slug(), en, zh).into());
        }
        let (row, raw) = self.kept_raw(id).await?;
        let letter = if input.resigned {
            let profile = self.desk.merchants.get(Some(&row.merchant)).await?;
            let signer = self.platform_signer(&profile, &raw, input.sandbox.as_ref()).await?;
            resigned(&raw, &signer, fault, &self.desk.outside)
        } else {
            as_received(&raw, fault, &self.desk.outside)
        };
        let route = target.route().await?;
        let at = self.desk.outside.now();
        let first = route.post(&letter.headers, letter.body.clone());
        let sent = if fault == Some(Fault::Duplicate) {
            let (first, second) = tokio::join!(first, route.post(&letter.headers, letter.body.clone()));
            vec![first, second]
        } else {
            vec![first.await]
        };
        let rows: Vec<ReplayRow> = sent
            .iter()
            .map(|sent| ReplayRow {
                id: 0,
                at,
                target: target.text().to_owned(),
                resigned: input.resigned,
                fault: fault.map(|fault| fault.slug().to_owned()),
                status: sent.status,
                latency_ms: sent.latency_ms,
                headers: sent.headers.clone(),
                body: sent.body.clone(),
                cut: sent.cut,
                error: sent.error.clone(),
            })
            .collect();
        let keep = self.desk.store.write(move |tx| {
            for replay in &rows {
                tx.replay_insert(row.id, replay)?;
            }
            Ok::<_, StoreError>(())
        });
        // it has been sent: a store that can't keep it must not hide what came back
        if let Err(error) = keep.await {
            tracing::error!(%error, id, "a replay could not be kept with its delivery");
        }
        sent.into_iter().next().map(answer_of).ok_or_else(|| Problem::from(StoreError::Closed))
    }

    /// The replays of a delivery, oldest first; the newest 50 are kept.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`; the store's.
    pub async fn callback_replays(&self, id: &str) -> Result<Vec<Replay>, Problem> {
        let Some(callback) = parse_id(id, "cb_") else { return Err(crate::callbacks::not_found(id)) };
        let rows = self.desk.store.read(move |view| view.replays(callback)).await?;
        let shown = rows.into_iter().map(|row| Replay {
            id: format!("rp_{}", row.id),
            at: shown_time(row.at),
            to: row.target,
            resigned: row.resigned,
            fault: row.fault,
            answer: ReplayAnswer {
                status: row.status,
                latency_ms: row.latency_ms,
                response_headers: row.headers,
                response_body: String::from_utf8_lossy(&row.body).into_owned(),
                cut: row.cut,
                error: row.error,
            },
        });
        Ok(shown.collect())
    }

    /// The key under whose serial the delivery came, or the sandbox's platform certificate's.
    async fn platform_signer(
        &self,
        profile: &Profile,
        raw: &CallbackRaw,
        line: Option<&serde_json::Value>,
    ) -> Result<PlatformSigner, Problem> {
        if !profile.sandbox {
            return Err(problem::new(
                "REPLAY_NOT_SANDBOX",
                format!("商户 {} 连接真实的微信支付，平台私钥只有微信支付持有，无法重新签名。", profile.name),
                format!(
                    "The merchant {} is on the real WeChat Pay, whose key nobody else has: it can't be signed anew.",
                    profile.name
                ),
                "用 --as received 按原样重放；或用沙箱商户测试后端。",
                "Replay it --as received, or test the backend with a sandbox merchant.",
            ));
        }
        let theirs = header(&raw.headers, "Wechatpay-Serial").unwrap_or_default().to_owned();
        let signers = match line {
            Some(line) => signers_in(line),
            None => {
                let merchant = profile.id;
                self.desk.store.read(move |view| view.sandbox_signers(merchant)).await?
            }
        };
        let same = signers.iter().find(|(serial, _)| serial.eq_ignore_ascii_case(&theirs));
        let platform = || signers.iter().find(|(serial, _)| !serial.starts_with("PUB_KEY_ID_"));
        let Some((serial, file)) = same.or_else(platform).cloned() else {
            return Err(problem::new(
                "REPLAY_NO_KEY",
                "不知道沙箱的平台私钥在哪里，无法重新签名。",
                "It isn't known where the sandbox keeps its platform key, so nothing can be signed anew.",
                "用 --sandbox 给出沙箱的就绪信息文件；或用它重新添加商户（merchant add --from-sandbox）。",
                "Give the sandbox's ready line with --sandbox, or add the merchant from it (merchant add --from-sandbox).",
            ));
        };
        let path = PathBuf::from(file);
        let read = tokio::task::spawn_blocking(move || read_key(&path));
        let key = read.await.map_err(|error| Problem::from(StoreError::Other(error.to_string())))??;
        Ok(PlatformSigner { serial, key })
    }
}

/// Serial and key file of everything that a sandbox's ready line says it signs with.
pub(crate) fn signers_in(line: &serde_json::Value) -> Vec<(String, String)> {
    let text = |name: &str| line.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let pairs = [("platform_serial_no", "platform_private_key"), ("public_key_id", "public_key_private_key")];
    pairs.into_iter().filter_map(|(serial, file)| Some((text(serial)?, text(file)?))).collect()
}

fn read_key(path: &Path) -> Result<PrivateKey, Problem> {
    let unreadable = |reason: String| {
        let place = path.display();
        problem::new(
            "REPLAY_NO_KEY",
            format!("读不了沙箱的平台私钥 {place}，无法重新签名。"),
            format!("The sandbox's platform key {place} can't be read, so nothing can be signed anew."),
            "确认沙箱的数据目录还在，或用 --sandbox 给出正在运行的沙箱的就绪信息文件。",
            "See that the sandbox's folder is still there, or give a running sandbox's ready line with --sandbox.",
        )
        .with_why(reason.clone(), reason)
    };
    let bytes = outside::read_small(path, KEY_FILE).map_err(|error| unreadable(error.to_string()))?;
    let bytes = zeroize::Zeroizing::new(bytes);
    PrivateKey::from_pem(&bytes).map_err(|error| unreadable(error.to_string()))
}

/// The bytes that came, and all headers that say something about them.
fn as_received(raw: &CallbackRaw, fault: Option<Fault>, outside: &Outside) -> Letter {
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

/// The same content under a time, a nonce and a signature of now.
fn resigned(raw: &CallbackRaw, signer: &PlatformSigner, fault: Option<Fault>, outside: &Outside) -> Letter {
    let body = match fault {
        Some(Fault::TamperedCiphertext) => tampered(&raw.body),
        _ => raw.body.clone(),
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

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn answer_of(sent: Sent) -> ReplayAnswer {
    ReplayAnswer {
        status: sent.status,
        latency_ms: sent.latency_ms,
        response_headers: sent.headers,
        response_body: String::from_utf8_lossy(&sent.body).into_owned(),
        cut: sent.cut,
        error: sent.error,
    }
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
    fn a_ready_line_names_its_signers() {
        let line = serde_json::json!({ "platform_serial_no": "AB", "platform_private_key": "/k", "public_key_id": "PUB_KEY_ID_1" });
        assert_eq!(signers_in(&line), [("AB".to_owned(), "/k".to_owned())]);
    }

    #[test]
    fn faults_have_the_sandbox_s_names() {
        for fault in Fault::ALL {
            assert_eq!(Fault::parse(fault.slug()).expect("known"), fault);
        }
        assert_eq!(Fault::parse("nonsense").expect_err("unknown").code, "INVALID_FIELD");
    }
}
