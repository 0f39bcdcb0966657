//! `guitai doctor`: which mistake broke a signature. Here: the arguments and how the answer looks; what is found out and
//! how is `wechatpay::doctor`'s.

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Tone, visible};
use crate::text::both;
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use wechatpay::doctor::{
    self, BadInput, Bilingual, Certainty, Diagnosis, KeyFile, NotificationInput, PayParamsInput, PayParamsKind,
    RequestInput,
};
use wechatpay::time::Timestamp;

/// What `guitai doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A request that WeChat Pay refuses: what its signer did wrong
    #[command(
        after_help = "Example:\n  guitai doctor request --method POST --url /v3/pay/transactions/jsapi --body order.json \\\n    \
                            --authorization 'WECHATPAY2-SHA256-RSA2048 mchid=\"1900…\",…' --certificate apiclient_cert.pem"
    )]
    Request(RequestArgs),
    /// A notification or an answer that doesn't verify or decrypt: what was done to it
    #[command(after_help = "Example:\n  guitai doctor notification --headers headers.json --body body.json \\\n    \
                            --platform-certificate wechatpay_5157F09E….pem --api-v3-key-file apiv3.key")]
    Notification(NotificationArgs),
    /// Pay parameters that WeChat's client refuses: what their signer did wrong
    #[command(
        after_help = "Example:\n  guitai doctor pay-params --params params.json --appid wx… --kind jsapi --private-key apiclient_key.pem"
    )]
    PayParams(PayParamsArgs),
    /// The data folder's store: is it sound, whole and private, and is there room
    #[command(after_help = "Example:\n  guitai doctor store\n  guitai doctor store --mend --json")]
    Store(crate::backup::StoreArgs),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("key").required(true).args(["certificate", "private_key"]))]
