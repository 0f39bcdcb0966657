//! The merchants: profiles with their keys, several of them, one current. Read from the store, opened by the vault,
//! remembered until the store says that something changed (another process may have done it).
//!
//! What may go into a profile is judged in `draft`, written in `changes`; the verbs of the console are in `verbs`, the
//! belong-together check in `check`, a folder of key files in `pems`, the register of keys in `register`, doctor and
//! playground in `lab`, the migration to the public key in `rehearsal`. Certificates are
//! downloaded elsewhere (`trust`); orders don't live here.

mod address;
mod changes;
mod check;
mod draft;
mod input;
mod lab;
mod pems;
mod register;
mod rehearsal;
mod verbs;

pub use input::{MerchantInput, MerchantPatch};
pub use lab::{
    DoctorNotification, DoctorPayParams, DoctorRequest, Finding, FrameworkSnippet, TextVerdict, VerifyInput,
};
pub use pems::{Pems, PemsContent, PemsFile, PemsKind};
pub use register::{KeyEntry, KeyKind};
pub use rehearsal::{KeySetup, MigrationStep, Rehearsal, RehearsedCheck, RehearsedSetup, RehearsedStep};
pub use verbs::{SignInput, SignedRequest};

use crate::outside::Outside;
use crate::problem;
use crate::secret::Secret;
use crate::store::{MerchantRow, PlatformRow, SealedRow, Store, StoreError, VaultRow, View};
use crate::vault::{Vault, VaultError};
use crate::wire::Problem;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use wechatpay::error::FieldError;
use wechatpay::ids::{Appid, Mchid, NotifyUrl, PublicKeyId, SerialNo};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey, PublicKey, TrustedKeys};
use wechatpay::sign::Signer;
use wechatpay::time::Timestamp;

/// Fields of sealed secrets.
const PRIVATE_KEY: &str = "private_key";
const API_V3_KEY: &str = "api_v3_key";
const API_V3_KEY_BEFORE: &str = "api_v3_key_before";
const APP_SECRET: &str = "app_secret";
/// For so long after a change the APIv3 key before it still opens callbacks.
const KEY_BEFORE: i64 = 24 * 3_600;
/// How long what is remembered is used without asking the store whether it changed.
const REMEMBERED: Duration = Duration::from_millis(500);

/// A merchant with everything that talking to WeChat Pay needs. `Debug` shows no secret: all of them are types that
/// don't show themselves.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) mchid: Mchid,
    /// The one that new orders take by default.
    pub(crate) appid: Appid,
    pub(crate) also_appids: Vec<Appid>,
    pub(crate) serial_no: SerialNo,
    pub(crate) signer: Signer,
    pub(crate) certificate: Option<Certificate>,
    /// The current one; after a change, for 24 h, also the one before.
    pub(crate) api_v3_keys: Vec<ApiV3Key>,
    pub(crate) app_secret: Option<Secret>,
    pub(crate) trusted: TrustedKeys,
    /// When the platform certificates were last seen in a download or given by hand.
    pub(crate) certificates_seen_at: Option<Timestamp>,
    pub(crate) base_url: String,
    pub(crate) notify_url: Option<NotifyUrl>,
    pub(crate) public_key_id: Option<PublicKeyId>,
    /// Not the real gateway: no real money moves.
    pub(crate) sandbox: bool,
    pub(crate) live_enabled: bool,
}

impl Profile {
    /// May this merchant prepay, close and refund?
    ///
    /// # Errors
    /// `LIVE_READ_ONLY`: a live merchant that was not switched on.
    pub(crate) fn may_write(&self) -> Result<(), Problem> {
        if self.sandbox || self.live_enabled {
            return Ok(());
        }
        Err(problem::new(
            "LIVE_READ_ONLY",
            format!("商户 {} 连接的是真实的微信支付，目前只读：没有下单、关单或退款。", self.name),
            format!(
                "The merchant {} is on the real WeChat Pay and read-only: nothing was ordered, closed or refunded.",
                self.name
            ),
            "确认无误后，在设置里为该商户打开实盘写入。",
            "When you mean it, switch live writing on for this merchant in the settings.",
        ))
    }

