//! What has to go wrong before it can be seen how a backend takes it: a connection that breaks, an answer under a wrong
//! signature. Each fault is planted for this backend's orders alone, after the contract's cases, and pulled out again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wechatpay::time::Timestamp;

use super::judge;
use super::watch::Seen;
use crate::backend::Answer;
use crate::cases::OUTGOING;
use crate::report::Outcome;
use crate::run::{Draft, Exam, Progress};
use crate::stage::Stage;

/// Within this a backend that queries is expected to have asked about the planted order.
const SHORTEST: Duration = Duration::from_secs(6);
const LONGEST: Duration = Duration::from_secs(8);
/// After a wrongly signed answer, until it is asked what the backend believes.
const DIGESTED: Duration = Duration::from_millis(800);

fn needs_orders() -> Draft {
    Draft::skip("needs --create-order: orders of the backend's own", "需要 --create-order：后端自己的订单")
}

/// A fault in the sandbox that goes when it is done with.
struct Planted<'a> {
    stage: &'a Stage,
    matches: Value,
}

impl<'a> Planted<'a> {
    async fn new(stage: &'a Stage, matches: Value, times: u32, fault: &str) -> Result<Planted<'a>, Draft> {
        let planted = stage.plant(json!({"match": matches.clone(), "times": times, "fault": fault})).await;
        planted.map_err(|why| Draft::skip(why.clone(), why))?;
        Ok(Planted { stage, matches })
    }

    async fn pull(self) {
        // Nothing hangs on the answer: what is left strikes nobody but an order that is done with.
        let _ = self.stage.pull(self.matches).await;
    }
}

/// What was found while it was made to happen.
pub(crate) struct Provoked {
    retried: Option<Draft>,
    believed: Option<Draft>,
    params: Option<Draft>,
}

impl Exam {
    /// Makes happen what has to be seen. What isn't wanted is left out.
    pub(crate) async fn provoke(&mut self) -> Provoked {
        let retried =
            if self.wanted("order_retried_under_its_number") { Some(self.order_retried().await) } else { None };
        let believed = if self.wanted("answers_verified") { Some(self.believed().await) } else { None };
        let params = if self.wanted("pay_params_sound") { Some(self.params().await) } else { None };
        if self.wanted("refund_retried_under_its_number") {
            self.provoke_refund().await;
        }
        Provoked { retried, believed, params }
    }

    /// Judges what was seen of the backend until now.
    pub(crate) async fn judge(&mut self, provoked: Provoked, lost_wait: Duration, progress: &Progress) {
        if !OUTGOING.iter().any(|case| self.wanted(case.name)) {
            return;
        }
        self.watch.read(&self.stage).await;
        let open = if self.wanted("closes_expired_orders") { self.still_open().await } else { BTreeSet::new() };
        let lost = self.drafts.get("lost_callback_recovered");
        let waited = lost.is_some_and(|d| d.outcome == Outcome::Warn && d.got.latency_ms >= millis(lost_wait));
        let (requests, all) = (self.watch.requests(), self.watch.earlier());
        let all: Vec<&Seen> = all.into_iter().chain(requests.iter().copied()).collect();
        let judged = [
            ("amounts_in_fen", Some(judge::amounts(&requests))),
            ("order_retried_under_its_number", provoked.retried),
            ("refund_retried_under_its_number", Some(judge::refunds(&requests))),
            ("queries_after_lost_callback", Some(judge::queried(&requests, self.lost.as_deref(), waited))),
            ("closes_expired_orders", Some(judge::closed(&all, &open, Timestamp::now()))),
            ("answers_verified", provoked.believed),
            ("calm_request_rate", Some(judge::rate(&requests))),
            ("clock_in_time", Some(judge::clock(&requests))),
            ("pay_params_sound", provoked.params),
            ("notify_url_sound", Some(judge::notify_url(&requests, self.watch.url()))),
        ];
        for (name, draft) in judged {
            if let (true, Some(mut draft)) = (self.wanted(name), draft) {
                draft.sent = self.backend.mask(&draft.sent).chars().take(2048).collect();
                draft.got.body = self.backend.mask(&draft.got.body).chars().take(2048).collect();
                draft.seen.en = self.backend.mask(&draft.seen.en);
                draft.seen.zh = self.backend.mask(&draft.seen.zh);
                self.keep(name, draft, progress);
            }
        }
    }

