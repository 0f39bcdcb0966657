//! `guitai bill`: a day's bill, and how it differs from what this desk knows.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::out::{Out, Table, Tone, money, plain};
use clap::{Args, Subcommand};
use guitai_console::{BillKind, Difference, DifferenceKind, KeptBill, Reconciliation, Side};
use serde_json::json;
use std::path::{Path, PathBuf};

/// What is done with bills.
#[derive(Debug, Subcommand)]
pub enum BillCommand {
    /// Fetch the trade bill of a day: payments and refunds
    #[command(
        after_help = "Example:\n  guitai bill trade --date 2026-11-23\n  guitai bill trade --date 2026-11-23 --reconcile --json | jq '.differences[]'\n\n\
                      A bill is ready from 10:00 Beijing time of the next day on, for 3 months. Differences are no failure: \
                      they stand in the document (`found`, `differences`), and the exit status is 0."
    )]
    Trade(TradeArgs),
    /// Fetch the fund-flow bill of a day: money in and out of the basic account
    #[command(after_help = "Example:\n  guitai bill fundflow --date 2026-11-23 --out fundflow.csv")]
    Fundflow(FetchArgs),
    /// Record a payment or refund that a trade bill names and this desk doesn't know, after asking WeChat Pay about it
    #[command(after_help = "Example:\n  guitai bill record GT2026112312000012345678 --date 2026-11-23")]
    Record(RecordArgs),
    /// List the bills that are kept, with what their reconciliation found
    #[command(after_help = "Example:\n  guitai bill list --json | jq '.[] | select(.differences > 0)'")]
    List,
}

/// What fetching takes.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// The day, Beijing time
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
    /// Write the bill there as WeChat Pay made it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Fetch it even if it is kept already
    #[arg(long)]
    again: bool,
}

/// What fetching a trade bill takes.
#[derive(Debug, Args)]
pub struct TradeArgs {
    #[command(flatten)]
    fetch: FetchArgs,
    /// Hold it against orders, refunds and callbacks, and print only what differs
    #[arg(long)]
    reconcile: bool,
}

/// What recording takes.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The order's out_trade_no, as the bill has it
    #[arg(value_name = "NO")]
    no: String,
    /// The bill's day
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: String,
    /// The refund's out_refund_no, if a refund is to be recorded
    #[arg(long, value_name = "NO")]
    refund: Option<String>,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: BillCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    match command {
        BillCommand::Trade(args) if args.reconcile => {
            let day = desk::with(context, async |console| {
                let date = &args.fetch.date;
                if args.fetch.again {
                    console.bill_fetch(m, BillKind::Trade, date, true).await?;
                }
                let day = console.bill_reconcile(m, date).await?;
                if let Some(path) = &args.fetch.out {
                    write(path, &console.bill_file(m, BillKind::Trade, date).await?)?;
                }
                Ok(day)
            })
            .await?;
            out.document(&day, || reconciled(out, &day));
        }
        BillCommand::Trade(args) => fetch(context, BillKind::Trade, args.fetch).await?,
        BillCommand::Fundflow(args) => fetch(context, BillKind::Fundflow, args).await?,
        BillCommand::Record(args) => {
            let order = desk::with(context, async |console| {
                Ok(console.bill_record(m, &args.date, &args.no, args.refund.as_deref()).await?)
            })
            .await?;
            out.document(&order, || {
                let said = out.pick("已补记：", "recorded:");
                format!("{said} {} {} {}", order.out_trade_no, order.state, money(order.amount.total))
            });
        }
        BillCommand::List => {
            let bills = desk::with(context, async |console| Ok(console.bill_list(m).await?)).await?;
            out.document(&bills, || list(out, &bills));
        }
    }
    Ok(())
}

