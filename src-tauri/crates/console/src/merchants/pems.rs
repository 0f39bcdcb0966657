//! A folder of key files (`pems/`): which file is what, do they belong together, and a merchant made of them. What a file
//! is called counts only where its content can't tell (the APIv3 key and the app secret are just letters).
//!
//! Nothing is written here; what the pieces must be is judged in `draft`, as for pieces given one by one.

use super::input::{MerchantInput, MerchantPatch};
use crate::console::Console;
use crate::outside;
use crate::problem::{self, both};
use crate::secret::Secret;
use crate::store::StoreError;
use crate::wire::{Bilingual, Merchant, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use specta::Type;
use std::path::Path;
use wechatpay::error::FieldError;
use wechatpay::ids::{Appid, Mchid, PublicKeyId};
use wechatpay::keys::{ApiV3Key, Certificate, FILE_LIMIT, KeyError, PrivateKey, PublicKey, pkcs12};
use wechatpay::time::beijing;

/// Files of a folder at most: a merchant has five or six.
const FILES: usize = 100;

/// What a file of the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "snake_case")]
pub enum PemsKind {
    /// `apiclient_key.pem`.
    PrivateKey,
    /// `apiclient_cert.pem`.
    MerchantCertificate,
    /// `apiclient_cert.p12`: key and certificate in one.
    Bundle,
    /// A certificate of WeChat Pay's.
    PlatformCertificate,
    /// `pub_key.pem`.
    PublicKey,
    /// A text `PUB_KEY_ID_…`.
    PublicKeyId,
    /// A text `wx…`.
    Appid,
    /// By its name: a text file with `v3` in it.
    ApiV3Key,
    /// By its name: a text file with `secret` in it.
    AppSecret,
    /// It is one of these, and can't be used.
    Unusable,
    /// None of these.
    Other,
}

/// One file of the folder. Nothing secret of it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct PemsFile {
    /// Its name in the folder.
    pub name: String,
    /// What it is.
    pub kind: PemsKind,
    /// Would it become a part of the merchant.
    pub used: bool,
    /// Of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_no: Option<String>,
    /// Of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
    /// What stands in the way, or why it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Bilingual>,
    /// The code of what stands in the way, as `KEY_ENCRYPTED`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

/// A key file that doesn't lie in a folder: dropped on the window, or chosen there.
#[derive(Debug, Clone, Deserialize, Type)]
pub struct PemsContent {
    /// What it is called.
    pub name: String,
    /// What is in it, as base64.
    pub base64: Secret,
}

/// What is in a folder of key files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct Pems {
    /// By name.
    pub files: Vec<PemsFile>,
    /// As the certificate says, or as given.
    pub mchid: Option<String>,
    /// Of the merchant certificate.
    pub serial_no: Option<String>,
    /// Is nothing unusable, and do key and certificate belong together.
    pub ok: bool,
    /// What was compared, and with which result.
    pub findings: Vec<Bilingual>,
    /// What a merchant still needs: `mchid`, `appid`, `serial_no`, `private_key`, `api_v3_key`, `public_key_id`.
    pub missing: Vec<String>,
}

impl Console {
    /// Says what a folder of key files holds. `mchid` opens a `.p12` where no certificate tells it.
    ///
    /// # Errors
    /// `PEMS_UNREADABLE`: no folder, or more than 100 files.
    pub async fn pems(&self, dir: &Path, mchid: Option<&str>) -> Result<Pems, Problem> {
        let (dir, mchid) = (dir.to_owned(), mchid.map(str::to_owned));
        Ok(off_thread(move || Found::read(&dir, mchid)).await?.shown())
    }

    /// The same of files that are handed over: which is what, and do they belong together. Nothing is kept.
    ///
    /// # Errors
    /// `INVALID_FIELD` for more than 100 files, and for what is no base64.
    pub async fn pems_of(&self, files: Vec<PemsContent>, mchid: Option<&str>) -> Result<Pems, Problem> {
        if files.len() > FILES {
            let (en, zh) = ("must be at most 100 files", "最多 100 个文件");
            return Err(FieldError::new("files", "max_100", &files.len().to_string(), en, zh).into());
        }
        let mchid = mchid.map(str::to_owned);
        let read = move || {
            let mut raw = Vec::new();
            for file in files {
                let bytes = STANDARD.decode(file.base64.expose()).map_err(|error| {
                    FieldError::new("base64", "base64", &error.to_string(), "must be base64", "须为 base64")
                })?;
                let size = bytes.len() as u64;
                let content = if bytes.len() > FILE_LIMIT { Ok(None) } else { Ok(Some(bytes)) };
                raw.push((file.name, size, content));
            }
            Ok(Found::of(Path::new(""), raw, mchid).shown())
        };
        off_thread(read).await
    }

