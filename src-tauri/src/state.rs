//! What the window shows of its host: versions, places, and whether sandbox and listener run. Plain data, no secrets.

use guitai_console::wire::{Merchant, Problem};
use serde::{Deserialize, Serialize};
use specta::Type;
use std::collections::BTreeMap;

/// All that the frame of the window shows; answered at once, also while things are still starting.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct AppState {
    /// Of this program.
    pub version: String,
    /// Where the store is.
    pub data_dir: String,
    /// Language of the system, `zh` or `en`; the setting `language` goes before it.
    pub locale: String,
    /// Profiles, the current one marked.
    pub merchants: Vec<Merchant>,
    /// Name of the current profile.
    pub current: Option<String>,
    /// The callback listener.
    pub listener: ListenerState,
    /// The embedded sandbox.
    pub sandbox: SandboxState,
    /// How far this machine's clock is ahead of WeChat Pay's; null until a gateway answered.
    #[specta(type = Option<i32>)]
    pub clock_skew_ms: Option<i64>,
    /// Size of the store.
    #[specta(type = u32)]
    pub store_bytes: u64,
    /// When the last callback came in.
    pub last_callback_at: Option<String>,
    /// What was set by `settings_set`.
    pub settings: BTreeMap<String, String>,
}

/// Is it there?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// On its way.
    Starting,
    /// Serving.
    Running,
    /// Switched off by a person.
    Stopped,
    /// It could not be started; `error` says why.
    Failed,
}

/// The callback listener.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct ListenerState {
    /// Is it there.
    pub state: Condition,
    /// `http://127.0.0.1:PORT`, while it runs.
    pub url: Option<String>,
    /// Where the current merchant's callbacks go, below `url`.
    pub notify_path: Option<String>,
    /// Does it serve the merchant API too?
    pub api: bool,
    /// Why it failed; while it runs: why it runs on another port than it was asked to.
    pub error: Option<Problem>,
}

/// The embedded sandbox.
#[derive(Debug, Clone, Serialize, Deserialize, Type)]
pub struct SandboxState {
    /// Is it there.
    pub state: Condition,
    /// Its gateway, while it runs.
    pub base_url: Option<String>,
    /// For `HTTPS_PROXY`, while it runs.
    pub proxy_url: Option<String>,
    /// The CA to trust beside `proxy_url`, while it runs.
    pub ca_certificate: Option<String>,
    /// A payer that it knows, so that nobody has to find one to try a JSAPI order with.
    pub openid: Option<String>,
    /// Why it failed.
    pub error: Option<Problem>,
}

impl ListenerState {
    /// Nothing but a condition.
    #[must_use]
    pub fn bare(state: Condition) -> Self {
        Self { state, url: None, notify_path: None, api: false, error: None }
    }
}

impl SandboxState {
    /// Nothing but a condition.
    #[must_use]
    pub fn bare(state: Condition) -> Self {
        Self { state, base_url: None, proxy_url: None, ca_certificate: None, openid: None, error: None }
    }
}
