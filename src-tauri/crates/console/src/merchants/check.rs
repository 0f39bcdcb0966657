//! Do a merchant's pieces belong together? What can be told from the files is told from the files; the rest is asked of
//! the gateway by downloading the platform certificates: a signature that it takes, an APIv3 key that opens what it
//! sends, a key of its own that its answer verifies with.

use super::Profile;
use crate::gateway::{ExchangeRecord, Gateway, GatewayError};
use crate::problem::{self, both};
use crate::trust::Trust;
use crate::wire::{Bilingual, MerchantCheck, MerchantCheckItem};
use std::sync::Arc;
use wechatpay::keys::Certificate;
use wechatpay::time::{Timestamp, beijing_date};

/// A certificate that ends within so many days is worth a word.
const SOON_DAYS: i64 = 30;
/// A clock off by more than this is wrong; WeChat Pay refuses at 300 s.
const CLOCK_MS: i64 = 300_000;

pub(super) async fn check(profile: &Arc<Profile>, trust: &Trust, gateway: &Gateway, now: Timestamp) -> MerchantCheck {
    let (records, downloaded) = trust.refresh(profile).await;
    let skew_ms = gateway.clock_skew_ms();
    let answer = Answered::of(&records, &downloaded, skew_ms);
    let fresh = downloaded.as_ref().unwrap_or(profile);
    let checks = vec![
        key_readable(),
        certificate_and_key(profile, &answer),
        serial(profile, &answer),
        api_v3_key(&answer),
        public_key(profile, &records),
        clock(skew_ms),
        expiry(fresh, now),
        reachable(profile, &answer),
    ];
    MerchantCheck { name: profile.name.clone(), ok: checks.iter().all(|check| check.ok != Some(false)), checks }
}

