//! `guitai forward`: where deliveries are passed on to, what was, what died on the way, and bringing it back.

use crate::Context;
use crate::desk;
use crate::failure::Done;
use crate::order::more;
use crate::out::{Out, Table, Tone, plain, time};
use crate::text::Language;
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::wire::Page;
use guitai_console::{Forward, ForwardFilter, ForwardRecovery, ForwardTarget, ForwardTargetInput, ForwardWhat};
use serde::Serialize;
use serde_json::json;

/// What can be done with forwards.
#[derive(Debug, Subcommand)]
pub enum ForwardCommand {
    /// Keep a backend that deliveries are passed on to, whoever takes them in: listen or the window
    #[command(
        after_help = "Example:\n  guitai forward add http://127.0.0.1:8080/notify\n  guitai forward add http://127.0.0.1:8081/refunds --event-type REFUND\n  guitai forward add http://127.0.0.1:8082/forged --what rejected"
    )]
    Add(AddArgs),
    /// Forget a kept backend; what waits for it is dead and can be recovered
    #[command(after_help = "Example:\n  guitai forward remove http://127.0.0.1:8080/notify")]
    Remove(UrlArg),
    /// Pass nothing on to a kept backend for now; what comes meanwhile waits for it
    #[command(after_help = "Example:\n  guitai forward pause http://127.0.0.1:8080/notify")]
    Pause(UrlArg),
    /// Go on with a paused backend
    #[command(after_help = "Example:\n  guitai forward resume http://127.0.0.1:8080/notify")]
    Resume(UrlArg),
    /// List the kept backends, and forwards, newest first
    #[command(after_help = "Example:\n  guitai forward list --state waiting")]
    List(ListArgs),
    /// List the dead ones: every attempt of the ladder failed
    #[command(after_help = "Example:\n  guitai forward dead --since 2026-11-24 --json | jq -r '.items[].out_trade_no'")]
    Dead(PageArgs),
    /// Bring the dead ones back: they are tried again while their target is forwarded to
    #[command(
        after_help = "Example:\n  guitai forward recover --since 2026-11-24\n  guitai forward recover --since 2026-11-24T09:00:00+08:00 --to http://127.0.0.1:8080/notify"
    )]
    Recover(RecoverArgs),
}

/// What is kept.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// The backend's callback URL
    #[arg(value_name = "URL")]
    url: String,
    /// Which deliveries it gets
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = WhatArg::Accepted)]
    what: WhatArg,
    /// Only events whose type begins so, such as REFUND
    #[arg(long, value_name = "T")]
    event_type: Option<String>,
    /// Let the address be private or link-local: it is your own backend
    #[arg(long)]
    allow_private: bool,
}

/// Which backend.
#[derive(Debug, Args)]
pub struct UrlArg {
    /// The backend's callback URL
    #[arg(value_name = "URL")]
    url: String,
}

/// Which deliveries, as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhatArg {
    /// Genuine ones: applied, duplicate, held
    Accepted,
    /// All that are kept, forged and failed ones too
    Each,
    /// Those that are not genuine
    Rejected,
}

impl From<WhatArg> for ForwardWhat {
    fn from(what: WhatArg) -> Self {
        match what {
            WhatArg::Accepted => ForwardWhat::Accepted,
            WhatArg::Each => ForwardWhat::Each,
            WhatArg::Rejected => ForwardWhat::Rejected,
        }
    }
}

/// The kept backends and a page of forwards.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    page: Page<Forward>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    targets: Vec<ForwardTarget>,
}

/// Which forwards, in which state.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only in this state
    #[arg(long, value_enum, value_name = "S")]
    state: Option<StateArg>,
    #[command(flatten)]
    page: PageArgs,
}

/// Which forwards.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Made at or after: a date, or RFC 3339
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Cursor: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// What is brought back.
#[derive(Debug, Args)]
pub struct RecoverArgs {
    /// Made at or after: a date, or RFC 3339
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only for this backend, and also what came while nobody forwarded to it; may be given several times
    #[arg(long, value_name = "URL", requires = "since")]
    to: Vec<String>,
    /// Let those addresses be private or link-local: they are your own backends
    #[arg(long, requires = "to")]
    allow_private: bool,
}

/// The states, as they are written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateArg {
    /// Will be tried, for the first time or again
    Waiting,
    /// The target answered 2xx
    Delivered,
    /// The ladder is used up
    Dead,
}