async fn fetch(context: &Context, kind: BillKind, args: FetchArgs) -> Done {
    let (out, m) = (&context.out, context.merchant());
    let bill = desk::with(context, async |console| {
        let bill = console.bill_fetch(m, kind, &args.date, args.again).await?;
        if let Some(path) = &args.out {
            write(path, &console.bill_file(m, kind, &args.date).await?)?;
        }
        Ok(bill)
    })
    .await?;
    let mut document = json!(bill);
    if let Some(path) = &args.out {
        document["file"] = json!(path.display().to_string());
    }
    out.document(&document, || list(out, std::slice::from_ref(&bill)));
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Done {
    std::fs::write(path, bytes).map_err(|error| Failure::file(path, &error))
}

fn list(out: &Out, bills: &[KeptBill]) -> String {
    if bills.is_empty() {
        return out.pick("还没有账单。", "No bills yet.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        crate::text::Language::Zh => &["日期", "账单", ">行数", ">字节", ">差异", "SHA-1"],
        crate::text::Language::En => &["DATE", "BILL", ">LINES", ">BYTES", ">DIFFERENCES", "SHA-1"],
    });
    for bill in bills {
        let kind = match bill.kind {
            BillKind::Trade => out.pick("交易", "trade"),
            BillKind::Fundflow => out.pick("资金", "fund flow"),
        };
        table.row(vec![
            plain(&bill.date),
            plain(kind),
            plain(bill.lines.to_string()),
            plain(bill.bytes.to_string()),
            match bill.differences {
                Some(0) => ("0".to_owned(), Tone::Good),
                Some(found) => (found.to_string(), Tone::Warn),
                None => plain("—"),
            },
            plain(bill.sha1.clone().unwrap_or_else(|| out.pick("没有交易", "no trade").to_owned())),
        ]);
    }
    table.render(out)
}

fn reconciled(out: &Out, day: &Reconciliation) -> String {
    let mut totals = Table::new(match out.language() {
        crate::text::Language::Zh => &["", ">收款笔数", ">收款金额", ">退款笔数", ">退款金额"],
        crate::text::Language::En => &["", ">PAYMENTS", ">AMOUNT", ">REFUNDS", ">REFUNDED"],
    });
    for (name, side) in [(out.pick("微信支付", "WeChat Pay"), &day.there), (out.pick("本地", "here"), &day.here)]
    {
        totals.row(vec![
            plain(name),
            plain(side.payments.to_string()),
            plain(money(side.amount)),
            plain(side.refunds.to_string()),
            plain(money(side.refunded)),
        ]);
    }
    let mut text = totals.render(out);
    text += &format!("{} {}\n", out.pick("手续费", "fee"), day.fee);
    if day.found == 0 {
        let agreed = out.pick("两边一致，没有差异。", "Both sides agree: no differences.");
        return text + &out.paint(Tone::Good, agreed) + "\n";
    }
    let (zh, en) = (format!("{} 处差异：", day.found), format!("{} differences:", day.found));
    text += &format!("\n{}\n", out.paint(Tone::Warn, out.pick(&zh, &en)));
    for difference in &day.differences {
        text += &of(out, difference);
    }
    text
}

fn of(out: &Out, difference: &Difference) -> String {
    let (zh, en) = match difference.kind {
        DifferenceKind::MissingHere => ("本地没有这笔付款", "payment missing here"),
        DifferenceKind::MissingThere => ("账单里没有这笔付款", "payment missing in the bill"),
        DifferenceKind::Amount => ("金额不同", "another amount"),
        DifferenceKind::State => ("状态不同", "another state"),
        DifferenceKind::Transaction => ("微信支付订单号不同", "another transaction"),
        DifferenceKind::RefundMissingHere => ("本地没有这笔退款", "refund missing here"),
        DifferenceKind::RefundMissingThere => ("账单里没有这笔退款", "refund missing in the bill"),
        DifferenceKind::RefundAmount => ("退款金额不同", "another refund amount"),
        DifferenceKind::RefundState => ("退款状态不同", "another refund status"),
        DifferenceKind::NoCallback => ("已付款，但没有收到回调", "paid, but no callback came"),
        DifferenceKind::CallbackHeld => ("已付款，回调被搁置", "paid, and its callback is held"),
        DifferenceKind::Twice => ("账单里重复", "twice in the bill"),
        DifferenceKind::Summary => ("账单合计不符", "the bill's sums are wrong"),
    };
    let side = |side: &Option<Side>| {
        side.as_ref().map_or_else(|| "—".to_owned(), |side| format!("{} {}", side.state, money(side.amount)))
    };
    let no = difference.out_refund_no.as_deref().unwrap_or(&difference.out_trade_no);
    format!(
        "  {} {no}\n    {} {}  {} {}\n    {}\n    → {}\n",
        out.paint(Tone::Strong, out.pick(zh, en)),
        out.pick("本地", "here"),
        side(&difference.here),
        out.pick("账单", "bill"),
        side(&difference.there),
        out.language().say(&difference.cause),
        out.language().say(&difference.advice),
    )
}
