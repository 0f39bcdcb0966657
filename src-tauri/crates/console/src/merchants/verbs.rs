//! The console's verbs about merchants, and the ready line of a sandbox that makes one.

use super::draft;
use super::input::{MerchantInput, MerchantPatch};
use crate::console::Console;
use crate::outside;
use crate::problem;
use crate::replay::signers_in;
use crate::secret::Secret;
use crate::store::{MerchantRow, NewExchange, StoreError, Tx};
use crate::vault::VaultStatus;
use crate::wire::{Bilingual, Event, Merchant, MerchantCheck, Payer, Problem};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use wechatpay::error::FieldError;

/// A key file has at most so many bytes.
const KEY_FILE: u64 = 64 * 1024;

/// A request to sign without sending it.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct SignInput {
    /// `GET`, `POST` …
    pub method: String,
    /// Path and query, or a whole URL, of which path and query are signed.
    pub url: String,
    /// The exact bytes.
    #[serde(default)]
    pub body: Vec<u8>,
    /// Unix seconds; now if left out.
    #[serde(default)]
    #[specta(type = Option<u32>)]
    pub timestamp: Option<i64>,
    /// A fresh one if left out.
    #[serde(default)]
    pub nonce: Option<String>,
}

/// A signed request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct SignedRequest {
    /// The five lines.
    pub sign_string: String,
    /// Base64.
    pub signature: String,
    /// The header's value.
    pub authorization: String,
}

/// The ready line of a sandbox: what of it makes a merchant. Other fields are for other readers.
#[derive(Deserialize)]
struct ReadyLine {
    base_url: String,
    mchid: String,
    appid: String,
    #[serde(default)]
    appsecret: Option<Secret>,
    api_v3_key: Secret,
    merchant_serial_no: String,
    merchant_private_key: PathBuf,
    #[serde(default)]
    merchant_certificate: Option<PathBuf>,
    #[serde(default)]
    platform_certificate: Option<PathBuf>,
    #[serde(default)]
    public_key_id: Option<String>,
    #[serde(default)]
    public_key: Option<PathBuf>,
}

impl Console {
    /// Adds a merchant; everything is checked before anything is written. The first one becomes the current one.
    ///
    /// # Errors
    /// `INVALID_FIELD`, `KEY_…`, `SERIAL_…`, `API_V3_KEY_LENGTH`; `MERCHANT_EXISTS`, `MCHID_EXISTS`; `VAULT_…`; the store's.
    pub async fn merchant_add(&self, input: MerchantInput) -> Result<Merchant, Problem> {
        let added = self.desk.merchants.add(input).await?;
        self.tell_of_merchants();
        Ok(added)
    }

    /// Adds the merchant of a sandbox from the line that `guitai sandbox` printed. The paths in it are read.
    ///
    /// # Errors
    /// `SANDBOX_LINE` for what isn't such a line, `KEY_FILE_UNREADABLE`, and those of [`Console::merchant_add`].
    pub async fn merchant_add_from_sandbox(&self, name: &str, line: &serde_json::Value) -> Result<Merchant, Problem> {
        draft::name(name)?;
        let signers = signers_in(line);
        // serde's words name the field, never its value
        let line = ReadyLine::deserialize(line).map_err(|error| {
            problem::new(
                "SANDBOX_LINE",
                "这不是 guitai sandbox 打印的那一行。",
                "This is not the line that guitai sandbox prints.",
                "把 guitai sandbox --json 的第一行原样保存成文件。",
                "Save the first line of guitai sandbox --json to the file as it is.",
            )
            .with_why(error.to_string(), error.to_string())
        })?;
        let input = tokio::task::spawn_blocking({
            let name = name.to_owned();
            move || line.read(name)
        })
        .await
        .map_err(|error| Problem::from(StoreError::Other(error.to_string())))??;
        let added = self.merchant_add(input).await?;
        let merchant = self.desk.merchants.get(Some(name)).await?.id;
        // only paths; without them replays ask for the ready line
        self.desk.store.write(move |tx| tx.sandbox_signers_set(merchant, &signers)).await?;
        Ok(added)
    }