/// What the gateway made of the download.
enum Answered<'a> {
    /// So many certificates, opened.
    Certificates(usize),
    /// Signature taken, but there are none: public-key mode.
    NoneThere,
    /// 401 `SIGN_ERROR` with its words.
    SignRefused(&'a str),
    /// The same, but the clock is so far off that it alone explains it; key and serial are not to blame.
    ClockRefused,
    /// Something else came back, or nothing.
    Otherwise(&'a GatewayError),
}

impl<'a> Answered<'a> {
    fn of(
        records: &[ExchangeRecord],
        downloaded: &'a Result<Arc<Profile>, GatewayError>,
        skew_ms: Option<i64>,
    ) -> Self {
        match downloaded {
            Ok(profile) => {
                let empty =
                    records.iter().any(|record| record.response_body.windows(9).any(|part| part == b"\"data\":[]"));
                if empty { Answered::NoneThere } else { Answered::Certificates(profile.trusted.certificates().len()) }
            }
            Err(GatewayError::Refused { error, .. })
                if error.bare_code() == "SIGNERROR" && skew_ms.is_some_and(|skew| skew.abs() >= CLOCK_MS) =>
            {
                Answered::ClockRefused
            }
            Err(GatewayError::Refused { error, .. }) if error.bare_code() == "SIGNERROR" => {
                Answered::SignRefused(&error.message)
            }
            Err(GatewayError::Refused { error, .. }) if error.bare_code() == "RESOURCENOTEXISTS" => Answered::NoneThere,
            Err(error) => Answered::Otherwise(error),
        }
    }

    fn signature_was_taken(&self) -> bool {
        match self {
            Answered::Certificates(_) | Answered::NoneThere => true,
            Answered::SignRefused(_) | Answered::ClockRefused => false,
            Answered::Otherwise(error) => {
                matches!(
                    error,
                    GatewayError::KeyDoesNotOpen { .. }
                        | GatewayError::Unverified { .. }
                        | GatewayError::Unreadable { .. }
                )
            }
        }
    }
}

fn item(name: &str, ok: Option<bool>, zh: impl Into<String>, en: impl Into<String>) -> MerchantCheckItem {
    MerchantCheckItem { name: name.to_owned(), ok, detail: both(zh, en) }
}

fn key_readable() -> MerchantCheckItem {
    // a profile whose key can't be read can't be loaded; the import refused it before
    item("private_key_readable", Some(true), "私钥可用（RSA）。", "The private key is usable (RSA).")
}

fn certificate_and_key(profile: &Profile, answer: &Answered<'_>) -> MerchantCheckItem {
    const NAME: &str = "certificate_matches_key";
    if let Some(certificate) = &profile.certificate {
        return if certificate.public_key() == &profile.signer.key.public_key() {
            let cn = certificate.subject_cn();
            let foreign = cn != profile.mchid.as_str() && cn.len() >= 8 && cn.bytes().all(|b| b.is_ascii_digit());
            if foreign {
                item(
                    NAME,
                    Some(false),
                    format!("私钥属于这张证书，但证书是商户号 {cn} 的，不是 {}。", profile.mchid),
                    format!(
                        "The key belongs to the certificate, but the certificate is that of the mchid {cn}, not {}.",
                        profile.mchid
                    ),
                )
            } else {
                item(NAME, Some(true), "私钥属于商户证书。", "The private key belongs to the merchant certificate.")
            }
        } else {
            item(
                NAME,
                Some(false),
                "私钥不属于商户证书。",
                "The private key does not belong to the merchant certificate.",
            )
        };
    }
    match answer {
        answer if answer.signature_was_taken() => item(
            NAME,
            Some(true),
            "没有导入证书文件；网关接受了签名，私钥和序列号是一对。",
            "No certificate file was imported; the gateway took the signature, so key and serial are a pair.",
        ),
        Answered::SignRefused(said) if !said.contains("序列号") => item(
            NAME,
            Some(false),
            format!("网关不接受签名（{said}）：私钥很可能不属于序列号 {} 的证书。", profile.serial_no),
            format!(
                "The gateway refused the signature ({said}): the key is likely not that of the certificate {}.",
                profile.serial_no
            ),
        ),
        _ => item(
            NAME,
            None,
            "没有导入证书文件，网关也没有接受签名，无法判断。",
            "No certificate file was imported and the gateway did not take a signature.",
        ),
    }
}

fn serial(profile: &Profile, answer: &Answered<'_>) -> MerchantCheckItem {
    const NAME: &str = "serial_matches_certificate";
    let serial = &profile.serial_no;
    if let Some(certificate) = &profile.certificate
        && certificate.serial() != serial
    {
        let own = certificate.serial();
        return item(
            NAME,
            Some(false),
            format!("序列号应为 {own}，填的是 {serial}。"),
            format!("The serial should be {own}, {serial} was given."),
        );
    }
    match answer {
        answer if answer.signature_was_taken() => item(
            NAME,
            Some(true),
            format!("网关认得序列号 {serial}。"),
            format!("The gateway knows the serial {serial}."),
        ),
        Answered::SignRefused(said) if said.contains("序列号") || said.contains("证书") => item(
            NAME,
            Some(false),
            format!("网关不接受序列号 {serial}：{said}"),
            format!("The gateway refused the serial {serial}: {said}"),
        ),
        _ if profile.certificate.is_some() => item(
            NAME,
            Some(true),
            format!("序列号 {serial} 是商户证书的。"),
            format!("The serial {serial} is the merchant certificate's."),
        ),
        _ => item(
            NAME,
            None,
            "没有证书文件，网关也没有确认序列号，无法判断。",
            "There is no certificate file and the gateway did not confirm the serial.",
        ),
    }
}

fn api_v3_key(answer: &Answered<'_>) -> MerchantCheckItem {
    const NAME: &str = "api_v3_key_decrypts";
    match answer {
        Answered::Certificates(count) => item(
            NAME,
            Some(true),
            format!("APIv3 密钥解开了 {count} 张平台证书。"),
            format!("The APIv3 key opened {count} platform certificate(s)."),
        ),
        Answered::Otherwise(GatewayError::KeyDoesNotOpen { serial_no }) => item(
            NAME,
            Some(false),
            format!("APIv3 密钥打不开平台证书 {serial_no}：它不是商户平台上设置的那一把（也不能用 v2 的 API 密钥）。"),
            format!(
                "The APIv3 key does not open the platform certificate {serial_no}: it is not the one set in the merchant platform (nor may it be the v2 key)."
            ),
        ),
        Answered::NoneThere => item(
            NAME,
            None,
            "这个商户没有平台证书（公钥模式），要等第一条回调才能证明 APIv3 密钥。",
            "This merchant has no platform certificates (public-key mode); the first callback will prove the APIv3 key.",
        ),
        _ => item(NAME, None, "没有拿到平台证书，无法判断。", "No platform certificates came, so it can't be told."),
    }
}

fn public_key(profile: &Profile, records: &[ExchangeRecord]) -> MerchantCheckItem {
    const NAME: &str = "public_key_usable";
    let Some(id) = &profile.public_key_id else {
        return item(NAME, None, "没有设置微信支付公钥。", "No WeChat Pay public key is set.");
    };
    let by_it = records.iter().filter_map(|record| record.verified.as_ref()).find(|text| text.serial_no == id.as_str());
    match by_it.map(|text| text.ok) {
        Some(Some(true)) => {
            item(NAME, Some(true), format!("应答用 {id} 验签通过。"), format!("An answer was verified with {id}."))
        }
        Some(_) => item(
            NAME,
            Some(false),
            format!("应答由 {id} 签名，但用设置的公钥验签不通过：公钥和 ID 不是一对。"),
            format!(
                "An answer was signed by {id}, and the key that is set does not verify it: key and id are no pair."
            ),
        ),
        None => item(
            NAME,
            None,
            format!("{id} 可以读取；网关还没有用它签名。"),
            format!("{id} can be read; the gateway has not signed with it yet."),
        ),
    }
}

fn clock(skew_ms: Option<i64>) -> MerchantCheckItem {
    const NAME: &str = "clock_skew";
    match skew_ms {
        None => item(
            NAME,
            None,
            "网关没有答复，不知道时钟是否准确。",
            "The gateway did not answer, so the clock can't be compared.",
        ),
        Some(skew) if skew.abs() >= CLOCK_MS => {
            let Bilingual { zh, en } = {
                let (zh, en) = problem::clock_words(skew);
                both(zh, en)
            };
            item(NAME, Some(false), zh, en)
        }
        Some(skew) => {
            let seconds = skew.abs() / 1_000;
            item(
                NAME,
                Some(true),
                format!("本机时钟与网关相差 {seconds} 秒。"),
                format!("This machine's clock is {seconds} s off the gateway's."),
            )
        }
    }
}

fn expiry(profile: &Profile, now: Timestamp) -> MerchantCheckItem {
    const NAME: &str = "certificate_expiry";
    let own = profile.certificate.iter().map(|found| ("商户证书", "merchant certificate", found));
    let platform =
        profile.trusted.newest_certificate().into_iter().map(|found| ("平台证书", "platform certificate", found));
    let all: Vec<(&str, &str, &Certificate)> = own.chain(platform).collect();
    if all.is_empty() {
        return item(
            NAME,
            None,
            "没有证书文件；微信支付公钥不会过期。",
            "There is no certificate; WeChat Pay's public key does not expire.",
        );
    }
    let days = |found: &Certificate| found.not_after().as_second().saturating_sub(now.as_second()).div_euclid(86_400);
    let mut ok = true;
    let (mut zh, mut en) = (Vec::new(), Vec::new());
    for (name_zh, name_en, found) in all {
        let (left, end) = (days(found), beijing_date(found.not_after()));
        let early = found.not_before().as_second().saturating_sub(now.as_second()) > 300;
        let (note_zh, note_en) = match left {
            _ if early => ("，尚未生效", ", not valid yet"),
            ..=-1 => ("，已过期", ", expired"),
            0..SOON_DAYS => ("，即将过期", ", ends soon"),
            _ => ("", ""),
        };
        ok &= left >= 0 && !early;
        zh.push(format!("{name_zh} {} 到 {end}{note_zh}", found.serial()));
        en.push(format!("{name_en} {} until {end}{note_en}", found.serial()));
    }
    item(NAME, Some(ok), format!("{}。", zh.join("；")), format!("{}.", en.join("; ")))
}

fn reachable(profile: &Profile, answer: &Answered<'_>) -> MerchantCheckItem {
    const NAME: &str = "gateway_reachable";
    let place = &profile.base_url;
    match answer {
        Answered::Otherwise(
            error @ (GatewayError::Unreachable { .. }
            | GatewayError::UnknownOutcome { .. }
            | GatewayError::TooLarge { .. }
            | GatewayError::BadRequest { .. }),
        ) => {
            let problem = problem::of_gateway(error, None, None);
            item(
                NAME,
                Some(false),
                format!("{place}：{}", problem.message.zh),
                format!("{place}: {}", problem.message.en),
            )
        }
        Answered::Otherwise(
            error @ (GatewayError::Refused { .. } | GatewayError::Unverified { .. } | GatewayError::Unreadable { .. }),
        ) => {
            let problem = problem::of_gateway(error, None, None);
            let why = problem.why.unwrap_or_else(|| problem.message.clone());
            item(
                NAME,
                Some(false),
                format!("{place} 有应答，但是：{} {}", problem.message.zh, why.zh),
                format!("{place} answers, but: {} {}", problem.message.en, why.en),
            )
        }
        Answered::ClockRefused => item(
            NAME,
            Some(false),
            format!("{place} 有应答，但因本机时钟不准而拒绝了签名。"),
            format!("{place} answers, but refused the signature because this machine's clock is wrong."),
        ),
        Answered::SignRefused(said) => item(
            NAME,
            Some(false),
            format!("{place} 有应答，但拒绝了签名：{said}。核对商户号、序列号和私钥。"),
            format!("{place} answers, but refused the signature: {said}. Compare mchid, serial and key."),
        ),
        _ => item(
            NAME,
            Some(true),
            format!("{place} 有应答，签名被接受。"),
            format!("{place} answers and took the signature."),
        ),
    }
}
