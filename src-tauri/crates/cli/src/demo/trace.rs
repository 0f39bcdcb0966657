//! The trace of the demo: its steps in their public order, a JSON line each or explained for people.

use crate::Context;
use crate::failure::Failure;
use crate::out::{Tone, visible};
use guitai_console::wire::Bilingual;
use serde_json::{Map, Value, json};

/// The steps, in the order of the contract and no others.
const STEPS: [&str; 13] = [
    "sandbox_started",
    "order_created",
    "prepay",
    "pay_params",
    "payer_paid",
    "callback_received",
    "signature_verified",
    "resource_decrypted",
    "order_paid",
    "duplicate_ignored",
    "forgery_rejected",
    "refunded",
    "done",
];

/// A step failed, and was told.
#[derive(Debug)]
pub struct Failed;

/// Prints each step as it ends.
#[derive(Debug)]
pub struct Trace<'a> {
    context: &'a Context,
}

impl<'a> Trace<'a> {
    /// Nothing happened yet.
    pub fn new(context: &'a Context) -> Self {
        Trace { context }
    }

    /// The one of two texts that is in the reader's language.
    pub fn pick<'t>(&self, zh: &'t str, en: &'t str) -> &'t str {
        self.context.out.pick(zh, en)
    }

    /// The value, or the failed step's line.
    pub fn check<T>(&self, step: &str, result: Result<T, impl Into<Failure>>) -> Result<T, Failed> {
        result.map_err(|failure| {
            let out = &self.context.out;
            let failure = failure.into();
            let error = match &failure {
                Failure::Usage(problem) | Failure::Refused(problem) => out.error(problem),
                Failure::NotValid => Value::Null,
            };
            out.line(&json!({ "step": step, "ok": false, "error": error }), || self.headline(step, false));
            if !out.is_json() {
                out.failure(&failure);
            }
            Failed
        })
    }

    /// A step that went well, what it showed, and what it means.
    pub fn ok(&mut self, step: &str, facts: Value, meaning: Bilingual) {
        let out = &self.context.out;
        let mut line = Map::new();
        line.insert("step".to_owned(), json!(step));
        line.insert("ok".to_owned(), json!(true));
        if let Value::Object(facts) = facts {
            line.extend(facts);
        }
        out.line(&line, || {
            let mut text = self.headline(step, true);
            text += &format!("     {}\n", out.language().say(&meaning));
            let facts: Vec<_> = line.iter().skip(2).map(|(key, value)| (format!("     {key}"), shown(value))).collect();
            let facts: Vec<_> = facts.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
            text + &out.facts(&facts) + "\n"
        });
    }

    fn headline(&self, step: &str, ok: bool) -> String {
        let out = &self.context.out;
        let number = STEPS.iter().position(|name| *name == step).map_or(0, |at| at + 1);
        let mark = if ok { out.paint(Tone::Good, "✓") } else { out.paint(Tone::Bad, "✗") };
        format!("{number:>2} {mark} {}\n", out.paint(Tone::Strong, step))
    }
}

/// A fact in one piece: texts as they are, the rest as JSON.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => visible(text),
        other => other.to_string(),
    }
}
