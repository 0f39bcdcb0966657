//! `apiclient_cert.p12`: key and certificate in one bundle, as the merchant platform hands them out.

use p12_keystore::error::Error;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};

use super::{Certificate, FILE_LIMIT, KeyError, PrivateKey};

const BUNDLE: &str = "PKCS#12 bundle";

/// Opens a bundle; its password is the mchid (reference 1.2).
///
/// # Errors
/// By name: over 64 KiB, a PEM file or anything else that is no bundle, cut, another password, no key or no certificate in
/// it, and whatever is wrong with the two themselves. Key derivation of over a million rounds is refused.
pub fn open(bytes: &[u8], password: &str) -> Result<(PrivateKey, Certificate), KeyError> {
    if bytes.len() > FILE_LIMIT {
        return Err(KeyError::TooLarge(bytes.len()));
    }
    if bytes.starts_with(b"-----BEGIN ") {
        let label = String::from_utf8_lossy(bytes).chars().skip(11).take_while(|c| *c != '-').take(64).collect();
        return Err(KeyError::WrongKind { expected: BUNDLE, found: label });
    }
    let damaged = |why: &str| KeyError::Damaged(BUNDLE, why.to_owned());
    let store = KeyStore::from_pkcs12(bytes, password, Pkcs12ImportPolicy::Relaxed).map_err(|error| match error {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => KeyError::Password,
        other => damaged(&other.to_string()),
    })?;
    let (_, chain) = store.private_key_chain().ok_or_else(|| damaged("there is no private key in it"))?;
    let certificate = chain.certs().first().ok_or_else(|| damaged("there is no certificate in it"))?;
    let key = PrivateKey::from_pkcs8_der(chain.key().as_der())?;
    Ok((key, Certificate::from_der(certificate.as_der())?))
}
