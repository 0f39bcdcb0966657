//! `guitai sandbox`: serves the sandbox gateway until it is asked to end.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::out::{Out, Table, plain};
use crate::stop::Stop;
use crate::text::both;
use clap::Args;
use wechatpay_sandbox::{Options, SandboxError, Seen, errors, start};

/// What `guitai sandbox` takes.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Port of the gateway; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8790)]
    port: u16,
    /// Port of the proxy that answers for WeChat Pay's own host names; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 0)]
    proxy_port: u16,
    /// How many merchants, each with keys of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    merchants: u16,
    /// Print every error of the gateway and how to provoke it, and serve nothing
    #[arg(long)]
    errors: bool,
}

/// Serves until SIGINT or SIGTERM; the ready line is JSON whoever reads it, since programs are what it is for.
pub async fn run(context: &Context, args: SandboxArgs) -> Done {
    if args.errors {
        context.out.document(&errors(), || table(&context.out));
        return Ok(());
    }
    let mut stop = Stop::watch()?;
    let data_dir = desk::data_dir(context)?;
    guitai_console::keep_logs(&data_dir, "sandbox");
    let options =
        Options { data_dir, port: args.port, proxy_port: args.proxy_port, merchants: usize::from(args.merchants) };
    let sandbox = start(options).await.map_err(failed)?;
    context.out.always_json(&sandbox.ready_line());
    context.out.note(context.out.pick("沙箱已就绪，按 Ctrl-C 结束。", "The sandbox is ready. Ctrl-C ends it."));
    tracing::info!(url = %sandbox.base_url(), "the sandbox is open");
    stop.asked().await;
    sandbox.stop().await;
    tracing::info!("the sandbox is closed");
    Ok(())
}

/// The errors as a table.
fn table(out: &Out) -> String {
    let head = [
        out.pick("状态", "Status"),
        "code",
        "message",
        out.pick("依据", "Known"),
        out.pick("怎样触发", "How to provoke it"),
    ];
    let mut table = Table::new(&head);
    for error in errors() {
        let cells = [
            error.status.to_string(),
            error.code.clone(),
            out.pick(&error.message.zh, &error.message.en).to_owned(),
            match error.seen {
                Seen::Live => out.pick("实测", "seen live"),
                Seen::Documented => out.pick("文档", "documented"),
                Seen::Unconfirmed => out.pick("未证实", "unconfirmed"),
            }
            .to_owned(),
            out.pick(&error.how.zh, &error.how.en).to_owned(),
        ];
        table.row(cells.map(plain).into());
    }
    table.render(out)
}

/// Why the sandbox does not start, for people.
pub fn failed(error: SandboxError) -> Failure {
    match error {
        SandboxError::PortInUse { port } => Failure::refused(
            "PORT_IN_USE",
            both(format!("端口 {port} 已被另一个程序占用。"), format!("The port {port} is in use by another program.")),
            both("换一个端口，或用 0 取任意空闲端口。", "Choose another port, or 0 for any that is free."),
        ),
        SandboxError::FolderInUse { folder } => Failure::refused(
            "DATA_DIR_IN_USE",
            both(
                format!("{} 正被另一个沙箱使用。", folder.display()),
                format!("{} is in use by another sandbox.", folder.display()),
            ),
            both(
                "结束那个沙箱，或用 --data-dir 换一个目录。",
                "End that one, or choose another folder with --data-dir.",
            ),
        ),
        SandboxError::Folder { folder, error } => Failure::refused(
            "DATA_DIR_NOT_WRITABLE",
            both(
                format!("无法写入目录 {}：{error}", folder.display()),
                format!("The folder {} can't be written: {error}", folder.display()),
            ),
            both("检查权限，或用 --data-dir 换一个目录。", "Check the permissions, or choose another with --data-dir."),
        ),
        other => Failure::refused(
            "SANDBOX_FAILED",
            both(format!("沙箱无法启动：{other}"), format!("The sandbox doesn't start: {other}")),
            both(
                "检查数据目录，或用 --data-dir 换一个目录。",
                "Check the data folder, or choose another with --data-dir.",
            ),
        ),
    }
}
