//! A merchant before it is written: every piece read and judged by itself, then whether they belong together. What
//! comes out of here can be kept as it is; what doesn't come out changed nothing.

use super::Profile;
use super::address;
use super::input::{MerchantInput, MerchantPatch};
use crate::problem::{self, of_key};
use crate::secret::Secret;
use crate::wire::Problem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wechatpay::error::FieldError;
use wechatpay::ids::{Appid, Mchid, NotifyUrl, PublicKeyId, SerialNo};
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey, PublicKey, pkcs12};
use zeroize::Zeroizing;

/// Platform certificates of one merchant at most: WeChat Pay lists a few.
const CERTIFICATES: usize = 20;
/// Appids of one merchant number at most, as WeChat Pay binds them.
const APPIDS: usize = 50;

/// A judged merchant.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) mchid: Mchid,
    pub(super) appid: Appid,
    pub(super) also_appids: Vec<Appid>,
    pub(super) serial_no: SerialNo,
    pub(super) private_key: PrivateKey,
    pub(super) certificate: Option<Certificate>,
    pub(super) api_v3_key: ApiV3Key,
    pub(super) app_secret: Option<Secret>,
    pub(super) platform: Vec<Certificate>,
    pub(super) public_key: Option<(PublicKeyId, PublicKey)>,
    pub(super) base_url: String,
    pub(super) notify_url: Option<NotifyUrl>,
    pub(super) live_enabled: bool,
}

/// Profile names: they stand in the callback path.
pub(super) fn name(text: &str) -> Result<String, FieldError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
        return Ok(text.to_owned());
    }
    Err(FieldError::new(
        "name",
        "charset_1_64",
        text,
        "must be 1 to 64 letters, digits, _ or -: it becomes a part of the callback path",
        "须为 1 到 64 个字母、数字、_ 或 -：它会成为回调路径的一段",
    ))
}

impl Draft {
    /// Judges a new merchant.
    pub(super) fn new(input: MerchantInput) -> Result<Draft, Problem> {
        let name = name(&input.name)?;
        let mchid = Mchid::parse(&input.mchid)?;
        let (private_key, bundled) = private_key(&input.private_key, &mchid)?;
        let certificate = input.certificate.as_deref().map(certificate).transpose()?.or(bundled);
        let typed = input.serial_no.as_deref().map(SerialNo::parse).transpose()?;
        let serial_no =
            typed.or_else(|| certificate.as_ref().map(|found| found.serial().clone())).ok_or_else(|| {
                FieldError::new(
                    "serial_no",
                    "required",
                    "",
                    "is missing: openssl x509 -noout -serial -in apiclient_cert.pem, or give the certificate",
                    "没有填写：openssl x509 -noout -serial -in apiclient_cert.pem，或给出证书文件",
                )
            })?;
        let base_url = address::base_url(input.base_url.as_deref())?;
        let live = address::is_live(&base_url);
        let appid = Appid::parse(&input.appid)?;
        let draft = Draft {
            name,
            mchid,
            also_appids: also_appids(&input.also_appids, &appid)?,
            appid,
            serial_no,
            private_key,
            certificate,
            api_v3_key: api_v3_key(&input.api_v3_key)?,
            app_secret: input.app_secret.as_ref().map(app_secret).transpose()?,
            platform: platform(&input.platform_certificates)?,
            public_key: public_key(input.public_key_id.as_deref(), input.public_key.as_deref())?,
            notify_url: input.notify_url.as_deref().map(|text| address::notify_url(text, live)).transpose()?,
            base_url,
            live_enabled: false,
        };
        draft.belongs_together()?;
        Ok(draft)
    }

