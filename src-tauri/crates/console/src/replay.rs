//! Sending a kept delivery again by hand: as it was received, signed anew as the sandbox's WeChat Pay would, or with
//! edited content. What goes out is made in `letter`; many at a time are `batch`; where it may go and how it is carried
//! is in `target`.
//!
//! A live platform's key is nobody's but WeChat Pay's, so only a sandbox merchant's deliveries can be signed anew.

mod batch;
#[cfg(test)]
mod fuzz;
mod letter;
pub(crate) mod target;

pub use batch::{ReplayBatch, ReplayForecast, ReplayPlan, ReplayStep, ReplaySummary};

use crate::console::Console;
use crate::merchants::Profile;
use crate::orders::{parse_id, shown_time};
use crate::outside;
use crate::problem;
use crate::store::{CallbackRaw, CallbackRow, ReplayRow, StoreError};
use crate::wire::{Bilingual, Problem};
use letter::{Fault, Letter, PlatformSigner};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use target::{Route, Sent, Target};
use wechatpay::error::FieldError;
use wechatpay::keys::{ApiV3Key, PrivateKey};

/// A key file has at most so many bytes.
const KEY_FILE: u64 = 64 * 1024;

/// What is to be sent again, and where.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct ReplayInput {
    /// An http or https address without user name, password or fragment.
    pub to: String,
    /// Signed anew with a fresh time, instead of as it was received.
    #[serde(default)]
    pub resigned: bool,
    /// Decrypted content, a JSON object, to go out in place of what came: sealed letter by letter and signed anew.
    #[serde(default)]
    pub edited: Option<String>,
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
    /// With other content than what came.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// What was wrong with it on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What came back.
    #[serde(flatten)]
    pub answer: ReplayAnswer,
}

/// How something is to be sent, with everything judged that can be judged before the first delivery is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    target: Target,
    /// Signed anew; edited ones always are.
    resigned: bool,
    edited: Option<String>,
    fault: Option<Fault>,
    sandbox: Option<serde_json::Value>,
}

impl Manner {
    fn parse(input: ReplayInput) -> Result<Manner, Problem> {
        let target = Target::parse("to", &input.to, input.allow_private)?;
        let fault = input.fault.as_deref().map(Fault::parse).transpose()?;
        let resigned = input.resigned || input.edited.is_some();
        if let Some(fault) = fault.filter(|fault| fault.needs_key() && !resigned) {
            let (en, zh) = ("needs a new signature: replay it resigned", "需要重新签名：请以 resigned 方式重放");
            return Err(FieldError::new("fault", "needs_resigned", fault.slug(), en, zh).into());
        }
        if let Some(content) = &input.edited {
            letter::checked_content(content)?;
        }
        Ok(Manner { target, resigned, edited: input.edited, fault, sandbox: input.sandbox })
    }

    /// What an answer to such a replay can and can't prove.
    fn proves(&self, age_seconds: i64) -> Bilingual {
        match (self.resigned, &self.edited) {
            (false, _) => Bilingual {
                zh: format!(
                    "按原样重放：时间戳是 {} 前的。超过 300 秒后正确的后端会拒绝它；被接受说明后端没有检查时间。",
                    age_zh(age_seconds)
                ),
                en: format!(
                    "Sent as received: its time stamp is {} old. A right backend refuses it after 300 s; one that accepts it doesn't check the time.",
                    age_en(age_seconds)
                ),
            },
            (true, None) => Bilingual {
                zh: "用沙箱的密钥重新签名：能证明后端会验签、解密并处理这份内容；不能证明它信任真实微信支付的密钥，配置了真实平台证书的后端应当拒绝它。"
                    .to_owned(),
                en: "Signed anew with the sandbox's key: it can prove that the backend verifies, decrypts and handles this content; not that it trusts the real WeChat Pay's key. A backend set up for the real platform must refuse it."
                    .to_owned(),
            },
            (true, Some(_)) => Bilingual {
                zh: "内容改过，重新加密并用沙箱的密钥签名：能证明后端怎样处理这样的内容；微信支付从未发送过它，也不能证明后端信任真实微信支付的密钥。"
                    .to_owned(),
                en: "Edited, sealed and signed anew with the sandbox's key: it can prove what the backend does with such content. WeChat Pay never sent it, and nothing is proved about the real WeChat Pay's key."
                    .to_owned(),
            },
        }
    }
}

