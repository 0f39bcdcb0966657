//! Deliveries: taken in, judged and kept in one transaction before they are answered; listed, shown, applied by hand.
//!
//! `judge` decides what a delivery is and what it changes, `explain` says it to people, `history` lists and sums up what was
//! kept, `export` copies one out. Routes and sockets are the listener's.

mod explain;
mod export;
mod history;
mod judge;
mod wait;

pub use wait::CallbackWait;

use crate::console::{Console, Desk};
use crate::forward;
use crate::gateway::signed_text;
use crate::merchants::Profile;
use crate::orders::{parse_id, shown_callback};
use crate::problem;
use crate::store::{CallbackRaw, CallbackReady, CallbackRow, StoreError, Tx};
use crate::visible;
use crate::wire::{Callback, CallbackDossier, Check, Event, Problem, SignedText, Verdict};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use judge::Judged;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wechatpay::notification::{self, Opened, RawCallback};
use wechatpay::time::Timestamp;
use wechatpay::verify::SignatureHeaders;

/// WeChat Pay waits 5 s for an answer; after this long without a commit it gets 503 and comes again.
const BUDGET: Duration = Duration::from_millis(3_500);
/// Between two tries at a store that another process holds.
const PAUSE: Duration = Duration::from_millis(20);

/// One HTTP request that claims to be a notification, whole and unjudged.
#[derive(Debug, Clone)]
pub struct RawDelivery {
    /// Path and query as sent.
    pub target: String,
    /// In order, names as sent.
    pub headers: Vec<(String, String)>,
    /// The exact bytes.
    pub body: Vec<u8>,
    /// Where it came from; behind a tunnel that is this machine.
    pub peer: String,
    /// When its last byte was in.
    pub received_at: Timestamp,
}

/// The answer to a delivery, to be sent as it is. What it says is committed.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// What was made of it; `None`: no such merchant, so nothing was kept.
    pub callback: Option<Callback>,
    /// 204 for everything genuine that was kept.
    pub http_status: u16,
    /// Empty at 204, else `{"code":"FAIL","message":…}`.
    pub body: Vec<u8>,
    /// The row of a delivery that is passed on once this answer went out.
    pub(crate) goes_on: Option<i64>,
}

/// A delivery on its way to the store.
struct Incoming {
    profile: Arc<Profile>,
    opened: Opened,
    raw: CallbackRaw,
    ready: CallbackReady,
    received_at: Timestamp,
    now: Timestamp,
    /// Where it is passed on to beside the kept targets, if it is accepted.
    named: Arc<[String]>,
}

impl Console {
    /// Takes in one delivery for a merchant: verifies and decrypts it, judges it against the order, commits delivery,
    /// change and journal in one transaction, and only then says what to answer. Never fails: what goes wrong here is a
    /// 500 or 503, and WeChat Pay sends it again.
    pub async fn receive(&self, merchant: &str, delivery: RawDelivery) -> Receipt {
        let desk = &self.desk;
        let now = desk.outside.now();
        let profile = match desk.merchants.get(Some(merchant)).await {
            Ok(profile) => profile,
            Err(problem) if problem.code == "MERCHANT_NOT_FOUND" => return Receipt::bare(404),
            Err(problem) => {
                tracing::error!(code = %problem.code, merchant, "a delivery came, but its merchant can't be opened");
                return desk.not_kept(merchant, delivery.received_at, 500, "merchant_unreadable");
            }
        };
        let received_at = delivery.received_at;
        let raw = RawCallback { headers: delivery.headers, body: delivery.body };
        // inline: 20 µs of RSA are cheaper than a change of threads
        let opened = notification::open(&raw, &profile.trusted, &profile.api_v3_keys, now);
        let stranger = judge::is_unknown_serial(&opened);
        let raw = CallbackRaw {
            target: delivery.target,
            source: delivery.peer,
            headers: raw.headers,
            body: raw.body,
            decrypted: None,
            intact: true,
        };
        let ready = CallbackReady::of(&raw);
        let named = desk.forwarding.named();
        let incoming = Arc::new(Incoming { profile: profile.clone(), opened, raw, ready, received_at, now, named });
        let kept = desk.keep(incoming).await;
        if stranger {
            // away from this path: the answer doesn't wait for it, WeChat Pay's retry finds the fresh certificates
            desk.trust.strangers_serial(&profile);
        }
        match kept {
            Ok((row, events, goes_on)) => {
                let mut callback = shown_callback(&row);
                callback.latency_ms = millis_between(received_at, desk.outside.now());
                desk.tell(events);
                desk.announce(&callback);
                let (http_status, body) = (row.http_status, fail_body(row.http_status));
                Receipt { http_status, body, callback: Some(callback), goes_on: goes_on.then_some(row.id) }
            }
            Err(error) => {
                let (status, reason) = match &error {
                    StoreError::Busy => (503, "store_busy"),
                    StoreError::Locked => (503, "store_locked"),
                    StoreError::DiskFull => (503, "disk_full"),
                    StoreError::Closed => (503, "closing"),
                    _ => (500, "store_failed"),
                };
                tracing::error!(%error, merchant, "a delivery could not be kept; WeChat Pay will send it again");
                desk.not_kept(merchant, received_at, status, reason)
            }
        }
    }