    /// Adds a merchant from a folder of key files; what `given` says counts more than what the folder holds.
    ///
    /// # Errors
    /// `PEMS_UNREADABLE`; `KEY_…` for a file that can't be used; `PEMS_SEVERAL_KEYS`; `PEMS_INCOMPLETE` with what is
    /// missing; and those of [`Console::merchant_add`].
    pub async fn merchant_add_from_pems(
        &self,
        name: &str,
        dir: &Path,
        given: MerchantPatch,
    ) -> Result<Merchant, Problem> {
        super::draft::name(name)?;
        let (dir, mchid) = (dir.to_owned(), given.mchid.clone());
        let found = off_thread(move || Found::read(&dir, mchid)).await?;
        self.merchant_add(found.input(name, given)?).await
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::from(StoreError::Other(error.to_string())))?
}

/// What one file is, with what is in it.
enum Content {
    PrivateKey(PrivateKey, Secret),
    Certificate(Certificate),
    Bundle(Box<(PrivateKey, Certificate)>, Secret),
    PublicKey(String),
    PublicKeyId(String),
    Appid(String),
    ApiV3Key(Secret),
    AppSecret(Secret),
    Unusable(Box<Problem>),
    Other,
}

/// Name, size, and what is in it or why that can't be read.
type RawFile = (String, u64, Result<Option<Vec<u8>>, String>);

struct Found {
    files: Vec<(String, Content)>,
    mchid: Option<String>,
    /// Index of the file that holds the private key.
    key: Option<usize>,
    /// Keys of several merchants, or of several years.
    several_keys: bool,
    certificate: Option<Certificate>,
}

impl Found {
    fn read(dir: &Path, mchid: Option<String>) -> Result<Found, Problem> {
        let names = outside::files_in(dir, FILES).map_err(|error| unreadable(dir, &error.to_string()))?;
        let mut raw = Vec::new();
        for (name, bytes) in names {
            if name.starts_with('.') || name.to_ascii_uppercase().starts_with("README") {
                continue;
            }
            let read = || outside::read_small(&dir.join(&name), FILE_LIMIT as u64).map_err(|error| error.to_string());
            let content = if bytes > FILE_LIMIT as u64 { Ok(None) } else { read().map(Some) };
            raw.push((name, bytes, content));
        }
        Ok(Found::of(dir, raw, mchid))
    }

    /// Of files with their names and sizes; the content is left out of one that is too large.
    fn of(dir: &Path, raw: Vec<RawFile>, mchid: Option<String>) -> Found {
        let texts = raw.iter().filter_map(|(.., content)| content.as_ref().ok()?.as_deref());
        let said = texts.filter_map(|bytes| Certificate::from_pem(bytes).ok()).find_map(|found| mchid_in(&found));
        let mchid = mchid.or(said);
        let files = raw.into_iter().map(|(name, bytes, content)| {
            let content = match content {
                Ok(Some(bytes)) => classify(&name, bytes, mchid.as_deref()),
                Ok(None) => too_large(&name, bytes),
                Err(why) => Content::Unusable(Box::new(unreadable(&dir.join(&name), &why))),
            };
            (name, content)
        });
        let mut found = Found { files: files.collect(), mchid, key: None, several_keys: false, certificate: None };
        found.choose();
        found
    }

    /// The key (the one that a certificate belongs to, if there are several) and its certificate.
    fn choose(&mut self) {
        let certificates = || {
            self.files.iter().filter_map(|(_, content)| match content {
                Content::Certificate(found) => Some(found),
                Content::Bundle(pair, _) => Some(&pair.1),
                _ => None,
            })
        };
        let keys = self.files.iter().enumerate().filter_map(|(at, (_, content))| match content {
            Content::PrivateKey(key, _) => Some((at, key.public_key())),
            Content::Bundle(pair, _) => Some((at, pair.0.public_key())),
            _ => None,
        });
        let mut chosen: Vec<_> = keys.collect();
        // the same key as PEM and in the bundle is one key
        let mut seen: Vec<PublicKey> = Vec::new();
        chosen.retain(|(_, key)| {
            let new = !seen.contains(key);
            if new {
                seen.push(key.clone());
            }
            new
        });
        if chosen.len() > 1 {
            chosen.retain(|(_, key)| certificates().any(|found| found.public_key() == key));
        }
        self.several_keys = seen.len() > 1 && chosen.len() != 1;
        let only = if self.several_keys { None } else { chosen.into_iter().next() };
        if let Some((at, key)) = only {
            let own = certificates().filter(|found| found.public_key() == &key);
            self.certificate = own.max_by_key(|found| found.not_after()).cloned();
            self.key = Some(at);
        }
        if self.mchid.is_none() {
            self.mchid = self.certificate.as_ref().and_then(mchid_in);
        }
    }