    /// What a body of this backend's orders has in it, whatever its JSON writer does to slashes.
    fn authority(&self) -> String {
        let url = &self.backend.url;
        let host = url.host_str().unwrap_or_default();
        url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    fn orders_match(&self) -> Value {
        json!({"method": "POST", "path": "/v3/pay/transactions/*", "body_contains": self.authority()})
    }

    /// The backend's orders since `id`.
    async fn orders_since(&mut self, id: u64) -> Vec<Seen> {
        self.watch.read(&self.stage).await;
        self.watch.requests().into_iter().filter(|seen| seen.is_order() && seen.id > id).cloned().collect()
    }

    /// The order is placed, its answer is lost.
    async fn order_retried(&mut self) -> Draft {
        if !self.backend.makes_orders() {
            return needs_orders();
        }
        self.watch.read(&self.stage).await;
        let from = self.watch.last;
        let stage = self.stage.clone();
        let planted = match Planted::new(&stage, self.orders_match(), 1, "connection_reset").await {
            Ok(planted) => planted,
            Err(draft) => return draft,
        };
        // Whether it prints a number is the backend's affair; what it sent is looked at.
        let _ = self.backend.create_order().await;
        planted.pull().await;
        let mut orders = self.orders_since(from).await;
        // A patrol may place nothing, but another shopper may: only what came after the broken one counts.
        let struck = orders.iter().position(|seen| seen.verdict == "connection_reset").unwrap_or(orders.len());
        orders.drain(..struck);
        judge::one_number(&orders.iter().collect::<Vec<_>>(), "out_trade_no")
    }

    async fn believed(&mut self) -> Draft {
        if !self.backend.makes_orders() {
            return needs_orders();
        }
        let prepay = self.believed_prepay().await;
        if !self.backend.has_probe() {
            return prepay;
        }
        match (self.believed_query().await, prepay.outcome) {
            (query, _) if query.outcome == Outcome::Fail => query,
            (_, Outcome::Warn) => prepay,
            (query, _) if query.outcome == Outcome::Pass => query,
            _ => prepay,
        }
    }

    /// The answer to an order is the right one, under a wrong signature.
    async fn believed_prepay(&mut self) -> Draft {
        self.watch.read(&self.stage).await;
        let from = self.watch.last;
        let stage = self.stage.clone();
        let planted = match Planted::new(&stage, self.orders_match(), 1, "wrong_signature").await {
            Ok(planted) => planted,
            Err(draft) => return draft,
        };
        let made = self.backend.create_order().await;
        planted.pull().await;
        let orders = self.orders_since(from).await;
        let Some(at) = orders.iter().position(|seen| seen.verdict == "wrong_signature") else {
            return Draft::skip("the fault that was planted did not strike", "预设的故障没有命中");
        };
        let (Some(struck), again) = (orders.get(at), orders.len() > at + 1) else { return needs_orders() };
        let (answer, sent) = (judge::answered(struck), judge::shown(struck));
        if made.is_ok() && !again {
            return Draft::warn(
                &answer,
                "an order's answer under a wrong signature was taken",
                "接受了签名错误的下单应答",
            )
            .showing(sent);
        }
        Draft::pass(&answer).showing(sent)
    }

    /// An order is paid at the gateway, and every query of it is answered under a wrong signature: does the backend
    /// think that it is paid?
    async fn believed_query(&mut self) -> Draft {
        let number = match self.backend.create_order().await {
            Ok(number) => number,
            Err(why) => return Draft::skip(why.clone(), why),
        };
        self.watch.ours(&number);
        let stage = self.stage.clone();
        let matches = json!({"method": "GET", "path": format!("/v3/pay/transactions/out-trade-no/{number}")});
        let planted = match Planted::new(&stage, matches, 10_000, "wrong_signature").await {
            Ok(planted) => planted,
            Err(draft) => return draft,
        };
        let draft = self.await_query(&number).await;
        planted.pull().await;
        draft
    }

    async fn await_query(&mut self, number: &str) -> Draft {
        if let Err(why) = self.stage.pay(number).await {
            let why = self.backend.mask(&why);
            return Draft::skip(why.clone(), why);
        }
        self.watch.read(&self.stage).await;
        let from = self.watch.last;
        // As long as it took to find the lost one, and a little.
        let found = self.drafts.get("lost_callback_recovered").filter(|draft| draft.outcome == Outcome::Pass);
        let found = found.map(|draft| Duration::from_millis(draft.got.latency_ms) + Duration::from_secs(2));
        let until = Instant::now() + found.unwrap_or_default().clamp(SHORTEST, LONGEST);
        let struck = loop {
            self.watch.read(&self.stage).await;
            let asked =
                |seen: &&Seen| seen.is_query() && seen.id > from && seen.out_trade_no.as_deref() == Some(number);
            if let Some(seen) = self.watch.requests().into_iter().find(asked) {
                break seen.clone();
            }
            if Instant::now() >= until {
                return Draft::skip("the backend did not ask about the order", "后端没有来查这张订单");
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        tokio::time::sleep(DIGESTED).await;
        let (answer, sent) = (judge::answered(&struck), judge::shown(&struck));
        match self.backend.belief(number).await {
            Err(why) => Draft::skip(why.clone(), why),
            Ok(belief) if belief.paid => Draft::fail(
                &answer,
                "‘paid’ was believed from an answer under a wrong signature",
                "相信了签名错误的应答里的「已支付」",
            )
            .showing(sent),
            Ok(_) => Draft::pass(&answer).showing(sent),
        }
    }

    /// What the backend's front end would be given.
    async fn params(&mut self) -> Draft {
        let (number, printed) = {
            let number =
                if self.backend.makes_orders() { self.backend.create_order().await } else { Err(String::new()) };
            let Ok(number) = number else { return needs_orders() };
            self.watch.ours(&number);
            let printed = self.backend.pay_params(&number).await;
            (number, printed)
        };
        let printed = match printed {
            None => {
                return Draft::skip(
                    "needs --pay-params: what the front end is given",
                    "需要 --pay-params：后端给前端的支付参数",
                );
            }
            Some(Err(why)) => return Draft::skip(why.clone(), why),
            Some(Ok(printed)) => printed,
        };
        let Ok(params) = serde_json::from_str::<Value>(printed.trim()) else {
            return Draft::skip("--pay-params printed no JSON object", "--pay-params 没有输出 JSON 对象");
        };
        let sent = format!("{number}\n{params:#}");
        match self.stage.check_pay_params(params).await {
            Err(why) => Draft::skip(why.clone(), why),
            Ok(verdict) => {
                let answer = Answer { status: Some(200), body: verdict.to_string(), ..Answer::default() };
                if verdict.get("ok").and_then(Value::as_bool) == Some(true) {
                    return Draft::pass(&answer).showing(sent);
                }
                let text = |name: &str| verdict.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let said = format!("{} ({})", text("err_msg"), text("cause"));
                Draft::fail(&answer, said.clone(), said).showing(sent)
            }
        }
    }

    /// A paid order is refunded, and the refund's answer is lost; asked for once more if the backend lets it be.
    async fn provoke_refund(&mut self) {
        if !self.backend.makes_orders() || !self.backend.refunds() {
            return;
        }
        let Ok(number) = self.backend.create_order().await else { return };
        self.watch.ours(&number);
        let Ok(order) = self.stage.pay(&number).await else { return };
        self.backend.keep_secret(&order.openid());
        self.backend.post(&self.payment(&order, &self.stage.platform)).await;
        let stage = self.stage.clone();
        let transaction =
            order.transaction.get("transaction_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut planted = Vec::new();
        for part in [number.as_str(), transaction.as_str()] {
            let matches = json!({"method": "POST", "path": "/v3/refund/domestic/refunds", "body_contains": part});
            planted.extend(Planted::new(&stage, matches, 1, "connection_reset").await.ok());
        }
        let _ = self.backend.refund(&number).await;
        for fault in planted {
            fault.pull().await;
        }
        self.watch.read(&self.stage).await;
        let asked = self.watch.requests().into_iter().filter(|seen| seen.is_refund()).count();
        if asked < 2 {
            let _ = self.backend.refund(&number).await;
        }
    }

    /// The backend's orders whose end has passed and that the gateway still has open.
    async fn still_open(&mut self) -> BTreeSet<String> {
        let mut open = BTreeSet::new();
        let all = self.watch.earlier().into_iter().chain(self.watch.requests());
        let ending = all.filter(|seen| seen.is_order() && seen.body().get("time_expire").is_some());
        let numbers: BTreeSet<String> = ending.filter_map(|seen| seen.out_trade_no.clone()).take(50).collect();
        for number in numbers {
            if self.stage.state_of(&number).await.is_some_and(|state| state == "NOTPAY") {
                open.insert(number);
            }
        }
        open
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
