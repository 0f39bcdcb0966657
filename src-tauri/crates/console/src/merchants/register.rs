//! The register of keys: what each key and certificate is, whose, until when, and whether it belongs to its partner.
//! Public data only; a private key shows as its fingerprint. What signatures are worth is told elsewhere (`lab`).

use super::Profile;
use crate::console::Console;
use crate::outside;
use crate::problem::both;
use crate::vault::VaultStatus;
use crate::wire::{Bilingual, Problem};
use serde::Serialize;
use std::path::{Path, PathBuf};
use wechatpay::keys::{Certificate, PrivateKey, PublicKey};
use wechatpay::time::{Timestamp, beijing};

/// A key file has at most so many bytes.
const KEY_FILE: u64 = 64 * 1024;

/// What stands in the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, specta::Type)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// The merchant's private key, by the fingerprint of its public half.
    MerchantKey,
    /// The merchant's certificate.
    MerchantCertificate,
    /// A platform certificate of WeChat Pay.
    PlatformCertificate,
    /// The WeChat Pay public key.
    WechatpayPublicKey,
    /// The file of the key that seals all others.
    VaultKey,
    /// A private key in a file beside the desk, e.g. the sandbox's.
    KeyFile,
    /// The CA that the sandbox's proxy makes certificates with.
    SandboxCa,
}

/// One key or certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct KeyEntry {
    /// What it is.
    pub kind: KeyKind,
    /// Whose: a profile's name, a certificate's CN, or a file's name.
    pub owner: String,
    /// Serial in hex, or `PUB_KEY_ID_…`; what signatures name it by.
    pub serial_no: Option<String>,
    /// RFC 3339; certificates only.
    pub not_before: Option<String>,
    /// RFC 3339; certificates only.
    pub not_after: Option<String>,
    /// Whether it is past its end or before its beginning.
    pub expired: bool,
    /// SHA-256 of the public key (SPKI), hex pairs.
    pub fingerprint: Option<String>,
    /// Does it belong to its partner: certificate to private key; null where there is no partner to compare.
    pub belongs: Option<bool>,
    /// What is wrong with it and which key belongs in its place.
    pub note: Option<Bilingual>,
    /// Where it lies, when it lies in a file of its own.
    pub file: Option<String>,
    /// Others than its owner may read the file; null where there is none, or the system doesn't tell.
    pub exposed: Option<bool>,
    /// The public part, PEM.
    pub public_pem: Option<String>,
}

impl Console {
    /// Every key and certificate of a merchant, then the vault's key, then the files in `beside` (the host's own, such
    /// as its sandbox's). Nothing secret is in the answer.
    ///
    /// # Errors
    /// `MERCHANT_NOT_FOUND`, `NO_MERCHANT`, `VAULT_…`, and the store's.
    pub async fn key_register(
        &self,
        m: Option<&str>,
        beside: Vec<(KeyKind, PathBuf)>,
    ) -> Result<Vec<KeyEntry>, Problem> {
        let profile = self.desk.merchants.get(m).await?;
        let now = self.desk.outside.now();
        let mut entries = of_merchant(&profile, now);
        let vault: VaultStatus = self.desk.merchants.vault().status().await?;
        if let Some(place) = vault.place {
            entries.push(of_file(KeyKind::VaultKey, Path::new(&place)));
        }
        let files = tokio::task::spawn_blocking(move || {
            beside.into_iter().map(|(kind, path)| of_file(kind, &path)).collect::<Vec<_>>()
        });
        // a file that could not be looked at costs its row, not the register
        entries.extend(files.await.unwrap_or_default());
        Ok(entries)
    }
}

impl KeyEntry {
    fn bare(kind: KeyKind, owner: impl Into<String>) -> Self {
        KeyEntry {
            kind,
            owner: owner.into(),
            serial_no: None,
            not_before: None,
            not_after: None,
            expired: false,
            fingerprint: None,
            belongs: None,
            note: None,
            file: None,
            exposed: None,
            public_pem: None,
        }
    }

    fn of_certificate(kind: KeyKind, owner: impl Into<String>, certificate: &Certificate, now: Timestamp) -> Self {
        KeyEntry {
            serial_no: Some(certificate.serial().to_string()),
            not_before: Some(beijing(certificate.not_before())),
            not_after: Some(beijing(certificate.not_after())),
            expired: now > certificate.not_after() || now < certificate.not_before(),
            fingerprint: Some(certificate.public_key().fingerprint()),
            public_pem: Some(certificate.to_pem().to_owned()),
            ..Self::bare(kind, owner)
        }
    }