    fn platform(&self) -> impl Iterator<Item = &Certificate> {
        self.files.iter().filter_map(|(_, content)| match content {
            Content::Certificate(found) if self.is_platform(found) => Some(found),
            _ => None,
        })
    }

    /// A merchant's certificate has its number for a name; WeChat Pay's has not.
    fn is_platform(&self, found: &Certificate) -> bool {
        let own = self.certificate.as_ref().is_some_and(|own| own.public_key() == found.public_key());
        !own && mchid_in(found).is_none()
    }

    fn first<T>(&self, pick: impl Fn(&Content) -> Option<T>) -> Option<T> {
        self.files.iter().find_map(|(_, content)| pick(content))
    }

    fn public_key_id(&self) -> Option<String> {
        self.first(|content| match content {
            Content::PublicKeyId(id) => Some(id.clone()),
            _ => None,
        })
    }

    fn public_key(&self) -> Option<String> {
        self.first(|content| match content {
            Content::PublicKey(pem) => Some(pem.clone()),
            _ => None,
        })
    }

    fn appid(&self) -> Option<String> {
        self.first(|content| match content {
            Content::Appid(appid) => Some(appid.clone()),
            _ => None,
        })
    }

    fn secret(&self, app: bool) -> Option<Secret> {
        self.first(|content| match content {
            Content::ApiV3Key(secret) if !app => Some(secret.clone()),
            Content::AppSecret(secret) if app => Some(secret.clone()),
            _ => None,
        })
    }

    fn private_key(&self) -> Option<Secret> {
        match self.key.and_then(|at| self.files.get(at)) {
            Some((_, Content::PrivateKey(_, file) | Content::Bundle(_, file))) => Some(file.clone()),
            _ => None,
        }
    }

    fn shown(&self) -> Pems {
        let files = self.files.iter().enumerate().map(|(at, (name, content))| self.shown_file(at, name, content));
        let files: Vec<PemsFile> = files.collect();
        let mut findings = Vec::new();
        let mut ok = files.iter().all(|file| file.kind != PemsKind::Unusable) && !self.several_keys;
        let foreign = self.files.iter().any(|(_, content)| match content {
            Content::Certificate(found) => {
                mchid_in(found).is_some() && self.certificate.as_ref().is_none_or(|own| own.serial() != found.serial())
            }
            _ => false,
        });
        if self.several_keys {
            findings.push(several_keys().message);
        } else if let (Some(_), Some(certificate)) = (self.key, &self.certificate) {
            let serial = certificate.serial();
            findings.push(both(
                format!("私钥属于商户证书 {serial}。"),
                format!("The private key belongs to the merchant certificate {serial}."),
            ));
        } else if self.key.is_some() && foreign {
            ok = false;
            findings.push(both(
                "私钥不属于这里的任何一张商户证书：更换证书后私钥也换了，请使用同一次生成的文件。",
                "The private key belongs to no merchant certificate here: a renewed certificate has a new key; use files of the same set.",
            ));
        } else if self.key.is_some() {
            findings.push(both(
                "没有商户证书，序列号要另外填写。",
                "There is no merchant certificate, so the serial has to be given.",
            ));
        }
        if self.public_key().is_some() != self.public_key_id().is_some() {
            findings.push(both(
                "微信支付公钥和 PUB_KEY_ID 要成对：把 PUB_KEY_ID_… 存成一个文本文件，或用 --public-key-id 给出。",
                "WeChat Pay's public key and its PUB_KEY_ID come in a pair: save the PUB_KEY_ID_… as a text file, or give it with --public-key-id.",
            ));
        }
        Pems {
            mchid: self.mchid.clone(),
            serial_no: self.certificate.as_ref().map(|found| found.serial().as_str().to_owned()),
            ok,
            findings,
            missing: self.missing(&MerchantPatch::default()).into_iter().map(str::to_owned).collect(),
            files,
        }
    }

