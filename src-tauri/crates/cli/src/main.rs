//! `guitai`: everything the window can do, for a terminal, a script or a CI job.
//!
//! Here: the arguments, which noun gets them, and how the process ends. Each noun has a file; what the verbs do is the
//! desk's (`guitai_console`) and the sandbox's (`wechatpay_sandbox`), how things are printed is in [`out`].

#![forbid(unsafe_code)]

mod backup;
mod bill;
mod callback;
mod catalog;
mod catch;
mod certify;
mod chinese;
mod combine;
mod decrypt;
mod demo;
mod desk;
mod doctor;
mod export;
mod failure;
mod fields;
mod files;
mod forward;
mod health;
mod listen;
mod merchant;
mod order;
mod out;
mod printer;
mod refund;
mod rehearse;
mod replay;
mod sandbox;
mod scenario;
mod sensitive;
mod sign;
mod stop;
mod text;
mod tunnel;
mod verify;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::{Done, Failure};
use out::Out;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use text::{Language, both};

/// WeChat Pay APIv3 on your own machine: orders, callbacks, signatures, and a sandbox to try it all on.
#[derive(Debug, Parser)]
#[command(
    name = "guitai",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    subcommand_required = true,
    max_term_width = 110,
    after_help = "Start here:\n  guitai demo                          one payment, end to end, explained\n  \
                  guitai sandbox > sandbox.json &      a WeChat Pay to test against\n  \
                  guitai merchant add shop --from-sandbox sandbox.json\n  guitai listen\n\n\
                  Exit status: 0 it worked, 1 it did not, 2 the arguments are wrong.\n\
                  GUITAI_DATA_DIR, GUITAI_LANG (zh or en), GUITAI_PASSPHRASE_FILE, GUITAI_LOG and NO_COLOR are honoured."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes, before or after its name.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where the store and the key files live [env: GUITAI_DATA_DIR] [default: the per-user data folder]
    #[arg(long, global = true, value_name = "DIR", help_heading = "For every command")]
    data_dir: Option<PathBuf>,
    /// Merchant profile [default: the current one]
    #[arg(long, global = true, value_name = "NAME", help_heading = "For every command")]
    merchant: Option<String>,
    /// JSON on stdout: one document, or an object a line for commands that go on
    #[arg(long, global = true, help_heading = "For every command")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one payment end to end against the built-in sandbox, and explain each step
    #[command(after_help = "Example:\n  guitai demo\n  guitai demo --json | jq -r .step")]
    Demo,
    /// Serve a pretend WeChat Pay on 127.0.0.1, with its own keys, clock and faults
    #[command(
        after_help = "Example:\n  guitai sandbox --port 8790 > sandbox.json &\n  curl -s \"$(jq -r .base_url sandbox.json)/_sandbox/clock\""
    )]
    Sandbox(sandbox::SandboxArgs),
    /// Merchant profiles: who you are at WeChat Pay, and with which keys
    #[command(
        subcommand,
        after_help = "Example:\n  guitai merchant add test --from-sandbox sandbox.json\n  guitai merchant check"
    )]
    Merchant(merchant::MerchantCommand),
    /// Serve the callback listener: verify, decrypt, record and answer what WeChat Pay sends
    #[command(
        after_help = "Example:\n  guitai listen --port 8787\n  guitai listen --forward-to http://127.0.0.1:8080/notify\n  guitai listen --json | jq 'select(.verdict == \"held\")'"
    )]
    Listen(listen::ListenArgs),
    /// A practice target that prints every request it gets and answers as told
    #[command(
        after_help = "Example:\n  guitai catch --port 8791 --status 500\n  guitai catch --sandbox sandbox.json --json"
    )]
    Catch(catch::CatchArgs),
    /// Orders: create, prepay, query, close, refund, export
    #[command(
        subcommand,
        after_help = "Example:\n  guitai order create --amount 12.50 --description Latte --json\n  guitai order list --state SUCCESS"
    )]
    Order(order::OrderCommand),
    /// Bills: a day's bill from WeChat Pay, and how it differs from what this desk knows
    #[command(
        subcommand,
        after_help = "Example:\n  guitai bill trade --date 2026-11-23 --reconcile\n  guitai bill fundflow --date 2026-11-23 --out fundflow.csv"
    )]
    Bill(bill::BillCommand),
    /// Refunds by their own number: query, and the way out of an abnormal one
    #[command(
        subcommand,
        after_help = "Example:\n  guitai refund query RF20261124183712\n  guitai refund abnormal RF20261124183712 --to merchant"
    )]
    Refund(refund::RefundCommand),
    /// The catalogue: what is sold through the merchant API, and at which price
    #[command(
        subcommand,
        after_help = "Example:\n  guitai catalog add data-30g --name 'Data 30 GB' --price 29.90\n  guitai listen --api"
    )]
    Catalog(catalog::CatalogCommand),
    /// Copy the whole store to a file, while it is in use, and look at the copy from end to end
    #[command(
        after_help = "Example:\n  guitai backup guitai-20261124.db\n\nMerchants' keys are in it, sealed. What opens them (the keychain, vault.key in the data folder, or the \
                      passphrase) is not: keep that too. One is made daily in backups/daily of the data folder while a window or \
                      listener is open; the settings backup.daily (off) and backup.keep (days, 7) change that."
    )]
    Backup(backup::BackupArgs),
    /// Put a backup in the store's place; what was there before is kept aside
    #[command(
        after_help = "Example:\n  guitai restore --check guitai-20261124.db\n  guitai restore guitai-20261124.db\n\nA damaged or foreign file is refused and the store stays as it was. Nobody may have the store open: \
                      close the window and stop guitai listen first."
    )]
    Restore(backup::RestoreArgs),
    /// Play a file of steps against a sandbox and check what became of the order: for CI
    #[command(after_help = scenario::FORMAT)]
    Scenario(scenario::ScenarioArgs),
    /// Callbacks: what came, what was checked, what it changed
    #[command(subcommand, after_help = "Example:\n  guitai callback list --verdict held\n  guitai callback show cb_42")]
    Callback(callback::CallbackCommand),
    /// How everything is: deliveries by outcome, commits, disk, backups, certificates, logs
    #[command(
        after_help = "Example:\n  guitai health\n  guitai health --json | jq '.serving[].deliveries'\n\nCounters live in the process that listens; it writes them down every ten seconds."
    )]
    Health,
    /// Which mistake made a signature, a notification or pay parameters fail; and whether the store is sound
    #[command(
        after_help = "Example:\n  guitai doctor request --help\n  guitai doctor pay-params --params params.json --appid wx… --kind jsapi --private-key apiclient_key.pem"
    )]
    Doctor(doctor::DoctorArgs),
    /// Backends that deliveries are passed on to, what was, and what died on the way
    #[command(
        subcommand,
        after_help = "Example:\n  guitai forward add http://127.0.0.1:8080/notify\n  guitai forward dead\n  guitai forward recover --since 2026-11-24"
    )]
    Forward(forward::ForwardCommand),
    /// The tunnel that callbacks come through: start one, and prove that a notify_url leads here
    #[command(subcommand, after_help = "Example:\n  guitai tunnel start --preset cloudflared\n  guitai tunnel check")]
    Tunnel(tunnel::TunnelCommand),
    /// Examine a merchant backend's callback URL: play WeChat Pay and see which duties it meets
    #[command(
        after_help = "Example:\n  guitai certify http://127.0.0.1:8080/notify --sandbox sandbox.json --report card.html"
    )]
    Certify(certify::CertifyArgs),
    /// Sign a request with the merchant's key, and show the text that was signed
    #[command(after_help = "Example:\n  guitai sign --method GET --url '/v3/certificates?algorithm_type=RSA'\n  \
                            guitai sign --method POST --url /v3/pay/transactions/jsapi --body order.json --json")]
    Sign(sign::SignArgs),
    /// Check the signature of an answer or a notification
    #[command(
        after_help = "Example:\n  guitai verify --timestamp 1554208460 --nonce c5ac7061fccab6bf3e254dcf98995b8c --serial 5157F09E… \\\n    \
                            --signature CtcbzwtQ… --body body.json --platform-certificate wechatpay_5157F09E….pem"
    )]
    Verify(verify::VerifyArgs),
    /// Decrypt the resource of a notification or a platform certificate
    #[command(after_help = "Example:\n  guitai decrypt --resource notification.json --api-v3-key-file apiv3.key")]
    Decrypt(decrypt::DecryptArgs),
    /// Encrypt a sensitive field for WeChat Pay, or open one with the merchant's key
    #[command(
        subcommand,
        after_help = "Example:\n  guitai sensitive encrypt --text name.txt\n  guitai sensitive decrypt --ciphertext field.txt"
    )]
    Sensitive(sensitive::SensitiveCommand),
}

