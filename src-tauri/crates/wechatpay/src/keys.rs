//! The keys of both parties: reading them, signing, verifying, the two kinds of encryption that need them.
//!
//! Signing and verifying stand on aws-lc-rs; reading, making and OAEP on `rsa`. No file is opened here.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256};
use x509_cert::der::{Decode, Encode};
use zeroize::Zeroizing;

use crate::ids::{PublicKeyId, SerialNo};
use crate::time::Timestamp;

const PEM_LIMIT: usize = 64 * 1024;

/// Why a key can't be used.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum KeyError {
    /// Over 64 KiB.
    #[error("the file has {0} bytes; a key file has at most 65,536")]
    TooLarge(usize),
    /// No PEM of the wanted label.
    #[error("expected a PEM block «{expected}», found {found}")]
    WrongKind {
        /// The label wanted.
        expected: &'static str,
        /// What was there.
        found: String,
    },
    /// Damaged.
    #[error("the {0} can't be read: {1}")]
    Damaged(&'static str, String),
    /// Not 2,048 to 4,096 bits.
    #[error("the key has {0} bits; WeChat Pay's have 2,048")]
    Size(usize),
    /// Not 32 bytes.
    #[error("the APIv3 key has {0} bytes, it must have exactly 32")]
    ApiV3Length(usize),
    /// Protected by a pass phrase.
    #[error("the private key is encrypted; take the pass phrase off first: openssl pkey -in FILE -out apiclient_key.pem")]
    Encrypted,
    /// OAEP; one error for all causes, so that nothing can be learnt from it.
    #[error("the text doesn't decrypt with this key")]
    Decrypt,
    /// OAEP on the way up.
    #[error("the text has {len} bytes, at most {limit} can be encrypted with this key")]
    PlaintextTooLong {
        /// Bytes of it.
        len: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

fn label(pem: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(pem).ok()?;
    let from = text.find("-----BEGIN ")? + 11;
    let rest = text.get(from..)?;
    rest.get(..rest.find("-----")?).map(str::to_owned)
}

fn text_of<'a>(pem: &'a [u8], expected: &'static str) -> Result<&'a str, KeyError> {
    if pem.len() > PEM_LIMIT {
        return Err(KeyError::TooLarge(pem.len()));
    }
    std::str::from_utf8(pem).map_err(|_| KeyError::WrongKind { expected, found: "bytes that are no text".into() })
}

/// A merchant's (or the sandbox's) private key. `Debug` shows nothing.
#[derive(Clone)]
pub struct PrivateKey {
    pair: Arc<RsaKeyPair>,
    rsa: Arc<rsa::RsaPrivateKey>,
    public: PublicKey,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(***)")
    }
}

impl PrivateKey {
    /// Reads PKCS#8 or PKCS#1 PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let text = text_of(pem, "PRIVATE KEY")?.trim();
        let kind = label(pem);
        let key = match kind.as_deref() {
            Some("PRIVATE KEY") => rsa::RsaPrivateKey::from_pkcs8_pem(text).map_err(|e| KeyError::Damaged("private key", e.to_string()))?,
            Some("RSA PRIVATE KEY") => rsa::RsaPrivateKey::from_pkcs1_pem(text).map_err(|e| KeyError::Damaged("private key", e.to_string()))?,
            Some("ENCRYPTED PRIVATE KEY") => return Err(KeyError::Encrypted),
            other => return Err(KeyError::WrongKind { expected: "PRIVATE KEY", found: other.unwrap_or("no PEM").to_owned() }),
        };
        Self::from_rsa(key)
    }

    /// Makes a 2,048-bit key from a random source.
    pub fn generate(random: &mut impl rand_core::CryptoRngCore) -> Self {
        loop {
            if let Ok(key) = rsa::RsaPrivateKey::new(random, 2048)
                && let Ok(key) = Self::from_rsa(key)
            {
                return key;
            }
        }
    }

    fn from_rsa(key: rsa::RsaPrivateKey) -> Result<Self, KeyError> {
        let bits = key.size() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        let der = key.to_pkcs8_der().map_err(|e| KeyError::Damaged("private key", e.to_string()))?;
        let pair = RsaKeyPair::from_pkcs8(der.as_bytes()).map_err(|e| KeyError::Damaged("private key", e.to_string()))?;
        let public = PublicKey::from_rsa(key.to_public_key())?;
        Ok(PrivateKey { pair: Arc::new(pair), rsa: Arc::new(key), public })
    }

    /// PKCS#8 PEM.
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        self.rsa.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// SHA256-RSA2048 over the bytes, base64, one line.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut out = vec![0; self.pair.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        match self.pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut out) {
            Ok(()) => STANDARD.encode(out),
            Err(_) => String::new(),
        }
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// Reads the DER of a PKCS#8 key.
    ///
    /// # Errors
    /// Damaged, or not 2,048 to 4,096 bits.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = rsa::RsaPrivateKey::from_pkcs8_der(der).map_err(|e| KeyError::Damaged("private key", e.to_string()))?;
        Self::from_rsa(key)
    }

    /// RSA-OAEP (SHA-1) of base64.
    pub fn decrypt_oaep(&self, base64: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let bytes = STANDARD.decode(base64).map_err(|_| KeyError::Decrypt)?;
        self.rsa.decrypt(rsa::Oaep::new::<sha1::Sha1>(), &bytes).map(Zeroizing::new).map_err(|_| KeyError::Decrypt)
    }
}

