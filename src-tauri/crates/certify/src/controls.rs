//! The test controls of a sandbox that runs elsewhere, over HTTP on loopback, for whoever stages something there.

use serde_json::Value;
use std::time::Duration;

/// A redelivery waits for the backend's answer, a jump of the clock for all that falls due in it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The `/_sandbox/*` of one sandbox. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SandboxControls {
    base: String,
    http: reqwest::Client,
}

impl SandboxControls {
    /// For the sandbox at `base_url`, past any proxy.
    ///
    /// # Errors
    /// In words, where the system gives no HTTP client.
    pub fn at(base_url: &str) -> Result<SandboxControls, String> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().map_err(|e| e.to_string())?;
        Ok(SandboxControls { base: format!("{}/_sandbox/", base_url.trim_end_matches('/')), http })
    }

    /// `POST`s to a control; its answer.
    ///
    /// # Errors
    /// In words: no answer, or the sandbox refused.
    pub async fn post(&self, name: &str, body: &Value) -> Result<Value, String> {
        let request = self.http.post(format!("{}{name}", self.base)).header("Content-Type", "application/json");
        self.answer(name, request.body(body.to_string())).await
    }

    /// What a control shows.
    ///
    /// # Errors
    /// In words: no answer, or the sandbox refused.
    pub async fn get(&self, name: &str) -> Result<Value, String> {
        self.answer(name, self.http.get(format!("{}{name}", self.base))).await
    }

    /// The openid that the sandbox gives the payer of this name, by way of a login.
    ///
    /// # Errors
    /// In words: no answer, or the sandbox refused.
    pub async fn openid(&self, appid: &str, appsecret: &str, name: &str) -> Result<String, String> {
        let url = self.base.replace("/_sandbox/", "/sns/jscode2session");
        let code = format!("sandbox-{name}");
        let query =
            [("appid", appid), ("secret", appsecret), ("js_code", code.as_str()), ("grant_type", "authorization_code")];
        let pairs = query.map(|(name, value)| format!("{name}={value}")).join("&");
        let answer = self.answer("jscode2session", self.http.get(format!("{url}?{pairs}"))).await?;
        let openid = answer.get("openid").and_then(Value::as_str).map(str::to_owned);
        openid.ok_or_else(|| "the sandbox's login gave no openid".to_owned())
    }

    async fn answer(&self, name: &str, request: reqwest::RequestBuilder) -> Result<Value, String> {
        let failed = |error: reqwest::Error| format!("the sandbox's control {name}: {}", error.without_url());
        let answer = request.send().await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(failed)?;
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(value);
        }
        let said = value.get("message").and_then(Value::as_str).map_or_else(|| value.to_string(), str::to_owned);
        Err(format!("the sandbox's control {name} answered {}: {said}", status.as_u16()))
    }
}
