//! `guitai merchant`: profiles, made from files and from a sandbox's ready line. Secrets come from files and are never
//! shown again.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Out, Table, Tone, plain, time};
use crate::rehearse;
use crate::text::{Language, both};
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::wire::{Merchant, MerchantCheck};
use guitai_console::{Console, MerchantInput, MerchantPatch, Pems, PemsKind, Secret};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What can be done with merchant profiles.
#[derive(Debug, Subcommand)]
pub enum MerchantCommand {
    /// Add a profile
    #[command(
        after_help = "Example:\n  guitai merchant add shop --mchid 1900000001 --appid wx0123456789abcdef --serial-no 5157F09E… \\\n    \
                            --private-key apiclient_key.pem --api-v3-key-file apiv3.key\n  guitai merchant add test --from-sandbox sandbox.json\n  \
                      guitai merchant add shop --pems pems/ --appid wx0123456789abcdef"
    )]
    Add(AddArgs),
    /// List profiles
    #[command(after_help = "Example:\n  guitai merchant list")]
    List,
    /// Show a profile; secrets only as set or not set
    #[command(after_help = "Example:\n  guitai merchant show shop")]
    Show(NameArg),
    /// Do the key, the certificate, the serial and the APIv3 key belong together
    #[command(after_help = "Example:\n  guitai merchant check shop")]
    Check(NameArg),
    /// Say what a folder of key files holds, and whether it belongs together
    #[command(after_help = "Example:\n  guitai merchant pems pems/\n  guitai merchant pems pems/ --mchid 1900000001")]
    Pems(PemsArgs),
    /// Download the platform certificates now, and list them, the newest first
    #[command(after_help = "Example:\n  guitai merchant certificates shop")]
    Certificates(NameArg),
    /// Rehearse the change to the WeChat Pay public key at the sandbox: what breaks at each step, and the way back
    #[command(
        after_help = "Each step (apply, switch, mixed, retire) is set at the merchant's sandbox, then a prepay, a query and a \
                            notification are judged by servers that know the certificates, both, or the public key only. \
                            Exit 1 where the merchant's own set-up breaks. The sandbox is put back.\n\n\
                            Example:\n  guitai merchant rehearse test"
    )]
    Rehearse(NameArg),
    /// Change a profile; a changed APIv3 key leaves the old one good for callbacks for 24 h
    #[command(after_help = "Example:\n  guitai merchant update shop --api-v3-key-file new.key")]
    Update(UpdateArgs),
    /// Make a profile the current one
    #[command(after_help = "Example:\n  guitai merchant use shop")]
    Use(NeededName),
    /// Remove a profile and its secrets; its orders and callbacks are kept
    #[command(after_help = "Example:\n  guitai merchant remove shop")]
    Remove(NeededName),
}

/// Which profile, or the current one.
#[derive(Debug, Args)]
pub struct NameArg {
    /// Profile [default: --merchant, else the current one]
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Which profile.
#[derive(Debug, Args)]
pub struct NeededName {
    /// Profile
    #[arg(value_name = "NAME")]
    name: String,
}

/// What a new profile takes.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// A name of your own
    #[arg(value_name = "NAME")]
    name: String,
    /// Ready line of a sandbox: everything comes from it. With several merchants in it, --mchid picks one; `-` is stdin
    #[arg(long, value_name = "FILE")]
    from_sandbox: Option<PathBuf>,
    /// Folder of key files: whatever it holds needs no option of its own
    #[arg(long, value_name = "DIR", conflicts_with = "from_sandbox")]
    pems: Option<PathBuf>,
    #[command(flatten)]
    pieces: Pieces,
}

/// Which folder of key files.
#[derive(Debug, Args)]
pub struct PemsArgs {
    /// The folder
    #[arg(value_name = "DIR", default_value = "pems")]
    dir: PathBuf,
    /// Merchant number, the password of a .p12 [default: as a certificate in the folder says]
    #[arg(long, value_name = "M")]
    mchid: Option<String>,
}