struct KeyArgs {
    /// Merchant certificate (PEM): gives key and serial
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Merchant private key (PEM): only its public half is used
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RequestArgs {
    /// The verb that was sent
    #[arg(long, value_name = "M")]
    method: String,
    /// What was sent, byte for byte: absolute, or path with query
    #[arg(long, value_name = "U", allow_hyphen_values = true)]
    url: String,
    /// The value of the Authorization header
    #[arg(long, value_name = "A", allow_hyphen_values = true)]
    authorization: String,
    /// File with the exact bytes of the body, `-` is stdin [default: no body]
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    #[command(flatten)]
    key: KeyArgs,
    /// File with the APIv3 key: proves an HMAC signature
    #[arg(long, value_name = "FILE")]
    api_v3_key_file: Option<PathBuf>,
    /// When it was sent, RFC 3339 or Unix seconds [default: time is not judged]
    #[arg(long, value_name = "T", value_parser = instant)]
    now: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct NotificationArgs {
    /// File with the headers: a JSON object, a JSON array of [name, value], or raw lines
    #[arg(long, value_name = "FILE")]
    headers: PathBuf,
    /// File with the exact bytes of the body, `-` is stdin
    #[arg(long, value_name = "FILE")]
    body: PathBuf,
    /// Platform certificate (PEM); may be given more than once
    #[arg(long, value_name = "FILE")]
    platform_certificate: Vec<PathBuf>,
    /// WeChat Pay public key (PEM)
    #[arg(long, value_name = "FILE", requires = "public_key_id")]
    public_key: Option<PathBuf>,
    /// Its id, PUB_KEY_ID_…
    #[arg(long, value_name = "ID", requires = "public_key")]
    public_key_id: Option<String>,
    /// The merchant's own certificate (PEM)
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// File with the APIv3 key: the ciphertext is looked at too
    #[arg(long, value_name = "FILE")]
    api_v3_key_file: Option<PathBuf>,
    /// When it was received, RFC 3339 or Unix seconds [default: time is not judged]
    #[arg(long, value_name = "T", value_parser = instant)]
    now: Option<Timestamp>,
}

#[derive(Debug, Args)]
struct PayParamsArgs {
    /// File with the JSON object given to the client, `-` is stdin
    #[arg(long, value_name = "FILE")]
    params: PathBuf,
    /// The appid that the order was made with
    #[arg(long, value_name = "A")]
    appid: String,
    /// The client that takes the parameters
    #[arg(long, value_enum)]
    kind: Kind,
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// wx.requestPayment and getBrandWCPayRequest
    Jsapi,
    /// the App SDK
    App,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse::<i64>().ok().map(Timestamp::from_second);
    let read = seconds.unwrap_or_else(|| text.parse::<Timestamp>());
    read.map_err(|_| "expected an RFC 3339 time with an offset, or Unix seconds".to_owned())
}

/// Prints the diagnosis; exit 1 where what was looked at is not valid.
pub async fn run(context: &Context, args: DoctorArgs) -> Done {
    let diagnosis = match args.what {
        What::Request(args) => request(&args)?,
        What::Notification(args) => notification(&args)?,
        What::PayParams(args) => pay_params(&args)?,
        What::Store(args) => return crate::backup::store(context, args).await,
    };
    context.out.document(&diagnosis, || people(context, &diagnosis));
    if diagnosis.valid { Ok(()) } else { Err(Failure::NotValid) }
}

fn request(args: &RequestArgs) -> Result<Diagnosis, Failure> {
    let key = args.key.read()?;
    let body = args.body.as_deref().map(files::read_message).transpose()?;
    let api_v3_key = optional(args.api_v3_key_file.as_deref())?;
    Ok(doctor::request(&RequestInput {
        method: &args.method,
        url: &args.url,
        authorization: &args.authorization,
        body: body.as_deref().unwrap_or_default(),
        key: key.borrowed(),
        api_v3_key: api_v3_key.as_deref(),
        now: args.now,
    }))
}

fn notification(args: &NotificationArgs) -> Result<Diagnosis, Failure> {
    let headers = doctor::parse_headers(&files::read(&args.headers)?).map_err(bad_input)?;
    let body = files::read_message(&args.body)?;
    let certificates = args.platform_certificate.iter().map(|path| files::read(path)).collect::<Result<Vec<_>, _>>()?;
    let certificates: Vec<&[u8]> = certificates.iter().map(Vec::as_slice).collect();
    let public_key = optional(args.public_key.as_deref())?;
    let certificate = optional(args.certificate.as_deref())?;
    let api_v3_key = optional(args.api_v3_key_file.as_deref())?;
    doctor::notification(&NotificationInput {
        headers: &headers,
        body: &body,
        platform_certificates: &certificates,
        public_key: args.public_key_id.as_deref().zip(public_key.as_deref()),
        certificate: certificate.as_deref(),
        api_v3_key: api_v3_key.as_deref(),
        now: args.now,
    })
    .map_err(bad_input)
}

fn pay_params(args: &PayParamsArgs) -> Result<Diagnosis, Failure> {
    let key = args.key.read()?;
    let kind = match args.kind {
        Kind::Jsapi => PayParamsKind::Jsapi,
        Kind::App => PayParamsKind::App,
    };
    let params = files::read(&args.params)?;
    doctor::pay_params(&PayParamsInput { params: &params, appid: &args.appid, kind, key: key.borrowed() })
        .map_err(bad_input)
}

/// The bytes of a key file, and what it was given as.
struct Key {
    bytes: Vec<u8>,
    is_certificate: bool,
}

impl KeyArgs {
    fn read(&self) -> Result<Key, Failure> {
        match (&self.certificate, &self.private_key) {
            (Some(path), _) => Ok(Key { bytes: files::read(path)?, is_certificate: true }),
            (None, Some(path)) => Ok(Key { bytes: files::read(path)?, is_certificate: false }),
            // The parser requires one of them.
            (None, None) => Err(Failure::usage(
                both("需要 --certificate 或 --private-key。", "--certificate or --private-key is needed."),
                both("给出商户证书或私钥文件。", "Give the merchant's certificate or private key file."),
            )),
        }
    }
}

impl Key {
    fn borrowed(&self) -> KeyFile<'_> {
        if self.is_certificate { KeyFile::Certificate(&self.bytes) } else { KeyFile::PrivateKey(&self.bytes) }
    }
}

fn optional(path: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
    path.map(files::read).transpose()
}

fn bad_input(error: BadInput) -> Failure {
    Failure::usage(
        both(format!("无法读取 {}：{}", error.what, error.why), format!("{} can't be read: {}", error.what, error.why)),
        both("检查给出的文件是否正确。", "Check that the right file was given."),
    )
}

fn people(context: &Context, diagnosis: &Diagnosis) -> String {
    let out = &context.out;
    let say = |text: &Bilingual| out.pick(&text.zh, &text.en).to_owned();
    if diagnosis.valid {
        return format!("{} {}\n", out.paint(Tone::Good, "✓"), say(&diagnosis.explanation));
    }
    let slugs = diagnosis.cause.iter().chain(&diagnosis.also).map(|cause| cause.slug()).collect::<Vec<_>>();
    let link = if diagnosis.combined { " + " } else { " / " };
    let certainty = match diagnosis.certainty {
        Certainty::Proved => out.pick("已证实", "proved"),
        Certainty::Likely => out.pick("可能", "likely"),
    };
    let facts = [
        (out.pick("原因", "cause"), format!("{} ({certainty})", slugs.join(link))),
        (out.pick("说明", "what"), say(&diagnosis.explanation)),
        (out.pick("修改", "fix"), say(&diagnosis.fix)),
        (out.pick("已比较", "compared"), diagnosis.tried.to_string()),
    ];
    let mut text = format!("{} {}\n", out.paint(Tone::Bad, "✗"), out.pick("无效", "not valid"));
    text += &out.facts(&facts);
    text += &format!(
        "\n{}\n",
        out.paint(Tone::Faint, out.pick("应签名的文本：", "the text that should have been signed:"))
    );
    for line in diagnosis.sign_string.split('\n') {
        text += &format!("  {}\n", visible(line));
    }
    for snippet in diagnosis.snippets {
        let title = out.pick("取原始报文：", "the raw body in ").to_owned() + snippet.framework;
        text += &format!("\n{}\n", out.paint(Tone::Faint, &title));
        for line in snippet.code.lines() {
            text += &format!("  {line}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_both_forms() {
        let expected = Timestamp::from_second(1_554_208_460).expect("in range");
        for text in ["1554208460", "2019-04-02T20:34:20+08:00", "2019-04-02T12:34:20Z"] {
            assert_eq!(instant(text), Ok(expected), "{text}");
        }
        for text in ["yesterday", "", "2019-04-02", "99999999999999999"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