fn age_zh(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} 秒"),
        120..=7_199 => format!("{} 分钟", seconds / 60),
        7_200..=172_799 => format!("{} 小时", seconds / 3_600),
        _ => format!("{} 天", seconds / 86_400),
    }
}

fn age_en(seconds: i64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

impl Console {
    /// Sends a kept delivery to an address of your choice and keeps the answer with it (the newest 50). `duplicate`
    /// sends it twice at once and returns the first answer. A target that gives no answer is no error: the status is
    /// `None` and [`ReplayAnswer::error`] says why.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`, `CALLBACK_DAMAGED`; `INVALID_FIELD`, `TARGET_REFUSED`, `TARGET_UNKNOWN` for the address;
    /// `REPLAY_NOT_SANDBOX`, `REPLAY_NO_KEY`, `REPLAY_NOT_EDITABLE`, `KEY_…` where it can't be signed; the store's.
    pub async fn callback_replay(&self, id: &str, input: ReplayInput) -> Result<ReplayAnswer, Problem> {
        let manner = Manner::parse(input)?;
        let (callback, letter) = self.letter(id, &manner).await?;
        let route = manner.target.route().await?;
        Ok(self.dispatch(callback, &letter, &manner, &route).await)
    }

    /// What goes out for a delivery now, and the delivery's row.
    async fn letter(&self, id: &str, manner: &Manner) -> Result<(i64, Letter), Problem> {
        let (row, raw) = self.kept_raw(id).await?;
        let outside = &self.desk.outside;
        if !manner.resigned {
            return Ok((row.id, letter::as_received(&raw, manner.fault, outside)));
        }
        let profile = self.desk.merchants.get(Some(&row.merchant)).await?;
        let signer = self.platform_signer(&profile, &raw, manner.sandbox.as_ref()).await?;
        let body = match &manner.edited {
            Some(content) => {
                let line = manner.sandbox.as_ref().and_then(|line| line.get("api_v3_key")?.as_str());
                let named = line.and_then(|key| ApiV3Key::parse(key).ok());
                let key = named.as_ref().or(profile.api_v3_keys.first()).ok_or_else(|| no_api_v3_key(&row))?;
                letter::with_content(&raw, content, key, outside)?
            }
            None => raw.body.clone(),
        };
        Ok((row.id, letter::resigned(&raw, &body, &signer, manner.fault, outside)))
    }

    /// Sends a letter and keeps what came back with its delivery.
    async fn dispatch(&self, callback: i64, letter: &Letter, manner: &Manner, route: &Route) -> ReplayAnswer {
        let at = self.desk.outside.now();
        let first = route.post(&letter.headers, letter.body.clone());
        let (sent, second) = if manner.fault == Some(Fault::Duplicate) {
            let (first, second) = tokio::join!(first, route.post(&letter.headers, letter.body.clone()));
            (first, Some(second))
        } else {
            (first.await, None)
        };
        let rows: Vec<ReplayRow> = std::iter::once(&sent)
            .chain(&second)
            .map(|sent| ReplayRow {
                id: 0,
                at,
                target: manner.target.text().to_owned(),
                resigned: manner.resigned,
                edited: manner.edited.is_some(),
                fault: manner.fault.map(|fault| fault.slug().to_owned()),
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
                tx.replay_insert(callback, replay)?;
            }
            Ok::<_, StoreError>(())
        });
        // it has been sent: a store that can't keep it must not hide what came back
        if let Err(error) = keep.await {
            tracing::error!(%error, callback, "a replay could not be kept with its delivery");
        }
        answer_of(sent)
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
            edited: row.edited,
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
        let theirs = letter::header(&raw.headers, "Wechatpay-Serial").unwrap_or_default().to_owned();
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

fn no_api_v3_key(row: &CallbackRow) -> Problem {
    problem::new(
        "REPLAY_NO_KEY",
        format!("商户 {} 没有可用的 APIv3 密钥，改过的内容无法加密。", row.merchant),
        format!("The merchant {} has no APIv3 key, so edited content can't be sealed.", row.merchant),
        "用 merchant update 设置 APIv3 密钥，或用 --sandbox 给出沙箱的就绪信息文件。",
        "Set the key with merchant update, or give the sandbox's ready line with --sandbox.",
    )
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
    fn a_ready_line_names_its_signers() {
        let line = serde_json::json!({ "platform_serial_no": "AB", "platform_private_key": "/k", "public_key_id": "PUB_KEY_ID_1" });
        assert_eq!(signers_in(&line), [("AB".to_owned(), "/k".to_owned())]);
    }
}
