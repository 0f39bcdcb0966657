//! The keys of the sandbox: for each merchant its own key and certificate, WeChat Pay's platform certificates and public
//! key, the secrets. Made once, kept in files of mode 0600, read again at each start.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use jiff::civil::Date;
use rcgen::{CertificateParams, DistinguishedName, DnType, SerialNumber};
use serde::{Deserialize, Serialize};
use wechatpay::keys::{ApiV3Key, Certificate, KeyError, PrivateKey, PublicKey};
use wechatpay::time::Timestamp;

use crate::clock;

/// Why keys could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: PathBuf,
        /// What went wrong with it.
        error: std::io::Error,
    },
    /// A key file that is there can't be used.
    #[error("{path}: {error}")]
    Key {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: KeyError,
    },
    /// `merchant.json` can't be understood.
    #[error("{path}: {error}")]
    Description {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The machine made no key or certificate.
    #[error("no key could be made: {0}")]
    Making(String),
}

/// One of WeChat Pay's platform certificates for a merchant.
#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) serial: String,
    pub(crate) certificate: Certificate,
    pub(crate) key: PrivateKey,
    pub(crate) certificate_path: PathBuf,
    pub(crate) key_path: PathBuf,
    /// Since when it is listed, Unix seconds of the wall: the newest encrypts.
    pub(crate) since: i64,
}

/// The platform certificates of a merchant: those listed now, and the serials of those that once were.
#[derive(Clone)]
struct Platforms {
    listed: Vec<Arc<Platform>>,
    ended: Vec<String>,
}

/// A merchant of the sandbox with everything that it and WeChat Pay hold. No `Debug`: it is all secrets.
pub(crate) struct Merchant {
    pub(crate) mchid: String,
    pub(crate) appid: String,
    pub(crate) appsecret: String,
    pub(crate) api_v3_key: ApiV3Key,
    pub(crate) api_v3_key_text: String,
    pub(crate) serial: String,
    pub(crate) certificate_key: PublicKey,
    pub(crate) certificate_pem: String,
    pub(crate) certificate_not_after: Timestamp,
    pub(crate) public_key_id: String,
    pub(crate) public_key: PrivateKey,
    pub(crate) folder: PathBuf,
    platforms: RwLock<Platforms>,
}

#[derive(Serialize, Deserialize)]
struct Description {
    mchid: String,
    appid: String,
    appsecret: String,
    api_v3_key: String,
    public_key_id: String,
    platforms: Vec<Listed>,
    ended: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Listed {
    serial: String,
    key: String,
    since: i64,
}

/// All merchants, the first being the one at the top of the ready line.
pub(crate) struct Keyring {
    merchants: Vec<Arc<Merchant>>,
}

impl Keyring {
    /// Reads the merchants under `folder` and makes what is missing up to `count`, each key in a thread of its own.
    pub(crate) fn open(folder: &Path, count: usize) -> Result<Keyring, KeyringError> {
        make_folder(folder)?;
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).map_err(|e| file(folder, e))? {
            let path = entry.map_err(|e| file(folder, e))?.path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() && name.bytes().all(|b| b.is_ascii_digit()) && path.join("merchant.json").exists() {
                found.push(path);
            }
        }
        found.sort();
        let mut numbers: Vec<u64> = found.iter().filter_map(|p| p.file_name()?.to_str()?.parse().ok()).collect();
        while found.len() < count.max(1) {
            // Merchant numbers count up from a first one by chance, so that their order is the order of making.
            let number = match numbers.last() {
                Some(last) => last + 1,
                None => 1_900_000_000 + clock::digits(7).parse::<u64>().unwrap_or(1),
            };
            numbers.push(number);
            found.push(make_merchant(folder, &number.to_string())?);
        }
        let merchants = found.iter().map(|path| read_merchant(path).map(Arc::new)).collect::<Result<_, _>>()?;
        Ok(Keyring { merchants })
    }

    pub(crate) fn all(&self) -> &[Arc<Merchant>] {
        &self.merchants
    }

    pub(crate) fn by_mchid(&self, mchid: &str) -> Option<&Arc<Merchant>> {
        self.merchants.iter().find(|m| m.mchid == mchid)
    }
}

