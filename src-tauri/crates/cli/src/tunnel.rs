//! `guitai tunnel`: a way in from the internet for callbacks, and the proof that a `notify_url` leads here.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Out, visible};
use crate::stop::Stop;
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::{Console, NotifyUrlReport, TunnelEvent, TunnelOptions, TunnelPreset};
use std::path::{Path, PathBuf};

/// What can be done with tunnels.
#[derive(Debug, Subcommand)]
pub enum TunnelCommand {
    /// Open a tunnel to the listener, set the merchant's notify_url from it, prove it, and keep it open
    #[command(after_help = "Example:\n  guitai listen --port 8787 &\n  guitai tunnel start --preset cloudflared\n  \
                            guitai tunnel start --preset ssh --ssh-to me@server.example --remote-port 18787 \\\n    \
                            --public-url https://pay.shop.example\n  \
                            guitai tunnel start --preset custom --command 'mytunnel --to 127.0.0.1:{port}'\n\n\
                            With --json a line per event: started, log, address, checked, ended.")]
    Start(StartArgs),
    /// Judge a notify_url as WeChat Pay would use it, and prove that it leads to this desk's listener; exit 1 if it does not
    #[command(
        after_help = "Example:\n  guitai tunnel check\n  guitai tunnel check --url https://pay.shop.example/notify/shop --json"
    )]
    Check(CheckArgs),
}

/// What a tunnel takes.
#[derive(Debug, Args)]
pub struct StartArgs {
    /// The program that makes the tunnel
    #[arg(long, value_enum, default_value_t = Preset::Cloudflared)]
    preset: Preset,
    /// The listener's port on 127.0.0.1
    #[arg(long, value_name = "N", default_value_t = 8787)]
    port: u16,
    /// The public address, where the program doesn't say it (frpc; ssh to a server of your own)
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// ssh: where to
    #[arg(long, value_name = "USER@HOST")]
    ssh_to: Option<String>,
    /// ssh: the port at the server that is forwarded here; 0 lets the server choose
    #[arg(long, value_name = "N", default_value_t = 0)]
    remote_port: u16,
    /// frpc: its configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// custom: the command line; {port} becomes the listener's port
    #[arg(long, value_name = "COMMAND", allow_hyphen_values = true)]
    command: Option<String>,
    /// One more argument for the program; may be given several times
    #[arg(long = "arg", value_name = "ARG", allow_hyphen_values = true)]
    arguments: Vec<String>,
    /// Leave the merchant's notify_url as it is
    #[arg(long)]
    keep_notify_url: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Which URL to judge.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The URL [default: the merchant's notify_url]
    #[arg(long, value_name = "URL", allow_hyphen_values = true)]
    url: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Whom else to trust.
#[derive(Debug, Args)]
pub struct TrustArgs {
    /// Trust this root certificate too while proving: an HTTPS proxy with an authority of your own
    #[arg(long, value_name = "FILE")]
    ca_certificate: Option<PathBuf>,
}

/// The programs that Guitai knows.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Preset {
    /// Cloudflare's quick tunnel: no account, another address each time
    Cloudflared,
    /// ngrok, with the account that it is logged in to
    Ngrok,
    /// frp's client with its configuration file
    Frpc,
    /// ssh -R to a server of your own or one that publishes the port
    Ssh,
    /// Any other command
    Custom,
}

impl From<Preset> for TunnelPreset {
    fn from(preset: Preset) -> Self {
        match preset {
            Preset::Cloudflared => TunnelPreset::Cloudflared,
            Preset::Ngrok => TunnelPreset::Ngrok,
            Preset::Frpc => TunnelPreset::Frpc,
            Preset::Ssh => TunnelPreset::Ssh,
            Preset::Custom => TunnelPreset::Custom,
        }
    }
}

impl TrustArgs {
    fn read(&self) -> Result<Option<String>, Failure> {
        let read = |file: &Path| -> Result<String, Failure> {
            String::from_utf8(files::read(file)?.to_vec()).map_err(|error| Failure::file(file, &error))
        };
        self.ca_certificate.as_deref().map(read).transpose()
    }
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: TunnelCommand) -> Done {
    match command {
        TunnelCommand::Start(args) => {
            let options = TunnelOptions {
                preset: args.preset.into(),
                port: args.port,
                public_url: args.public_url,
                ssh_to: args.ssh_to,
                remote_port: args.remote_port,
                config: args.config,
                command: args.command,
                arguments: args.arguments,
                ca_certificate: args.trust.read()?,
                keep_notify_url: args.keep_notify_url,
                // what was set on the command line stays set
                for_now: false,
            };
            let mut stop = Stop::watch()?;
            desk::with(context, async |console| keep(context, console, options, &mut stop).await).await
        }
        TunnelCommand::Check(args) => {
            let root = args.trust.read()?;
            let check = async |console: &Console| {
                Ok(console.notify_url_check(context.merchant(), args.url.as_deref(), root.as_deref()).await?)
            };
            let report = desk::with(context, check).await?;
            context.out.document(&report, || sentences(&context.out, &report));
            if report.proved && report.findings.is_empty() { Ok(()) } else { Err(Failure::NotValid) }
        }
    }
}

async fn keep(context: &Context, console: &Console, options: TunnelOptions, stop: &mut Stop) -> Done {
    let out = &context.out;
    let mut tunnel = console.tunnel_start(context.merchant(), options).await?;
    loop {
        tokio::select! {
            event = tunnel.next() => match event {
                Some(event) => out.line(&event, || said(out, &event)),
                None => break,
            },
            () = stop.asked() => break,
        }
    }
    tunnel.stop().await;
    Ok(())
}

fn said(out: &Out, event: &TunnelEvent) -> String {
    match event {
        TunnelEvent::Started { command } => format!("▸ {command}"),
        TunnelEvent::Log { line } => format!("  {line}"),
        TunnelEvent::Address { public_url, notify_url, notify_url_set } => {
            let set = if *notify_url_set { out.pick("（已写入商户）", " (set for the merchant)") } else { "" };
            format!(
                "{}{}\nnotify_url: {}{set}",
                out.pick("公网地址：", "Public address: "),
                visible(public_url),
                visible(notify_url)
            )
        }
        TunnelEvent::Checked { report } => sentences(out, report),
        TunnelEvent::Ended { status, again_in } => {
            let status = status.map_or_else(|| "?".to_owned(), |status| status.to_string());
            match out.language() {
                crate::text::Language::Zh => format!("程序已结束（{status}），{again_in} 秒后重新启动"),
                crate::text::Language::En => {
                    format!("The program ended ({status}); it is started again in {again_in} s")
                }
            }
        }
    }
}

fn sentences(out: &Out, report: &NotifyUrlReport) -> String {
    let mut text = match (report.proved, report.latency_ms) {
        (true, Some(latency)) => {
            format!(
                "✓ {} {latency} ms: {}\n",
                out.pick("从公网走通，", "Proved from outside,"),
                visible(&report.notify_url)
            )
        }
        _ => format!("✕ {}: {}\n", out.pick("没有走通", "Not proved"), visible(&report.notify_url)),
    };
    for finding in &report.findings {
        let language = out.language();
        text +=
            &format!("  {}: {}\n    {}\n", finding.rule, language.say(&finding.message), language.say(&finding.fix));
    }
    text
}
