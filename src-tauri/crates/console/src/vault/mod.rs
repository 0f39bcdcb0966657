//! Secrets at rest: each is sealed with AES-256-GCM under one 32-byte data key; the store holds only the sealed bytes.
//!
//! The data key lies in the system's keychain, or comes from a passphrase (Argon2id), or, with neither, lies in a key
//! file beside the store. The first secret decides which; from then on the store stays with that way. Nothing is
//! unlocked before a secret is needed. Which secrets there are is decided in `merchants`.

mod data_key;

use crate::outside::Outside;
use crate::problem::both;
use crate::secret::Secret;
use crate::store::{Store, StoreError, VaultRow};
use crate::wire::Bilingual;
use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

/// Sealed under the data key when the vault is made; opening it proves that a key is the right one.
const PROOF: &[u8] = b"this vault opens";
const NONCE: usize = 12;
/// The problem's code of [`VaultError::Changed`].
pub(crate) const VAULT_CHANGED: &str = "VAULT_CHANGED";

/// Where the data key is kept. The word in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum VaultWay {
    /// The system's keychain.
    Keychain,
    /// Nowhere: it is made from a passphrase each time.
    Passphrase,
    /// A file of mode 0600 in the data folder.
    KeyFile,
    /// No secret was kept yet.
    None,
}

impl VaultWay {
    fn as_str(self) -> &'static str {
        match self {
            VaultWay::Keychain => "keychain",
            VaultWay::Passphrase => "passphrase",
            VaultWay::KeyFile => "key_file",
            VaultWay::None => "none",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [VaultWay::Keychain, VaultWay::Passphrase, VaultWay::KeyFile].into_iter().find(|way| way.as_str() == text)
    }
}

/// How the secrets are kept, for people to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, specta::Type)]
pub struct VaultStatus {
    /// Where the data key is.
    pub way: VaultWay,
    /// The key file, where there is one.
    pub place: Option<String>,
}

/// Why a secret can't be sealed or opened. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    /// The store sealed with a passphrase, and none was given.
    #[error("a passphrase is needed")]
    PassphraseMissing,
    /// The passphrase makes another key.
    #[error("the passphrase is wrong")]
    PassphraseWrong,
    /// A passphrase without a character.
    #[error("the passphrase is empty")]
    PassphraseEmpty,
    /// The key file is gone, open to others, of another length, or can't be made.
    #[error("the key file {} can't be used: {reason}", path.display())]
    KeyFile {
        /// Where it is or should be.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// The keychain did not answer in time or has no such entry.
    #[error("the keychain did not give the key: {0}")]
    Keychain(String),
    /// Key file or keychain entry hold another key than the one that sealed.
    #[error("the data key is not the one that sealed the secrets")]
    WrongKey,
    /// A sealed value that doesn't open; names the field.
    #[error("the sealed {0} can't be opened")]
    Damaged(String),
    /// Another process emptied the vault meanwhile; the same work goes through with the key of the new one.
    #[error("the vault was made anew meanwhile")]
    Changed,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a store remembers of its vault.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Description {
    way: VaultWay,
    salt: Vec<u8>,
    memory_kib: u32,
    passes: u32,
    proof: Vec<u8>,
}

/// The vault of one store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    data_dir: PathBuf,
    passphrase: Option<Secret>,
    interactive: bool,
    outside: Outside,
    opened: tokio::sync::Mutex<Opened>,
    notices: Mutex<Vec<Bilingual>>,
}

#[derive(Default)]
struct Opened {
    key: Option<Arc<DataKey>>,
    /// The proof that our passphrase failed: making its key again would only cost the same time and memory again.
    refused: Option<Vec<u8>>,
}

/// The open data key.
pub(crate) struct DataKey {
    bytes: Zeroizing<[u8; 32]>,
    /// Of the vault that it opens: tells one vault from the next in the same store.
    proof: Vec<u8>,
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(***)")
    }
}