/// What a changed profile takes.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Profile
    #[arg(value_name = "NAME")]
    name: String,
    /// Whether a merchant of the real WeChat Pay may send anything but queries [default: as it is, off at first]
    #[arg(long, value_enum, value_name = "on|off")]
    live: Option<Switch>,
    #[command(flatten)]
    pieces: Pieces,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Orders, refunds and closes are sent
    On,
    /// Read-only
    Off,
}

/// The pieces of a profile.
#[derive(Debug, Args)]
pub struct Pieces {
    /// Merchant number
    #[arg(long, value_name = "M")]
    mchid: Option<String>,
    /// App the orders belong to
    #[arg(long, value_name = "A")]
    appid: Option<String>,
    /// Another app of the same merchant number, which orders may name; may be given several times. With `update` these replace the ones before, and an empty one takes them away
    #[arg(long, value_name = "A")]
    also_appid: Vec<String>,
    /// Serial of the merchant certificate, hex
    #[arg(long, value_name = "S")]
    serial_no: Option<String>,
    /// apiclient_key.pem; `-` is stdin
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// apiclient_cert.pem, to check that key and serial belong to it
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// File with the 32 characters of the APIv3 key; `-` is stdin
    #[arg(long, value_name = "FILE")]
    api_v3_key_file: Option<PathBuf>,
    /// File with the app secret; `-` is stdin
    #[arg(long, value_name = "FILE")]
    app_secret_file: Option<PathBuf>,
    /// Platform certificate (PEM); may be given several times
    #[arg(long, value_name = "FILE")]
    platform_certificate: Vec<PathBuf>,
    /// PUB_KEY_ID_…
    #[arg(long, value_name = "ID", requires = "public_key")]
    public_key_id: Option<String>,
    /// pub_key.pem
    #[arg(long, value_name = "FILE", requires = "public_key_id")]
    public_key: Option<PathBuf>,
    /// Where the gateway is [default: WeChat Pay's]
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Where payment notifications go
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: MerchantCommand) -> Done {
    let out = &context.out;
    match command {
        MerchantCommand::Add(args) => {
            let merchant = match (&args.from_sandbox, &args.pems) {
                (Some(file), _) => add_from_sandbox(context, &args, file).await?,
                (None, Some(dir)) => {
                    let (name, patch) = (&args.name, args.pieces.patch()?);
                    let add = async |console: &Console| Ok(console.merchant_add_from_pems(name, dir, patch).await?);
                    desk::with(context, add).await?
                }
                (None, None) => {
                    let input = args.pieces.input(args.name)?;
                    desk::with(context, async |console| Ok(console.merchant_add(input).await?)).await?
                }
            };
            out.document(&merchant, || facts(out, &merchant));
        }
        MerchantCommand::List => {
            let merchants = desk::with(context, async |console| Ok(console.merchant_list().await?)).await?;
            out.document(&json!({ "items": merchants, "next": null }), || table(out, &merchants));
        }
        MerchantCommand::Show(arg) => {
            let name = arg.name.as_deref().or(context.merchant());
            let merchant = desk::with(context, async |console| Ok(console.merchant_show(name).await?)).await?;
            out.document(&merchant, || facts(out, &merchant));
        }
        MerchantCommand::Check(arg) => {
            let name = arg.name.as_deref().or(context.merchant());
            let check = desk::with(context, async |console| Ok(console.merchant_check(name).await?)).await?;
            out.document(&check, || check_text(out, &check));
            if !check.ok {
                return Err(Failure::NotValid);
            }
        }
        MerchantCommand::Rehearse(arg) => {
            return rehearse::run(context, arg.name.as_deref().or(context.merchant())).await;
        }
        MerchantCommand::Pems(args) => {
            let (dir, mchid) = (&args.dir, args.mchid.as_deref());
            let found = desk::with(context, async |console| Ok(console.pems(dir, mchid).await?)).await?;
            out.document(&found, || pems_text(out, &found));
            if !found.ok {
                return Err(Failure::NotValid);
            }
        }
        MerchantCommand::Certificates(arg) => {
            let name = arg.name.as_deref().or(context.merchant());
            let found = desk::with(context, async |console| Ok(console.merchant_certificates(name).await?)).await?;
            out.document(&json!({ "items": found, "next": null }), || {
                let mut table = Table::new(&["", "", ""]);
                for certificate in &found {
                    let (from, end) = (time(&certificate.not_before), time(&certificate.not_after));
                    table.row(vec![plain(&certificate.serial_no), plain(from), plain(end)]);
                }
                table.render(out)
            });
        }
        MerchantCommand::Update(args) => {
            let patch =
                MerchantPatch { live_enabled: args.live.map(|live| live == Switch::On), ..args.pieces.patch()? };
            let merchant =
                desk::with(context, async |console| Ok(console.merchant_update(&args.name, patch).await?)).await?;
            out.document(&merchant, || facts(out, &merchant));
        }
        MerchantCommand::Use(arg) => {
            let merchant = desk::with(context, async |console| Ok(console.merchant_use(&arg.name).await?)).await?;
            out.document(&merchant, || facts(out, &merchant));
        }
        MerchantCommand::Remove(arg) => {
            desk::with(context, async |console| Ok(console.merchant_remove(&arg.name).await?)).await?;
            out.document(&json!({ "removed": arg.name }), || format!("{} {}", out.pick("已移除", "Removed"), arg.name));
        }
    }
    Ok(())
}

