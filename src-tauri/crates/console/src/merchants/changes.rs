//! Adding, changing, choosing and removing profiles: judged, sealed, and written in one transaction each; and profiles as
//! people see them. The console's verbs of the same names are a door to these.

use super::draft::Draft;
use super::input::{MerchantInput, MerchantPatch};
use super::{API_V3_KEY, API_V3_KEY_BEFORE, APP_SECRET, Merchants, PRIVATE_KEY, Rows, absent, address};
use crate::problem;
use crate::store::{MerchantRow, PlatformRow, SealedRow, Tx};
use crate::vault::{VAULT_CHANGED, VaultError};
use crate::wire::{CertificateInfo, Merchant, Problem};
use wechatpay::keys::Certificate;
use wechatpay::time::{Timestamp, beijing};

/// Profiles of one store at most.
const MERCHANTS: usize = 200;

impl Merchants {
    /// Adds a profile; the first one becomes the current one.
    pub(crate) async fn add(&self, input: MerchantInput) -> Result<Merchant, Problem> {
        let draft = Draft::new(input)?;
        match self.insert(&draft).await {
            Err(problem) if problem.code == VAULT_CHANGED => {
                self.inner.vault.forget().await;
                self.insert(&draft).await?;
            }
            other => other?,
        }
        self.forget();
        self.show(Some(&draft.name)).await
    }

    async fn insert(&self, draft: &Draft) -> Result<(), Problem> {
        let now = self.inner.outside.now();
        let key = self.inner.vault.key().await?;
        let outside = &self.inner.outside;
        let seal = |field: &str, secret: &[u8]| -> Result<SealedRow, VaultError> {
            let sealed = key.seal(outside, &draft.name, field, secret)?;
            Ok(SealedRow { field: field.to_owned(), sealed, set_at: now })
        };
        let mut secrets = vec![
            seal(PRIVATE_KEY, draft.private_key.to_pkcs8_pem().as_bytes())?,
            seal(API_V3_KEY, draft.api_v3_key.expose())?,
        ];
        if let Some(secret) = &draft.app_secret {
            secrets.push(seal(APP_SECRET, secret.expose())?);
        }
        let row = row_of(draft, 0, now);
        let platform = platform_rows(&draft.platform, now);
        self.inner
            .store
            .write(move |tx| -> Result<(), Problem> {
                if !key.opens(tx.vault()?.as_ref()) {
                    return Err(VaultError::Changed.into());
                }
                let others = tx.merchants()?;
                if others.len() >= MERCHANTS {
                    return Err(too_many());
                }
                nobody_else(&row, &others)?;
                tx.merchant_insert(&row, &secrets, &platform)?;
                Ok(())
            })
            .await
    }

    /// All profiles, by name.
    pub(crate) async fn list(&self) -> Result<Vec<Merchant>, Problem> {
        self.inner
            .store
            .read(|view| -> Result<Vec<Merchant>, Problem> {
                let mut all = Vec::new();
                for row in view.merchants()? {
                    let (secrets, platform) = (view.merchant_secrets(row.id)?, view.platform_certificates(row.id)?);
                    all.push(shown(Rows { merchant: row, secrets, platform, vault: None, revision: 0 }));
                }
                Ok(all)
            })
            .await
    }

    /// One profile, or the current one. Needs no key of the vault.
    pub(crate) async fn show(&self, m: Option<&str>) -> Result<Merchant, Problem> {
        let asked = m.map(str::to_owned);
        let rows = self.inner.store.read(move |view| Rows::read(view, asked.as_deref())).await?;
        rows.map(shown).ok_or_else(|| absent(m))
    }

    /// Changes a profile; the whole is judged as it would be afterwards.
    #[cfg(test)]
    pub(crate) async fn update(&self, name: &str, patch: MerchantPatch) -> Result<Merchant, Problem> {
        self.update_with(name, patch, |_, _| Ok(())).await
    }

