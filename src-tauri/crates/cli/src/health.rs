//! `guitai health`: how everything in the data folder is, and what the processes that serve it have counted.

use crate::Context;
use crate::desk;
use crate::failure::Done;
use crate::out::{Out, Tone, visible};
use guitai_console::{CauseCount, Health, Looked, Serving, Spread};

/// Says it; the document is `guitai_console::Health`.
pub async fn run(context: &Context) -> Done {
    let health = desk::with(context, async |console| Ok(console.health().await?)).await?;
    context.out.document(&health, || text(&context.out, &health));
    Ok(())
}

fn text(out: &Out, health: &Health) -> String {
    let mut text = String::new();
    if health.serving.is_empty() {
        text += out.pick("现在没有进程在监听。\n", "No process listens now.\n");
    }
    for serving in &health.serving {
        text += &counted(out, serving);
    }
    let key = |zh: &'static str, en: &'static str| out.pick(zh, en);
    let mut facts = vec![
        (key("数据目录", "data folder"), health.data_dir.clone()),
        (key("数据大小", "store"), mib(health.store_bytes)),
        (key("剩余空间", "free"), health.free_bytes.map_or_else(|| "?".to_owned(), mib)),
        (key("等待转发", "forwards waiting"), health.forwards_waiting.to_string()),
        (key("启动检查", "look at start"), looked(out, health.started.as_ref())),
        (key("完整性检查", "integrity"), looked(out, health.integrity.as_ref())),
        (key("最近备份", "last backup"), health.backup.last_at.as_deref().map_or_else(|| never(out), crate::out::time)),
        (key("恢复演练", "restore drill"), looked(out, health.drill.as_ref())),
        (key("日志", "logs"), format!("{}  {}", mib(health.logs.bytes), health.logs.folder)),
    ];
    for end in &health.certificates {
        let days = format!("{} {}", end.days, out.pick("天", "days"));
        facts.push((key("平台证书", "certificate"), format!("{} {} {days}", end.merchant, end.serial_no)));
    }
    text += &out.facts(&facts);
    for check in health.checks.iter().filter(|check| check.ok == Some(false)) {
        text += &format!("{} {}\n", out.paint(Tone::Bad, "✕"), out.language().say(&check.detail));
    }
    text
}

fn counted(out: &Out, serving: &Serving) -> String {
    let key = |zh: &'static str, en: &'static str| out.pick(zh, en);
    let (deliveries, commits) = (&serving.deliveries, &serving.commits);
    let mut title =
        format!("{} {}", visible(&serving.program), serving.address.as_deref().map(visible).unwrap_or_default());
    if serving.gone {
        title += out.pick("（已不在运行）", " (gone)");
    }
    let mut facts = vec![
        (key("自", "since"), crate::out::time(&serving.since)),
        (key("截至", "as of"), crate::out::time(&serving.at)),
        (
            key("回调", "deliveries"),
            format!(
                "applied {} · duplicate {} · held {} · rejected {} · failed {}",
                deliveries.applied, deliveries.duplicate, deliveries.held, deliveries.rejected, deliveries.failed
            ),
        ),
        (key("拒绝原因", "rejected by"), causes(&deliveries.rejected_by)),
        (key("应答用时", "answered in"), spread(&deliveries.answered)),
        (key("提交用时", "commit and fsync"), spread(&commits.took)),
        (key("每次提交", "writes a commit"), format!("{:.1} (max {})", commits.batch_mean, commits.batch_max)),
        (key("排队", "waiting"), format!("{} ({} ms)", commits.queue, commits.oldest_ms.unwrap_or(0))),
        (key("巡查查询", "patrol queries"), serving.patrol_queries.to_string()),
    ];
    if let Some(door) = &serving.door {
        let seen = format!(
            "{} · open {} · evicted {} · too large {} · overdue {}",
            door.accepted, door.open, door.evicted, door.too_large, door.overdue
        );
        facts.push((key("连接", "connections"), seen));
        facts.push((key("入口拒绝", "refused at the door"), causes(&door.refused)));
    }
    format!("{}\n{}", out.paint(Tone::Strong, &title), out.facts(&facts))
}

fn causes(causes: &[CauseCount]) -> String {
    let parts: Vec<String> = causes.iter().map(|by| format!("{} {}", visible(&by.cause), by.count)).collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(" · ") }
}

fn spread(spread: &Spread) -> String {
    format!("p50 {:.1} · p99 {:.1} · max {:.1} ms ({})", spread.p50_ms, spread.p99_ms, spread.max_ms, spread.count)
}

fn looked(out: &Out, looked: Option<&Looked>) -> String {
    looked.map_or_else(
        || never(out),
        |looked| {
            format!("{} {} {}", if looked.ok { "✓" } else { "✕" }, crate::out::time(&looked.at), visible(&looked.said))
        },
    )
}

fn never(out: &Out) -> String {
    out.pick("还没有", "not yet").to_owned()
}

#[allow(clippy::cast_precision_loss, reason = "for people")]
fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