/// A public key that verifies WeChat Pay's (or a merchant's) signatures and encrypts for its owner.
#[derive(Clone)]
pub struct PublicKey {
    parsed: Arc<ParsedPublicKey>,
    rsa: Arc<rsa::RsaPublicKey>,
    spki: Arc<Vec<u8>>,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

impl PublicKey {
    /// Reads SPKI PEM (`BEGIN PUBLIC KEY`), as `pub_key.pem` is.
    ///
    /// # Errors
    /// By name: too large, another kind of file, damaged, not 2,048 to 4,096 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let text = text_of(pem, "PUBLIC KEY")?.trim();
        match label(pem).as_deref() {
            Some("PUBLIC KEY") => {}
            other => {
                return Err(KeyError::WrongKind { expected: "PUBLIC KEY", found: other.unwrap_or("no PEM").to_owned() });
            }
        }
        let key = rsa::RsaPublicKey::from_public_key_pem(text).map_err(|e| KeyError::Damaged("public key", e.to_string()))?;
        Self::from_rsa(key)
    }

    /// Reads the DER of an SPKI.
    ///
    /// # Errors
    /// Damaged, not RSA, or not 2,048 to 4,096 bits.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let key = rsa::RsaPublicKey::from_public_key_der(der).map_err(|e| KeyError::Damaged("public key", e.to_string()))?;
        Self::from_rsa(key)
    }

    fn from_rsa(key: rsa::RsaPublicKey) -> Result<Self, KeyError> {
        let bits = key.size() * 8;
        if !(2048..=4096).contains(&bits) {
            return Err(KeyError::Size(bits));
        }
        let damaged = |e: String| KeyError::Damaged("public key", e);
        let spki = key.to_public_key_der().map_err(|e| damaged(e.to_string()))?.as_bytes().to_vec();
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki).map_err(|e| damaged(e.to_string()))?;
        Ok(PublicKey { parsed: Arc::new(parsed), rsa: Arc::new(key), spki: Arc::new(spki) })
    }

    /// SPKI PEM.
    pub fn to_spki_pem(&self) -> String {
        self.rsa.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Does the raw signature (not base64) over the message hold: SHA256-RSA2048, PKCS#1 v1.5.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// Bytes of the modulus, which is the length of every signature of this key.
    pub fn size(&self) -> usize {
        self.rsa.size()
    }

    /// The key itself, for the doctor's public-key operation.
    pub fn as_rsa(&self) -> &rsa::RsaPublicKey {
        &self.rsa
    }

    /// RSA-OAEP with SHA-1 and MGF1-SHA1, base64: a sensitive field on its way up (reference 4.2).
    ///
    /// # Errors
    /// The plaintext is longer than the key allows (214 bytes for 2,048 bits).
    pub fn encrypt_oaep(&self, random: &mut impl rand_core::CryptoRngCore, plaintext: &[u8]) -> Result<String, KeyError> {
        let limit = self.size().saturating_sub(42);
        if plaintext.len() > limit {
            return Err(KeyError::PlaintextTooLong { len: plaintext.len(), limit });
        }
        let sealed = self.rsa.encrypt(random, rsa::Oaep::new::<sha1::Sha1>(), plaintext).map_err(|_| KeyError::Decrypt)?;
        Ok(STANDARD.encode(sealed))
    }

    /// SHA-256 of the SPKI, hex, in pairs with colons.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.spki.as_slice()).iter().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(":")
    }
}