impl Merchant {
    fn platforms(&self) -> Platforms {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The platform certificate that signs: the one listed longest.
    pub(crate) fn signing(&self) -> Option<Arc<Platform>> {
        self.platforms.read().unwrap_or_else(PoisonError::into_inner).listed.first().cloned()
    }

    /// What `/v3/certificates` lists.
    pub(crate) fn listed(&self) -> Vec<Arc<Platform>> {
        self.platforms().listed
    }

    /// Was this serial ever one of the platform certificates'?
    pub(crate) fn knows_platform(&self, serial: &str) -> bool {
        let platforms = self.platforms.read().unwrap_or_else(PoisonError::into_inner);
        platforms.listed.iter().any(|p| p.serial.eq_ignore_ascii_case(serial))
            || platforms.ended.iter().any(|s| s.eq_ignore_ascii_case(serial))
    }

    /// Makes and lists one more platform certificate.
    pub(crate) fn add_platform(&self) -> Result<Arc<Platform>, KeyringError> {
        let mut platforms = self.platforms();
        let (serial, key_name) = make_platform(&self.folder, Some(()))?;
        let platform =
            Arc::new(read_platform(&self.folder, &Listed { serial, key: key_name, since: Clock::seconds() })?);
        platforms.listed.push(platform.clone());
        self.keep(platforms)?;
        Ok(platform)
    }

    /// Ends a platform certificate. `Ok(false)`: it is not listed, or the only one.
    pub(crate) fn end_platform(&self, serial: &str) -> Result<bool, KeyringError> {
        let mut platforms = self.platforms();
        let before = platforms.listed.len();
        if before < 2 {
            return Ok(false);
        }
        platforms.listed.retain(|p| !p.serial.eq_ignore_ascii_case(serial));
        if platforms.listed.len() == before {
            return Ok(false);
        }
        platforms.ended.push(serial.to_ascii_uppercase());
        self.keep(platforms)?;
        Ok(true)
    }

    fn keep(&self, platforms: Platforms) -> Result<(), KeyringError> {
        let name = |path: &Path| path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let description = Description {
            mchid: self.mchid.clone(),
            appid: self.appid.clone(),
            appsecret: self.appsecret.clone(),
            api_v3_key: self.api_v3_key_text.clone(),
            public_key_id: self.public_key_id.clone(),
            platforms: platforms
                .listed
                .iter()
                .map(|p| Listed { serial: p.serial.clone(), key: name(&p.key_path), since: p.since })
                .collect(),
            ended: platforms.ended.clone(),
        };
        write_description(&self.folder, &description)?;
        *self.platforms.write().unwrap_or_else(PoisonError::into_inner) = platforms;
        Ok(())
    }
}

/// The wall's seconds, for the time of listing.
struct Clock;
impl Clock {
    fn seconds() -> i64 {
        clock::Clock::wall().as_second()
    }
}

fn file(path: &Path, error: std::io::Error) -> KeyringError {
    KeyringError::File { path: path.to_owned(), error }
}

fn making(error: impl std::fmt::Display) -> KeyringError {
    KeyringError::Making(error.to_string())
}

fn make_folder(path: &Path) -> Result<(), KeyringError> {
    private_folder(path).map_err(|e| file(path, e))
}

/// Makes a folder, and those above it that aren't there, for their owner alone.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a file that only its owner reads, whole or not at all.
fn write_private(path: &Path, text: &str) -> Result<(), KeyringError> {
    let beside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(&beside).map_err(|e| file(&beside, e))?;
    out.write_all(text.as_bytes()).and_then(|()| out.sync_all()).map_err(|e| file(&beside, e))?;
    fs::rename(&beside, path).map_err(|e| file(path, e))
}

fn write_description(folder: &Path, description: &Description) -> Result<(), KeyringError> {
    let path = folder.join("merchant.json");
    let text = serde_json::to_string_pretty(description).map_err(making)?;
    write_private(&path, &text)
}

/// A fresh 2,048-bit key. aws-lc makes one in a third of the time that the `rsa` crate takes.
fn make_key() -> Result<PrivateKey, KeyringError> {
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)
        .map_err(|_| making("the random source failed"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| making("the key has no PKCS#8 form"))?;
    PrivateKey::from_pkcs8_der(der.as_ref()).map_err(making)
}

/// A self-signed certificate of five years (no SDK checks the chain, reference 1.4).
fn certify(key: &PrivateKey, serial: [u8; 20], names: &[(DnType, &str)]) -> Result<String, KeyringError> {
    let pair =
        rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&key.to_pkcs8_pem(), &rcgen::PKCS_RSA_SHA256).map_err(making)?;
    let mut params = CertificateParams::new(Vec::new()).map_err(making)?;
    let mut subject = DistinguishedName::new();
    for (kind, text) in names {
        subject.push(kind.clone(), *text);
    }
    params.distinguished_name = subject;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    // Days: from yesterday, so that no time zone and no slow clock finds it not yet valid.
    let today = clock::Clock::wall().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let from = today.yesterday().map_err(making)?;
    let until = from.checked_add(jiff::Span::new().days(5 * 365)).map_err(making)?;
    let day = |d: Date| {
        let month = u8::try_from(d.month()).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(d.year()), month, u8::try_from(d.day()).unwrap_or(1))
    };
    (params.not_before, params.not_after) = (day(from), day(until));
    Ok(params.self_signed(&pair).map_err(making)?.pem())
}

fn serial_text(serial: [u8; 20]) -> String {
    serial.iter().map(|b| format!("{b:02X}")).collect()
}