    /// One delivery with all that was received, checked and found. Looking at a held one takes it off the pile of those
    /// that nobody has looked at.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`; the store's.
    pub async fn callback_show(&self, id: &str) -> Result<CallbackDossier, Problem> {
        let (row, raw, checks) = self.kept(id).await?;
        let row_id = row.id;
        let lines = self.desk.store.read(move |view| view.journal_of_callback(row_id)).await?;
        if row.verdict == Verdict::Held {
            // a store that can't be written must not keep anybody from looking
            let _ = self.desk.store.write(move |tx| tx.callback_seen(row_id)).await;
        }
        let profile = self.desk.merchants.get(Some(&row.merchant)).await.ok();
        let decrypted = raw.decrypted.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let (why, fix) = explain::reason(&row, &raw).unzip();
        let changed = lines.iter().map(|line| {
            let words = [Some(line.kind.as_str()), line.state.as_deref(), line.detail.as_deref()];
            let words: Vec<String> = words.into_iter().flatten().map(|word| visible(word, 200)).collect();
            words.join(" ")
        });
        Ok(CallbackDossier {
            signed: signed(&raw, &checks, profile.as_deref()),
            callback: shown_callback(&row),
            body: String::from_utf8_lossy(&raw.body).into_owned(),
            body_base64: STANDARD.encode(&raw.body),
            headers: raw.headers,
            target: raw.target,
            source: raw.source,
            checks,
            decrypted,
            why,
            fix,
            changed: changed.collect(),
        })
    }

    /// Judges a held or failed delivery anew, from its kept bytes: after a key was mended, an order was entered, or with
    /// a version that understands more. The signature is checked again; its age is that of the day it came.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`, `CALLBACK_NOT_HELD`, `CALLBACK_STILL_HELD` with the reason, `CALLBACK_NOT_VERIFIABLE` (its key
    /// is not trusted any more, or the kept bytes have rotted); the store's.
    pub async fn callback_apply(&self, id: &str) -> Result<Callback, Problem> {
        let (row, raw, _) = self.kept(id).await?;
        if !matches!(row.verdict, Verdict::Held | Verdict::Failed) {
            return Err(explain::not_held(&row));
        }
        let profile = self.desk.merchants.get(Some(&row.merchant)).await?;
        let bytes = RawCallback { headers: raw.headers.clone(), body: raw.body.clone() };
        let opened = notification::open(&bytes, &profile.trusted, &profile.api_v3_keys, row.received_at);
        if judge::is_not_genuine(&opened) || !raw.intact {
            return Err(explain::not_verifiable(&row));
        }
        let now = self.desk.outside.now();
        let before = row.clone();
        let (row, events) = self
            .desk
            .store
            .write(move |tx| {
                let judged = judge::judge(tx, &profile, &opened, before.id, now)?;
                let row = judged.fill(CallbackRow { http_status: before.http_status, ..before.clone() });
                let row = CallbackRow { http_status: before.http_status, ..row };
                tx.callback_judged(row.id, &row, &judged.checks, judged.decrypted.as_deref())?;
                Ok::<_, StoreError>((row, judged.events))
            })
            .await?;
        let callback = shown_callback(&row);
        self.desk.tell(events);
        self.desk.tell([received(&callback)]);
        match row.verdict {
            Verdict::Applied | Verdict::Duplicate => Ok(callback),
            Verdict::Held | Verdict::Failed | Verdict::Rejected => Err(explain::still_held(&row, &raw)),
        }
    }

    /// A delivery's row and the very bytes that came, for sending them on.
    pub(crate) async fn kept_raw(&self, id: &str) -> Result<(CallbackRow, CallbackRaw), Problem> {
        let (row, raw, _) = self.kept(id).await?;
        if raw.intact {
            return Ok((row, raw));
        }
        Err(problem::new(
            "CALLBACK_DAMAGED",
            "保存的正文已损坏，与收到时的摘要不符，没有发送。",
            "The kept body is damaged: it has not the hash any more that it came with. Nothing was sent.",
            "从备份恢复数据目录。",
            "Restore the data folder from a backup.",
        ))
    }

    async fn kept(&self, id: &str) -> Result<(CallbackRow, CallbackRaw, Vec<Check>), Problem> {
        let absent = || not_found(id);
        let row = parse_id(id, "cb_").ok_or_else(absent)?;
        let found = self.desk.store.read(move |view| {
            let Some(row) = view.callback(row)? else { return Ok::<_, StoreError>(None) };
            Ok(view.callback_raw(row.id)?.map(|(raw, checks)| (row, raw, checks)))
        });
        found.await?.ok_or_else(absent)
    }
}

pub(crate) fn not_found(id: &str) -> Problem {
    let id = visible(id, 64);
    problem::new(
        "CALLBACK_NOT_FOUND",
        format!("没有回调 {id}。"),
        format!("There is no delivery {id}."),
        "检查编号，如 cb_12；被拒绝的只保留最新 1000 条。",
        "Check the id, like cb_12; of rejected ones the newest 1,000 are kept.",
    )
}

