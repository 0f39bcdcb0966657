//! The scenario file: what may stand in it, read strictly. An error names the line, the step and the field.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::HashSet;
use wechatpay::money::Fen;

/// Steps of one file at most.
const STEPS: usize = 500;
/// Real seconds that one step may wait at most.
const LONGEST: f64 = 600.0;

/// A scenario that can be run.
#[derive(Debug)]
pub struct Scenario {
    pub name: String,
    pub description: String,
    pub steps: Vec<Step>,
}

/// What is wrong with a file, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// From 1; `None`: outside the steps.
    pub step: Option<usize>,
    pub what: String,
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(step) = self.step {
            write!(f, ", step {step}")?;
        }
        write!(f, ": {}", self.what)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(borrow)]
    steps: Vec<&'a RawValue>,
}

/// One step: `{"kind": {…}}`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Order(OrderStep),
    Prepay(PrepayStep),
    Pay(PayStep),
    Query(AskStep),
    Close(AskStep),
    Refund(RefundStep),
    Redeliver(RedeliverStep),
    Replay(ReplayStep),
    Fault(FaultStep),
    Advance(AdvanceStep),
    Wait(WaitStep),
    ExpectCallback(ExpectStep),
    ExpectNoCallback(NoneStep),
    AssertOrder(AssertOrderStep),
    AssertRefund(AssertRefundStep),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderStep {
    /// The name that later steps call it by.
    #[serde(default = "order", rename = "as")]
    pub name: String,
    #[serde(deserialize_with = "yuan")]
    pub amount: Fen,
    pub description: String,
    /// Who pays, by a name of yours; the sandbox gives it an openid.
    #[serde(default = "payer")]
    pub payer: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepayStep {
    #[serde(default = "order")]
    pub order: String,
    pub via: guitai_console::wire::Via,
    #[serde(default)]
    pub expect_error: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum OutcomeWord {
    Success,
    Cancel,
    Payerror,
}

impl OutcomeWord {
    pub fn word(self) -> &'static str {
        match self {
            OutcomeWord::Success => "SUCCESS",
            OutcomeWord::Cancel => "CANCEL",
            OutcomeWord::Payerror => "PAYERROR",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PayStep {
    #[serde(default = "order")]
    pub order: String,
    pub outcome: OutcomeWord,
    #[serde(default = "yes")]
    pub notify: bool,
}

/// A call about an order that takes nothing else.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default)]
    pub expect_error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefundStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default, deserialize_with = "some_yuan")]
    pub amount: Option<Fen>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub expect_error: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedeliverStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default = "transaction")]
    pub event_type: String,
    #[serde(default)]
    pub fault: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayWord {
    #[default]
    Received,
    Resigned,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayStep {
    #[serde(default = "order")]
    pub order: String,
    /// Where to; the scenario's own listener when left out.
    #[serde(default)]
    pub to: Option<String>,
    #[serde(default, rename = "as")]
    pub way: WayWord,
    /// Put over the decrypted content, part by part.
    #[serde(default)]
    pub edit: Option<Map<String, Value>>,
    #[serde(default)]
    pub fault: Option<String>,
    #[serde(default = "one")]
    pub times: u32,
    #[serde(default)]
    pub at_once: bool,
    #[serde(default)]
    pub expect_status: Option<u16>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultStep {
    #[serde(default)]
    pub api: Option<Vec<Value>>,
    #[serde(default)]
    pub callback: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceStep {
    pub seconds: u64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitStep {
    pub seconds: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default)]
    pub verdict: Option<guitai_console::wire::Verdict>,
    #[serde(default)]
    pub event_type: Option<String>,
    /// At least so many.
    #[serde(default = "one")]
    pub count: u32,
    #[serde(default)]
    pub fields: Map<String, Value>,
    #[serde(default = "patience")]
    pub within_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoneStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default = "moment")]
    pub for_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertOrderStep {
    #[serde(default = "order")]
    pub order: String,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub found_by: Option<guitai_console::wire::FoundBy>,
    #[serde(default, deserialize_with = "some_yuan")]
    pub amount: Option<Fen>,
    #[serde(default, deserialize_with = "some_yuan")]
    pub refunded: Option<Fen>,
    /// Exactly so many genuine deliveries.
    #[serde(default)]
    pub callbacks: Option<usize>,
    #[serde(default = "patience")]
    pub within_s: f64,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssertRefundStep {
    #[serde(default = "order")]
    pub order: String,
    pub status: String,
    #[serde(default, deserialize_with = "some_yuan")]
    pub amount: Option<Fen>,
    #[serde(default = "patience")]
    pub within_s: f64,
}

fn order() -> String {
    "order".to_owned()
}

fn payer() -> String {
    "payer".to_owned()
}

fn transaction() -> String {
    "TRANSACTION.SUCCESS".to_owned()
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn patience() -> f64 {
    30.0
}

fn moment() -> f64 {
    1.0
}

fn yuan<'de, D: Deserializer<'de>>(from: D) -> Result<Fen, D::Error> {
    let text = String::deserialize(from)?;
    Fen::parse_yuan(&text).map_err(|error| serde::de::Error::custom(format!("amount {text:?} {}", error.en)))
}

fn some_yuan<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Fen>, D::Error> {
    yuan(from).map(Some)
}

impl Step {
    /// What it is called in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Step::Order(_) => "order",
            Step::Prepay(_) => "prepay",
            Step::Pay(_) => "pay",
            Step::Query(_) => "query",
            Step::Close(_) => "close",
            Step::Refund(_) => "refund",
            Step::Redeliver(_) => "redeliver",
            Step::Replay(_) => "replay",
            Step::Fault(_) => "fault",
            Step::Advance(_) => "advance",
            Step::Wait(_) => "wait",
            Step::ExpectCallback(_) => "expect_callback",
            Step::ExpectNoCallback(_) => "expect_no_callback",
            Step::AssertOrder(_) => "assert_order",
            Step::AssertRefund(_) => "assert_refund",
        }
    }

    /// The order that it is about.
    fn order(&self) -> Option<&str> {
        match self {
            Step::Prepay(PrepayStep { order, .. })
            | Step::Pay(PayStep { order, .. })
            | Step::Query(AskStep { order, .. })
            | Step::Close(AskStep { order, .. })
            | Step::Refund(RefundStep { order, .. })
            | Step::Redeliver(RedeliverStep { order, .. })
            | Step::Replay(ReplayStep { order, .. })
            | Step::ExpectCallback(ExpectStep { order, .. })
            | Step::ExpectNoCallback(NoneStep { order, .. })
            | Step::AssertOrder(AssertOrderStep { order, .. })
            | Step::AssertRefund(AssertRefundStep { order, .. }) => Some(order),
            Step::Order(_) | Step::Fault(_) | Step::Advance(_) | Step::Wait(_) => None,
        }
    }

    /// Real seconds that it may take.
    fn seconds(&self) -> f64 {
        match self {
            Step::Wait(WaitStep { seconds }) => *seconds,
            Step::ExpectCallback(ExpectStep { within_s, .. })
            | Step::AssertOrder(AssertOrderStep { within_s, .. })
            | Step::AssertRefund(AssertRefundStep { within_s, .. }) => *within_s,
            Step::ExpectNoCallback(NoneStep { for_s, .. }) => *for_s,
            _ => 0.0,
        }
    }

    /// What the types alone can't say.
    fn check(&self, made: &HashSet<String>) -> Result<(), String> {
        if let Some(order) = self.order().filter(|order| !made.contains(*order)) {
            return Err(format!("order: no step before makes an order {order:?}"));
        }
        if !(0.0..=LONGEST).contains(&self.seconds()) {
            return Err(format!("seconds, within_s, for_s: must be from 0 to {LONGEST}"));
        }
        match self {
            Step::Order(step) if made.contains(&step.name) => {
                Err(format!("as: the order {:?} is made by an earlier step", step.name))
            }
            Step::Order(step) if !step.payer.bytes().all(|b| b.is_ascii_alphanumeric()) || step.payer.is_empty() => {
                Err("payer: must be letters and digits".to_owned())
            }
            Step::Fault(FaultStep { api: None, callback: None }) => Err("fault: must have api or callback".to_owned()),
            Step::Replay(step) if !(1..=1_000).contains(&step.times) => Err("times: must be from 1 to 1000".to_owned()),
            Step::Replay(step) if step.edit.is_some() && step.way == WayWord::Received => {
                Err("edit: needs \"as\": \"resigned\"".to_owned())
            }
            Step::AssertOrder(AssertOrderStep {
                state: None,
                found_by: None,
                amount: None,
                refunded: None,
                callbacks: None,
                ..
            }) => Err("assert_order: must have state, found_by, amount, refunded or callbacks".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Reads a scenario.
///
/// # Errors
/// The first mistake in it, with its place.
pub fn parse(text: &str) -> Result<Scenario, Mistake> {
    let file: File<'_> = serde_json::from_str(text).map_err(|error| Mistake {
        line: error.line().max(1),
        step: None,
        what: words(&error),
    })?;
    let outside = |what: &str| Mistake { line: 1, step: None, what: what.to_owned() };
    if file.name.trim().is_empty() || file.name.chars().count() > 100 {
        return Err(outside("name: must have 1 to 100 characters"));
    }
    if file.steps.is_empty() || file.steps.len() > STEPS {
        return Err(outside("steps: must be 1 to 500"));
    }
    let mut made = HashSet::new();
    let mut steps = Vec::with_capacity(file.steps.len());
    for (place, raw) in file.steps.iter().enumerate() {
        let begins = (raw.get().as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let line = text.get(..begins).map_or(1, |before| before.matches('\n').count() + 1);
        let step = Some(place + 1);
        if !raw.get().starts_with('{') {
            let what = "must be an object with one key, its kind, such as {\"pay\": {…}}".to_owned();
            return Err(Mistake { line, step, what });
        }
        let read: Step = serde_json::from_str(raw.get()).map_err(|error| Mistake {
            line: line + error.line().saturating_sub(1),
            step,
            what: words(&error),
        })?;
        read.check(&made).map_err(|what| Mistake { line, step, what })?;
        if let Step::Order(order) = &read {
            made.insert(order.name.clone());
        }
        steps.push(read);
    }
    Ok(Scenario { name: file.name, description: file.description, steps })
}

/// Without the place in the step's own text.
fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(steps: &str) -> String {
        format!("{{\n\"name\": \"x\",\n\"steps\": [\n{steps}\n]\n}}")
    }

    #[test]
    fn a_mistake_names_its_line_its_step_and_the_field() {
        const ORDER: &str = r#"{"order":{"amount":"1.00","description":"d"}}"#;
        let after = |step: &str| file(&format!("{ORDER},\n{step}"));
        for (text, line, step, said) in [
            (String::new(), 1, None, "EOF"),
            ("{\n \"name\": 1 }".to_owned(), 2, None, "string"),
            ("{}".to_owned(), 1, None, "missing field `name`"),
            ("{\"name\":\"x\",\n\"steps\":[],\"more\":1}".to_owned(), 2, None, "unknown field `more`"),
            (file(""), 1, None, "steps"),
            (file("{\"dance\":{}}"), 4, Some(1), "unknown variant `dance`"),
            (file("\"order\""), 4, Some(1), "one key"),
            (file("{\"order\":{\"amount\":\"1.005\",\"description\":\"d\"}}"), 4, Some(1), "two decimals"),
            (file("{\"order\":{\"amount\":1,\"description\":\"d\"}}"), 4, Some(1), "string"),
            (file("{\"order\":{\"amount\":\"1\"}}"), 4, Some(1), "missing field `description`"),
            (
                file("{\"order\":{\"amount\":\"1\",\n\"description\":\"d\",\n\"colour\":\"red\"}}"),
                6,
                Some(1),
                "`colour`",
            ),
            (file("{\"pay\":{\"outcome\":\"SUCCESS\"}}"), 4, Some(1), "no step before makes an order \"order\""),
            (after("{\"pay\":{\"outcome\":\"MAYBE\"}}"), 5, Some(2), "`MAYBE`"),
            (after("{\"prepay\":{\"via\":\"fax\"}}"), 5, Some(2), "`fax`"),
            (after("{\"pay\":{\"order\":\"tea\",\"outcome\":\"SUCCESS\"}}"), 5, Some(2), "\"tea\""),
            (after(ORDER), 5, Some(2), "earlier step"),
            (after("{\"wait\":{\"seconds\":9999}}"), 5, Some(2), "from 0 to 600"),
            (after("{\"wait\":{\"seconds\":-1}}"), 5, Some(2), "from 0 to 600"),
            (after("{\"fault\":{}}"), 5, Some(2), "api or callback"),
            (after("{\"replay\":{\"times\":0}}"), 5, Some(2), "times"),
            (after("{\"replay\":{\"edit\":{}}}"), 5, Some(2), "resigned"),
            (after("{\"assert_order\":{}}"), 5, Some(2), "must have state"),
            (after("{\"expect_callback\":{\"verdict\":\"fine\"}}"), 5, Some(2), "`fine`"),
            (after("{\"advance\":{\"seconds\":\"1\"}}"), 5, Some(2), "u64"),
        ] {
            let mistake = parse(&text).expect_err(&text);
            assert_eq!((mistake.line, mistake.step), (line, step), "{text}: {mistake}");
            assert!(mistake.what.contains(said), "{text}: {mistake}");
        }
    }
}
