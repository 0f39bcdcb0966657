//! `guitai forward`: what is passed on to backends by `guitai listen --forward-to`, what died on the way, and bringing
//! it back.

use crate::Context;
use crate::desk;
use crate::failure::Done;
use crate::order::more;
use crate::out::{Out, Table, Tone, plain, time};
use crate::text::Language;
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::wire::Page;
use guitai_console::{Forward, ForwardFilter, ForwardRecovery};
use serde_json::json;

/// What can be done with forwards.
#[derive(Debug, Subcommand)]
pub enum ForwardCommand {
    /// List forwards, newest first
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
    let filter = match command {
        ForwardCommand::List(args) => args.page.filter(args.state),
        ForwardCommand::Dead(page) => page.filter(Some(StateArg::Dead)),
        ForwardCommand::Recover(args) => {
            let RecoverArgs { since, to: targets, allow_private } = args;
            let recovery = ForwardRecovery { since, targets, allow_private };
            let count = desk::with(context, async |console| Ok(console.forward_recover(recovery).await?)).await?;
            out.document(&json!({ "recovered": count }), || match out.language() {
                Language::Zh => format!("已恢复 {count} 条；guitai listen --forward-to 运行时会再次转发。"),
                Language::En => format!("{count} brought back; guitai listen --forward-to tries them again."),
            });
            return Ok(());
        }
    };
    let page = desk::with(context, async |console| Ok(console.forward_list(filter).await?)).await?;
    out.document(&page, || table(out, &page));
    Ok(())
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
