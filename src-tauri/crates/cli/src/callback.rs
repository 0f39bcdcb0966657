//! `guitai callback`: what came to the listener, what was checked, what it changed.

use crate::Context;
use crate::desk;
use crate::export::{self, Format};
use crate::failure::Done;
use crate::order::{more, verdict};
use crate::out::{Out, Table, Tone, money, plain, time, visible};
use crate::replay::{self, ReplayArgs};
use crate::text::Language;
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::wire::{Callback, CallbackCause, CallbackDossier, CallbackForm, Page, Verdict};
use guitai_console::{CallbackFilter, CallbackWait, Replay};
use serde::Serialize;

/// What can be done with callbacks.
#[derive(Debug, Subcommand)]
pub enum CallbackCommand {
    /// List deliveries, newest first
    #[command(after_help = "Example:\n  guitai callback list --verdict held --limit 20")]
    List(FilterArgs),
    /// Show one delivery: headers, body, checks, decrypted content
    #[command(after_help = "Example:\n  guitai callback show cb_42")]
    Show(IdArg),
    /// Apply a held delivery, where a newer version understands it or the order allows it now
    #[command(after_help = "Example:\n  guitai callback apply cb_42")]
    Apply(IdArg),
    /// Send deliveries again: as received, signed anew by the sandbox, or with edited content
    #[command(
        after_help = "Example:\n  guitai callback replay 42 --to http://127.0.0.1:8080/notify --as resigned\n  guitai callback replay 42 --to http://127.0.0.1:8080/notify --fault bad_signature\n  guitai callback show 42 --json | jq .decrypted > edited.json; guitai callback replay 42 --to http://127.0.0.1:8080/notify --edit edited.json\n  guitai callback replay 42 --to http://127.0.0.1:8080/notify --as resigned --times 20 --at-once\n  guitai callback replay --verdict held --to http://127.0.0.1:8080/notify --as resigned --shuffle --seed 7"
    )]
    Replay(ReplayArgs),
    /// Wait until a delivery of an order is there: exit 0 when it is, 1 when the time is over
    #[command(
        after_help = "Example:\n  guitai callback wait --out-trade-no 20261124183712 --timeout 30 --expect verdict=applied --expect trade_state=SUCCESS"
    )]
    Wait(WaitArgs),
    /// Count deliveries by what came of them and why, the commonest first
    #[command(after_help = "Example:\n  guitai callback causes")]
    Causes,
    /// Print all deliveries that the filters let through, as CSV or JSON lines; or copy one out, as cURL, HAR, raw HTTP or a fixture
    #[command(
        after_help = "Example:\n  guitai callback export --format jsonl > callbacks.jsonl\n  guitai callback export cb_42 --as curl --to http://127.0.0.1:8080/notify | sh"
    )]
    Export(ExportArgs),
}

/// Which delivery.
#[derive(Debug, Args)]
pub struct IdArg {
    /// The delivery's id
    #[arg(value_name = "ID")]
    id: String,
}

/// Which deliveries.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// What came of it; may be given several times
    #[arg(long, value_enum, value_name = "V")]
    verdict: Vec<VerdictArg>,
    /// Why, such as probe or amount_matches; may be given several times
    #[arg(long, value_name = "SLUG")]
    reason: Vec<String>,
    /// Of one kind, such as REFUND.SUCCESS
    #[arg(long, value_name = "EVENT")]
    event_type: Option<String>,
    /// Of one order
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    out_trade_no: Option<String>,
    /// From one address
    #[arg(long, value_name = "IP")]
    source: Option<String>,
    /// Received at or after: RFC 3339, or a day in Beijing time
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Received before: RFC 3339, or to the end of a day in Beijing time
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// Words of the decrypted content, or the beginning of a number
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    search: Option<String>,
    /// Leave out duplicates
    #[arg(long)]
    folded: bool,
}

impl WhichArgs {
    fn filter(self, limit: u32, after: Option<String>) -> CallbackFilter {
        CallbackFilter {
            verdicts: self.verdict.into_iter().map(Verdict::from).collect(),
            reasons: self.reason,
            event_type: self.event_type,
            out_trade_no: self.out_trade_no,
            source: self.source,
            since: self.since,
            until: self.until,
            search: self.search,
            folded: self.folded,
            limit,
            after,
        }
    }
}

/// Which deliveries, a page of them.
#[derive(Debug, Args)]
pub struct FilterArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Cursor: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// What is waited for.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Of one order
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    out_trade_no: String,
    /// Seconds to wait; 0 only looks
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(0..=86_400))]
    timeout: u32,
    /// What the delivery must have: a field of its row or of the decrypted content, such as amount.total=100; all of them count
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field_and_value)]
    expect: Vec<(String, String)>,
}

