//! The laboratory of signatures: the doctor and the playground with a merchant's own keys. What a mistake looks like is
//! `wechatpay::doctor`'s; here a profile's public parts (and, never leaving, its keys) are put beside what was pasted.

use super::Profile;
use crate::console::Console;
use crate::problem::{self, both};
use crate::wire::{Bilingual, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use wechatpay::doctor::{
    self, BadInput, Certainty, Diagnosis, KeyFile, NotificationInput, PayParamsInput, PayParamsKind, RequestInput,
};
use wechatpay::keys::{Certificate, PublicKey};
use wechatpay::time::Timestamp;

/// What may be pasted has at most so many bytes; WeChat Pay itself takes 1 MiB less.
const PASTED: usize = 2 * 1024 * 1024;

/// A request that WeChat Pay refused.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct DoctorRequest {
    /// The verb.
    pub method: String,
    /// As it was sent: whole, or path with query.
    pub url: String,
    /// The header's value.
    pub authorization: String,
    /// The body.
    #[serde(default)]
    pub body: String,
    /// The certificate it should be signed for, PEM; absent: the merchant's.
    #[serde(default)]
    pub certificate: Option<String>,
    /// When it was sent, RFC 3339; absent: time is not judged.
    #[serde(default)]
    pub at: Option<String>,
}

/// A notification or an answer that doesn't check out.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct DoctorNotification {
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body as text; not looked at when `body_base64` is there.
    #[serde(default)]
    pub body: String,
    /// The exact bytes of the body.
    #[serde(default)]
    pub body_base64: Option<String>,
    /// Platform certificate, PEM; absent: those that the merchant trusts.
    #[serde(default)]
    pub certificate: Option<String>,
    /// When it was received, RFC 3339; absent: time is not judged.
    #[serde(default)]
    pub at: Option<String>,
}

/// Pay parameters that WeChat's client refused.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct DoctorPayParams {
    /// The JSON object as given to the client.
    pub params: String,
    /// The app of the order; absent: the merchant's.
    #[serde(default)]
    pub appid: Option<String>,
    /// The App SDK takes it, rather than a mini program or an official account.
    #[serde(default)]
    pub app: bool,
    /// The merchant's certificate, PEM; absent: the profile's.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// What the doctor found, as `guitai doctor` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct Finding {
    /// Nothing that can be seen is wrong.
    pub valid: bool,
    /// Slug of the mistake.
    pub cause: Option<String>,
    /// Slugs of others.
    pub also: Vec<String>,
    /// `cause` and `also` are needed together, rather than each alone.
    pub combined: bool,
    /// The signature checks out once exactly these mistakes are assumed; else it is likely.
    pub proved: bool,
    /// What was done.
    pub explanation: Bilingual,
    /// What to change.
    pub fix: Bilingual,
    /// The text that should have been signed.
    pub sign_string: String,
    /// SHA-256 of it, hex.
    pub sha256: String,
    /// How many texts were compared.
    pub tried: u32,
    /// Where a framework is the cause: how each of them hands over the raw body.
    pub snippets: Vec<FrameworkSnippet>,
}

/// Code for one framework.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct FrameworkSnippet {
    /// The framework's own name.
    pub framework: String,
    /// What to write.
    pub code: String,
}

/// A text, a signature, and the key that may have made it.
#[derive(Debug, Clone, Deserialize, specta::Type)]
pub struct VerifyInput {
    /// The whole text with its line ends.
    pub text: String,
    /// Base64; white space is not looked at.
    pub signature: String,
    /// `merchant`, or the serial or id of a key that the merchant trusts.
    #[serde(default)]
    pub key: Option<String>,
    /// A certificate or public key, PEM; comes before `key`.
    #[serde(default)]
    pub pem: Option<String>,
}

/// What a text and its signature are worth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, specta::Type)]
pub struct TextVerdict {
    /// Null: there is no signature, or it is none, or the key can't be read.
    pub ok: Option<bool>,
    /// Why it is null.
    pub why: Option<Bilingual>,
    /// SHA-256 of the text, hex.
    pub sha256: String,
    /// Length of the text.
    pub bytes: u32,
    /// The key that was asked, by its public part.
    pub fingerprint: Option<String>,
}

impl Console {
    /// Which mistake broke a request's signature. Only public parts are given; an HMAC is proved with the profile's
    /// APIv3 key, which stays here.
    ///
    /// # Errors
    /// `INVALID_FIELD` for a time that is none or a paste too large; `PRIVATE_KEY_PASTED`; the merchant's.
    pub async fn doctor_request(&self, m: Option<&str>, input: DoctorRequest) -> Result<Finding, Problem> {
        bounded(&[&input.method, &input.url, &input.authorization, &input.body])?;
        let (profile, now) = (self.lab_profile(m, &input.certificate).await?, instant(input.at.as_deref())?);
        on_the_side(move || {
            let key = OwnKey::of(profile.as_deref(), input.certificate.as_deref())?;
            let api_v3 = profile.as_deref().and_then(|found| found.api_v3_keys.first());
            Ok(Finding::of(doctor::request(&RequestInput {
                method: &input.method,
                url: &input.url,
                authorization: &input.authorization,
                body: input.body.as_bytes(),
                key: key.borrowed(),
                api_v3_key: api_v3.map(|key| key.expose().as_slice()),
                now,
            })))
        })
        .await
    }