impl Desk {
    /// Judges and keeps a delivery in one transaction, within the time that WeChat Pay waits.
    async fn keep(&self, incoming: Arc<Incoming>) -> Result<(CallbackRow, Vec<Event>, bool), StoreError> {
        let until = Instant::now() + BUDGET;
        loop {
            let incoming = incoming.clone();
            let job = self.store.write(move |tx| keep(tx, &incoming));
            match tokio::time::timeout_at(until, job).await {
                Err(_) => return Err(StoreError::Locked),
                Ok(Err(StoreError::Locked)) if Instant::now() + PAUSE < until => tokio::time::sleep(PAUSE).await,
                Ok(result) => return result,
            }
        }
    }

    /// The answer to a delivery that could not be kept: never a yes.
    fn not_kept(&self, merchant: &str, received_at: Timestamp, http_status: u16, reason: &str) -> Receipt {
        let callback = Callback {
            id: String::new(),
            notification_id: None,
            out_trade_no: None,
            event_type: None,
            received_at: crate::orders::shown_time(received_at),
            verdict: Verdict::Failed,
            http_status,
            merchant: merchant.to_owned(),
            reason: Some(reason.to_owned()),
            latency_ms: millis_between(received_at, self.outside.now()),
            amount: None,
            first_id: None,
            repeats: None,
        };
        self.announce(&callback);
        Receipt { callback: Some(callback), http_status, body: fail_body(http_status), goes_on: None }
    }

    fn announce(&self, callback: &Callback) {
        let took = Duration::from_millis(callback.latency_ms.into());
        self.counters.count(callback.verdict, callback.reason.as_deref(), took);
        self.tell([received(callback)]);
        let _ = self.deliveries.send(callback.clone());
    }
}

impl Receipt {
    fn bare(http_status: u16) -> Receipt {
        Receipt { callback: None, http_status, body: fail_body(http_status), goes_on: None }
    }
}

fn received(callback: &Callback) -> Event {
    Event::CallbackReceived { merchant: callback.merchant.clone(), id: callback.id.clone(), verdict: callback.verdict }
}

fn keep(tx: &Tx<'_>, incoming: &Incoming) -> Result<(CallbackRow, Vec<Event>, bool), StoreError> {
    let profile = &incoming.profile;
    let id = tx.callback_next_id()?;
    let judged: Judged = judge::judge(tx, profile, &incoming.opened, id, incoming.now)?;
    let row = judged.fill(CallbackRow {
        id,
        merchant: profile.name.clone(),
        mchid: profile.mchid.to_string(),
        received_at: incoming.received_at,
        verdict: judged.verdict,
        reason: None,
        http_status: judged.http_status,
        // until here; the commit's own time is only known after it
        latency_ms: millis_between(incoming.received_at, incoming.now),
        notification_id: None,
        event_type: None,
        out_trade_no: None,
        amount: None,
        order_id: None,
        first_id: None,
    });
    tx.callback_insert(&row, &incoming.raw, &incoming.ready, &judged.checks, judged.decrypted.as_deref())?;
    let (kind, headers) = (row.event_type.as_deref(), &incoming.raw.headers);
    let targets = forward::targets_for(tx, &incoming.named, row.verdict, kind, headers)?;
    for target in &targets {
        tx.forward_enqueue(id, target, incoming.now, forward::without_notice(incoming.now))?;
    }
    Ok((row, judged.events, !targets.is_empty()))
}

/// What strangers are told: nothing that helps them.
fn fail_body(status: u16) -> Vec<u8> {
    let message = match status {
        204 => return Vec::new(),
        400 => "请求格式错误",
        401 => "验签失败",
        404 => "不存在",
        500 => "处理失败",
        _ => "系统繁忙，请稍后重试",
    };
    format!("{{\"code\":\"FAIL\",\"message\":\"{message}\"}}").into_bytes()
}

fn millis_between(from: Timestamp, to: Timestamp) -> u32 {
    u32::try_from(to.as_millisecond().saturating_sub(from.as_millisecond()).max(0)).unwrap_or(u32::MAX)
}

/// The text that the signature should be over, and whether it is.
fn signed(raw: &CallbackRaw, checks: &[Check], profile: Option<&Profile>) -> Option<SignedText> {
    let headers = raw.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let found = SignatureHeaders::read(headers).ok()?;
    let signer = match profile.and_then(|profile| profile.trusted.get(&found.serial)) {
        None => "unknown",
        Some(_) if found.serial.starts_with("PUB_KEY_ID_") => "wechatpay_public_key",
        Some(_) => "platform_certificate",
    };
    let ok = checks.iter().find(|check| check.name == "signature_valid").map(|check| check.ok);
    let fields = ["timestamp", "nonce", "body"];
    Some(signed_text(&found.message(&raw.body), &fields, &found.signature, &found.serial, signer, ok))
}

#[cfg(test)]
mod tests;
