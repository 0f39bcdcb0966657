//! The sandbox's own certificate authority: one root that people trust once, and leaves for WeChat
//! Pay's host names that are made anew in good time. Knows nothing of sockets.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A leaf's life. Clients on some systems refuse leaves of more than 398 days.
const LEAF_DAYS: i64 = 397;
/// A leaf with less than this left is remade.
const LEAF_SPARE_DAYS: i64 = 30;
const CA_DAYS: i64 = 20 * 365;

/// Why the authority could not be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} holds no usable key: move it away and start again to get a new CA", path.display())]
    Key { path: PathBuf, source: rcgen::Error },
    #[error("can't make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("can't serve the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// The root: its key, and where its certificate lies.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_path: PathBuf,
}

/// A server certificate with its key.
pub(crate) struct Leaf {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
    pub(crate) renew_at: Timestamp,
}

impl Authority {
    /// The authority kept in `folder` (`sandbox_ca.pem`, `sandbox_ca_key.pem`), made now if there is none.
    pub(crate) fn open(folder: &Path, now: Timestamp) -> Result<Self, AuthorityError> {
        let certificate_path = folder.join("sandbox_ca.pem");
        let key_path = folder.join("sandbox_ca_key.pem");
        let key = match fs::read_to_string(&key_path) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(|source| AuthorityError::Key { path: key_path, source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
                // The key first: a certificate without its key would be trusted and useless.
                write(&key_path, &key.serialize_pem(), 0o600)?;
                let _ = fs::remove_file(&certificate_path);
                key
            }
            Err(source) => return Err(AuthorityError::File { path: key_path, source }),
        };
        let params = root_params(&key, now)?;
        if !certificate_path.exists() {
            write(&certificate_path, &params.self_signed(&key)?.pem(), 0o644)?;
        }
        // The issuer's name and key identifier come from the key alone, so they are the file's.
        Ok(Authority { issuer: Issuer::new(params, key), certificate_path })
    }

    pub(crate) fn certificate_path(&self) -> &Path {
        &self.certificate_path
    }

    /// A leaf for all of `names`.
    pub(crate) fn issue(&self, names: &[&str], now: Timestamp) -> Result<Leaf, AuthorityError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>())?;
        let mut subject = DistinguishedName::new();
        subject.push(DnType::CommonName, names.first().copied().unwrap_or_default());
        params.distinguished_name = subject;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, now, LEAF_DAYS);
        let certificate: Certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Leaf {
            certificate: certificate.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            renew_at: now + (24 * (LEAF_DAYS - 1 - LEAF_SPARE_DAYS)).hours(),
        })
    }
}

fn root_params(key: &KeyPair, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    // Each data folder has its own root; the name tells them apart in a trust store.
    let mark: String = params.key_identifier(key).iter().take(4).map(|b| format!("{b:02X}")).collect();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, format!("Guitai sandbox CA {mark}"));
    subject.push(DnType::OrganizationName, "Guitai sandbox, not for production");
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, CA_DAYS);
    Ok(params)
}

/// Valid from yesterday's midnight (UTC) for `days` days: clocks of test machines differ.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let midnight = |offset: i64| {
        let date: Date = TimeZone::UTC.to_datetime(now).date().saturating_add(offset.days());
        rcgen::date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = midnight(-1);
    params.not_after = midnight(days - 1);
}

/// Write whole or not at all, readable as `mode` says.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), AuthorityError> {
    let failed = |source| AuthorityError::File { path: path.to_owned(), source };
    let unfinished = path.with_extension("part");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&unfinished).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&unfinished, path).map_err(failed)
}