    /// Which mistake broke a notification or an answer.
    ///
    /// # Errors
    /// As [`Console::doctor_request`]; `DOCTOR_INPUT` for what is no such thing at all.
    pub async fn doctor_notification(&self, m: Option<&str>, input: DoctorNotification) -> Result<Finding, Problem> {
        bounded(&[&input.body, input.body_base64.as_deref().unwrap_or_default()])?;
        let (profile, now) = (self.lab_profile(m, &input.certificate).await?, instant(input.at.as_deref())?);
        on_the_side(move || {
            let profile = profile.as_deref();
            let body = match &input.body_base64 {
                Some(text) => STANDARD.decode(text).unwrap_or_else(|_| input.body.clone().into_bytes()),
                None => input.body.clone().into_bytes(),
            };
            let trusted = profile.map(|found| found.trusted.certificates()).unwrap_or_default();
            let mut pems: Vec<&[u8]> = trusted.iter().map(|found| found.to_pem().as_bytes()).collect();
            if let Some(pasted) = &input.certificate {
                no_private_key(pasted)?;
                pems = vec![pasted.as_bytes()];
            }
            let public = profile.filter(|_| input.certificate.is_none()).and_then(Profile::public_key);
            let public = public.map(|(id, key)| (id.to_string(), key.to_spki_pem()));
            let own = profile.and_then(|found| found.certificate.as_ref());
            let found = doctor::notification(&NotificationInput {
                headers: &input.headers,
                body: &body,
                platform_certificates: &pems,
                public_key: public.as_ref().map(|(id, pem)| (id.as_str(), pem.as_bytes())),
                certificate: own.map(|found| found.to_pem().as_bytes()),
                api_v3_key: profile.and_then(|found| found.api_v3_keys.first()).map(|key| key.expose().as_slice()),
                now,
            });
            found.map(Finding::of).map_err(bad_input)
        })
        .await
    }

    /// Which mistake broke pay parameters.
    ///
    /// # Errors
    /// As [`Console::doctor_notification`].
    pub async fn doctor_pay_params(&self, m: Option<&str>, input: DoctorPayParams) -> Result<Finding, Problem> {
        bounded(&[&input.params])?;
        let profile = self.lab_profile(m, &input.certificate).await?;
        on_the_side(move || {
            let key = OwnKey::of(profile.as_deref(), input.certificate.as_deref())?;
            let own = profile.as_deref().map(|found| found.appid.to_string()).unwrap_or_default();
            let found = doctor::pay_params(&PayParamsInput {
                params: input.params.as_bytes(),
                appid: input.appid.as_deref().map(str::trim).filter(|text| !text.is_empty()).unwrap_or(&own),
                kind: if input.app { PayParamsKind::App } else { PayParamsKind::Jsapi },
                key: key.borrowed(),
            });
            found.map(Finding::of).map_err(bad_input)
        })
        .await
    }

    /// Does a signature check out over a text, with a key of the merchant's, one that it trusts, or a pasted public one?
    ///
    /// # Errors
    /// `INVALID_FIELD` for a paste too large; `PRIVATE_KEY_PASTED`; the merchant's.
    pub async fn verify_text(&self, m: Option<&str>, input: VerifyInput) -> Result<TextVerdict, Problem> {
        bounded(&[&input.text, &input.signature, input.pem.as_deref().unwrap_or_default()])?;
        let key = match input.pem.as_deref().filter(|pem| !pem.trim().is_empty()) {
            Some(pem) => {
                no_private_key(pem)?;
                let certificate = Certificate::from_pem(pem.as_bytes()).map(|found| found.public_key().clone());
                certificate.or_else(|_| PublicKey::from_pem(pem.as_bytes())).map_err(|error| error.to_string())
            }
            None => {
                let profile = self.desk.merchants.get(m).await?;
                match input.key.as_deref() {
                    None | Some("merchant") => Ok(profile.signer.key.public_key()),
                    Some(serial) => profile.trusted.get(serial).cloned().ok_or_else(|| serial.to_owned()),
                }
            }
        };
        let signature: String = input.signature.chars().filter(|c| !c.is_whitespace()).collect();
        let (ok, why) = match (&key, STANDARD.decode(&signature)) {
            (Err(why), _) => {
                (None, Some(both(format!("这把公钥读不出来：{why}"), format!("This public key can't be read: {why}"))))
            }
            _ if signature.is_empty() => (None, Some(both("还没有签名值。", "There is no signature yet."))),
            (_, Err(error)) => (
                None,
                Some(both(format!("签名值不是 Base64：{error}"), format!("The signature is no Base64: {error}"))),
            ),
            (Ok(key), Ok(bytes)) => (Some(key.verify(input.text.as_bytes(), &bytes)), None),
        };
        Ok(TextVerdict {
            ok,
            why,
            sha256: hex(input.text.as_bytes()),
            bytes: u32::try_from(input.text.len()).unwrap_or(u32::MAX),
            fingerprint: key.ok().map(|key| key.fingerprint()),
        })
    }

