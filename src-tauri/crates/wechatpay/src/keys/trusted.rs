//! Whom a merchant trusts.

use std::collections::HashMap;

use super::{Certificate, PublicKey};
use crate::ids::PublicKeyId;

/// WeChat Pay's keys that a merchant trusts, by the serial that names them: platform certificates and, in public-key
/// mode or during the migration, the public key. The serial *received* decides (reference 1.5).
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: HashMap<String, PublicKey>,
    certificates: Vec<Certificate>,
    public_key: Option<(PublicKeyId, PublicKey)>,
}

/// Letter case and leading zeros don't count: some tools drop one.
fn named(serial: &str) -> String {
    serial.trim_start_matches('0').to_ascii_uppercase()
}

impl TrustedKeys {
    /// Trusts nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a platform certificate under its serial. One that is there already is replaced.
    pub fn add_certificate(&mut self, certificate: Certificate) {
        self.keys.insert(named(certificate.serial().as_str()), certificate.public_key().clone());
        self.certificates.retain(|c| c.serial() != certificate.serial());
        self.certificates.push(certificate);
    }

    /// Trusts the WeChat Pay public key under its id.
    pub fn add_public_key(&mut self, id: PublicKeyId, key: PublicKey) {
        self.keys.insert(named(id.as_str()), key.clone());
        self.public_key = Some((id, key));
    }

    /// The key that a serial names; letter case and missing leading zeros don't count.
    pub fn get(&self, serial: &str) -> Option<&PublicKey> {
        self.keys.get(&named(serial))
    }

    /// The certificate whose effective time is latest, which reference 1.4 says to encrypt with.
    pub fn newest_certificate(&self) -> Option<&Certificate> {
        self.certificates.iter().max_by_key(|c| (c.not_before(), c.not_after()))
    }

    /// What to encrypt sensitive fields with, and the serial to name in `Wechatpay-Serial`: the public key where there is
    /// one, the newest certificate otherwise.
    pub fn for_encryption(&self) -> Option<(&str, &PublicKey)> {
        match (&self.public_key, self.newest_certificate()) {
            (Some((id, key)), _) => Some((id.as_str(), key)),
            (None, Some(certificate)) => Some((certificate.serial().as_str(), certificate.public_key())),
            (None, None) => None,
        }
    }

    /// Every platform certificate known.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The public key's id, in public-key mode and during the migration.
    pub fn public_key_id(&self) -> Option<&PublicKeyId> {
        self.public_key.as_ref().map(|(id, _)| id)
    }

    /// Is nobody trusted yet.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