fn field_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, value)) if !field.trim().is_empty() => Ok((field.trim().to_owned(), value.to_owned())),
        _ => Err("it must be FIELD=VALUE, such as verdict=applied".to_owned()),
    }
}

/// What an export takes.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Only this delivery, copied out
    #[arg(value_name = "ID", conflicts_with_all = ["format", "verdict", "reason", "event_type", "out_trade_no", "source", "since", "until", "search", "folded", "limit"])]
    id: Option<String>,
    /// As what the one is copied out [default: curl]
    #[arg(long = "as", value_enum, value_name = "FORM", requires = "id")]
    form: Option<FormArg>,
    /// Where the cURL command sends it [default: this desk's own listener]
    #[arg(long, value_name = "URL", requires = "id")]
    to: Option<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    which: WhichArgs,
    /// How many at most [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

/// As what one delivery is copied out.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormArg {
    /// A curl command for a POSIX shell
    Curl,
    /// An HTTP archive (HAR 1.2)
    Har,
    /// The request as it stood on the wire
    Http,
    /// A JSON fixture for a test: the request, and what to expect of it
    Fixture,
}

impl From<FormArg> for CallbackForm {
    fn from(form: FormArg) -> Self {
        match form {
            FormArg::Curl => CallbackForm::Curl,
            FormArg::Har => CallbackForm::Har,
            FormArg::Http => CallbackForm::Http,
            FormArg::Fixture => CallbackForm::Fixture,
        }
    }
}

/// The verdicts, as they are written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum VerdictArg {
    /// Genuine, and it changed the order
    Applied,
    /// Genuine, seen before
    Duplicate,
    /// Genuine, not applied: a person decides
    Held,
    /// Not genuine
    Rejected,
    /// Our own failure
    Failed,
}

impl From<VerdictArg> for Verdict {
    fn from(verdict: VerdictArg) -> Self {
        match verdict {
            VerdictArg::Applied => Verdict::Applied,
            VerdictArg::Duplicate => Verdict::Duplicate,
            VerdictArg::Held => Verdict::Held,
            VerdictArg::Rejected => Verdict::Rejected,
            VerdictArg::Failed => Verdict::Failed,
        }
    }
}

/// A delivery with what came of sending it again.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    dossier: CallbackDossier,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replays: Vec<Replay>,
}

/// Deliveries by what came of them.
#[derive(Serialize)]
struct Causes<'c> {
    items: &'c [CallbackCause],
}

fn causes_table(out: &Out, causes: &[CallbackCause]) -> String {
    if causes.is_empty() {
        return out.pick("没有回调。", "No callbacks.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        Language::Zh => &["结论", "原因", ">次数", "最近一次", "下一步"],
        Language::En => &["VERDICT", "REASON", ">COUNT", "NEWEST", "NEXT"],
    });
    for cause in causes {
        table.row(vec![
            verdict(out, cause.verdict),
            plain(cause.reason.clone().unwrap_or_default()),
            plain(cause.deliveries.to_string()),
            plain(&cause.newest_id),
            plain(cause.fix.as_ref().map(|fix| out.language().say(fix).to_owned()).unwrap_or_default()),
        ]);
    }
    table.render(out)
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: CallbackCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    match command {
        CallbackCommand::List(args) => {
            let filter = args.which.filter(args.limit, args.after);
            let page = desk::with(context, async |console| Ok(console.callback_list(m, filter).await?)).await?;
            out.document(&page, || table(out, &page));
        }
        CallbackCommand::Show(arg) => {
            let shown = desk::with(context, async |console| {
                let dossier = console.callback_show(&arg.id).await?;
                let replays = console.callback_replays(&arg.id).await?;
                Ok(Shown { dossier, replays })
            });
            let shown = shown.await?;
            out.document(&shown, || dossier_text(out, &shown.dossier) + &replays_text(out, &shown.replays));
        }
        CallbackCommand::Apply(arg) => {
            let callback = desk::with(context, async |console| Ok(console.callback_apply(&arg.id).await?)).await?;
            out.document(&callback, || line(out, &callback));
        }
        CallbackCommand::Wait(args) => {
            let wait = CallbackWait { out_trade_no: args.out_trade_no, timeout_s: args.timeout, expect: args.expect };
            let dossier = desk::with(context, async |console| Ok(console.callback_wait(m, wait).await?)).await?;
            out.document(&dossier, || line(out, &dossier.callback));
        }
        CallbackCommand::Causes => {
            let causes = desk::with(context, async |console| Ok(console.callback_causes(m).await?)).await?;
            out.document(&Causes { items: &causes }, || causes_table(out, &causes));
        }
        CallbackCommand::Replay(args) => replay::run(context, args).await?,
        CallbackCommand::Export(args) => {
            if let Some(id) = args.id {
                let form = args.form.map_or(CallbackForm::Curl, CallbackForm::from);
                let to = args.to.as_deref();
                let copy =
                    desk::with(context, async |console| Ok(console.callback_export(&id, form, to).await?)).await?;
                return export::copy(context, &copy);
            }
            let filter = args.which.filter(export::PAGE, None);
            let most = args.limit.unwrap_or(u32::MAX);
            desk::with(context, async |console| export::callbacks(context, console, filter, args.format, most).await)
                .await?;
        }
    }
    Ok(())
}

