//! `AEAD_AES_256_GCM` with the APIv3 key: notifications and the certificate download (reference 4.1).

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::keys::ApiV3Key;

/// The name in `resource.algorithm`.
pub const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// Why a ciphertext doesn't open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The nonce is used as its bytes and has 12.
    #[error("the nonce has {0} bytes, it must have 12")]
    Nonce(usize),
    /// No base64, or too short to hold the tag of 16 bytes and anything before it.
    #[error("the ciphertext is no base64 of at least 17 bytes")]
    Ciphertext,
    /// The tag does not fit: another key, or something was changed.
    #[error("the APIv3 key does not open it")]
    Tag,
}

/// Opens a ciphertext (base64, its last 16 bytes the tag). Nothing of the plaintext is seen unless the tag fits.
///
/// # Errors
/// Nonce, ciphertext or tag.
pub fn open(key: &ApiV3Key, nonce: &[u8], aad: &[u8], ciphertext: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
    // `Nonce::from_slice` panics on another length, so it is checked first.
    let nonce: &[u8; 12] = nonce.try_into().map_err(|_| SealError::Nonce(nonce.len()))?;
    let bytes = STANDARD.decode(ciphertext).map_err(|_| SealError::Ciphertext)?;
    if bytes.len() < 17 {
        return Err(SealError::Ciphertext);
    }
    Aes256Gcm::new(key.expose().into())
        .decrypt(Nonce::from_slice(nonce), Payload { msg: &bytes, aad })
        .map(Zeroizing::new)
        .map_err(|_| SealError::Tag)
}

/// Seals a plaintext, as WeChat Pay does; the nonce must never be used twice under one key.
pub fn seal(key: &ApiV3Key, nonce: &[u8; 12], aad: &[u8], plaintext: &[u8]) -> String {
    Aes256Gcm::new(key.expose().into())
        .encrypt(Nonce::from_slice(nonce), Payload { msg: plaintext, aad })
        .map(|bytes| STANDARD.encode(bytes))
        // Only a plaintext of over 64 GiB fails.
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_what_was_sealed_and_nothing_that_was_changed() {
        let key = ApiV3Key::parse("0123456789abcdef0123456789abcdef").unwrap();
        let sealed = seal(&key, b"abcdefghijkl", b"transaction", "支付".as_bytes());
        assert_eq!(open(&key, b"abcdefghijkl", b"transaction", &sealed).unwrap().as_slice(), "支付".as_bytes());
        let other = ApiV3Key::parse("0123456789abcdef0123456789abcdeg").unwrap();
        assert_eq!(open(&other, b"abcdefghijkl", b"transaction", &sealed), Err(SealError::Tag));
        assert_eq!(open(&key, b"abcdefghijkl", b"", &sealed), Err(SealError::Tag));
        assert_eq!(open(&key, b"abcdefghijkm", b"transaction", &sealed), Err(SealError::Tag));
        assert_eq!(open(&key, b"short", b"transaction", &sealed), Err(SealError::Nonce(5)));
        assert_eq!(open(&key, b"abcdefghijkl", b"transaction", "%%%"), Err(SealError::Ciphertext));
        assert_eq!(open(&key, b"abcdefghijkl", b"transaction", "AAAA"), Err(SealError::Ciphertext));
        let bytes = STANDARD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(open(&key, b"abcdefghijkl", b"transaction", &STANDARD.encode(changed)), Err(SealError::Tag));
        }
    }
}