/// An X.509 certificate: the merchant's (only its serial goes over the wire) or a platform certificate.
///
/// No chain is checked, as the official SDKs don't (reference 1.4): origin is proved by the APIv3 key that opens the
/// download, or by whoever hands over the file.
#[derive(Clone)]
pub struct Certificate {
    serial: SerialNo,
    key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
    subject_cn: String,
    pem: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.serial, self.subject_cn)
    }
}

impl Certificate {
    /// Reads one PEM certificate.
    ///
    /// # Errors
    /// By name: too large, another kind of file, damaged, a key that is not RSA of 2,048 to 4,096 bits.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        use x509_cert::der::DecodePem as _;
        let text = text_of(pem, "CERTIFICATE")?.trim();
        match label(pem).as_deref() {
            Some("CERTIFICATE") => {}
            other => {
                return Err(KeyError::WrongKind { expected: "CERTIFICATE", found: other.unwrap_or("no PEM").to_owned() });
            }
        }
        let parsed =
            x509_cert::Certificate::from_pem(text).map_err(|e| KeyError::Damaged("certificate", e.to_string()))?;
        Self::from_parsed(&parsed, text.to_owned() + "\n")
    }

    /// Reads the DER of a certificate.
    ///
    /// # Errors
    /// As `from_pem`.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        use x509_cert::der::EncodePem as _;
        let damaged = |e: x509_cert::der::Error| KeyError::Damaged("certificate", e.to_string());
        let parsed = x509_cert::Certificate::from_der(der).map_err(damaged)?;
        let pem = parsed.to_pem(x509_cert::der::pem::LineEnding::LF).map_err(damaged)?;
        Self::from_parsed(&parsed, pem)
    }

    fn from_parsed(parsed: &x509_cert::Certificate, pem: String) -> Result<Self, KeyError> {
        let damaged = |e: String| KeyError::Damaged("certificate", e);
        let tbs = &parsed.tbs_certificate;
        let hex: String = tbs.serial_number.as_bytes().iter().map(|b| format!("{b:02X}")).collect();
        // DER puts a zero byte before a set top bit; OpenSSL and WeChat Pay print the number without it.
        let hex = match tbs.serial_number.as_bytes() {
            [0, next, ..] if *next >= 0x80 => hex.get(2..).unwrap_or_default().to_owned(),
            _ => hex,
        };
        let spki = tbs.subject_public_key_info.to_der().map_err(|e| damaged(e.to_string()))?;
        let instant = |t: x509_cert::time::Time| {
            let seconds = i64::try_from(t.to_unix_duration().as_secs()).map_err(|e| damaged(e.to_string()))?;
            Timestamp::from_second(seconds).map_err(|e| damaged(e.to_string()))
        };
        let subject = tbs.subject.to_string();
        let subject_cn = subject
            .split(',')
            .find_map(|part| part.trim().strip_prefix("CN="))
            .unwrap_or(subject.as_str())
            .to_owned();
        Ok(Certificate {
            serial: SerialNo::parse(&hex).map_err(|e| damaged(e.to_string()))?,
            key: PublicKey::from_spki_der(&spki)?,
            not_before: instant(tbs.validity.not_before)?,
            not_after: instant(tbs.validity.not_after)?,
            subject_cn,
            pem,
        })
    }

    /// Hex, upper case, whole bytes (a leading zero is kept).
    pub fn serial(&self) -> &SerialNo {
        &self.serial
    }

    /// The key that it certifies.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Valid from.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Valid until.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The common name: a mchid in merchant certificates.
    pub fn subject_cn(&self) -> &str {
        &self.subject_cn
    }

    /// As it was read.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }
}