/// Makes a platform key and certificate in `folder`; the first one's key is `wechatpay_key.pem`.
fn make_platform(folder: &Path, another: Option<()>) -> Result<(String, String), KeyringError> {
    let key = make_key()?;
    let serial = clock::serial();
    let pem = certify(
        &key,
        serial,
        &[
            (DnType::CountryName, "CN"),
            (DnType::LocalityName, "ShenZhen"),
            (DnType::OrganizationName, "Tenpay.com"),
            (DnType::OrganizationalUnitName, "Tenpay.com CA Center"),
            (DnType::CommonName, "Tenpay.com sign"),
        ],
    )?;
    let serial = serial_text(serial);
    let key_name = match another {
        None => "wechatpay_key.pem".to_owned(),
        Some(()) => format!("wechatpay_key_{serial}.pem"),
    };
    write_private(&folder.join(format!("wechatpay_{serial}.pem")), &pem)?;
    write_private(&folder.join(&key_name), &key.to_pkcs8_pem())?;
    Ok((serial, key_name))
}

/// Makes a merchant in a folder beside its place and moves it there when it is whole.
fn make_merchant(folder: &Path, mchid: &str) -> Result<PathBuf, KeyringError> {
    let (place, beside) = (folder.join(mchid), folder.join(format!("{mchid}.new")));
    if beside.exists() {
        fs::remove_dir_all(&beside).map_err(|e| file(&beside, e))?;
    }
    make_folder(&beside)?;
    let merchant = || -> Result<(), KeyringError> {
        let key = make_key()?;
        let pem = certify(
            &key,
            clock::serial(),
            &[
                (DnType::CountryName, "CN"),
                (DnType::LocalityName, "ShenZhen"),
                (DnType::OrganizationName, "Guitai Sandbox"),
                (DnType::CommonName, mchid),
            ],
        )?;
        write_private(&beside.join("apiclient_key.pem"), &key.to_pkcs8_pem())?;
        write_private(&beside.join("apiclient_cert.pem"), &pem)
    };
    let public_key = || -> Result<(), KeyringError> {
        let key = make_key()?;
        write_private(&beside.join("pub_key_private.pem"), &key.to_pkcs8_pem())?;
        write_private(&beside.join("pub_key.pem"), &key.public_key().to_spki_pem())
    };
    let platform = std::thread::scope(|scope| {
        let first = scope.spawn(merchant);
        let second = scope.spawn(public_key);
        let platform = make_platform(&beside, None);
        for thread in [first, second] {
            thread.join().map_err(|_| making("a thread ended early"))??;
        }
        platform
    })?;
    let description = Description {
        mchid: mchid.to_owned(),
        appid: format!("wx{}", clock::hex(16)),
        appsecret: clock::hex(32),
        api_v3_key: clock::alphanumeric(32),
        public_key_id: format!("PUB_KEY_ID_01{}{}", mchid, clock::digits(18)),
        platforms: vec![Listed { serial: platform.0, key: platform.1, since: Clock::seconds() }],
        ended: Vec::new(),
    };
    write_description(&beside, &description)?;
    fs::rename(&beside, &place).map_err(|e| file(&place, e))?;
    Ok(place)
}

fn read_pem(path: &Path) -> Result<Vec<u8>, KeyringError> {
    fs::read(path).map_err(|e| file(path, e))
}

fn read_key(path: &Path) -> Result<PrivateKey, KeyringError> {
    PrivateKey::from_pem(&read_pem(path)?).map_err(|error| KeyringError::Key { path: path.to_owned(), error })
}

fn read_certificate(path: &Path) -> Result<Certificate, KeyringError> {
    Certificate::from_pem(&read_pem(path)?).map_err(|error| KeyringError::Key { path: path.to_owned(), error })
}

fn read_platform(folder: &Path, listed: &Listed) -> Result<Platform, KeyringError> {
    let certificate_path = folder.join(format!("wechatpay_{}.pem", listed.serial));
    let key_path = folder.join(&listed.key);
    Ok(Platform {
        serial: listed.serial.clone(),
        certificate: read_certificate(&certificate_path)?,
        key: read_key(&key_path)?,
        certificate_path,
        key_path,
        since: listed.since,
    })
}

fn read_merchant(folder: &Path) -> Result<Merchant, KeyringError> {
    let path = folder.join("merchant.json");
    let description: Description = serde_json::from_slice(&read_pem(&path)?)
        .map_err(|error| KeyringError::Description { path: path.clone(), error })?;
    let certificate = read_certificate(&folder.join("apiclient_cert.pem"))?;
    let listed = description
        .platforms
        .iter()
        .map(|listed| read_platform(folder, listed).map(Arc::new))
        .collect::<Result<_, _>>()?;
    Ok(Merchant {
        api_v3_key: ApiV3Key::parse(&description.api_v3_key).map_err(|error| KeyringError::Key { path, error })?,
        api_v3_key_text: description.api_v3_key,
        mchid: description.mchid,
        appid: description.appid,
        appsecret: description.appsecret,
        serial: certificate.serial().as_str().to_owned(),
        certificate_key: certificate.public_key().clone(),
        certificate_pem: certificate.to_pem().to_owned(),
        certificate_not_after: certificate.not_after(),
        public_key_id: description.public_key_id,
        public_key: read_key(&folder.join("pub_key_private.pem"))?,
        folder: folder.to_owned(),
        platforms: RwLock::new(Platforms { listed, ended: description.ended }),
    })
}