    /// Judges a merchant as it would be after the changes.
    pub(super) fn changed(profile: &Profile, patch: MerchantPatch) -> Result<Draft, Problem> {
        let mchid = patch.mchid.as_deref().map(Mchid::parse).transpose()?.unwrap_or(profile.mchid.clone());
        let key = patch.private_key.as_ref().map(|file| private_key(file, &mchid)).transpose()?;
        let (new_key, bundled) = key.map_or((None, None), |(key, bundled)| (Some(key), bundled));
        let new_certificate = patch.certificate.as_deref().map(certificate).transpose()?.or(bundled);
        let typed = patch.serial_no.as_deref().map(SerialNo::parse).transpose()?;
        let private_key = new_key.clone().unwrap_or_else(|| profile.signer.key.clone());
        let serial_no = typed
            .clone()
            .or_else(|| new_certificate.as_ref().map(|found| found.serial().clone()))
            .unwrap_or_else(|| profile.serial_no.clone());
        // A renewed key with its new serial retires the certificate of the old pair; one of the two alone doesn't.
        let renewed = new_key.is_some() && typed.is_some();
        let kept = profile.certificate.clone().filter(|old| !renewed || old.serial() == &serial_no);
        let base_url = match &patch.base_url {
            Some(text) => address::base_url(Some(text))?,
            None => profile.base_url.clone(),
        };
        let live = address::is_live(&base_url);
        let notify_url = match patch.notify_url.as_deref() {
            Some("") => None,
            Some(text) => Some(address::notify_url(text, live)?),
            // also when it stays: a sandbox's address is no good for the real gateway
            None => profile.notify_url.as_ref().map(|url| address::notify_url(url.as_str(), live)).transpose()?,
        };
        let mut platform_certificates = profile.trusted.certificates().to_vec();
        for added in platform(&patch.platform_certificates)? {
            platform_certificates.retain(|known| known.serial() != added.serial());
            platform_certificates.push(added);
        }
        let public_key = match (&patch.public_key_id, &patch.public_key) {
            (None, None) => profile.public_key(),
            // the id alone mends a mistyped one; without a key to name it says nothing
            (Some(id), None) if profile.public_key_id.is_some() => {
                let id = PublicKeyId::parse(id)?;
                profile.public_key().map(|(_, key)| (id, key))
            }
            (id, pem) => {
                let known = profile.public_key_id.as_ref().map(PublicKeyId::as_str);
                public_key(id.as_deref().or(known), pem.as_deref())?
            }
        };
        let appid = patch.appid.as_deref().map(Appid::parse).transpose()?.unwrap_or_else(|| profile.appid.clone());
        let also_appids = match &patch.also_appids {
            Some(list) => also_appids(list, &appid)?,
            None => profile.also_appids.iter().filter(|also| **also != appid).cloned().collect(),
        };
        let draft = Draft {
            name: profile.name.clone(),
            appid,
            also_appids,
            serial_no,
            private_key,
            certificate: new_certificate.or(kept),
            api_v3_key: match &patch.api_v3_key {
                Some(text) => api_v3_key(text)?,
                None => profile.current_api_v3_key()?.clone(),
            },
            app_secret: match &patch.app_secret {
                Some(text) => Some(app_secret(text)?),
                None => profile.app_secret.clone(),
            },
            platform: platform_certificates,
            public_key,
            notify_url,
            // another gateway or merchant number is another question: live mode is asked for again
            live_enabled: patch
                .live_enabled
                .unwrap_or(profile.live_enabled && base_url == profile.base_url && mchid == profile.mchid),
            base_url,
            mchid,
        };
        draft.belongs_together()?;
        Ok(draft)
    }

    fn belongs_together(&self) -> Result<(), Problem> {
        let own = self.private_key.public_key();
        if let Some(certificate) = &self.certificate {
            if certificate.public_key() != &own {
                return Err(problem::new(
                    "KEY_NOT_OF_CERTIFICATE",
                    format!("私钥不属于这张商户证书（序列号 {}）。", certificate.serial()),
                    format!("The private key does not belong to this merchant certificate (serial {}).", certificate.serial()),
                    "换用同一次生成的 apiclient_key.pem 和 apiclient_cert.pem；更换证书后私钥也换了。",
                    "Use apiclient_key.pem and apiclient_cert.pem of the same set: a renewed certificate has a new key.",
                )
                .at_field("private_key"));
            }
            if certificate.serial() != &self.serial_no {
                return Err(problem::new(
                    "SERIAL_NOT_OF_CERTIFICATE",
                    format!("序列号 {} 不是这张商户证书的，证书的序列号是 {}。", self.serial_no, certificate.serial()),
                    format!(
                        "The serial {} is not this certificate's; its serial is {}.",
                        self.serial_no,
                        certificate.serial()
                    ),
                    "填证书的序列号：openssl x509 -noout -serial -in apiclient_cert.pem",
                    "Give the certificate's own serial: openssl x509 -noout -serial -in apiclient_cert.pem",
                )
                .at_field("serial_no"));
            }
        }
        if self.platform.iter().any(|found| found.serial() == &self.serial_no) {
            return Err(problem::new(
                "SERIAL_OF_PLATFORM",
                format!("序列号 {} 是平台证书的，这里要商户证书的。", self.serial_no),
                format!(
                    "The serial {} is a platform certificate's; the merchant certificate's is wanted.",
                    self.serial_no
                ),
                "填 apiclient_cert.pem 的序列号。",
                "Give the serial of apiclient_cert.pem.",
            )
            .at_field("serial_no"));
        }
        let theirs = self.platform.iter().map(|found| ("platform_certificate", found.public_key()));
        let theirs = theirs.chain(self.public_key.as_ref().map(|(_, key)| ("public_key", key)));
        for (field, key) in theirs {
            if key == &own {
                return Err(problem::new(
                    "KEY_IS_OWN",
                    "这是商户自己的证书或公钥，不是微信支付的，用它验不了签。",
                    "This is the merchant's own certificate or key, not WeChat Pay's: it can't verify what WeChat Pay signs.",
                    "平台证书用 GET /v3/certificates 下载；微信支付公钥在商户平台「API安全」下载。",
                    "Platform certificates come from GET /v3/certificates, WeChat Pay's public key from API security in the merchant platform.",
                )
                .at_field(field));
            }
        }
        Ok(())
    }
}

