//! `guitai verify`: does a signature of WeChat Pay check out over these bytes. The age of the time stamp is told, not
//! judged: what was captured yesterday is as genuine today.

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::Tone;
use crate::text::both;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{ArgGroup, Args};
use serde_json::json;
use std::path::{Path, PathBuf};
use wechatpay::ids::SerialNo;
use wechatpay::keys::{Certificate, PublicKey};
use wechatpay::message;

/// What `guitai verify` takes.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("key").required(true).args(["platform_certificate", "public_key"]))]
pub struct VerifyArgs {
    /// `Wechatpay-Timestamp` as received
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    timestamp: String,
    /// `Wechatpay-Nonce` as received
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    nonce: String,
    /// `Wechatpay-Serial` as received
    #[arg(long, value_name = "S")]
    serial: String,
    /// `Wechatpay-Signature` as received
    #[arg(long, value_name = "B64", allow_hyphen_values = true)]
    signature: String,
    /// File with the exact bytes of the body; `-` is stdin
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// Platform certificate (PEM) that the serial names
    #[arg(long, value_name = "FILE")]
    platform_certificate: Option<PathBuf>,
    /// WeChat Pay public key (PEM)
    #[arg(long, value_name = "FILE")]
    public_key: Option<PathBuf>,
}

/// Prints `{"valid","reason","sign_string",…}`; exit 1 where it is not valid.
pub fn run(context: &Context, args: &VerifyArgs) -> Done {
    let body = files::read(&args.body)?;
    let text = message::answer(&args.timestamp, &args.nonce, &body);
    let reason = reason(args, &text)?;
    let shown = String::from_utf8_lossy(&text).into_owned();
    let answer = json!({
        "valid": reason.is_none(), "reason": reason, "serial": args.serial, "sign_string": shown, "sign_string_bytes": text.len(),
    });
    let out = &context.out;
    out.document(&answer, || match reason {
        None => format!("{} {}\n", out.paint(Tone::Good, "✓"), out.pick("签名有效。", "The signature is valid.")),
        Some(reason) => {
            let why = match reason {
                "serial_unknown" => out.pick(
                    "序列号指的是另一把密钥，不是给出的这一把。",
                    "The serial names another key than the one given.",
                ),
                "probe" => out.pick(
                    "这是微信支付的签名探测（WECHATPAY/SIGNTEST/），应当拒绝。",
                    "This is a probe of WeChat Pay (WECHATPAY/SIGNTEST/), to be refused.",
                ),
                "signature_malformed" => out.pick("签名不是 Base64。", "The signature is not base64."),
                _ => out.pick(
                    "签名与这些字节不符：内容被改过，或不是这把密钥签的。",
                    "It doesn't match these bytes: they were changed, or another key signed.",
                ),
            };
            let text = out.pick("用来验签的文本：", "The text that was verified:");
            format!(
                "{} {} {why}\n{text}\n{shown}",
                out.paint(Tone::Bad, "✗"),
                out.pick("签名无效。", "The signature is not valid.")
            )
        }
    });
    if reason.is_none() { Ok(()) } else { Err(Failure::NotValid) }
}

/// Why it is not valid, if it isn't: the slugs of the checks of a callback.
fn reason(args: &VerifyArgs, text: &[u8]) -> Result<Option<&'static str>, Failure> {
    let key = match (&args.platform_certificate, &args.public_key) {
        (Some(path), _) => {
            let certificate = Certificate::from_pem(&files::read(path)?).map_err(|error| unusable(path, &error))?;
            if SerialNo::parse(&args.serial).ok().as_ref() != Some(certificate.serial()) {
                return Ok(Some("serial_unknown"));
            }
            certificate.public_key().clone()
        }
        (None, Some(path)) => PublicKey::from_pem(&files::read(path)?).map_err(|error| unusable(path, &error))?,
        (None, None) => {
            return Err(Failure::usage(
                both(
                    "需要 --platform-certificate 或 --public-key。",
                    "It needs --platform-certificate or --public-key.",
                ),
                both("给出其中一个 PEM 文件。", "Give one of the two PEM files."),
            ));
        }
    };
    if args.signature.starts_with("WECHATPAY/SIGNTEST/") {
        return Ok(Some("probe"));
    }
    Ok(match STANDARD.decode(args.signature.trim()) {
        Err(_) => Some("signature_malformed"),
        Ok(signature) if key.verify(text, &signature) => None,
        Ok(_) => Some("signature_mismatch"),
    })
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(
        "KEY_UNUSABLE",
        both(
            format!("{} 不是可用的密钥或证书：{error}", path.display()),
            format!("{} is no usable key or certificate: {error}", path.display()),
        ),
        both(
            "给出微信支付的平台证书或公钥（PEM），不是商户自己的。",
            "Give WeChat Pay's platform certificate or public key (PEM), not the merchant's.",
        ),
    )
}
