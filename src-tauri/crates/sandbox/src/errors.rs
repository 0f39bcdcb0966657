//! The errors of the gateway and how each is provoked: one table for people (`guitai sandbox --errors`), for programs
//! (`GET /_sandbox/errors`) and for the test that goes every way in it.
//!
//! A way is a list of requests, of which the last is refused. `{order}`, `{refund}` and `{combine}` are right bodies, ` + `
//! changes fields of them (null takes one out); a word with `!` says how the sender errs; `50x` sends fifty, `{n}` counting
//! up. `{transaction_id}` and `{refund_id}` are those of the last payment and the last refund. In a message `…` stands for
//! what is different each time. Of `jscode2session` the code is the `errcode`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A text in both languages, as `Accept-Language` chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// Chinese, the default.
    pub zh: String,
    /// English.
    pub en: String,
}

/// How well the text, the code and the status of an error are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// Captured from the real gateway.
    Live,
    /// WeChat Pay's own pages have it.
    Documented,
    /// The text is built in the style of those that are known, or code or status are a guess.
    Unconfirmed,
}

/// An error of the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayError {
    /// HTTP status.
    pub status: u16,
    /// WeChat Pay's code; empty where the answer has no body.
    pub code: String,
    /// The answer's `message`.
    pub message: Texts,
    /// What provokes it, in words.
    pub how: Texts,
    /// The same as requests, the last of which is refused.
    pub steps: Vec<String>,
    /// How well it is known.
    pub seen: Seen,
}

static TABLE: LazyLock<Vec<GatewayError>> =
    LazyLock::new(|| serde_json::from_str(include_str!("errors.json")).unwrap_or_default());

/// Every error of the gateway, in the order in which it checks.
pub fn errors() -> &'static [GatewayError] {
    &TABLE
}