/// Each once, without the default one.
fn also_appids(list: &[String], appid: &Appid) -> Result<Vec<Appid>, FieldError> {
    if list.len() >= APPIDS {
        let got = list.len().to_string();
        let (en, zh) = ("are at most 50 with the default one", "连同默认的最多 50 个");
        return Err(FieldError::new("also_appids", "at_most_50", &got, en, zh));
    }
    let mut all: Vec<Appid> = Vec::new();
    for text in list.iter().filter(|text| !text.is_empty()) {
        let also = Appid::parse(text).map_err(|error| error.at("also_appids"))?;
        if also != *appid && !all.contains(&also) {
            all.push(also);
        }
    }
    Ok(all)
}

/// PEM, or a PKCS#12 bundle (as it is, or in base64) whose password is the mchid.
fn private_key(file: &Secret, mchid: &Mchid) -> Result<(PrivateKey, Option<Certificate>), Problem> {
    const FIELD: &str = "private_key";
    let bundle = |bytes: &[u8]| {
        let opened =
            pkcs12::open(bytes, mchid.as_str()).map_err(|error| of_key(&error, FIELD, "apiclient_cert.p12"))?;
        Ok((opened.0, Some(opened.1)))
    };
    // DER of a bundle is a SEQUENCE with a long length: no text begins so
    if file.expose().starts_with(&[0x30, 0x82]) || file.expose().starts_with(&[0x30, 0x80]) {
        return bundle(file.expose());
    }
    if let Some(text) = file.trimmed()
        && text.starts_with("MI")
    {
        let joined: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
        if let Ok(bytes) = STANDARD.decode(joined.as_bytes()).map(Zeroizing::new) {
            return bundle(&bytes);
        }
    }
    let pem = file.trimmed().map_or(file.expose(), str::as_bytes);
    let key = PrivateKey::from_pem(pem).map_err(|error| of_key(&error, FIELD, "apiclient_key.pem"))?;
    Ok((key, None))
}

fn certificate(pem: &str) -> Result<Certificate, Problem> {
    Certificate::from_pem(pem.as_bytes()).map_err(|error| of_key(&error, "certificate", "apiclient_cert.pem"))
}

fn platform(files: &[String]) -> Result<Vec<Certificate>, Problem> {
    if files.len() > CERTIFICATES {
        let got = files.len().to_string();
        return Err(FieldError::new("platform_certificate", "at_most_20", &got, "are at most 20", "最多 20 张").into());
    }
    let read = |pem: &String| {
        Certificate::from_pem(pem.as_bytes()).map_err(|error| of_key(&error, "platform_certificate", "wechatpay_….pem"))
    };
    files.iter().map(read).collect()
}

fn public_key(id: Option<&str>, pem: Option<&str>) -> Result<Option<(PublicKeyId, PublicKey)>, Problem> {
    let missing = |field: &str, other: &str| {
        let en = format!("is missing: it goes together with {other}");
        FieldError::new(field, "required", "", en, format!("没有填写：须与 {other} 一起给出"))
    };
    match (id, pem) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(missing("public_key", "public_key_id").into()),
        (None, Some(_)) => Err(missing("public_key_id", "public_key").into()),
        (Some(id), Some(pem)) => {
            let id = PublicKeyId::parse(id)?;
            let key =
                PublicKey::from_pem(pem.as_bytes()).map_err(|error| of_key(&error, "public_key", "pub_key.pem"))?;
            Ok(Some((id, key)))
        }
    }
}

fn api_v3_key(text: &Secret) -> Result<ApiV3Key, Problem> {
    // bytes that are no text have some length too, and it is wrong in any case
    let trimmed = text.trimmed().unwrap_or_default();
    ApiV3Key::parse(trimmed).map_err(|error| of_key(&error, "api_v3_key", "APIv3"))
}

fn app_secret(text: &Secret) -> Result<Secret, Problem> {
    let trimmed = text.trimmed().unwrap_or_default();
    let allowed = (8..=128).contains(&trimmed.len()) && trimmed.bytes().all(|b| b.is_ascii_alphanumeric());
    if !allowed {
        // the value itself is a secret and stays out of the error
        let (en, zh) = ("must be letters and digits, 32 of them in practice", "须为字母和数字，实际为 32 位");
        return Err(FieldError::new("app_secret", "alphanumeric", "***", en, zh).into());
    }
    Ok(Secret::from(trimmed.to_owned()))
}