/// What a command works with.
#[derive(Debug)]
pub struct Context {
    global: Global,
    out: Out,
}

fn main() -> ExitCode {
    guitai_console::without_core_dumps();
    let language = Language::of_environment();
    let command = Cli::command();
    let command = if language == Language::Zh { chinese::translated(command) } else { command };
    let matches = match command.try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return wrong_arguments(&error, language),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return wrong_arguments(&error, language),
    };
    guitai_console::start_logs();
    let context = Context { out: Out::new(cli.global.json, language), global: cli.global };
    let done = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(run(&context, cli.command)),
        Err(error) => Err(Failure::refused(
            "NO_RUNTIME",
            both(format!("系统没有给出所需的线程：{error}"), format!("The system gave no threads to run on: {error}")),
            both("检查进程和内存的限制（ulimit）。", "Check the limits on processes and memory (ulimit)."),
        )),
    };
    guitai_console::flush_logs();
    let status = match &done {
        Ok(()) => 0,
        Err(failure) => {
            context.out.failure(failure);
            failure.status()
        }
    };
    match context.out.fault() {
        Some(error) => {
            context.out.note(&format!(
                "{} {error}",
                context.out.pick("错误：无法写到标准输出：", "error: stdout can't be written:")
            ));
            ExitCode::from(status.max(1))
        }
        None => ExitCode::from(status),
    }
}