    fn shown_file(&self, at: usize, name: &str, content: &Content) -> PemsFile {
        let mut file = PemsFile {
            name: crate::visible(name, 100),
            kind: PemsKind::Other,
            used: false,
            serial_no: None,
            not_after: None,
            note: None,
            code: None,
        };
        let of = |file: &mut PemsFile, found: &Certificate| {
            file.serial_no = Some(found.serial().as_str().to_owned());
            file.not_after = Some(beijing(found.not_after()));
        };
        (file.kind, file.used) = match content {
            Content::PrivateKey(..) => (PemsKind::PrivateKey, self.key == Some(at)),
            Content::Bundle(pair, _) => {
                of(&mut file, &pair.1);
                (PemsKind::Bundle, self.key == Some(at))
            }
            Content::Certificate(found) => {
                of(&mut file, found);
                if self.is_platform(found) {
                    (PemsKind::PlatformCertificate, true)
                } else {
                    let used = self.certificate.as_ref().is_some_and(|own| own.serial() == found.serial());
                    (PemsKind::MerchantCertificate, used)
                }
            }
            Content::PublicKey(..) => (PemsKind::PublicKey, self.public_key_id().is_some()),
            Content::PublicKeyId(_) => (PemsKind::PublicKeyId, self.public_key().is_some()),
            Content::Appid(_) => (PemsKind::Appid, true),
            Content::ApiV3Key(_) => (PemsKind::ApiV3Key, true),
            Content::AppSecret(_) => (PemsKind::AppSecret, true),
            Content::Unusable(problem) => {
                file.note = Some(problem.message.clone());
                file.code = Some(problem.code.clone());
                (PemsKind::Unusable, false)
            }
            Content::Other => (PemsKind::Other, false),
        };
        file
    }

    fn missing(&self, given: &MerchantPatch) -> Vec<&'static str> {
        let there = [
            ("mchid", given.mchid.is_some() || self.mchid.is_some()),
            ("appid", given.appid.is_some() || self.appid().is_some()),
            ("serial_no", given.serial_no.is_some() || given.certificate.is_some() || self.certificate.is_some()),
            ("private_key", given.private_key.is_some() || self.private_key().is_some()),
            ("api_v3_key", given.api_v3_key.is_some() || self.secret(false).is_some()),
        ];
        there.into_iter().filter(|(_, there)| !there).map(|(name, _)| name).collect()
    }

    fn input(self, name: &str, given: MerchantPatch) -> Result<MerchantInput, Problem> {
        let unusable = self.first(|content| match content {
            Content::Unusable(problem) => Some((**problem).clone()),
            _ => None,
        });
        if let Some(problem) = unusable {
            return Err(problem);
        }
        if self.several_keys && given.private_key.is_none() {
            return Err(several_keys());
        }
        let missing = self.missing(&given);
        let (Some(mchid), Some(appid), Some(private_key), Some(api_v3_key), false) = (
            given.mchid.clone().or(self.mchid.clone()),
            given.appid.clone().or_else(|| self.appid()),
            given.private_key.clone().or_else(|| self.private_key()),
            given.api_v3_key.clone().or_else(|| self.secret(false)),
            missing.contains(&"serial_no"),
        ) else {
            return Err(incomplete(&missing));
        };
        // a certificate of the folder belongs to the key of the folder; another key has its own
        let own = self.certificate.as_ref().filter(|_| given.private_key.is_none());
        let own = own.map(|found| found.to_pem().to_owned());
        let public_key_id = given.public_key_id.or_else(|| self.public_key_id());
        let public_key = given.public_key.or_else(|| self.public_key());
        let pair = public_key_id.zip(public_key);
        let mut platform_certificates: Vec<String> = self.platform().map(|found| found.to_pem().to_owned()).collect();
        platform_certificates.extend(given.platform_certificates);
        Ok(MerchantInput {
            name: name.to_owned(),
            mchid,
            appid,
            also_appids: given.also_appids.unwrap_or_default(),
            serial_no: given.serial_no,
            private_key,
            certificate: given.certificate.or(own),
            api_v3_key,
            app_secret: given.app_secret.or_else(|| self.secret(true)),
            platform_certificates,
            public_key_id: pair.as_ref().map(|(id, _)| id.clone()),
            public_key: pair.map(|(_, key)| key),
            base_url: given.base_url,
            notify_url: given.notify_url.filter(|url| !url.is_empty()),
        })
    }
}

/// The mchid that a merchant certificate is made out to.
fn mchid_in(found: &Certificate) -> Option<String> {
    let cn = found.subject_cn();
    let digits = cn.len() >= 8 && cn.bytes().all(|b| b.is_ascii_digit());
    Some(cn.to_owned()).filter(|cn| digits && Mchid::parse(cn).is_ok())
}