async fn add_from_sandbox(context: &Context, args: &AddArgs, file: &Path) -> Result<Merchant, Failure> {
    let ready = pick(files::read_sandbox(file)?, args.pieces.mchid.as_deref(), file)?;
    let patch = MerchantPatch {
        base_url: args.pieces.base_url.clone(),
        notify_url: args.pieces.notify_url.clone(),
        also_appids: args.pieces.also_appids(),
        ..MerchantPatch::default()
    };
    desk::with(context, async |console| {
        let merchant = console.merchant_add_from_sandbox(&args.name, &ready).await?;
        let changed = patch.base_url.is_some() || patch.notify_url.is_some() || patch.also_appids.is_some();
        Ok(if changed { console.merchant_update(&args.name, patch).await? } else { merchant })
    })
    .await
}

/// The merchant with this number out of a ready line that may hold several.
fn pick(ready: Value, mchid: Option<&str>, file: &Path) -> Result<Value, Failure> {
    let Some(mchid) = mchid else { return Ok(ready) };
    let is_it = |merchant: &Value| merchant.get("mchid").and_then(Value::as_str) == Some(mchid);
    if is_it(&ready) {
        return Ok(ready);
    }
    let mut found =
        ready.get("merchants").and_then(Value::as_array).and_then(|all| all.iter().find(|it| is_it(it))).cloned();
    for shared in ["base_url", "proxy_url", "ca_certificate"] {
        if let (Some(found), Some(value)) = (found.as_mut().and_then(Value::as_object_mut), ready.get(shared)) {
            found.entry(shared).or_insert_with(|| value.clone());
        }
    }
    found.ok_or_else(|| Failure::file(file, &format!("no merchant {mchid} in it")))
}

impl Pieces {
    fn input(&self, name: String) -> Result<MerchantInput, Failure> {
        let (Some(mchid), Some(appid), Some(private_key), Some(api_v3_key)) =
            (&self.mchid, &self.appid, &self.private_key, &self.api_v3_key_file)
        else {
            let needed = [
                ("--mchid", self.mchid.is_some()),
                ("--appid", self.appid.is_some()),
                ("--serial-no", self.serial_no.is_some() || self.certificate.is_some()),
                ("--private-key", self.private_key.is_some()),
                ("--api-v3-key-file", self.api_v3_key_file.is_some()),
            ];
            let missing =
                needed.iter().filter(|(_, given)| !given).map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
            return Err(Failure::usage(
                both(format!("缺少参数：{missing}"), format!("These are missing: {missing}")),
                both(
                    "全部给出，或用 --from-sandbox FILE 从沙箱添加。",
                    "Give them all, or add from a sandbox with --from-sandbox FILE.",
                ),
            ));
        };
        Ok(MerchantInput {
            name,
            mchid: mchid.clone(),
            appid: appid.clone(),
            also_appids: self.also_appids().unwrap_or_default(),
            serial_no: self.serial_no.clone(),
            private_key: Secret::from_bytes(files::read(private_key)?),
            certificate: self.certificate.as_deref().map(pem).transpose()?,
            api_v3_key: secret(api_v3_key)?,
            app_secret: self.app_secret_file.as_deref().map(secret).transpose()?,
            platform_certificates: self.platform_certificate.iter().map(|file| pem(file)).collect::<Result<_, _>>()?,
            public_key_id: self.public_key_id.clone(),
            public_key: self.public_key.as_deref().map(pem).transpose()?,
            base_url: self.base_url.clone(),
            notify_url: self.notify_url.clone(),
        })
    }

