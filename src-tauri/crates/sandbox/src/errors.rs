//! The errors of the gateway and how each is provoked: one table for people (`guitai sandbox --errors`), for programs
//! (`GET /_sandbox/errors`) and for the test that goes every way in it.
//!
//! A way is a list of requests, of which the last is refused. `{order}` and `{refund}` are right bodies, ` + ` changes fields
//! of them (null takes one out); a word with `!` says how the sender errs. Texts that no capture of the real gateway shows
//! are built in the style of those that one shows.

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
}

static TABLE: LazyLock<Vec<GatewayError>> =
    LazyLock::new(|| serde_json::from_str(include_str!("errors.json")).unwrap_or_default());

/// Every error of the gateway, in the order in which it checks.
pub fn errors() -> &'static [GatewayError] {
    &TABLE
}
