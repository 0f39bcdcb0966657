//! What a signature says when it is opened with the public key: one RSA operation gives the digest that was signed,
//! and from then on each guess at the text costs a hash.

use md5::Md5;
use rsa::BigUint;
use rsa::traits::PublicKeyParts;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::cause::Cause;
use crate::keys::PublicKey;

/// A signature opened with one key.
pub(super) enum Opened {
    /// A proper PKCS#1 v1.5 block: this key made it.
    Pkcs1(Payload),
    /// Has the form of a PSS block. Only a text that fits shows that it is one.
    Pss { hash: Vec<u8>, salt: Vec<u8> },
    /// Neither: another key made it, or it is damaged.
    Closed,
}

/// What the PKCS#1 v1.5 padding held.
pub(super) enum Payload {
    Digest(Hash, Vec<u8>),
    /// Something without a DigestInfo.
    Bare(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// The DER in front of the digest (RFC 8017, 9.2, note 1).
const DIGEST_INFOS: [(Hash, &[u8]); 5] = [
    (
        Hash::Md5,
        &[0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04, 0x10],
    ),
    (Hash::Sha1, &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14]),
    (
        Hash::Sha256,
        &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
            0x20,
        ],
    ),
    (
        Hash::Sha384,
        &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
            0x30,
        ],
    ),
    (
        Hash::Sha512,
        &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
            0x40,
        ],
    ),
];

impl Hash {
    fn of(self, text: &[u8]) -> Vec<u8> {
        match self {
            Hash::Md5 => Md5::digest(text).to_vec(),
            Hash::Sha1 => Sha1::digest(text).to_vec(),
            Hash::Sha256 => Sha256::digest(text).to_vec(),
            Hash::Sha384 => Sha384::digest(text).to_vec(),
            Hash::Sha512 => Sha512::digest(text).to_vec(),
        }
    }
}

impl Opened {
    /// Open `signature`, which has exactly the key's length.
    pub(super) fn with(key: &PublicKey, signature: &[u8]) -> Opened {
        let key = key.as_rsa();
        let number = BigUint::from_bytes_be(signature);
        if signature.len() != key.size() || &number >= key.n() {
            return Opened::Closed;
        }
        let raw = number.modpow(key.e(), key.n()).to_bytes_be();
        let mut block = vec![0; key.size().saturating_sub(raw.len())];
        block.extend(raw);
        if let Some(payload) = unpad_pkcs1(&block) {
            return Opened::Pkcs1(payload);
        }
        match unpad_pss(&block, key.n().bits()) {
            Some((hash, salt)) => Opened::Pss { hash, salt },
            None => Opened::Closed,
        }
    }

    /// Whether there is anything to compare texts with.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Opened::Closed)
    }

    /// Whether this key certainly made the signature.
    pub(super) fn is_proper(&self) -> bool {
        matches!(self, Opened::Pkcs1(_))
    }

    /// Whether the signature was made over `text`: `Some(None)` in the right way, `Some(Some(cause))` in a wrong one.
    pub(super) fn fits(&self, text: &[u8]) -> Option<Option<Cause>> {
        match self {
            Opened::Pkcs1(Payload::Digest(Hash::Sha256, signed)) => {
                (Sha256::digest(text).as_slice() == signed).then_some(None)
            }
            Opened::Pkcs1(Payload::Digest(hash, signed)) => {
                (hash.of(text) == *signed).then_some(Some(Cause::DigestWrong))
            }
            Opened::Pkcs1(Payload::Bare(signed)) => {
                (Sha256::digest(text).as_slice() == signed).then_some(Some(Cause::DigestMisapplied))
            }
            Opened::Pss { hash, salt } => {
                let mut outer = Sha256::new();
                outer.update([0; 8]);
                outer.update(Sha256::digest(text));
                outer.update(salt);
                (outer.finalize().as_slice() == hash).then_some(Some(Cause::PaddingPss))
            }
            Opened::Closed => None,
        }
    }

    /// The same, and whether it was made over a digest of a digest: costs more, so it is asked of few texts.
    pub(super) fn fits_somehow(&self, text: &[u8]) -> Option<Option<Cause>> {
        let digest = || Sha256::digest(text);
        let misapplied = match self {
            Opened::Pkcs1(Payload::Digest(Hash::Sha256, signed)) => {
                let again = |bytes: &[u8]| Sha256::digest(bytes).as_slice() == signed;
                let lower = hex(&digest());
                again(&digest()) || again(lower.as_bytes()) || again(lower.to_uppercase().as_bytes())
            }
            Opened::Pkcs1(Payload::Bare(signed)) => hex(&digest()).as_bytes().eq_ignore_ascii_case(signed),
            _ => false,
        };
        self.fits(text).or(misapplied.then_some(Some(Cause::DigestMisapplied)))
    }
}

fn unpad_pkcs1(block: &[u8]) -> Option<Payload> {
    let padded = block.strip_prefix(&[0, 1])?;
    let filled = padded.iter().take_while(|b| **b == 0xff).count();
    let (_, rest) = padded.split_at_checked(filled)?;
    let payload = rest.strip_prefix(&[0])?;
    if filled < 8 || payload.is_empty() {
        return None;
    }
    for (hash, info) in DIGEST_INFOS {
        if let Some(digest) = payload.strip_prefix(info)
            && info.last() == u8::try_from(digest.len()).ok().as_ref()
        {
            return Some(Payload::Digest(hash, digest.to_vec()));
        }
    }
    Some(Payload::Bare(payload.to_vec()))
}

/// EMSA-PSS with SHA-256 for digest and mask, the salt as long as it is (RFC 8017, 9.1.2).
fn unpad_pss(block: &[u8], modulus_bits: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let bits = modulus_bits.checked_sub(1)?;
    let encoded = block.get(block.len().checked_sub(bits.div_ceil(8))?..)?;
    let (rest, trailer) = encoded.split_at_checked(encoded.len().checked_sub(1)?)?;
    if trailer != [0xbc] {
        return None;
    }
    let (masked, hash) = rest.split_at_checked(rest.len().checked_sub(32)?)?;
    let mut data: Vec<u8> = masked.to_vec();
    for (counter, piece) in (0_u32..).zip(data.chunks_mut(32)) {
        let mut mask = Sha256::new();
        mask.update(hash);
        mask.update(counter.to_be_bytes());
        for (byte, with) in piece.iter_mut().zip(mask.finalize()) {
            *byte ^= with;
        }
    }
    if let Some(first) = data.first_mut() {
        *first &= 0xff_u8.checked_shr(u32::try_from(8 * encoded.len() - bits).ok()?)?;
    }
    let zeros = data.iter().take_while(|b| **b == 0).count();
    let (_, tail) = data.split_at_checked(zeros)?;
    Some((hash.to_vec(), tail.strip_prefix(&[1])?.to_vec()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