async fn run(context: &Context, command: Command) -> Done {
    match command {
        Command::Demo => demo::run(context).await,
        Command::Sandbox(args) => sandbox::run(context, args).await,
        Command::Merchant(command) => merchant::run(context, command).await,
        Command::Listen(args) => listen::run(context, args).await,
        Command::Catch(args) => catch::run(context, args).await,
        Command::Order(command) => order::run(context, command).await,
        Command::Backup(args) => backup::backup(context, args).await,
        Command::Restore(args) => backup::restore(context, args).await,
        Command::Bill(command) => bill::run(context, command).await,
        Command::Refund(command) => refund::run(context, command).await,
        Command::Catalog(command) => catalog::run(context, command).await,
        Command::Callback(command) => callback::run(context, command).await,
        Command::Health => health::run(context).await,
        Command::Doctor(args) => doctor::run(context, args).await,
        Command::Scenario(args) => scenario::run(context, args).await,
        Command::Forward(command) => forward::run(context, command).await,
        Command::Certify(args) => certify::run(context, args).await,
        Command::Tunnel(command) => tunnel::run(context, command).await,
        Command::Sign(args) => sign::run(context, args).await,
        Command::Verify(args) => verify::run(context, &args),
        Command::Decrypt(args) => decrypt::run(context, &args),
        Command::Sensitive(command) => sensitive::run(context, command).await,
    }
}

/// Help and version go to stdout and are no mistake; anything else is told on stderr, and as JSON where that was asked for.
fn wrong_arguments(error: &clap::Error, language: Language) -> ExitCode {
    match language {
        Language::En => drop(error.print()),
        Language::Zh => {
            let said = chinese::rendered(error);
            let _ = if error.use_stderr() {
                std::io::stderr().write_all(said.as_bytes())
            } else {
                std::io::stdout().write_all(said.as_bytes())
            };
        }
    }
    if !error.use_stderr() {
        return ExitCode::SUCCESS;
    }
    if std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json") {
        let said = error.render().to_string();
        let first = said.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let message = first.split_whitespace().collect::<Vec<_>>().join(" ");
        let chinese = chinese::rendered(error);
        let chinese = chinese.split("\n\n").next().unwrap_or_default().trim_start_matches("错误：");
        let chinese = chinese.split_whitespace().collect::<Vec<_>>().join(" ");
        let failure = Failure::usage(
            both(format!("参数不正确：{chinese}"), message),
            both("用 --help 查看该命令的参数和示例。", "See the command's arguments and an example with --help."),
        );
        Out::new(true, language).failure(&failure);
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent_and_every_command_has_an_example() {
        fn walk(command: &clap::Command, missing: &mut Vec<String>) {
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                walk(sub, missing);
                if !sub.get_after_help().is_some_and(|help| help.to_string().contains("guitai")) {
                    missing.push(sub.get_name().to_owned());
                }
            }
        }
        let command = Cli::command();
        command.clone().debug_assert();
        let mut missing = Vec::new();
        walk(&command, &mut missing);
        assert!(missing.is_empty(), "commands whose help shows no example: {missing:?}");
    }

    #[test]
    fn what_every_command_takes_may_stand_anywhere() {
        for words in [
            "guitai --json --data-dir d --merchant shop order list",
            "guitai order --json --data-dir d --merchant shop list",
            "guitai order list --json --data-dir d --merchant shop",
        ] {
            let cli = Cli::try_parse_from(words.split(' ')).unwrap_or_else(|error| panic!("{words}: {error}"));
            assert!(cli.global.json, "{words}");
            assert_eq!(cli.global.merchant.as_deref(), Some("shop"), "{words}");
            assert_eq!(cli.global.data_dir, Some(PathBuf::from("d")), "{words}");
        }
    }
}