/// A key file that is too large is named; a picture that lies in the folder is none of our business.
fn too_large(name: &str, bytes: u64) -> Content {
    let lower = name.to_ascii_lowercase();
    if ![".pem", ".p12", ".pfx", ".key", ".crt", ".cer"].iter().any(|end| lower.ends_with(end)) {
        return Content::Other;
    }
    let error = KeyError::TooLarge(usize::try_from(bytes).unwrap_or(usize::MAX));
    Content::Unusable(Box::new(problem::of_key(&error, "private_key", &crate::visible(name, 100))))
}

fn classify(name: &str, bytes: Vec<u8>, mchid: Option<&str>) -> Content {
    let lower = name.to_ascii_lowercase();
    let unusable = |error: &KeyError, field: &str| {
        Content::Unusable(Box::new(problem::of_key(error, field, &crate::visible(name, 100))))
    };
    if bytes.starts_with(&[0x30, 0x82]) || bytes.starts_with(&[0x30, 0x80]) || lower.ends_with(".p12") {
        return match pkcs12::open(&bytes, mchid.unwrap_or_default()) {
            Ok(pair) => Content::Bundle(Box::new(pair), Secret::from_bytes(bytes)),
            Err(error) => unusable(&error, "private_key"),
        };
    }
    let pem_by_name = lower.ends_with(".pem") || lower.ends_with(".crt") || lower.ends_with(".cer");
    let text = String::from_utf8_lossy(&bytes);
    let label = text.split("-----BEGIN ").nth(1).and_then(|rest| rest.split("-----").next());
    match label {
        Some("CERTIFICATE") => match Certificate::from_pem(&bytes) {
            Ok(found) => Content::Certificate(found),
            Err(error) => unusable(&error, "certificate"),
        },
        Some("PUBLIC KEY") => match PublicKey::from_pem(&bytes) {
            Ok(_) => Content::PublicKey(text.into_owned()),
            Err(error) => unusable(&error, "public_key"),
        },
        None if !pem_by_name => classify_text(name, &lower, text.trim()),
        Some(_) | None => match PrivateKey::from_pem(&bytes) {
            Ok(key) => Content::PrivateKey(key, Secret::from_bytes(bytes)),
            Err(error) => unusable(&error, "private_key"),
        },
    }
}

fn classify_text(name: &str, lower: &str, text: &str) -> Content {
    if PublicKeyId::parse(text).is_ok() {
        return Content::PublicKeyId(text.to_owned());
    }
    if lower.contains("v3") {
        return match ApiV3Key::parse(text) {
            Ok(_) => Content::ApiV3Key(Secret::from_bytes(text.as_bytes().to_vec())),
            Err(error) => {
                Content::Unusable(Box::new(problem::of_key(&error, "api_v3_key", &crate::visible(name, 100))))
            }
        };
    }
    if lower.contains("secret") && !text.is_empty() {
        return Content::AppSecret(Secret::from_bytes(text.as_bytes().to_vec()));
    }
    if text.starts_with("wx") && Appid::parse(text).is_ok() {
        return Content::Appid(text.to_owned());
    }
    Content::Other
}

fn unreadable(place: &Path, why: &str) -> Problem {
    let shown = place.display();
    problem::new(
        "PEMS_UNREADABLE",
        format!("读不了 {shown}。"),
        format!("{shown} can't be read."),
        "检查路径和权限；一个密钥文件最多 64 KiB，一个文件夹最多 100 个文件。",
        "Check path and permissions; a key file has at most 64 KiB, a folder at most 100 files.",
    )
    .with_why(why, why)
}

fn several_keys() -> Problem {
    problem::new(
        "PEMS_SEVERAL_KEYS",
        "文件夹里有几把商户私钥，无法判断用哪一把。",
        "There are several merchant keys in the folder, and which one is meant can't be told.",
        "只留下一个商户的一套文件，或用 --private-key 指定。",
        "Leave the files of one set only, or name the key with --private-key.",
    )
    .at_field("private_key")
}

fn incomplete(missing: &[&str]) -> Problem {
    let list = missing.join(", ");
    problem::new(
        "PEMS_INCOMPLETE",
        format!("文件夹里还缺：{list}。"),
        format!("The folder lacks: {list}."),
        "把缺的放进文件夹（APIv3 密钥存成 apiv3.key，appid 存成文本文件），或用参数给出；guitai merchant pems 会说明找到了什么。",
        "Put it into the folder (the APIv3 key as apiv3.key, the appid as a text file), or give it as an option; guitai merchant pems says what was found.",
    )
    .at_field(missing.first().copied().unwrap_or("private_key"))
}
