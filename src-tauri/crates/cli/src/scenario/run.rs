//! Playing a scenario: a desk of its own in a temporary folder, its listener, and a sandbox (its own, or one that runs
//! already), met over HTTP. The verbs are the desk's; here they are only called in order and compared with what is expected.

use super::format::{
    AssertOrderStep, AssertRefundStep, ExpectStep, NoneStep, OrderStep, RefundStep, ReplayStep, Scenario, Step, WayWord,
};
use crate::desk;
use crate::failure::Failure;
use crate::text::both;
use guitai_certify::SandboxControls;
use guitai_console::wire::{Callback, Problem, Verdict};
use guitai_console::{
    CallbackFilter, CallbackWait, Console, ForwardOptions, ListenOptions, Listener, OrderInput, RefundInput,
    ReplayBatch, ReplayInput,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use wechatpay_sandbox::Sandbox;

/// The merchant profile of a scenario's desk.
const SHOP: &str = "scenario";
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StepEnd {
    Passed,
    Failed,
    /// A step before it failed.
    Skipped,
}

/// One step, done or passed over.
#[derive(Debug, Clone, Serialize)]
pub struct StepResult {
    pub step: &'static str,
    #[serde(rename = "result")]
    pub end: StepEnd,
    pub elapsed_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What came of a scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    pub name: String,
    pub ok: bool,
    pub elapsed_ms: u64,
    pub steps: Vec<StepResult>,
}

/// What a scenario is played on.
pub struct Stand {
    console: Console,
    listener: Listener,
    controls: SandboxControls,
    ready: Value,
    own: Option<Sandbox>,
    orders: HashMap<String, String>,
}

/// Why a step failed, in words.
type Said = Result<(), String>;

impl Stand {
    /// Opens it in `folder`: on the sandbox of this ready line, or on one of its own. What the listener accepts is passed
    /// on to `forward_to` too.
    pub async fn open(folder: &Path, ready: Option<Value>, forward_to: &[String]) -> Result<Stand, Failure> {
        let (own, ready) = match ready {
            Some(ready) => (None, ready),
            None => {
                let data_dir = folder.join("wechatpay");
                let options = wechatpay_sandbox::Options { data_dir, port: 0, proxy_port: 0, merchants: 1 };
                let sandbox = wechatpay_sandbox::start(options).await.map_err(crate::sandbox::failed)?;
                let ready = sandbox.ready_line();
                (Some(sandbox), ready)
            }
        };
        let no_sandbox = |reason: String| {
            Failure::refused(
                "SANDBOX_UNREACHABLE",
                both(format!("连不上沙箱：{reason}"), format!("The sandbox can't be reached: {reason}")),
                both("确认 guitai sandbox 正在运行。", "See that guitai sandbox runs."),
            )
        };
        let base = ready.get("base_url").and_then(Value::as_str).unwrap_or_default();
        let controls = SandboxControls::at(base).map_err(no_sandbox)?;
        controls.get("clock").await.map_err(no_sandbox)?;
        let console = desk::open(&folder.join("desk"), false).await?;
        console.merchant_add_from_sandbox(SHOP, &ready).await?;
        let targets = forward_to.to_vec();
        console.forward_start(ForwardOptions { targets, allow_private: false }).await?;
        let options = ListenOptions { merchant: Some(SHOP.to_owned()), ..ListenOptions::default() };
        let listener = console.listen(options).await?;
        Ok(Stand { console, listener, controls, ready, own, orders: HashMap::new() })
    }

    /// Ends all of it in order.
    pub async fn close(self) {
        self.listener.stop().await;
        self.console.close().await;
        if let Some(sandbox) = self.own {
            sandbox.stop().await;
        }
    }

    /// Plays the steps in order; after the first that fails the rest are passed over. Each is told as it is done.
    pub async fn play(&mut self, scenario: &Scenario, mut each: impl FnMut(usize, &StepResult)) -> Ended {
        let began = Instant::now();
        let mut steps: Vec<StepResult> = Vec::with_capacity(scenario.steps.len());
        let mut broken = false;
        for (place, step) in scenario.steps.iter().enumerate() {
            let from = Instant::now();
            let came = if broken { None } else { Some(self.step(step).await) };
            let (end, message) = match came {
                None => (StepEnd::Skipped, None),
                Some(Ok(())) => (StepEnd::Passed, None),
                Some(Err(said)) => (StepEnd::Failed, Some(crate::out::visible(&said))),
            };
            broken |= end == StepEnd::Failed;
            let result = StepResult { step: step.kind(), end, elapsed_ms: millis(from), message };
            each(place, &result);
            steps.push(result);
        }
        Ended { name: scenario.name.clone(), ok: !broken, elapsed_ms: millis(began), steps }
    }

    async fn step(&mut self, step: &Step) -> Said {
        let m = Some(SHOP);
        match step {
            Step::Order(step) => self.order(step).await,
            Step::Prepay(step) => {
                let came = self.console.order_prepay(m, self.number(&step.order)?, step.via).await;
                outcome(came, step.expect_error.as_deref())
            }
            Step::Pay(step) => {
                let body = json!({
                    "out_trade_no": self.number(&step.order)?, "outcome": step.outcome.word(), "notify": step.notify,
                });
                self.controls.post("payments", &body).await.map(drop)
            }
            Step::Query(step) => {
                let came = self.console.order_query(m, self.number(&step.order)?).await;
                outcome(came, step.expect_error.as_deref())
            }
            Step::Close(step) => {
                let came = self.console.order_close(m, self.number(&step.order)?).await;
                outcome(came, step.expect_error.as_deref())
            }
            Step::Refund(RefundStep { order, amount, reason, expect_error }) => {
                let input = RefundInput { amount: *amount, reason: reason.clone(), ..RefundInput::default() };
                let came = self.console.order_refund(m, self.number(order)?, input).await;
                outcome(came, expect_error.as_deref())
            }
            Step::Redeliver(step) => {
                let id = self.notification(self.number(&step.order)?, &step.event_type).await?;
                let fault = json!({ "fault": step.fault });
                self.controls.post(&format!("notifications/{id}/redeliver"), &fault).await.map(drop)
            }
            Step::Replay(step) => self.replay(step).await,
            Step::Fault(step) => {
                if let Some(api) = &step.api {
                    self.controls.post("faults", &json!(api)).await?;
                }
                if let Some(callback) = &step.callback {
                    self.controls.post("callback-faults", &json!(callback)).await?;
                }
                Ok(())
            }
            Step::Advance(step) => {
                self.controls.post("clock", &json!({ "advance_seconds": step.seconds })).await.map(drop)
            }
            Step::Wait(step) => {
                tokio::time::sleep(Duration::from_secs_f64(step.seconds)).await;
                Ok(())
            }
            Step::ExpectCallback(step) => self.expect(step).await,
            Step::ExpectNoCallback(step) => self.expect_none(step).await,
            Step::AssertOrder(step) => self.assert_order(step).await,
            Step::AssertRefund(step) => self.assert_refund(step).await,
        }
    }

    fn number(&self, order: &str) -> Result<&str, String> {
        self.orders.get(order).map(String::as_str).ok_or_else(|| format!("the order {order:?} was not made"))
    }

    async fn order(&mut self, step: &OrderStep) -> Said {
        let text = |name: &str| self.ready.get(name).and_then(Value::as_str).unwrap_or_default();
        let openid = self.controls.openid(text("appid"), text("appsecret"), &step.payer).await?;
        let input = OrderInput {
            amount: step.amount,
            description: step.description.clone(),
            openid: Some(openid),
            notify_url: Some(format!("http://{}/notify/{SHOP}", self.listener.addr())),
            ..OrderInput::default()
        };
        let order = self.console.order_create(Some(SHOP), input).await.map_err(said)?;
        self.orders.insert(step.name.clone(), order.out_trade_no);
        Ok(())
    }

    /// The id of an order's notification at the sandbox; it may be a moment before it is there.
    async fn notification(&self, no: &str, event_type: &str) -> Result<String, String> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let all = self.controls.get("notifications").await?;
            let is_it = |it: &&Value| {
                it.get("out_trade_no").is_some_and(|is| is == no)
                    && it.get("event_type").is_some_and(|is| is == event_type)
            };
            let found = all.as_array().and_then(|all| all.iter().rev().find(is_it));
            if let Some(id) = found.and_then(|it| it.get("id")?.as_str()) {
                return Ok(id.to_owned());
            }
            if Instant::now() >= until {
                return Err(format!("the sandbox has no {event_type} of the order {no}"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn replay(&self, step: &ReplayStep) -> Said {
        let no = self.number(&step.order)?;
        let all = self.deliveries(no).await?;
        let genuine = all.iter().rev().find(|it| it.verdict == Verdict::Applied).or(all.first());
        let Some(delivery) = genuine else { return Err(format!("no delivery of the order {no} came yet")) };
        let edited = match &step.edit {
            Some(edit) => {
                let dossier = self.console.callback_show(&delivery.id).await.map_err(said)?;
                let mut content = dossier.decrypted.unwrap_or_else(|| json!({}));
                put_over(&mut content, edit);
                Some(content.to_string())
            }
            None => None,
        };
        let own = || format!("http://{}/notify/{SHOP}", self.listener.addr());
        let batch = ReplayBatch {
            ids: vec![delivery.id.clone()],
            times: step.times,
            at_once: step.at_once,
            how: ReplayInput {
                to: step.to.clone().unwrap_or_else(own),
                resigned: step.way == WayWord::Resigned,
                edited,
                fault: step.fault.clone(),
                ..ReplayInput::default()
            },
            ..ReplayBatch::default()
        };
        let plan = self.console.replay_plan(Some(SHOP), batch).await.map_err(said)?;
        let (_go_on, stop) = watch::channel(false);
        let mut wrong: Option<String> = None;
        let run = self.console.replay_run(plan, stop, |done| {
            let answer = done.answer.as_ref();
            let status = answer.and_then(|answer| answer.status);
            let why = done.problem.as_ref().map(|problem| problem.message.en.clone());
            let why = why.or_else(|| answer.and_then(|answer| answer.error.clone())).unwrap_or_default();
            match (status, step.expect_status) {
                (None, _) => wrong = wrong.take().or(Some(format!("replay {}: no answer: {why}", done.done))),
                (Some(is), Some(expected)) if is != expected => {
                    wrong = wrong.take().or(Some(format!("replay {}: answered {is}, expected {expected}", done.done)));
                }
                _ => {}
            }
        });
        run.await.map_err(said)?;
        wrong.map_or(Ok(()), Err)
    }

    /// Those of an order, and those that could not be read, newest first.
    async fn deliveries(&self, no: &str) -> Result<Vec<Callback>, String> {
        let filter = CallbackFilter { limit: 500, ..CallbackFilter::default() };
        let page = self.console.callback_list(Some(SHOP), filter).await.map_err(said)?;
        let of_it = |it: &Callback| it.out_trade_no.as_deref().is_none_or(|is| is == no);
        Ok(page.items.into_iter().filter(of_it).collect())
    }

    async fn expect(&self, step: &ExpectStep) -> Said {
        let no = self.number(&step.order)?;
        let mut expected: Vec<(String, String)> = Vec::new();
        if let Some(verdict) = step.verdict {
            expected.push(("verdict".to_owned(), verdict_word(verdict)));
        }
        expected.extend(step.event_type.iter().map(|event| ("event_type".to_owned(), event.clone())));
        for (field, value) in &step.fields {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            expected.push((field.clone(), text));
        }
        let until = Instant::now() + Duration::from_secs_f64(step.within_s);
        loop {
            let mut fits = 0;
            for delivery in self.deliveries(no).await? {
                fits += u32::from(self.fits(&delivery, no, step, &expected).await?);
            }
            if fits >= step.count {
                return Ok(());
            }
            if Instant::now() >= until {
                let all = self.deliveries(no).await?;
                let seen: Vec<String> = all
                    .iter()
                    .rev()
                    .map(|it| format!("{} {}", it.event_type.as_deref().unwrap_or("?"), verdict_word(it.verdict)))
                    .collect();
                let wanted: Vec<String> = expected.iter().map(|(field, value)| format!("{field}={value}")).collect();
                return Err(format!(
                    "{fits} of {} deliveries with {} within {} s; there are: {}",
                    step.count,
                    if wanted.is_empty() { "anything".to_owned() } else { wanted.join(", ") },
                    step.within_s,
                    if seen.is_empty() { "none".to_owned() } else { seen.join("; ") }
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn fits(
        &self,
        delivery: &Callback,
        no: &str,
        step: &ExpectStep,
        expected: &[(String, String)],
    ) -> Result<bool, String> {
        let row = step.verdict.is_none_or(|verdict| verdict == delivery.verdict)
            && step.event_type.as_ref().is_none_or(|event| delivery.event_type.as_ref() == Some(event));
        if !row || step.fields.is_empty() {
            return Ok(row);
        }
        let wait = CallbackWait { out_trade_no: no.to_owned(), timeout_s: 0, expect: expected.to_vec() };
        match self.console.callback_wait(Some(SHOP), wait).await {
            Ok(dossier) => Ok(dossier.callback.id == delivery.id),
            Err(problem) if problem.code == "CALLBACK_NOT_SEEN" => Ok(false),
            Err(problem) => Err(said(problem)),
        }
    }

    async fn expect_none(&self, step: &NoneStep) -> Said {
        let no = self.number(&step.order)?;
        let until = Instant::now() + Duration::from_secs_f64(step.for_s);
        loop {
            if let Some(came) = self.deliveries(no).await?.first() {
                return Err(format!("the delivery {} came ({})", came.id, verdict_word(came.verdict)));
            }
            if Instant::now() >= until {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn assert_order(&self, step: &AssertOrderStep) -> Said {
        let no = self.number(&step.order)?;
        let until = Instant::now() + Duration::from_secs_f64(step.within_s);
        loop {
            let dossier = self.console.order_show(Some(SHOP), no).await.map_err(said)?;
            let is = serde_json::to_value(&dossier.order).unwrap_or(Value::Null);
            let mut wrong = Vec::new();
            let mut compare = |field: &str, is: Value, wanted: Option<Value>| {
                if let Some(wanted) = wanted.filter(|wanted| *wanted != is) {
                    wrong.push(format!("{field} is {is}, expected {wanted}"));
                }
            };
            let field = |name: &str| is.get(name).cloned().unwrap_or(Value::Null);
            let total = is.pointer("/amount/total").cloned().unwrap_or(Value::Null);
            compare("state", field("state"), step.state.as_ref().map(|state| json!(state)));
            compare("found_by", field("found_by"), step.found_by.map(|by| json!(by)));
            compare("amount", total, step.amount.map(|amount| json!(amount)));
            compare("refunded", field("refunded"), step.refunded.map(|amount| json!(amount)));
            compare("callbacks", json!(dossier.callbacks.len()), step.callbacks.map(|count| json!(count)));
            if wrong.is_empty() {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(format!("the order {no}: {}", wrong.join("; ")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn assert_refund(&self, step: &AssertRefundStep) -> Said {
        let no = self.number(&step.order)?;
        let until = Instant::now() + Duration::from_secs_f64(step.within_s);
        loop {
            let refunds = self.console.order_show(Some(SHOP), no).await.map_err(said)?.refunds;
            let all = serde_json::to_value(&refunds).unwrap_or(Value::Null);
            let fits = |refund: &Value| {
                let amount = refund.pointer("/amount/refund");
                refund.get("status").is_some_and(|is| *is == json!(step.status))
                    && step.amount.is_none_or(|wanted| amount.is_some_and(|is| *is == json!(wanted)))
            };
            if all.as_array().is_some_and(|all| all.iter().any(fits)) {
                return Ok(());
            }
            if Instant::now() >= until {
                let wanted = step.amount.map(|amount| format!(" of {amount}")).unwrap_or_default();
                let seen: Vec<String> =
                    refunds.iter().map(|refund| format!("{} {}", refund.out_refund_no, refund.status)).collect();
                return Err(format!(
                    "the order {no}: no refund{wanted} is {}; there are: {}",
                    step.status,
                    if seen.is_empty() { "none".to_owned() } else { seen.join("; ") }
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A verb did what it was asked to, or was refused as was expected.
fn outcome<T>(came: Result<T, Problem>, expected: Option<&str>) -> Said {
    match (came, expected) {
        (Ok(_), None) => Ok(()),
        (Ok(_), Some(code)) => Err(format!("it worked, expected the error {code}")),
        (Err(problem), Some(code)) if problem.code == code => Ok(()),
        (Err(problem), Some(code)) => Err(format!("{}, expected the error {code}", said(problem))),
        (Err(problem), None) => Err(said(problem)),
    }
}

fn said(problem: Problem) -> String {
    format!("{}: {}", problem.code, problem.message.en)
}

fn verdict_word(verdict: Verdict) -> String {
    serde_json::to_value(verdict).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn put_over(content: &mut Value, edit: &Map<String, Value>) {
    let Value::Object(fields) = content else { return };
    for (name, new) in edit {
        match (fields.get_mut(name), new) {
            (Some(old @ Value::Object(_)), Value::Object(inner)) => put_over(old, inner),
            (_, Value::Null) => drop(fields.remove(name)),
            (_, new) => drop(fields.insert(name.clone(), new.clone())),
        }
    }
}

fn millis(from: Instant) -> u64 {
    u64::try_from(from.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_put_over_part_by_part_and_null_takes_away() {
        let mut content = json!({ "amount": { "total": 100, "currency": "CNY" }, "attach": "a" });
        let edit = json!({ "amount": { "total": 1 }, "attach": null, "more": 2 });
        put_over(&mut content, edit.as_object().expect("an object"));
        assert_eq!(content, json!({ "amount": { "total": 1, "currency": "CNY" }, "more": 2 }));
    }
}
