//! A private key: a merchant's own, or one of the pretend WeChat Pay's.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, LineEnding};
use zeroize::Zeroizing;

use super::{KeyError, PublicKey, pem};

/// An RSA private key of 2,048 to 4,096 bits. `Debug` shows nothing, and it is not `Serialize`. A clone is cheap.
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

fn damaged(why: impl fmt::Display) -> KeyError {
    KeyError::Damaged("private key", why.to_string())
}

impl PrivateKey {
    /// Reads one PEM block, PKCS#8 (`apiclient_key.pem`) or PKCS#1.
    ///
    /// # Errors
    /// By name: over 64 KiB, several blocks, another kind of file, behind a pass phrase, damaged or cut, not RSA, not
    /// 2,048 to 4,096 bits, an exponent other than 65,537.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let block = pem::block(file, "PRIVATE KEY")?;
        if block.label == "PRIVATE KEY" {
            return Self::from_pkcs8_der(block.der.as_bytes());
        }
        pem::check_pkcs1(block.der.as_bytes())?;
        Self::from_rsa(rsa::RsaPrivateKey::from_pkcs1_der(block.der.as_bytes()).map_err(damaged)?)
    }

    /// Reads the DER of a PKCS#8 key.
    ///
    /// # Errors
    /// As [`PrivateKey::from_pem`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, KeyError> {
        pem::check_pkcs8(der)?;
        Self::from_rsa(rsa::RsaPrivateKey::from_pkcs8_der(der).map_err(damaged)?)
    }

    /// Makes a 2,048-bit key from a random source. Takes some tenths of a second.
    pub fn generate(random: &mut impl rand_core::CryptoRngCore) -> Self {
        loop {
            // Fails only if no two primes were found in many tries.
            if let Ok(key) = rsa::RsaPrivateKey::new(random, 2048)
                && let Ok(key) = Self::from_rsa(key)
            {
                return key;
            }
        }
    }

    fn from_rsa(key: rsa::RsaPrivateKey) -> Result<Self, KeyError> {
        let der = key.to_pkcs8_der().map_err(damaged)?;
        // Checks, too, that the parts of the key fit each other.
        let pair = RsaKeyPair::from_pkcs8(der.as_bytes()).map_err(damaged)?;
        let public = PublicKey::from_rsa(key.to_public_key())?;
        Ok(PrivateKey { pair: Arc::new(pair), rsa: Arc::new(key), public })
    }

    /// PKCS#8 PEM; overwritten in memory when dropped.
    pub fn to_pkcs8_pem(&self) -> Zeroizing<String> {
        // Encoding a key that was decoded can't fail.
        self.rsa.to_pkcs8_pem(LineEnding::LF).unwrap_or_default()
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over the bytes, in base64 on one line: 344 characters for 2,048 bits.
    pub fn sign(&self, message: &[u8]) -> String {
        let mut out = vec![0; self.pair.public_modulus_len()];
        // PKCS#1 v1.5 is deterministic; the source only serves aws-lc's interface.
        let random = aws_lc_rs::rand::SystemRandom::new();
        match self.pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut out) {
            Ok(()) => STANDARD.encode(out),
            // A key that was checked and a buffer of its length leave no reason to fail; an empty signature is refused.
            Err(_) => String::new(),
        }
    }

    /// Its public half.
    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// Opens a sensitive field of an answer: base64 of RSA-OAEP with SHA-1 and MGF1-SHA1 (reference 4.2). Use it on
    /// verified answers only, and tell nobody outside how it failed.
    ///
    /// # Errors
    /// One for all causes.
    pub fn decrypt_oaep(&self, base64: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let open = || {
            let sealed = STANDARD.decode(base64).ok()?;
            // Not by `rsa`, whose private-key operation leaks its timing (RUSTSEC-2023-0071).
            let der = self.rsa.to_pkcs8_der().ok()?;
            let key = OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(der.as_bytes()).ok()?).ok()?;
            let mut out = Zeroizing::new(vec![0; key.min_output_size()]);
            let len = key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut out, None).ok()?.len();
            out.truncate(len);
            Some(out)
        };
        open().ok_or(KeyError::Decrypt)
    }
}