/// The APIv3 key: exactly 32 bytes, used as they are (no hex, no base64). `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiV3Key(Zeroizing<[u8; 32]>);

impl fmt::Debug for ApiV3Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiV3Key(***)")
    }
}

impl ApiV3Key {
    /// # Errors
    /// Not exactly 32 bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = text.as_bytes().try_into().map_err(|_| KeyError::ApiV3Length(text.len()))?;
        Ok(ApiV3Key(Zeroizing::new(bytes)))
    }

    /// The bytes, for sealing them at rest.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// `apiclient_cert.p12`.
pub mod pkcs12 {
    use super::{Certificate, KeyError, PrivateKey};

    /// Opens a bundle; its password is the mchid (reference 1.2).
    ///
    /// # Errors
    /// By name: too large, wrong password or damaged, no key or no certificate in it.
    pub fn open(bytes: &[u8], password: &str) -> Result<(PrivateKey, Certificate), KeyError> {
        if bytes.len() > super::PEM_LIMIT {
            return Err(KeyError::TooLarge(bytes.len()));
        }
        let damaged = |e: String| KeyError::Damaged("PKCS#12 bundle (its password is the mchid)", e);
        let store = p12_keystore::KeyStore::from_pkcs12(bytes, password, p12_keystore::Pkcs12ImportPolicy::Relaxed)
            .map_err(|e| damaged(e.to_string()))?;
        let (_, chain) = store.private_key_chain().ok_or_else(|| damaged("there is no private key in it".into()))?;
        let certificate = chain.certs().first().ok_or_else(|| damaged("there is no certificate in it".into()))?;
        let key = PrivateKey::from_pkcs8_der(chain.key().as_der())?;
        Ok((key, Certificate::from_der(certificate.as_der())?))
    }
}

/// WeChat Pay's keys that a merchant trusts, by the serial that names them: platform certificates and, in public-key
/// mode or during the migration, the public key. The serial *received* decides (reference 1.5).
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: HashMap<String, PublicKey>,
    certificates: Vec<Certificate>,
    public_key_id: Option<PublicKeyId>,
}

impl TrustedKeys {
    /// Trusts nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts a platform certificate under its serial.
    pub fn add_certificate(&mut self, certificate: Certificate) {
        self.keys.insert(certificate.serial().as_str().to_owned(), certificate.public_key().clone());
        self.certificates.retain(|c| c.serial() != certificate.serial());
        self.certificates.push(certificate);
    }

    /// Trusts the WeChat Pay public key under its id.
    pub fn add_public_key(&mut self, id: PublicKeyId, key: PublicKey) {
        self.keys.insert(id.as_str().to_ascii_uppercase(), key);
        self.public_key_id = Some(id);
    }

    /// The key that a serial names; letter case and missing leading zeros don't count.
    pub fn get(&self, serial: &str) -> Option<&PublicKey> {
        let upper = serial.to_ascii_uppercase();
        self.keys.get(&upper).or_else(|| {
            let bare = upper.trim_start_matches('0');
            self.keys.iter().find(|(known, _)| known.trim_start_matches('0') == bare).map(|(_, key)| key)
        })
    }

    /// The certificate that is valid longest: encrypt sensitive fields with it.
    pub fn newest_certificate(&self) -> Option<&Certificate> {
        self.certificates.iter().max_by_key(|c| c.not_after())
    }

    /// Every platform certificate known.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The public key's id, in public-key mode and during the migration.
    pub fn public_key_id(&self) -> Option<&PublicKeyId> {
        self.public_key_id.as_ref()
    }

    /// Is nobody trusted yet.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}