impl DataKey {
    /// Is this the key of the vault that the store has now? Another process may have emptied it and made a new one.
    pub(crate) fn opens(&self, row: Option<&VaultRow>) -> bool {
        row.is_some_and(|row| row.proof == self.proof)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.bytes).into())
    }

    /// Seals a secret for one field of one merchant: it opens nowhere else.
    pub(crate) fn seal(
        &self,
        outside: &Outside,
        merchant: &str,
        field: &str,
        secret: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let mut nonce = [0_u8; NONCE];
        outside.fill(&mut nonce);
        let aad = place(merchant, field);
        let sealed = self
            .cipher()
            .encrypt(Nonce::from_slice(&nonce), Payload { msg: secret, aad: &aad })
            .map_err(|_| VaultError::Damaged(field.to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what [`DataKey::seal`] made for the same merchant and field.
    ///
    /// # Errors
    /// [`VaultError::Damaged`]: another key, another place, or changed bytes; one error for all.
    pub(crate) fn open(&self, merchant: &str, field: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let damaged = || VaultError::Damaged(field.to_owned());
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE).ok_or_else(damaged)?;
        let aad = place(merchant, field);
        self.cipher()
            .decrypt(Nonce::from_slice(nonce), Payload { msg: ciphertext, aad: &aad })
            .map(Zeroizing::new)
            .map_err(|_| damaged())
    }
}

/// The additional data that ties a sealed value to its place. Names hold no line end, so no two places read the same.
fn place(merchant: &str, field: &str) -> Vec<u8> {
    format!("guitai\n{merchant}\n{field}").into_bytes()
}

impl Vault {
    /// The vault of `store`; opens nothing yet. `interactive`: somebody may be asked by the keychain.
    pub(crate) fn new(
        store: Store,
        data_dir: PathBuf,
        passphrase: Option<Secret>,
        interactive: bool,
        outside: Outside,
    ) -> Self {
        let inner = Inner {
            store,
            data_dir,
            passphrase,
            interactive,
            outside,
            opened: tokio::sync::Mutex::new(Opened::default()),
            notices: Mutex::new(Vec::new()),
        };
        Vault { inner: Arc::new(inner) }
    }

    /// The data key: opened by the way that the store was sealed with, made at the first secret.
    ///
    /// # Errors
    /// [`VaultError`] says what is missing; a store that is sealed is never given a new key.
    pub(crate) async fn key(&self) -> Result<Arc<DataKey>, VaultError> {
        let mut opened = self.inner.opened.lock().await;
        if let Some(key) = &opened.key {
            return Ok(key.clone());
        }
        let key = match self.description().await? {
            Some(found) if opened.refused.as_ref() == Some(&found.proof) => return Err(VaultError::PassphraseWrong),
            Some(found) => {
                let proof = found.proof.clone();
                let unlocked = self.unlock(found).await;
                if unlocked.as_ref().is_err_and(|error| *error == VaultError::PassphraseWrong) {
                    opened.refused = Some(proof);
                }
                unlocked?
            }
            None => self.make().await?,
        };
        opened.key = Some(key.clone());
        Ok(key)
    }

    /// The vault is not the one that was opened: the next secret opens, or makes, the one that is there.
    pub(crate) async fn forget(&self) {
        self.inner.opened.lock().await.key = None;
    }

    /// Which way is in use.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn status(&self) -> Result<VaultStatus, StoreError> {
        let way = match self.description().await {
            Ok(found) => found.map_or(VaultWay::None, |found| found.way),
            Err(VaultError::Store(error)) => return Err(error),
            Err(_) => VaultWay::None,
        };
        let place = (way == VaultWay::KeyFile).then(|| self.key_file().display().to_string());
        Ok(VaultStatus { way, place })
    }

    /// What the host should tell its user, each thing once.
    pub(crate) fn take_notices(&self) -> Vec<Bilingual> {
        std::mem::take(&mut *self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn notice(&self, zh: String, en: String) {
        let mut notices = self.inner.notices.lock().unwrap_or_else(PoisonError::into_inner);
        if notices.len() < 16 {
            notices.push(both(zh, en));
        }
    }

    fn key_file(&self) -> PathBuf {
        self.inner.data_dir.join(data_key::KEY_FILE)
    }

    async fn description(&self) -> Result<Option<Description>, VaultError> {
        let row = self.inner.store.read(|view| view.vault()).await?;
        row.map(|row| Description::from_row(row).ok_or_else(|| VaultError::Damaged("vault".to_owned()))).transpose()
    }

    async fn unlock(&self, found: Description) -> Result<Arc<DataKey>, VaultError> {
        let bytes = match found.way {
            VaultWay::Passphrase => self.key_of_passphrase(&found).await?,
            VaultWay::Keychain if !self.inner.outside.has_keychain() => {
                return Err(VaultError::Keychain("there is no session bus".to_owned()));
            }
            VaultWay::Keychain => data_key::from_keychain(&account(&found.salt), self.inner.interactive).await?,
            VaultWay::KeyFile | VaultWay::None => data_key::read_key_file(&self.key_file())?,
        };
        let key = DataKey { bytes, proof: found.proof.clone() };
        let fits = key.open("", "proof", &found.proof).is_ok_and(|proof| proof.as_slice() == PROOF);
        if !fits {
            return Err(if found.way == VaultWay::Passphrase {
                VaultError::PassphraseWrong
            } else {
                VaultError::WrongKey
            });
        }
        if found.way != VaultWay::Passphrase && self.inner.passphrase.is_some() {
            self.notice(
                "这个数据目录不是用口令加密的，给出的口令没有用到。".to_owned(),
                "This data folder is not sealed with a passphrase; the one given was not used.".to_owned(),
            );
        }
        Ok(Arc::new(key))
    }

    async fn make(&self) -> Result<Arc<DataKey>, VaultError> {
        let outside = &self.inner.outside;
        let mut salt = vec![0_u8; 16];
        outside.fill(&mut salt);
        let mut fresh = Zeroizing::new([0_u8; 32]);
        outside.fill(fresh.as_mut_slice());
        let (memory_kib, passes) = data_key::ARGON2;
        let mut made = Description { way: VaultWay::None, salt, memory_kib, passes, proof: Vec::new() };
        let bytes = if self.inner.passphrase.is_some() {
            made.way = VaultWay::Passphrase;
            self.key_of_passphrase(&made).await?
        } else if self.inner.interactive
            && outside.has_keychain()
            && data_key::into_keychain(&account(&made.salt), fresh.clone()).await.is_ok()
        {
            made.way = VaultWay::Keychain;
            fresh
        } else {
            made.way = VaultWay::KeyFile;
            data_key::read_or_make_key_file(&self.key_file(), fresh)?
        };
        let mut key = DataKey { bytes, proof: Vec::new() };
        made.proof = key.seal(outside, "", "proof", PROOF)?;
        key.proof = made.proof.clone();
        let row = made.to_row(outside.now());
        let kept =
            self.inner.store.write(move |tx| -> Result<VaultRow, StoreError> { tx.vault_keep_first(&row) }).await?;
        // another process may have been first: then its way counts
        let kept = Description::from_row(kept).ok_or_else(|| VaultError::Damaged("vault".to_owned()))?;
        if kept != made {
            return self.unlock(kept).await;
        }
        if made.way == VaultWay::KeyFile {
            let file = self.key_file();
            let file = file.display();
            self.notice(
                format!("没有可用的系统钥匙串：密钥用 {file}（权限 0600）加密保存。备份时请把它和数据文件分开存放。"),
                format!("No keychain is in use: the secrets are sealed with the key file {file} (mode 0600). Keep it apart from backups of the store."),
            );
        }
        Ok(Arc::new(key))
    }

    async fn key_of_passphrase(&self, found: &Description) -> Result<Zeroizing<[u8; 32]>, VaultError> {
        let passphrase = self.inner.passphrase.clone().ok_or(VaultError::PassphraseMissing)?;
        let (salt, memory, passes) = (found.salt.clone(), found.memory_kib, found.passes);
        tokio::task::spawn_blocking(move || data_key::from_passphrase(&passphrase, &salt, memory, passes))
            .await
            .unwrap_or_else(|_| Err(VaultError::PassphraseWrong))
    }
}

impl Description {
    fn from_row(row: VaultRow) -> Option<Self> {
        Some(Description {
            way: VaultWay::parse(&row.way)?,
            salt: row.salt,
            memory_kib: row.memory_kib,
            passes: row.passes,
            proof: row.proof,
        })
    }

    fn to_row(&self, now: wechatpay::time::Timestamp) -> VaultRow {
        VaultRow {
            way: self.way.as_str().to_owned(),
            salt: self.salt.clone(),
            memory_kib: self.memory_kib,
            passes: self.passes,
            proof: self.proof.clone(),
            created_at: now,
        }
    }
}

/// The keychain entry's account: one per store, so that several data folders don't share or overwrite a key.
fn account(salt: &[u8]) -> String {
    let hex: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("store-{hex}")
}

#[cfg(test)]
mod tests;
