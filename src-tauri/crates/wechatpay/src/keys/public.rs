//! A public key: WeChat Pay's, or the merchant's as the pretend gateway knows it.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs8::{DecodePublicKey, EncodePublicKey, LineEnding};
use rsa::traits::PublicKeyParts;
use sha2::{Digest, Sha256};

use super::{KeyError, pem};

/// An RSA public key of 2,048 to 4,096 bits that verifies signatures and encrypts for its owner. A clone is cheap.
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

impl Eq for PublicKey {}

fn damaged(why: impl fmt::Display) -> KeyError {
    KeyError::Damaged("public key", why.to_string())
}

impl PublicKey {
    /// Reads one PEM block `PUBLIC KEY` (SPKI), as `pub_key.pem` is.
    ///
    /// # Errors
    /// By name: over 64 KiB, several blocks, another kind of file, damaged or cut, not RSA, not 2,048 to 4,096 bits, an
    /// exponent other than 65,537.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        Self::from_spki_der(pem::block(file, "PUBLIC KEY")?.der.as_bytes())
    }

    /// Reads the DER of an SPKI.
    ///
    /// # Errors
    /// As [`PublicKey::from_pem`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        pem::check_spki(der)?;
        Self::from_rsa(rsa::RsaPublicKey::from_public_key_der(der).map_err(damaged)?)
    }

    pub(super) fn from_rsa(key: rsa::RsaPublicKey) -> Result<Self, KeyError> {
        let spki = key.to_public_key_der().map_err(damaged)?.as_bytes().to_vec();
        let parsed = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &spki).map_err(damaged)?;
        Ok(PublicKey { parsed: Arc::new(parsed), rsa: Arc::new(key), spki: Arc::new(spki) })
    }

    /// SPKI PEM.
    pub fn to_spki_pem(&self) -> String {
        // Encoding a key that was decoded can't fail.
        self.rsa.to_public_key_pem(LineEnding::LF).unwrap_or_default()
    }

    /// Does the raw signature (not base64) over the message hold: RSASSA-PKCS1-v1_5 with SHA-256.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// Bytes of the modulus, which is the length of every signature of this key: 256 for 2,048 bits.
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
    pub fn encrypt_oaep(
        &self,
        random: &mut impl rand_core::CryptoRngCore,
        plaintext: &[u8],
    ) -> Result<String, KeyError> {
        // Two SHA-1 hashes and two bytes go off.
        let limit = self.size().saturating_sub(42);
        if plaintext.len() > limit {
            return Err(KeyError::PlaintextTooLong { len: plaintext.len(), limit });
        }
        let sealed = self.rsa.encrypt(random, rsa::Oaep::new::<sha1::Sha1>(), plaintext);
        sealed.map(|bytes| STANDARD.encode(bytes)).map_err(|_| KeyError::Decrypt)
    }

    /// SHA-256 of the SPKI in hex, pairs with colons between: for people to compare.
    pub fn fingerprint(&self) -> String {
        let hex: Vec<_> = Sha256::digest(self.spki.as_slice()).iter().map(|b| format!("{b:02X}")).collect();
        hex.join(":")
    }
}