    /// None where none is named; an empty name stands for no further appid.
    fn also_appids(&self) -> Option<Vec<String>> {
        let named = || self.also_appid.iter().filter(|appid| !appid.is_empty()).cloned().collect();
        (!self.also_appid.is_empty()).then(named)
    }

    fn patch(&self) -> Result<MerchantPatch, Failure> {
        let certificates = self.platform_certificate.iter().map(|file| pem(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(MerchantPatch {
            mchid: self.mchid.clone(),
            appid: self.appid.clone(),
            also_appids: self.also_appids(),
            serial_no: self.serial_no.clone(),
            private_key: self.private_key.as_deref().map(files::read).transpose()?.map(Secret::from_bytes),
            certificate: self.certificate.as_deref().map(pem).transpose()?,
            api_v3_key: self.api_v3_key_file.as_deref().map(secret).transpose()?,
            app_secret: self.app_secret_file.as_deref().map(secret).transpose()?,
            platform_certificates: certificates,
            public_key_id: self.public_key_id.clone(),
            public_key: self.public_key.as_deref().map(pem).transpose()?,
            base_url: self.base_url.clone(),
            notify_url: self.notify_url.clone(),
            ..MerchantPatch::default()
        })
    }
}

/// What a PEM file holds, as far as it is text; what it is, the desk judges.
fn pem(file: &Path) -> Result<String, Failure> {
    Ok(String::from_utf8_lossy(&files::read(file)?).into_owned())
}

fn secret(file: &Path) -> Result<Secret, Failure> {
    Ok(Secret::from_bytes(files::read(file)?))
}

fn table(out: &Out, merchants: &[Merchant]) -> String {
    if merchants.is_empty() {
        return out
            .pick("没有商户，用 guitai merchant add 添加。", "No merchants yet; add one with guitai merchant add.")
            .to_owned();
    }
    let mut table = Table::new(match out.language() {
        Language::Zh => &["", "名称", "商户号", "应用", "网关"],
        Language::En => &["", "NAME", "MCHID", "APPID", "GATEWAY"],
    });
    for merchant in merchants {
        let current = if merchant.current { ("*".to_owned(), Tone::Good) } else { plain("") };
        let gateway = if merchant.sandbox {
            format!("{} {}", out.pick("沙箱", "sandbox"), merchant.base_url)
        } else {
            merchant.base_url.clone()
        };
        table.row(vec![current, plain(&merchant.name), plain(&merchant.mchid), plain(&merchant.appid), plain(gateway)]);
    }
    table.render(out)
}

fn facts(out: &Out, merchant: &Merchant) -> String {
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    let set = |word: &str| match word {
        "set" => key("已设置", "set").to_owned(),
        _ => key("未设置", "not set").to_owned(),
    };
    let yes = |it: bool| if it { key("是", "yes") } else { key("否", "no") }.to_owned();
    let certificates: Vec<_> = merchant
        .platform_certificates
        .iter()
        .map(|certificate| {
            format!("{} ({} {})", certificate.serial_no, key("至", "until"), time(&certificate.not_after))
        })
        .collect();
    out.facts(&[
        (key("名称", "name"), merchant.name.clone()),
        (key("当前", "current"), yes(merchant.current)),
        (key("商户号", "mchid"), merchant.mchid.clone()),
        (key("应用", "appid"), merchant.appid.clone()),
        (key("其他应用", "also"), merchant.also_appids.join(", ")),
        (key("证书序列号", "serial_no"), merchant.serial_no.clone()),
        (key("商户私钥", "private key"), set(&merchant.private_key)),
        (key("APIv3 密钥", "APIv3 key"), set(&merchant.api_v3_key)),
        (key("应用密钥", "app secret"), set(&merchant.app_secret)),
        (key("平台证书", "platform certificates"), certificates.join(", ")),
        (key("微信支付公钥", "public key"), merchant.public_key_id.clone().unwrap_or_default()),
        (key("网关", "gateway"), merchant.base_url.clone()),
        (key("通知地址", "notify_url"), merchant.notify_url.clone().unwrap_or_default()),
        (key("沙箱", "sandbox"), yes(merchant.sandbox)),
        (key("允许真实交易", "live"), if merchant.sandbox { String::new() } else { yes(merchant.live_enabled) }),
    ])
}

/// A kind of file with the tone that fits it.
fn kind(out: &Out, kind: PemsKind) -> (String, Tone) {
    let (zh, en, tone) = match kind {
        PemsKind::PrivateKey => ("商户私钥", "private key", Tone::Plain),
        PemsKind::MerchantCertificate => ("商户证书", "merchant certificate", Tone::Plain),
        PemsKind::Bundle => ("商户证书和私钥（p12）", "key and certificate (p12)", Tone::Plain),
        PemsKind::PlatformCertificate => ("平台证书", "platform certificate", Tone::Plain),
        PemsKind::PublicKey => ("微信支付公钥", "WeChat Pay's public key", Tone::Plain),
        PemsKind::PublicKeyId => ("公钥 ID", "public key id", Tone::Plain),
        PemsKind::Appid => ("appid", "appid", Tone::Plain),
        PemsKind::ApiV3Key => ("APIv3 密钥", "APIv3 key", Tone::Plain),
        PemsKind::AppSecret => ("应用密钥", "app secret", Tone::Plain),
        PemsKind::Unusable => ("不能使用", "can't be used", Tone::Bad),
        PemsKind::Other => ("其他", "something else", Tone::Faint),
    };
    (out.pick(zh, en).to_owned(), tone)
}

fn pems_text(out: &Out, found: &Pems) -> String {
    let mut files = Table::new(&["", "", "", ""]);
    for file in &found.files {
        let about = match (&file.note, &file.serial_no, &file.not_after) {
            (Some(note), ..) => out.language().say(note).to_owned(),
            (None, Some(serial), Some(end)) => format!("{serial} ({} {})", out.pick("至", "until"), time(end)),
            _ => String::new(),
        };
        let used = if file.used { ("*".to_owned(), Tone::Good) } else { plain("") };
        files.row(vec![used, plain(&file.name), kind(out, file.kind), plain(about)]);
    }
    let mut text = files.render(out);
    for finding in &found.findings {
        text += &format!("{}\n", crate::out::visible(out.language().say(finding)));
    }
    if !found.missing.is_empty() {
        text += &format!("{}{}\n", out.pick("还缺：", "Still missing: "), found.missing.join(", "));
    }
    text
}

fn check_text(out: &Out, check: &MerchantCheck) -> String {
    let mut text = String::new();
    for item in &check.checks {
        let mark = match item.ok {
            Some(true) => out.paint(Tone::Good, "✓"),
            Some(false) => out.paint(Tone::Bad, "✗"),
            None => out.paint(Tone::Faint, "·"),
        };
        text += &format!("{mark} {:<28} {}\n", item.name, crate::out::visible(out.language().say(&item.detail)));
    }
    let end = if check.ok {
        out.pick("全部吻合。", "All of it belongs together.")
    } else {
        out.pick("有不吻合的地方。", "Something doesn't belong together.")
    };
    text + end + "\n"
}
