//! What the sandbox noted of the backend's requests, read over HTTP while the examination runs.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use wechatpay::time::Timestamp;

use crate::backend::Backend;
use crate::stage::Stage;

/// A request to the gateway as the sandbox noted it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) method: String,
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) out_trade_no: Option<String>,
    /// The answer's; 0: none came.
    pub(crate) status: u16,
    /// `accepted`, the code of the refusal, or the planted fault.
    pub(crate) verdict: String,
    #[serde(default)]
    pub(crate) sign_string: Option<String>,
    #[serde(default)]
    pub(crate) request_body: String,
    #[serde(default)]
    pub(crate) response_body: String,
    #[serde(default)]
    pub(crate) latency_ms: u64,
}

impl Seen {
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.request_body).unwrap_or(Value::Null)
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// `POST /v3/pay/transactions/<product>`.
    pub(crate) fn is_order(&self) -> bool {
        self.method == "POST"
            && self.path().strip_prefix("/v3/pay/transactions/").is_some_and(|rest| !rest.contains('/'))
    }

    /// Asks how an order stands.
    pub(crate) fn is_query(&self) -> bool {
        self.method == "GET" && self.path().starts_with("/v3/pay/transactions/")
    }

    pub(crate) fn is_close(&self) -> bool {
        self.method == "POST" && self.path().ends_with("/close")
    }

    pub(crate) fn is_refund(&self) -> bool {
        self.method == "POST" && self.path() == "/v3/refund/domestic/refunds"
    }

    /// A line of the text that was signed, counted from 0.
    pub(crate) fn signed(&self, line: usize) -> Option<&str> {
        self.sign_string.as_deref()?.split('\n').nth(line)
    }

    fn is_of(&self, numbers: &BTreeSet<String>) -> bool {
        self.out_trade_no.as_ref().is_some_and(|number| numbers.contains(number))
    }
}

/// The backend's requests so far.
pub(crate) struct Watch {
    url: url::Url,
    /// The newest id that was read.
    pub(crate) last: u64,
    numbers: BTreeSet<String>,
    seen: Vec<Seen>,
    /// Of before the examination: only what was left undone counts of it.
    earlier: Vec<Seen>,
}

impl Watch {
    /// From now on. A sandbox that can't be read leaves nothing seen, and so nothing judged.
    pub(crate) async fn begin(stage: &Stage, backend: &Backend) -> Watch {
        let mut watch = Watch {
            url: backend.url.clone(),
            last: 0,
            numbers: BTreeSet::new(),
            seen: Vec::new(),
            earlier: Vec::new(),
        };
        watch.read(stage).await;
        watch.earlier = std::mem::take(&mut watch.seen);
        watch
    }

    /// This order is the backend's.
    pub(crate) fn ours(&mut self, out_trade_no: &str) {
        self.numbers.insert(out_trade_no.to_owned());
    }

    /// Reads what is new.
    pub(crate) async fn read(&mut self, stage: &Stage) {
        let Ok(Value::Array(rows)) = stage.requests(self.last).await else { return };
        let mut new: Vec<Seen> = rows.into_iter().filter_map(|row| serde_json::from_value(row).ok()).collect();
        new.retain(|seen| seen.id > self.last && !seen.signed(3).is_some_and(|nonce| stage.is_own(nonce)));
        new.sort_by_key(|seen| seen.id);
        for seen in &new {
            if let (true, Some(number)) = (seen.is_order() && self.is_to_us(seen), &seen.out_trade_no) {
                self.numbers.insert(number.clone());
            }
        }
        self.last = new.last().map_or(self.last, |seen| seen.id);
        self.seen.extend(new);
    }

    /// Does this order say that its notifications go to the backend under examination?
    fn is_to_us(&self, seen: &Seen) -> bool {
        let body = seen.body();
        let url = body.get("notify_url").and_then(Value::as_str).unwrap_or_default();
        url::Url::parse(url).is_ok_and(|url| {
            let whole = |url: &url::Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
            whole(&url) == whole(&self.url)
        })
    }

    /// The backend's requests, oldest first.
    pub(crate) fn requests(&self) -> Vec<&Seen> {
        self.seen.iter().filter(|seen| seen.is_of(&self.numbers) || (seen.is_order() && self.is_to_us(seen))).collect()
    }

    /// Those of before, oldest first.
    pub(crate) fn earlier(&self) -> Vec<&Seen> {
        self.earlier.iter().filter(|seen| seen.is_of(&self.numbers)).collect()
    }

    pub(crate) fn url(&self) -> &url::Url {
        &self.url
    }
}