    /// All merchants, by name.
    ///
    /// # Errors
    /// The store's.
    pub async fn merchant_list(&self) -> Result<Vec<Merchant>, Problem> {
        self.desk.merchants.list().await
    }

    /// One merchant, or the current one; secrets as set or not set. Needs no key of the vault.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`, and the store's.
    pub async fn merchant_show(&self, m: Option<&str>) -> Result<Merchant, Problem> {
        self.desk.merchants.show(m).await
    }

    /// Changes a merchant; the whole is checked as it would be afterwards. A changed APIv3 key leaves the one before
    /// valid for callbacks for 24 h.
    ///
    /// # Errors
    /// As [`Console::merchant_add`]; `MERCHANT_NOT_FOUND`.
    pub async fn merchant_update(&self, name: &str, patch: MerchantPatch) -> Result<Merchant, Problem> {
        self.merchant_update_with(name, patch, |_, _| Ok(())).await
    }

    /// The same, with what else has to be in its transaction: `also` sees the row as it was.
    pub(crate) async fn merchant_update_with(
        &self,
        name: &str,
        patch: MerchantPatch,
        also: impl FnMut(&Tx<'_>, &MerchantRow) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Merchant, Problem> {
        let changed = self.desk.merchants.update_with(name, patch, also).await?;
        self.tell_of_merchants();
        Ok(changed)
    }

    /// Makes a merchant the current one.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, and the store's.
    pub async fn merchant_use(&self, name: &str) -> Result<Merchant, Problem> {
        let chosen = self.desk.merchants.choose(name).await?;
        self.tell_of_merchants();
        Ok(chosen)
    }

    /// Forgets a merchant with its keys. Its orders stay.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, and the store's.
    pub async fn merchant_remove(&self, name: &str) -> Result<(), Problem> {
        self.desk.merchants.remove(name).await?;
        self.tell_of_merchants();
        Ok(())
    }

    /// Do a merchant's key, certificate, serial, APIv3 key and public key belong together, and when do they expire?
    /// Asks the gateway; what is off is said in words, not as an error.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`, `VAULT_…`, and the store's.
    pub async fn merchant_check(&self, m: Option<&str>) -> Result<MerchantCheck, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        Ok(super::check::check(&profile, &self.desk.trust, &self.desk.gateway, self.desk.outside.now()).await)
    }

    /// Signs a request with a merchant's key; nothing is sent or kept.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a method, URL, time or nonce that can't stand in a signed text; the merchant's.
    pub async fn sign(&self, m: Option<&str>, input: SignInput) -> Result<SignedRequest, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let target = target_of(&input.url)?;
        let method = input.method.to_ascii_uppercase();
        if !(1..=16).contains(&method.len()) || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(FieldError::new(
                "method",
                "letters",
                &input.method,
                "must be an HTTP method like POST",
                "须为 HTTP 方法，如 POST",
            )
            .into());
        }
        let nonce = input.nonce.unwrap_or_else(|| self.desk.outside.nonce());
        if nonce.is_empty() || nonce.len() > 128 || nonce.bytes().any(|b| !b.is_ascii_graphic() || b == b'"') {
            return Err(
                FieldError::new("nonce", "charset", &nonce, "must be letters and digits", "须为字母和数字").into()
            );
        }
        let timestamp = input.timestamp.unwrap_or_else(|| self.desk.outside.now().as_second());
        let signed = profile.signer.authorization(&method, &target, &input.body, timestamp, &nonce);
        Ok(SignedRequest {
            sign_string: String::from_utf8_lossy(&signed.message).into_owned(),
            signature: signed.signature,
            authorization: signed.authorization,
        })
    }

    /// Asks WeChat who a mini-program's login code belongs to (`jscode2session`). The session key stays here and is not
    /// kept; the call is, without it and without the app secret.
    ///
    /// # Errors
    /// `NO_APP_SECRET`; WeChat's `errcode` (40029: the code is used up or wrong); the merchant's and the store's.
    pub async fn payer_login(&self, m: Option<&str>, js_code: &str) -> Result<Payer, Problem> {
        if !(1..=128).contains(&js_code.len()) || !js_code.bytes().all(|b| b.is_ascii_graphic()) {
            let (en, zh) = ("must be the code that wx.login gave", "须为 wx.login 返回的 code");
            return Err(FieldError::new("code", "charset_1_128", js_code, en, zh).into());
        }
        let profile = self.desk.merchants.get(m).await?;
        let login = self.desk.gateway.login(&profile, js_code).await?;
        let record = login.record;
        let about = NewExchange {
            merchant: profile.name.clone(),
            mchid: profile.mchid.to_string(),
            at: record.at,
            purpose: record.purpose.clone(),
            method: record.method.clone(),
            target: record.target.clone(),
            base_url: record.base_url.clone(),
            request_body: Vec::new(),
            out_trade_no: None,
            order_id: None,
        };
        let keep = move |tx: &Tx<'_>| -> Result<i64, StoreError> {
            let id = tx.exchange_begin(&about)?;
            let (row, raw) = record.rows(id);
            tx.exchange_end(id, &row, &raw)?;
            Ok(id)
        };
        let exchange = self.desk.store.write(keep).await?;
        let session = login.outcome.map_err(|error| self.desk.gateway_problem(&error, exchange))?;
        Ok(Payer { openid: session.openid.to_string() })
    }

    /// How the secrets are kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn vault_status(&self) -> Result<VaultStatus, Problem> {
        Ok(self.desk.merchants.vault().status().await?)
    }

    /// What a host should tell its user now (on stderr, or in the window), each thing once: that a key file was made.
    #[must_use]
    pub fn take_notices(&self) -> Vec<Bilingual> {
        self.desk.merchants.vault().take_notices()
    }

    fn tell_of_merchants(&self) {
        // nobody listening is no failure
        let _ = self.desk.events.send(Event::MerchantsChanged);
    }
}

