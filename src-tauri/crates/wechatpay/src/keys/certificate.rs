//! X.509 certificates, as far as APIv3 uses them: serial, key, validity, common name.

use std::fmt;

use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Decode, Encode, EncodePem as _};

use super::{KeyError, PublicKey, pem};
use crate::ids::SerialNo;
use crate::time::Timestamp;

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

fn damaged(why: impl fmt::Display) -> KeyError {
    KeyError::Damaged("certificate", why.to_string())
}

impl Certificate {
    /// Reads one PEM block `CERTIFICATE`.
    ///
    /// # Errors
    /// By name: over 64 KiB, several blocks, another kind of file, damaged or cut, and a key that is not RSA of 2,048 to
    /// 4,096 bits with the exponent 65,537.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        Self::from_der(pem::block(file, "CERTIFICATE")?.der.as_bytes())
    }

    /// Reads the DER of a certificate.
    ///
    /// # Errors
    /// As [`Certificate::from_pem`].
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let parsed = x509_cert::Certificate::from_der(der).map_err(damaged)?;
        let tbs = &parsed.tbs_certificate;
        // DER puts a zero byte before a set top bit; OpenSSL and WeChat Pay print the number without it.
        let serial = match tbs.serial_number.as_bytes() {
            [0, rest @ ..] if rest.first().is_some_and(|next| *next >= 0x80) => rest,
            whole => whole,
        };
        let hex: String = serial.iter().map(|b| format!("{b:02X}")).collect();
        let spki = tbs.subject_public_key_info.to_der().map_err(damaged)?;
        let instant = |t: x509_cert::time::Time| {
            let seconds = i64::try_from(t.to_unix_duration().as_secs()).map_err(damaged)?;
            Timestamp::from_second(seconds).map_err(damaged)
        };
        let subject = tbs.subject.to_string();
        let cn = subject.split(',').find_map(|part| part.trim().strip_prefix("CN="));
        Ok(Certificate {
            serial: SerialNo::parse(&hex).map_err(damaged)?,
            key: PublicKey::from_spki_der(&spki)?,
            not_before: instant(tbs.validity.not_before)?,
            not_after: instant(tbs.validity.not_after)?,
            subject_cn: cn.unwrap_or(subject.as_str()).to_owned(),
            pem: parsed.to_pem(LineEnding::LF).map_err(damaged)?,
        })
    }

    /// Hex, upper case, whole bytes, a leading zero kept: what `openssl x509 -noout -serial` prints.
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

    /// The common name: a mchid in merchant certificates; the whole subject where there is none.
    pub fn subject_cn(&self) -> &str {
        &self.subject_cn
    }

    /// PEM, with LF.
    pub fn to_pem(&self) -> &str {
        &self.pem
    }
}