    /// The profile; none is needed where everything was pasted.
    async fn lab_profile(&self, m: Option<&str>, pasted: &Option<String>) -> Result<Option<Arc<Profile>>, Problem> {
        match self.desk.merchants.get(m).await {
            Ok(profile) => Ok(Some(profile)),
            Err(_) if pasted.is_some() => Ok(None),
            Err(problem) => Err(problem),
        }
    }
}

/// The key whose signature it should be: pasted, the profile's certificate, or its key, of which only the public half
/// is used.
enum OwnKey {
    Certificate(String),
    Private(zeroize::Zeroizing<String>),
}

impl OwnKey {
    fn of(profile: Option<&Profile>, pasted: Option<&str>) -> Result<OwnKey, Problem> {
        if let Some(pem) = pasted {
            no_private_key(pem)?;
            return Ok(OwnKey::Certificate(pem.to_owned()));
        }
        Ok(match profile {
            Some(Profile { certificate: Some(found), .. }) => OwnKey::Certificate(found.to_pem().to_owned()),
            Some(found) => OwnKey::Private(found.signer.key.to_pkcs8_pem()),
            None => OwnKey::Certificate(String::new()),
        })
    }

    fn borrowed(&self) -> KeyFile<'_> {
        match self {
            OwnKey::Certificate(pem) => KeyFile::Certificate(pem.as_bytes()),
            OwnKey::Private(pem) => KeyFile::PrivateKey(pem.as_bytes()),
        }
    }
}

impl Finding {
    fn of(found: Diagnosis) -> Self {
        let words = |text: doctor::Bilingual| both(text.zh, text.en);
        Finding {
            valid: found.valid,
            cause: found.cause.map(|cause| cause.slug().to_owned()),
            also: found.also.iter().map(|cause| cause.slug().to_owned()).collect(),
            combined: found.combined,
            proved: found.certainty == Certainty::Proved,
            explanation: words(found.explanation),
            fix: words(found.fix),
            sha256: hex(found.sign_string.as_bytes()),
            sign_string: found.sign_string,
            tried: u32::try_from(found.tried).unwrap_or(u32::MAX),
            snippets: found
                .snippets
                .iter()
                .map(|it| FrameworkSnippet { framework: it.framework.to_owned(), code: it.code.to_owned() })
                .collect(),
        }
    }
}

/// Thousands of hypotheses are tried: not on the thread that answers callbacks.
async fn on_the_side(work: impl FnOnce() -> Result<Finding, Problem> + Send + 'static) -> Result<Finding, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        problem::new(
            "DOCTOR_FAILED",
            "诊断没有完成。",
            "The diagnosis didn't come to an end.",
            "再试一次。",
            "Try again.",
        )
        .with_why(error.to_string(), error.to_string())
    })?
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bounded(texts: &[&str]) -> Result<(), Problem> {
    if texts.iter().map(|text| text.len()).sum::<usize>() <= PASTED {
        return Ok(());
    }
    Err(problem::new(
        "PASTE_TOO_LARGE",
        "粘贴的内容超过 2 MiB，没有诊断。",
        "What was pasted is larger than 2 MiB; it was not looked at.",
        "只粘贴一次请求或通知。",
        "Paste one request or notification.",
    ))
}

fn no_private_key(pem: &str) -> Result<(), Problem> {
    if !pem.contains("PRIVATE KEY") {
        return Ok(());
    }
    Err(problem::new(
        "PRIVATE_KEY_PASTED",
        "粘贴的是私钥，诊断和验签都用不到它。",
        "A private key was pasted; neither the doctor nor verifying needs it.",
        "粘贴证书（apiclient_cert.pem）或公钥；如果私钥到过别处，请更换它。",
        "Paste the certificate (apiclient_cert.pem) or a public key; if the private key went elsewhere, replace it.",
    ))
}

fn bad_input(error: BadInput) -> Problem {
    problem::new(
        "DOCTOR_INPUT",
        format!("无法读取 {}。", error.what),
        format!("{} can't be read.", error.what),
        "检查粘贴的内容是否完整。",
        "Check that all of it was pasted.",
    )
    .with_why(error.why.clone(), error.why)
}

fn instant(text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    Ok(Some(wechatpay::time::parse(text)?))
}

#[cfg(test)]
mod tests;