impl PageArgs {
    fn filter(self, state: Option<StateArg>) -> ForwardFilter {
        let state = state.and_then(|state| state.to_possible_value()).map(|value| value.get_name().to_owned());
        ForwardFilter { state, since: self.since, limit: self.limit, after: self.after }
    }
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: ForwardCommand) -> Done {
    let out = &context.out;
    match command {
        ForwardCommand::Add(args) => {
            let AddArgs { url, what, event_type, allow_private } = args;
            let input = ForwardTargetInput { url, what: what.into(), event_type, allow_private };
            let target = desk::with(context, async |console| Ok(console.forward_target_add(input).await?)).await?;
            out.document(&target, || targets_table(out, std::slice::from_ref(&target)));
        }
        ForwardCommand::Remove(UrlArg { url }) => {
            desk::with(context, async |console| Ok(console.forward_target_remove(&url).await?)).await?;
            out.document(&json!({ "removed": url }), || out.pick("已移除。", "Removed.").to_owned());
        }
        ForwardCommand::Pause(arg) => pause(context, &arg.url, true).await?,
        ForwardCommand::Resume(arg) => pause(context, &arg.url, false).await?,
        ForwardCommand::List(args) => {
            let filter = args.page.filter(args.state);
            let listed = desk::with(context, async |console| {
                let targets = console.forward_target_list().await?;
                Ok(Listed { targets, page: console.forward_list(filter).await? })
            });
            let listed = listed.await?;
            out.document(&listed, || {
                let targets =
                    if listed.targets.is_empty() { String::new() } else { targets_table(out, &listed.targets) };
                format!("{targets}\n{}", table(out, &listed.page)).trim_start().to_owned()
            });
        }
        ForwardCommand::Dead(page) => {
            let filter = page.filter(Some(StateArg::Dead));
            let page = desk::with(context, async |console| Ok(console.forward_list(filter).await?)).await?;
            out.document(&page, || table(out, &page));
        }
        ForwardCommand::Recover(args) => {
            let RecoverArgs { since, to: targets, allow_private } = args;
            let recovery = ForwardRecovery { since, targets, allow_private };
            let count = desk::with(context, async |console| Ok(console.forward_recover(recovery).await?)).await?;
            out.document(&json!({ "recovered": count }), || match out.language() {
                Language::Zh => format!("已恢复 {count} 条；guitai listen 或窗口运行时会再次转发。"),
                Language::En => format!("{count} brought back; guitai listen or the window tries them again."),
            });
        }
    }
    Ok(())
}

async fn pause(context: &Context, url: &str, paused: bool) -> Done {
    let out = &context.out;
    let target = desk::with(context, async |console| Ok(console.forward_target_pause(url, paused).await?)).await?;
    out.document(&target, || targets_table(out, std::slice::from_ref(&target)));
    Ok(())
}

fn targets_table(out: &Out, targets: &[ForwardTarget]) -> String {
    let mut table = Table::new(match out.language() {
        Language::Zh => &["目标", "哪些", "状态", ">等待", ">放弃", "上次应答"],
        Language::En => &["TARGET", "WHAT", "STATE", ">WAITING", ">DEAD", "LAST ANSWER"],
    });
    for target in targets {
        let what = match target.what {
            ForwardWhat::Accepted => out.pick("真实的", "accepted"),
            ForwardWhat::Each => out.pick("每一条", "each"),
            ForwardWhat::Rejected => out.pick("被拒绝的", "rejected"),
        };
        let events = target.event_type.as_deref().map(|event| format!(" {event}*")).unwrap_or_default();
        let state = if target.paused {
            (out.pick("‖ 已暂停", "‖ paused").to_owned(), Tone::Warn)
        } else {
            (out.pick("✓ 转发中", "✓ active").to_owned(), Tone::Good)
        };
        let status = target.last_status.map(|status| status.to_string());
        table.row(vec![
            plain(&target.url),
            plain(format!("{what}{events}")),
            state,
            plain(target.waiting.to_string()),
            plain(target.dead.to_string()),
            plain(status.or_else(|| target.last_error.clone()).unwrap_or_default()),
        ]);
    }
    table.render(out)
}

fn table(out: &Out, page: &Page<Forward>) -> String {
    if page.items.is_empty() {
        return out.pick("没有转发。", "No forwards.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        Language::Zh => &["编号", "回调", "商户订单号", "状态", ">次数", "目标", "上次应答", "下次"],
        Language::En => &["ID", "DELIVERY", "OUT_TRADE_NO", "STATE", ">TRIES", "TARGET", "LAST ANSWER", "NEXT"],
    });
    for forward in &page.items {
        let (word, tone) = match forward.state.as_str() {
            "delivered" => (out.pick("✓ 已送达", "✓ delivered"), Tone::Good),
            "dead" => (out.pick("✕ 已放弃", "✕ dead"), Tone::Bad),
            _ => (out.pick("↻ 等待中", "↻ waiting"), Tone::Warn),
        };
        let status = forward.last_status.map(|status| status.to_string());
        table.row(vec![
            plain(&forward.id),
            plain(&forward.callback_id),
            plain(forward.out_trade_no.clone().unwrap_or_default()),
            (word.to_owned(), tone),
            plain(forward.attempts.to_string()),
            plain(&forward.target),
            plain(status.or_else(|| forward.last_error.clone()).unwrap_or_default()),
            plain(forward.next_at.as_deref().map(time).unwrap_or_default()),
        ]);
    }
    table.render(out) + &more(out, page.next.as_deref())
}
