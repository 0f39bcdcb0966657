//! Key files taken apart as far as it takes to refuse the wrong ones by name: limits, label, kind, size and exponent are
//! looked at in the DER, before any big number is made of it.

use rsa::pkcs1;
use rsa::pkcs8::{PrivateKeyInfo, spki::SubjectPublicKeyInfoRef};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::{Decode, SecretDocument};

use super::{FILE_LIMIT, KeyError};

/// Bits of a modulus that are taken; WeChat Pay's have 2,048.
const BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
const EXPONENT: [u8; 3] = [1, 0, 1];
const BEGIN: &str = "-----BEGIN ";

/// One PEM block: its label and its bytes.
pub(super) struct Block {
    pub label: String,
    pub der: SecretDocument,
}

/// Reads the one PEM block of a file; `expected` only words the error.
pub(super) fn block(file: &[u8], expected: &'static str) -> Result<Block, KeyError> {
    if file.len() > FILE_LIMIT {
        return Err(KeyError::TooLarge(file.len()));
    }
    let wrong = |found: &str| KeyError::WrongKind { expected, found: found.to_owned() };
    let text = std::str::from_utf8(file).map_err(|_| wrong("bytes that are no text"))?;
    // Editors on Windows put a byte order mark in front.
    let text = text.trim_start_matches('\u{feff}').trim();
    let blocks = text.matches(BEGIN).count();
    if blocks > 1 {
        return Err(KeyError::SeveralBlocks(blocks));
    }
    // Tools print what they know of a key in front of the block.
    let block = text.find(BEGIN).and_then(|at| text.get(at..)).ok_or_else(|| wrong("no PEM"))?;
    let label = block.get(BEGIN.len()..).and_then(|rest| rest.split_once("-----")).map(|(label, _)| label);
    let label = label.ok_or_else(|| wrong("no PEM"))?;
    if label == "ENCRYPTED PRIVATE KEY" || block.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    match label {
        "RSA PRIVATE KEY" if expected == "PRIVATE KEY" => {}
        label if label == expected => {}
        label if label.ends_with(" PRIVATE KEY") && expected == "PRIVATE KEY" => {
            return Err(KeyError::NotRsa(thing(expected)));
        }
        other => return Err(wrong(&other.chars().take(64).collect::<String>())),
    }
    let thing = thing(expected);
    let (_, der) = SecretDocument::from_pem(block).map_err(|e| KeyError::Damaged(thing, e.to_string()))?;
    Ok(Block { label: label.to_owned(), der })
}

fn thing(expected: &str) -> &'static str {
    match expected {
        "CERTIFICATE" => "certificate",
        "PUBLIC KEY" => "public key",
        _ => "private key",
    }
}

/// The size and exponent of a modulus that will be computed with.
fn size(modulus: UintRef<'_>, exponent: UintRef<'_>) -> Result<(), KeyError> {
    let bytes = modulus.as_bytes();
    let leading = bytes.first().map_or(0, |first| first.leading_zeros());
    let bits = (bytes.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(0));
    if !BITS.contains(&bits) {
        return Err(KeyError::Size(bits));
    }
    if exponent.as_bytes() != EXPONENT { Err(KeyError::Exponent) } else { Ok(()) }
}

/// Looks at a PKCS#1 private key.
pub(super) fn check_pkcs1(der: &[u8]) -> Result<(), KeyError> {
    let key = pkcs1::RsaPrivateKey::from_der(der).map_err(|e| KeyError::Damaged("private key", e.to_string()))?;
    size(key.modulus, key.public_exponent)
}

/// Looks at a PKCS#8 private key.
pub(super) fn check_pkcs8(der: &[u8]) -> Result<(), KeyError> {
    let info = PrivateKeyInfo::from_der(der).map_err(|e| KeyError::Damaged("private key", e.to_string()))?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa("private key"));
    }
    check_pkcs1(info.private_key)
}

/// Looks at the public key of an SPKI or a certificate.
pub(super) fn check_spki(der: &[u8]) -> Result<(), KeyError> {
    let damaged = |why: String| KeyError::Damaged("public key", why);
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|e| damaged(e.to_string()))?;
    if info.algorithm.oid != pkcs1::ALGORITHM_OID {
        return Err(KeyError::NotRsa("public key"));
    }
    let bits = info.subject_public_key.as_bytes().ok_or_else(|| damaged("its bit string has no whole bytes".into()))?;
    let key = pkcs1::RsaPublicKey::from_der(bits).map_err(|e| damaged(e.to_string()))?;
    size(key.modulus, key.public_exponent)
}