    /// Changes a profile; the whole is judged as it would be afterwards. `also` is done in the same transaction, and sees
    /// the row as it was.
    pub(crate) async fn update_with(
        &self,
        name: &str,
        patch: MerchantPatch,
        mut also: impl FnMut(&Tx<'_>, &MerchantRow) -> Result<(), Problem> + Send + 'static,
    ) -> Result<Merchant, Problem> {
        let profile = self.get(Some(name)).await?;
        let draft = Draft::changed(&profile, patch)?;
        let now = self.inner.outside.now();
        let key = self.inner.vault.key().await?;
        let outside = &self.inner.outside;
        let mut secrets = Vec::new();
        let mut seal = |field: &str, secret: &[u8]| -> Result<(), VaultError> {
            let sealed = key.seal(outside, &draft.name, field, secret)?;
            secrets.push(SealedRow { field: field.to_owned(), sealed, set_at: now });
            Ok(())
        };
        if draft.private_key.public_key() != profile.signer.key.public_key() {
            seal(PRIVATE_KEY, draft.private_key.to_pkcs8_pem().as_bytes())?;
        }
        let before = profile.current_api_v3_key()?;
        if &draft.api_v3_key != before {
            seal(API_V3_KEY_BEFORE, before.expose())?;
            seal(API_V3_KEY, draft.api_v3_key.expose())?;
        }
        if draft.app_secret != profile.app_secret
            && let Some(secret) = &draft.app_secret
        {
            seal(APP_SECRET, secret.expose())?;
        }
        let known = profile.trusted.certificates();
        let added = draft.platform.iter().filter(|found| !known.iter().any(|known| known.to_pem() == found.to_pem()));
        let platform = platform_rows(&added.cloned().collect::<Vec<_>>(), now);
        let row = row_of(&draft, profile.id, now);
        self.inner
            .store
            .write(move |tx| -> Result<(), Problem> {
                if !key.opens(tx.vault()?.as_ref()) {
                    return Err(VaultError::Changed.into());
                }
                let others = tx.merchants()?;
                let was = others.iter().find(|other| other.id == row.id).ok_or_else(|| absent(Some(&row.name)))?;
                nobody_else(&row, &others)?;
                also(tx, was)?;
                Ok(tx.merchant_update(&row, &secrets, &platform)?)
            })
            .await?;
        self.forget();
        self.show(Some(name)).await
    }

    /// Makes a profile the current one.
    pub(crate) async fn choose(&self, name: &str) -> Result<Merchant, Problem> {
        let asked = name.to_owned();
        self.inner
            .store
            .write(move |tx| -> Result<(), Problem> {
                let row = tx.merchant(Some(&asked))?.ok_or_else(|| absent(Some(&asked)))?;
                Ok(tx.merchant_use(row.id)?)
            })
            .await?;
        self.forget();
        self.show(Some(name)).await
    }

    /// Forgets a profile with its keys.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), Problem> {
        let asked = name.to_owned();
        self.inner
            .store
            .write(move |tx| -> Result<(), Problem> {
                let row = tx.merchant(Some(&asked))?.ok_or_else(|| absent(Some(&asked)))?;
                Ok(tx.merchant_delete(row.id)?)
            })
            .await?;
        self.forget();
        Ok(())
    }
}