    /// The merchant's own appid of this name; the default one if none is named.
    ///
    /// # Errors
    /// It isn't one of the merchant's.
    pub(crate) fn own_appid(&self, named: Option<&str>) -> Result<Appid, FieldError> {
        let Some(named) = named.filter(|named| !named.is_empty()) else { return Ok(self.appid.clone()) };
        let mut own = std::iter::once(&self.appid).chain(&self.also_appids);
        own.clone().find(|own| own.as_str() == named).cloned().ok_or_else(|| {
            let list = own.by_ref().map(Appid::as_str).collect::<Vec<_>>().join(", ");
            let en = format!("is none of the merchant's appids, which are {list}");
            FieldError::new("appid", "one_of", named, en, format!("不是该商户的 appid，可用的有 {list}"))
        })
    }

    fn public_key(&self) -> Option<(PublicKeyId, PublicKey)> {
        let id = self.public_key_id.clone()?;
        let key = self.trusted.get(id.as_str())?.clone();
        Some((id, key))
    }

    fn current_api_v3_key(&self) -> Result<&ApiV3Key, Problem> {
        self.api_v3_keys.first().ok_or_else(|| Problem::from(VaultError::Damaged(API_V3_KEY.to_owned())))
    }
}

/// The profiles of one store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Merchants {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    vault: Vault,
    outside: Outside,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    revision: i64,
    asked: Option<Instant>,
    current: Option<String>,
    profiles: HashMap<String, Remembered>,
}

#[derive(Clone)]
struct Remembered {
    profile: Arc<Profile>,
    /// When it has to be made anew: an APIv3 key's last day ends.
    until: Option<Timestamp>,
}

/// What the store has of one profile.
struct Rows {
    merchant: MerchantRow,
    secrets: Vec<SealedRow>,
    platform: Vec<PlatformRow>,
    vault: Option<VaultRow>,
    revision: i64,
}

impl Rows {
    fn read(view: &View<'_>, name: Option<&str>) -> Result<Option<Rows>, StoreError> {
        let revision = view.merchants_revision()?;
        let Some(merchant) = view.merchant(name)? else { return Ok(None) };
        let (secrets, platform) = (view.merchant_secrets(merchant.id)?, view.platform_certificates(merchant.id)?);
        Ok(Some(Rows { merchant, secrets, platform, vault: view.vault()?, revision }))
    }
}

impl Merchants {
    /// The profiles of `store`; reads nothing yet.
    pub(crate) fn new(store: Store, vault: Vault, outside: Outside) -> Self {
        Merchants { inner: Arc::new(Inner { store, vault, outside, memory: Mutex::new(Memory::default()) }) }
    }

    /// The vault that keeps their secrets.
    pub(crate) fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// One profile with its keys, or the current one.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`, `VAULT_…`, and the store's.
    pub(crate) async fn get(&self, name: Option<&str>) -> Result<Arc<Profile>, Problem> {
        self.forget_if_changed().await?;
        if let Some(found) = self.remembered(name) {
            return Ok(found);
        }
        let asked = name.map(str::to_owned);
        let rows = self.inner.store.read(move |view| Rows::read(view, asked.as_deref())).await?;
        let rows = rows.ok_or_else(|| absent(name))?;
        let (revision, current) = (rows.revision, rows.merchant.current);
        let made = self.open(rows).await?;
        let profile = made.profile.clone();
        let mut memory = self.memory();
        if memory.revision == revision {
            if current {
                memory.current = Some(profile.name.clone());
            }
            memory.profiles.insert(profile.name.clone(), made);
        }
        Ok(profile)
    }

    /// Names of all profiles, in order.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn names(&self) -> Result<Vec<String>, Problem> {
        let rows = self.inner.store.read(|view| view.merchants()).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Something was written: ask the store again at the next question.
    pub(crate) fn forget(&self) {
        let mut memory = self.memory();
        memory.asked = None;
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self, name: Option<&str>) -> Option<Arc<Profile>> {
        let memory = self.memory();
        let name = name.or(memory.current.as_deref())?;
        let found = memory.profiles.get(name)?;
        let now = self.inner.outside.now();
        found.until.is_none_or(|until| now < until).then(|| found.profile.clone())
    }

    async fn forget_if_changed(&self) -> Result<(), Problem> {
        if self.memory().asked.is_some_and(|asked| asked.elapsed() < REMEMBERED) {
            return Ok(());
        }
        let revision = self.inner.store.read(|view| view.merchants_revision()).await?;
        let mut memory = self.memory();
        if memory.revision != revision {
            *memory = Memory { revision, ..Memory::default() };
        }
        memory.asked = Some(Instant::now());
        Ok(())
    }

