//! `guitai backup` and `guitai restore`: the whole store in one file, and back; and `guitai doctor store`.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::out::{Out, Tone};
use crate::text::both;
use clap::Args;
use guitai_console::{BackupFacts, StoreReport};
use std::path::PathBuf;

/// What a backup takes.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// Where it goes; must not exist yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a restore takes.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// A backup
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only look at the file from end to end; change nothing
    #[arg(long)]
    check: bool,
}

/// What looking at the store takes.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Make indexes, sums and search words anew where they are wrong, and take other users' rights away
    #[arg(long, visible_alias = "repair")]
    mend: bool,
}

/// Copies the store while it is in use.
pub async fn backup(context: &Context, args: BackupArgs) -> Done {
    let out = &context.out;
    let file = std::path::absolute(&args.file).map_err(|error| Failure::file(&args.file, &error))?;
    let facts = desk::with(context, async |console| Ok(console.backup(&file).await?)).await?;
    out.document(&facts, || facts_text(out, &facts));
    Ok(())
}

/// Puts a backup in the store's place, or only looks at it.
pub async fn restore(context: &Context, args: RestoreArgs) -> Done {
    let out = &context.out;
    if args.check {
        let file = args.file;
        let facts = blocking(move || guitai_console::backup_check(&file)).await??;
        out.document(&facts, || facts_text(out, &facts));
        return Ok(());
    }
    let (folder, file) = (desk::data_dir(context)?, args.file);
    let restored = blocking(move || guitai_console::restore(&folder, &file)).await??;
    out.document(&restored, || {
        let mut text = facts_text(out, &restored.backup);
        text += out.paint(Tone::Good, out.pick("已恢复。", "Restored.")).as_str();
        if let Some(aside) = &restored.kept_aside {
            text +=
                &format!("\n{} {aside}", out.pick("原来的数据保存在", "The store that was there before is kept in"));
        }
        text
    });
    Ok(())
}

/// Says whether the store is sound; exit 1 when it is not.
pub async fn store(context: &Context, args: StoreArgs) -> Done {
    let (out, folder) = (&context.out, desk::data_dir(context)?);
    let report = blocking(move || guitai_console::store_doctor(&folder, args.mend)).await??;
    out.document(&report, || report_text(out, &report));
    if report.ok { Ok(()) } else { Err(Failure::NotValid) }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Failure::refused(
            "INTERRUPTED",
            both(format!("没有做完：{error}"), format!("It was not finished: {error}")),
            both("再试一次。", "Try again."),
        )
    })
}

fn facts_text(out: &Out, facts: &BackupFacts) -> String {
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    out.facts(&[
        (key("文件", "file"), facts.file.clone()),
        (key("字节", "bytes"), facts.bytes.to_string()),
        (key("制作时间", "made at"), facts.made_at.as_deref().map(crate::out::time).unwrap_or_default()),
        (key("商户", "merchants"), facts.merchants.to_string()),
        (key("订单", "orders"), facts.orders.to_string()),
        (key("退款", "refunds"), facts.refunds.to_string()),
        (key("回调", "callbacks"), format!("{} (SHA-256 ✓ {})", facts.callbacks, facts.callbacks_hashed)),
        (key("结构版本", "schema"), facts.schema.to_string()),
    ]) + out.language().say(&facts.note)
        + "\n"
}

fn report_text(out: &Out, report: &StoreReport) -> String {
    let mut text = format!("{}\n", report.data_dir);
    for check in &report.checks {
        let (mark, tone) = match check.ok {
            Some(true) if check.mended => ("✓", Tone::Warn),
            Some(true) => ("✓", Tone::Good),
            Some(false) => ("✕", Tone::Bad),
            None => ("?", Tone::Faint),
        };
        let mended = if check.mended { out.pick("（已修复）", " (mended)") } else { "" };
        text +=
            &format!("{} {:<15} {}{mended}\n", out.paint(tone, mark), check.name, out.language().say(&check.detail));
    }
    text
}