impl ReadyLine {
    fn read(self, name: String) -> Result<MerchantInput, Problem> {
        let text = |path: &Path| Ok::<_, Problem>(String::from_utf8_lossy(&key_file(path)?).into_owned());
        Ok(MerchantInput {
            name,
            mchid: self.mchid,
            appid: self.appid,
            also_appids: Vec::new(),
            serial_no: Some(self.merchant_serial_no),
            private_key: Secret::from_bytes(key_file(&self.merchant_private_key)?),
            certificate: self.merchant_certificate.as_deref().map(text).transpose()?,
            api_v3_key: self.api_v3_key,
            app_secret: self.appsecret,
            platform_certificates: self.platform_certificate.as_deref().map(text).transpose()?.into_iter().collect(),
            public_key: self.public_key.as_deref().map(text).transpose()?,
            public_key_id: self.public_key_id,
            base_url: Some(self.base_url),
            notify_url: None,
        })
    }
}

fn key_file(path: &Path) -> Result<Vec<u8>, Problem> {
    outside::read_small(path, KEY_FILE).map_err(|error| {
        let place = path.display();
        problem::new(
            "KEY_FILE_UNREADABLE",
            format!("读不了文件 {place}。"),
            format!("The file {place} can't be read."),
            "检查路径和权限；密钥文件最多 64 KiB。",
            "Check path and permissions; a key file has at most 64 KiB.",
        )
        .with_why(error.to_string(), error.to_string())
    })
}

/// Path and query of a URL, as they would stand on the request line.
fn target_of(url: &str) -> Result<String, FieldError> {
    let wrong = || {
        FieldError::new(
            "url",
            "path",
            url,
            "must be a path like /v3/certificates or a full URL",
            "须为 /v3/certificates 这样的路径，或完整地址",
        )
    };
    if url.len() > 8_192 || url.bytes().any(|b| b.is_ascii_control() || b == b' ') {
        return Err(wrong());
    }
    let rest = match url.split_once("://") {
        Some(("http" | "https", rest)) => {
            let path = rest.find(['/', '?', '#']).and_then(|at| rest.get(at..)).unwrap_or("/");
            if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
        }
        _ => url.to_owned(),
    };
    let target = rest.split('#').next().unwrap_or_default();
    if target.starts_with('/') { Ok(target.to_owned()) } else { Err(wrong()) }
}
