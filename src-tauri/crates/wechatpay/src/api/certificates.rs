//! `GET /v3/certificates`: the platform certificates, sealed with the APIv3 key (reference 4.3). The first download is
//! signed with a key that is not known yet: that the APIv3 key opens it proves its origin, and the answer is then verified
//! with what was found in it.

use serde::Deserialize;

use crate::api::{Answer, AnswerError, Request, VerifiedAnswer};
use crate::error::ApiError;
use crate::ids::SerialNo;
use crate::json;
use crate::keys::{ApiV3Key, Certificate, TrustedKeys};
use crate::seal;
use crate::time::Timestamp;

/// The call; it has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificates;

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    serial_no: String,
    encrypt_certificate: Sealed,
}

#[derive(Deserialize)]
struct Sealed {
    nonce: String,
    #[serde(default)]
    associated_data: Option<String>,
    ciphertext: String,
}

/// Why the certificates can't be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificatesError {
    /// Refused, or not genuine.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The APIv3 key doesn't open an entry: it is another key than the merchant platform's.
    #[error("the APIv3 key does not open the certificate {serial_no}: {why}")]
    Sealed {
        /// The entry.
        serial_no: String,
        /// Why.
        why: seal::SealError,
    },
    /// It opens, but is no certificate, or one of another serial.
    #[error("the certificate {serial_no} can't be used: {why}")]
    Certificate {
        /// The entry.
        serial_no: String,
        /// Why.
        why: String,
    },
}

impl Certificates {
    /// The HTTP request.
    pub fn request(&self) -> Request {
        Request::get("/v3/certificates".into(), "certificates")
    }

    /// Opens the list and verifies the answer, with the keys already trusted and those just opened.
    ///
    /// # Errors
    /// Refused; the APIv3 key is another; the answer is not signed by any of the certificates.
    pub fn answer(
        &self,
        answer: Answer,
        key: &ApiV3Key,
        trusted: &TrustedKeys,
        now: Timestamp,
    ) -> Result<Vec<Certificate>, CertificatesError> {
        if !(200..=299).contains(&answer.status) {
            let error = ApiError::read(answer.status, &answer.body, answer.request_id());
            return Err(AnswerError::Refused(error).into());
        }
        let not_understood = |e: serde_json::Error| AnswerError::NotUnderstood(e.to_string());
        let list = json::strict(&answer.body).and_then(List::deserialize).map_err(not_understood)?;
        let mut known = trusted.clone();
        let mut found = Vec::new();
        for entry in list.data {
            let sealed = &entry.encrypt_certificate;
            let aad = sealed.associated_data.as_deref().unwrap_or_default();
            let pem = seal::open(key, sealed.nonce.as_bytes(), aad.as_bytes(), &sealed.ciphertext)
                .map_err(|why| CertificatesError::Sealed { serial_no: entry.serial_no.clone(), why })?;
            let bad = |why: String| CertificatesError::Certificate { serial_no: entry.serial_no.clone(), why };
            let certificate = Certificate::from_pem(&pem).map_err(|e| bad(e.to_string()))?;
            if SerialNo::parse(&entry.serial_no).as_ref() != Ok(certificate.serial()) {
                return Err(bad(format!("its serial is {}", certificate.serial())));
            }
            known.add_certificate(certificate.clone());
            found.push(certificate);
        }
        VerifiedAnswer::check(answer, &known, now)?;
        Ok(found)
    }
}
