//! Waiting until a delivery of an order is there, for scripts: whichever process keeps it, the store shows it.

use crate::console::Console;
use crate::orders::shown_callback;
use crate::problem;
use crate::visible;
use crate::wire::{Callback, CallbackDossier, Problem};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks at the store.
const LOOK: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Debug, Clone, Default, Deserialize, specta::Type)]
pub struct CallbackWait {
    /// Of which order.
    pub out_trade_no: String,
    /// For so long; 0 looks once.
    pub timeout_s: u32,
    /// Fields that one delivery must have, all of them: of its row (`verdict`, `event_type`, `http_status` …), else of
    /// what was decrypted, by path (`trade_state`, `amount.total`).
    #[serde(default)]
    pub expect: Vec<(String, String)>,
}

impl Console {
    /// Returns the first delivery of the order, of those that are there and those that come, that is as expected.
    ///
    /// # Errors
    /// `CALLBACK_NOT_SEEN` when the time is over; `NO_MERCHANT`, `MERCHANT_NOT_FOUND`; the store's.
    pub async fn callback_wait(&self, m: Option<&str>, wait: CallbackWait) -> Result<CallbackDossier, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let until = Instant::now() + Duration::from_secs(u64::from(wait.timeout_s));
        let mut seen = HashSet::new();
        loop {
            let (mchid, no) = (profile.mchid.to_string(), wait.out_trade_no.clone());
            let rows = self.desk.store.read(move |view| view.callbacks_of(&mchid, &no)).await?;
            for row in rows {
                // a held one that was applied meanwhile is looked at again
                if !seen.insert((row.id, row.verdict as u8)) {
                    continue;
                }
                let id = row.id;
                let raw = self.desk.store.read(move |view| view.callback_raw(id));
                let decrypted = raw.await?.and_then(|(raw, _)| raw.decrypted);
                let decrypted = decrypted.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Value::Null);
                let callback = shown_callback(&row);
                if wait.expect.iter().all(|(field, value)| has(&callback, &decrypted, field, value)) {
                    return self.callback_show(&callback.id).await;
                }
            }
            if Instant::now() >= until {
                let deliveries = seen.iter().map(|(id, _)| id).collect::<HashSet<_>>().len();
                return Err(not_seen(&wait, deliveries));
            }
            tokio::time::sleep_until(until.min(Instant::now() + LOOK)).await;
        }
    }
}

fn has(callback: &Callback, decrypted: &Value, field: &str, expected: &str) -> bool {
    let row = serde_json::to_value(callback).unwrap_or(Value::Null);
    let found = row.get(field).or_else(|| at(decrypted, field));
    match found {
        Some(Value::String(text)) => text == expected,
        Some(other) => serde_json::to_string(other).is_ok_and(|text| text == expected),
        None => false,
    }
}

/// `amount.total`, `promotion_detail.0.amount`.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

fn not_seen(wait: &CallbackWait, deliveries: usize) -> Problem {
    let (no, seconds) = (visible(&wait.out_trade_no, 64), wait.timeout_s);
    let expected: Vec<String> = wait.expect.iter().map(|(field, value)| format!("{field}={value}")).collect();
    let expected = visible(&expected.join(", "), 300);
    let (zh, en) = if deliveries == 0 {
        (
            format!("{seconds} 秒内没有收到订单 {no} 的回调。"),
            format!("No delivery of the order {no} came within {seconds} s."),
        )
    } else {
        (
            format!("{seconds} 秒内收到订单 {no} 的 {deliveries} 次回调，没有一次符合 {expected}。"),
            format!("{deliveries} deliveries of the order {no} are there after {seconds} s, none with {expected}."),
        )
    };
    problem::new(
        "CALLBACK_NOT_SEEN",
        zh,
        en,
        "确认 guitai listen 正在运行、通知地址指向它；用 guitai callback list --out-trade-no 查看收到的回调。",
        "See that guitai listen runs and the notify URL points at it; guitai callback list --out-trade-no shows what came.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_into_what_was_decrypted() {
        let content =
            json!({ "trade_state": "SUCCESS", "amount": { "total": 100 }, "promotion_detail": [{ "amount": 5 }] });
        assert_eq!(at(&content, "amount.total"), Some(&json!(100)));
        assert_eq!(at(&content, "promotion_detail.0.amount"), Some(&json!(5)));
        assert_eq!(at(&content, "promotion_detail.x"), None);
        assert_eq!(at(&content, "amount.total.more"), None);
    }
}