    async fn open(&self, rows: Rows) -> Result<Remembered, Problem> {
        let mut vault_key = self.inner.vault.key().await?;
        if !vault_key.opens(rows.vault.as_ref()) {
            // another process emptied the vault and made a new one
            self.inner.vault.forget().await;
            vault_key = self.inner.vault.key().await?;
        }
        let now = self.inner.outside.now();
        let row = rows.merchant;
        let open = |field: &str| -> Result<Option<Secret>, VaultError> {
            let found = rows.secrets.iter().find(|secret| secret.field == field);
            let opened = found.map(|found| vault_key.open(&row.name, field, &found.sealed)).transpose()?;
            Ok(opened.map(|bytes| Secret::from_bytes(bytes.to_vec())))
        };
        let damaged = |field: &str| VaultError::Damaged(field.to_owned());
        let needed = |field: &str| open(field)?.ok_or_else(|| damaged(field));
        let api_v3 = |secret: &Secret| -> Result<ApiV3Key, VaultError> {
            ApiV3Key::parse(secret.trimmed().unwrap_or_default()).map_err(|_| damaged(API_V3_KEY))
        };
        let key = PrivateKey::from_pem(needed(PRIVATE_KEY)?.expose()).map_err(|_| damaged(PRIVATE_KEY))?;
        let mut api_v3_keys = vec![api_v3(&needed(API_V3_KEY)?)?];
        let mut until = None;
        if let Some(before) = rows.secrets.iter().find(|secret| secret.field == API_V3_KEY_BEFORE) {
            let end = Timestamp::from_second(before.set_at.as_second().saturating_add(KEY_BEFORE)).unwrap_or(now);
            if now < end
                && let Some(secret) = open(API_V3_KEY_BEFORE)?
            {
                api_v3_keys.push(api_v3(&secret)?);
                until = Some(end);
            }
        }
        let mut trusted = TrustedKeys::new();
        for found in &rows.platform {
            // a row that can't be read is left out: it can only make us trust less
            if let Ok(certificate) = Certificate::from_pem(found.pem.as_bytes()) {
                trusted.add_certificate(certificate);
            }
        }
        let mut public_key_id = None;
        if let (Some(id), Some(pem)) = (&row.public_key_id, &row.public_key) {
            let key = PublicKey::from_pem(pem.as_bytes()).map_err(|_| damaged("public_key"))?;
            let id = PublicKeyId::parse(id)?;
            trusted.add_public_key(id.clone(), key);
            public_key_id = Some(id);
        }
        let (mchid, serial_no) = (Mchid::parse(&row.mchid)?, SerialNo::parse(&row.serial_no)?);
        let sandbox = !address::is_live(&row.base_url);
        let profile = Profile {
            id: row.id,
            signer: Signer { mchid: mchid.clone(), serial_no: serial_no.clone(), key },
            mchid,
            appid: Appid::parse(&row.appid)?,
            also_appids: row.also_appids.iter().map(|appid| Appid::parse(appid)).collect::<Result<_, _>>()?,
            serial_no,
            certificate: row.certificate.as_deref().and_then(|pem| Certificate::from_pem(pem.as_bytes()).ok()),
            api_v3_keys,
            app_secret: open(APP_SECRET)?,
            trusted,
            certificates_seen_at: rows.platform.iter().map(|found| found.seen_at).max(),
            notify_url: row.notify_url.as_deref().map(|url| address::notify_url(url, !sandbox)).transpose()?,
            base_url: row.base_url,
            public_key_id,
            sandbox,
            live_enabled: row.live_enabled,
            name: row.name.clone(),
        };
        Ok(Remembered { profile: Arc::new(profile), until })
    }
}

fn absent(name: Option<&str>) -> Problem {
    match name {
        Some(name) => {
            let name = crate::visible(name, 64);
            problem::new(
                "MERCHANT_NOT_FOUND",
                format!("没有名为 {name} 的商户。"),
                format!("There is no merchant named {name}."),
                "用 guitai merchant list 查看所有商户。",
                "See all merchants with guitai merchant list.",
            )
        }
        None => problem::new(
            "NO_MERCHANT",
            "还没有商户。",
            "There is no merchant yet.",
            "先添加一个：guitai merchant add 名称 --from-sandbox 文件，或在设置里导入密钥。",
            "Add one first: guitai merchant add NAME --from-sandbox FILE, or import keys in the settings.",
        ),
    }
}

#[cfg(test)]
mod tests;