    fn with_key(mut self, key: &PublicKey) -> Self {
        self.fingerprint = Some(key.fingerprint());
        self.public_pem = Some(key.to_spki_pem());
        self
    }
}

fn of_merchant(profile: &Profile, now: Timestamp) -> Vec<KeyEntry> {
    let own = profile.signer.key.public_key();
    let mut entries = vec![KeyEntry {
        serial_no: Some(profile.serial_no.to_string()),
        belongs: profile.certificate.as_ref().map(|found| found.public_key().fingerprint() == own.fingerprint()),
        ..KeyEntry::bare(KeyKind::MerchantKey, &profile.name).with_key(&own)
    }];
    if let Some(certificate) = &profile.certificate {
        let mut entry = KeyEntry::of_certificate(KeyKind::MerchantCertificate, &profile.name, certificate, now);
        let same_key = entry.fingerprint.as_deref() == Some(own.fingerprint().as_str());
        let same_serial = certificate.serial() == &profile.serial_no;
        entry.belongs = Some(same_key && same_serial);
        entry.note = if !same_key {
            Some(both(
                "证书不属于商户私钥：应使用与该私钥一起申请的证书。",
                "The certificate doesn't belong to the private key: use the one that was applied for with that key.",
            ))
        } else if !same_serial {
            Some(both(
                format!("签名用的序列号是 {}，证书的是 {}。", profile.serial_no, certificate.serial()),
                format!(
                    "Requests are signed as {}, the certificate's serial is {}.",
                    profile.serial_no,
                    certificate.serial()
                ),
            ))
        } else {
            None
        };
        entries.push(entry);
    }
    for certificate in profile.trusted.certificates() {
        let mut entry =
            KeyEntry::of_certificate(KeyKind::PlatformCertificate, certificate.subject_cn(), certificate, now);
        if certificate.public_key().fingerprint() == own.fingerprint() {
            entry.belongs = Some(false);
            entry.note = Some(both(
                "这是商户自己的证书，不是平台证书：平台证书要从 /v3/certificates 下载。",
                "This is the merchant's own certificate, no platform certificate: download those from /v3/certificates.",
            ));
        }
        entries.push(entry);
    }
    if let Some((id, key)) = profile.public_key() {
        let mut entry = KeyEntry {
            serial_no: Some(id.to_string()),
            ..KeyEntry::bare(KeyKind::WechatpayPublicKey, &profile.name).with_key(&key)
        };
        if key.fingerprint() == own.fingerprint() {
            entry.belongs = Some(false);
            entry.note = Some(both(
                "这是商户自己的公钥，不是微信支付公钥：请从商户平台下载 pub_key.pem。",
                "This is the merchant's own public key, not WeChat Pay's: download pub_key.pem from the merchant platform.",
            ));
        }
        entries.push(entry);
    }
    entries
}

/// A file as it lies there: its permissions, and what of it is public.
fn of_file(kind: KeyKind, path: &Path) -> KeyEntry {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut entry = KeyEntry::bare(kind, name);
    entry.file = Some(path.display().to_string());
    // A certificate may be read by everybody.
    entry.exposed = if kind == KeyKind::SandboxCa { None } else { readable_by_others(path) };
    if entry.exposed == Some(true) {
        let place = path.display();
        entry.note = Some(both(
            format!("其他用户可以读取这个文件，请执行：chmod 600 '{place}'"),
            format!("Other users may read this file. Run: chmod 600 '{place}'"),
        ));
    }
    if kind == KeyKind::KeyFile
        && let Ok(bytes) = outside::read_small(path, KEY_FILE).map(zeroize::Zeroizing::new)
        && let Ok(key) = PrivateKey::from_pem(&bytes)
    {
        entry = entry.with_key(&key.public_key());
    }
    if kind == KeyKind::SandboxCa
        && let Ok(bytes) = outside::read_small(path, KEY_FILE)
    {
        entry.public_pem = Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    entry
}

#[cfg(unix)]
fn readable_by_others(path: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    Some(mode & 0o077 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_: &Path) -> Option<bool> {
    None
}