fn table(out: &Out, page: &Page<Callback>) -> String {
    if page.items.is_empty() {
        return out.pick("没有回调。", "No callbacks.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        Language::Zh => &["编号", "收到时间", "结论", "事件", "商户订单号", ">应答", "原因"],
        Language::En => &["ID", "RECEIVED", "VERDICT", "EVENT", "OUT_TRADE_NO", ">HTTP", "REASON"],
    });
    for callback in &page.items {
        table.row(vec![
            plain(&callback.id),
            plain(time(&callback.received_at)),
            verdict(out, callback.verdict),
            plain(callback.event_type.clone().unwrap_or_default()),
            plain(callback.out_trade_no.clone().unwrap_or_default()),
            plain(callback.http_status.to_string()),
            plain(callback.reason.clone().unwrap_or_default()),
        ]);
    }
    table.render(out) + &more(out, page.next.as_deref())
}

/// One delivery on a line, as `guitai listen` shows it.
pub fn line(out: &Out, callback: &Callback) -> String {
    let (word, tone) = verdict(out, callback.verdict);
    let parts = [
        callback.event_type.as_deref().map(visible),
        callback.out_trade_no.as_deref().map(visible),
        callback.amount.map(money),
        callback.reason.as_deref().map(visible),
    ];
    let rest: String = parts.into_iter().flatten().map(|part| format!("  {part}")).collect();
    let answered = format!("{} {} ms", callback.http_status, callback.latency_ms);
    format!(
        "{}  {}{rest}  {}\n",
        time(&callback.received_at),
        out.paint(tone, &word),
        out.paint(Tone::Faint, &answered)
    )
}

fn replays_text(out: &Out, replays: &[Replay]) -> String {
    if replays.is_empty() {
        return String::new();
    }
    format!("\n{}\n{}", out.paint(Tone::Strong, out.pick("重放", "Replays")), replay::lines(out, replays))
}

fn dossier_text(out: &Out, dossier: &CallbackDossier) -> String {
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    let callback = &dossier.callback;
    let mut text = out.facts(&[
        (key("编号", "id"), callback.id.clone()),
        (key("通知编号", "notification_id"), callback.notification_id.clone().unwrap_or_default()),
        (key("收到时间", "received"), time(&callback.received_at)),
        (key("结论", "verdict"), verdict(out, callback.verdict).0),
        (key("应答", "answered"), format!("{} ({} ms)", callback.http_status, callback.latency_ms)),
        (key("商户", "merchant"), callback.merchant.clone()),
        (key("来源", "from"), dossier.source.clone()),
        (key("原因", "why"), dossier.why.as_ref().map(|why| out.language().say(why).to_owned()).unwrap_or_default()),
        (key("下一步", "next"), dossier.fix.as_ref().map(|fix| out.language().say(fix).to_owned()).unwrap_or_default()),
    ]);
    text += &format!("\n{}\n", out.paint(Tone::Strong, key("检查", "Checks")));
    for check in &dossier.checks {
        let mark = if check.ok { out.paint(Tone::Good, "✓") } else { out.paint(Tone::Bad, "✗") };
        text += &format!("  {mark} {:<18} {}\n", check.name, out.paint(Tone::Faint, &visible(&check.detail)));
    }
    text += &format!("\n{}\n", out.paint(Tone::Strong, key("头部", "Headers")));
    for (name, value) in &dossier.headers {
        text += &format!("  {}: {}\n", visible(name), visible(value));
    }
    text += &format!("\n{}\n  {}\n", out.paint(Tone::Strong, key("正文", "Body")), visible(&dossier.body));
    if let Some(decrypted) = &dossier.decrypted {
        let pretty = serde_json::to_string_pretty(decrypted).unwrap_or_default();
        text += &format!("\n{}\n", out.paint(Tone::Strong, key("解密后", "Decrypted")));
        text += &pretty.lines().map(|line| format!("  {}\n", visible(line))).collect::<String>();
    }
    for changed in &dossier.changed {
        text += &format!("\n{} {}", out.paint(Tone::Strong, key("改动", "Changed")), visible(changed));
    }
    text
}