/// May this row stand beside the others?
fn nobody_else(row: &MerchantRow, others: &[MerchantRow]) -> Result<(), Problem> {
    let mut others = others.iter().filter(|other| other.id != row.id);
    if others.clone().any(|other| other.name == row.name) {
        return Err(problem::new(
            "MERCHANT_EXISTS",
            format!("已经有名为 {} 的商户。", row.name),
            format!("There is a merchant named {} already.", row.name),
            "换一个名称，或用 guitai merchant update 修改它。",
            "Choose another name, or change it with guitai merchant update.",
        )
        .at_field("name"));
    }
    // Order numbers are unique per mchid. The same mchid twice is right for a second appid of the merchant, or for two
    // sandboxes; the same appid twice would apply each callback under either name, and a sandbox beside the real
    // gateway would mix play money with real.
    let live = |row: &MerchantRow| address::is_live(&row.base_url);
    let has = |row: &MerchantRow, appid: &String| row.appid == *appid || row.also_appids.contains(appid);
    let shared = |other: &MerchantRow| has(other, &row.appid) || row.also_appids.iter().any(|also| has(other, also));
    let same = others.find(|other| {
        other.mchid == row.mchid && ((other.base_url == row.base_url && shared(other)) || live(other) != live(row))
    });
    match same {
        None => Ok(()),
        Some(other) => Err(problem::new(
            "MCHID_EXISTS",
            format!("商户号 {} 已经在商户 {} 里。", row.mchid, other.name),
            format!("The mchid {} is already that of the merchant {}.", row.mchid, other.name),
            format!("用 guitai merchant update {} 修改它；同一商户号的另一个 appid 可以另加，沙箱和真实网关不能共用商户号。", other.name),
            format!("Change that one with guitai merchant update {}; another appid of it may be added, but a sandbox and the real gateway can't share an mchid.", other.name),
        )
        .at_field("mchid")),
    }
}

fn too_many() -> Problem {
    problem::new(
        "TOO_MANY_MERCHANTS",
        format!("最多 {MERCHANTS} 个商户。"),
        format!("There are at most {MERCHANTS} merchants."),
        "先删除不用的商户。",
        "Remove merchants that are not used first.",
    )
}

fn row_of(draft: &Draft, id: i64, now: Timestamp) -> MerchantRow {
    MerchantRow {
        id,
        name: draft.name.clone(),
        mchid: draft.mchid.as_str().to_owned(),
        appid: draft.appid.as_str().to_owned(),
        also_appids: draft.also_appids.iter().map(|also| also.as_str().to_owned()).collect(),
        serial_no: draft.serial_no.as_str().to_owned(),
        certificate: draft.certificate.as_ref().map(|found| found.to_pem().to_owned()),
        base_url: draft.base_url.clone(),
        notify_url: draft.notify_url.as_ref().map(|url| url.as_str().to_owned()),
        public_key_id: draft.public_key.as_ref().map(|(id, _)| id.as_str().to_owned()),
        public_key: draft.public_key.as_ref().map(|(_, key)| key.to_spki_pem()),
        live_enabled: draft.live_enabled,
        created_at: now,
        current: false,
    }
}

fn platform_rows(certificates: &[Certificate], now: Timestamp) -> Vec<PlatformRow> {
    let row = |found: &Certificate| PlatformRow {
        serial_no: found.serial().as_str().to_owned(),
        pem: found.to_pem().to_owned(),
        seen_at: now,
    };
    certificates.iter().map(row).collect()
}

/// A profile as people see it.
fn shown(rows: Rows) -> Merchant {
    let set = |field: &str| {
        let there = rows.secrets.iter().any(|secret| secret.field == field);
        if there { "set" } else { "not set" }.to_owned()
    };
    let certificates = rows.platform.iter().filter_map(|row| Certificate::from_pem(row.pem.as_bytes()).ok());
    let row = rows.merchant;
    Merchant {
        sandbox: !address::is_live(&row.base_url),
        private_key: set(PRIVATE_KEY),
        api_v3_key: set(API_V3_KEY),
        app_secret: set(APP_SECRET),
        platform_certificates: certificates
            .map(|found| CertificateInfo {
                serial_no: found.serial().as_str().to_owned(),
                not_before: beijing(found.not_before()),
                not_after: beijing(found.not_after()),
            })
            .collect(),
        name: row.name,
        mchid: row.mchid,
        appid: row.appid,
        also_appids: row.also_appids,
        serial_no: row.serial_no,
        base_url: row.base_url,
        notify_url: row.notify_url,
        current: row.current,
        public_key_id: row.public_key_id,
        live_enabled: row.live_enabled,
        created_at: beijing(row.created_at),
    }
}
