//! `guitai order`: orders as the desk keeps them, and what WeChat Pay says about them.

use crate::Context;
use crate::combine::{self, CombineCommand};
use crate::desk;
use crate::export::{self, Format};
use crate::failure::{Done, Failure};
use crate::fields::{OrderFields, SceneFields};
use crate::out::{Out, Table, Tone, money, plain, time};
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::wire::{Dossier, Order, Page, Refund, Verdict, Via};
use guitai_console::{Lamp, OrderFilter, OrderInput, OrderSort, PaperLanguage, PrepayInput, RefundInput};
use std::path::{Path, PathBuf};
use wechatpay::money::Fen;

/// What can be done with orders.
#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// Record a new order; nothing is sent yet
    #[command(
        after_help = "Example:\n  guitai order create --amount 12.50 --description 'Latte' --openid oUpF8uMuAJO_M2pxb1Q9zNjWeS6o\n  \
                      guitai order create --amount 12.50 --description 'Latte' --time-expire 2026-12-01T10:00:00+08:00 --fields latte.json"
    )]
    Create(CreateArgs),
    /// List orders, newest first
    #[command(
        after_help = "Example:\n  guitai order list --state NOTPAY,USERPAYING --sort largest --since 2026-11-01 --limit 20"
    )]
    List(ListArgs),
    /// Show one order with its timeline, refunds, callbacks and exchanges
    #[command(after_help = "Example:\n  guitai order show 20261124183712")]
    Show(NumberArg),
    /// Ask WeChat Pay to make the order payable
    #[command(
        after_help = "Example:\n  guitai order prepay 20261124183712 --via jsapi\n  guitai order prepay 20261124183712 --via h5 --payer-client-ip 203.0.113.7"
    )]
    Prepay(PrepayArgs),
    /// Print what wx.requestPayment takes
    #[command(after_help = "Example:\n  guitai order pay-params 20261124183712 --json")]
    PayParams(NumberArg),
    /// Ask WeChat Pay for the order's state
    #[command(
        after_help = "Example:\n  guitai order query 20261124183712\n  guitai order query --transaction-id 4200000985202612010000000001"
    )]
    Query(QueryArgs),
    /// Close an unpaid order at WeChat Pay
    #[command(after_help = "Example:\n  guitai order close 20261124183712")]
    Close(NumberArg),
    /// Refund an order, in whole or in part
    #[command(after_help = "Example:\n  guitai order refund 20261124183712 --amount 5.00 --reason 'Out of stock'")]
    Refund(RefundArgs),
    /// Several orders behind one payment: create, prepay, query, close
    #[command(
        subcommand,
        after_help = "Example:\n  guitai order combine create 20261124183712 20261124183713 --combine-out-trade-no BASKET-7\n  guitai order combine prepay BASKET-7 --via native"
    )]
    Combine(CombineCommand),
    /// Print all orders that the filters let through, as CSV or JSON lines
    #[command(after_help = "Example:\n  guitai order export --format csv --since 2026-11-01 > november.csv")]
    Export(ExportArgs),
    /// Print a receipt: what was sold, paid and given back
    #[command(
        after_help = "Example:\n  guitai order receipt GT2026112410000012345678\n  guitai order receipt GT2026112410000012345678 --html --out receipt.html"
    )]
    Receipt(ReceiptArgs),
    /// Write down everything about an order for a developer, with payer and signatures masked
    #[command(after_help = "Example:\n  guitai order dossier GT2026112410000012345678 --out dossier.json")]
    Dossier(DossierArgs),
}

/// Which order.
#[derive(Debug, Args)]
pub struct NumberArg {
    /// The order's out_trade_no
    #[arg(value_name = "NO", allow_hyphen_values = true)]
    no: String,
}

/// Which order, by either number.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The order's out_trade_no
    #[arg(value_name = "NO", allow_hyphen_values = true, required_unless_present = "transaction_id")]
    no: Option<String>,
    /// WeChat Pay's number of a payment instead, also of one made elsewhere; prints the transaction as WeChat Pay tells it
    #[arg(long, value_name = "T", conflicts_with = "no")]
    transaction_id: Option<String>,
}

/// What a new order takes.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Yuan, such as 12.50
    #[arg(long, value_name = "YUAN", allow_hyphen_values = true)]
    amount: String,
    /// What is sold, at most 127 characters
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    description: String,
    /// Who pays (needed for JSAPI)
    #[arg(long, value_name = "O")]
    openid: Option<String>,
    /// The number to use [default: a new one]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    out_trade_no: Option<String>,
    /// Merchant data that comes back with the payment
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    attach: Option<String>,
    /// Where the payment notification goes [default: the merchant's]
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,
    /// One of the merchant's appids [default: its first]
    #[arg(long, value_name = "A")]
    appid: Option<String>,
    #[command(flatten)]
    more: OrderFields,
}

/// Which orders, and in which order.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// CREATED, NOTPAY, SUCCESS, REFUND, CLOSED, …; several with commas
    #[arg(long, value_name = "S", value_delimiter = ',')]
    state: Vec<String>,
    /// By which product it was prepaid last; several with commas
    #[arg(long, value_enum, value_delimiter = ',')]
    via: Vec<ViaArg>,
    /// What the newest callback came to; several with commas
    #[arg(long, value_enum, value_name = "VERDICT", value_delimiter = ',')]
    callback: Vec<LampArg>,
    /// In number, description, attach, openid or amount
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    search: Option<String>,
    /// Made at or after: a date, or RFC 3339
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Made before: a date, or RFC 3339
    #[arg(long, value_name = "T")]
    until: Option<String>,
    /// At least so many yuan
    #[arg(long, value_name = "YUAN", allow_hyphen_values = true)]
    amount_from: Option<String>,
    /// At most so many yuan
    #[arg(long, value_name = "YUAN", allow_hyphen_values = true)]
    amount_to: Option<String>,
    /// What comes first
    #[arg(long, value_enum, default_value_t = SortArg::Newest)]
    sort: SortArg,
}

/// What a list takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
    limit: u32,
    /// Cursor: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// What a newest callback came to, as it is written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum LampArg {
    /// No callback came yet
    None,
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

/// The sortings, as they are written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SortArg {
    /// Made last
    Newest,
    /// Made first
    Oldest,
    /// The highest amount
    Largest,
    /// The lowest amount
    Smallest,
}

/// What a prepay takes.
#[derive(Debug, Args)]
pub struct PrepayArgs {
    #[command(flatten)]
    no: NumberArg,
    /// By which product it is to be paid
    #[arg(long, value_enum)]
    via: ViaArg,
    /// Another of the merchant's appids than the order was made for
    #[arg(long, value_name = "A")]
    appid: Option<String>,
    #[command(flatten)]
    more: SceneFields,
}

/// The products, as they are written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ViaArg {
    /// Official account or mini-program
    Jsapi,
    /// A QR code to scan
    Native,
    /// The merchant's own app
    App,
    /// A browser outside WeChat
    H5,
}

impl From<ViaArg> for Via {
    fn from(via: ViaArg) -> Self {
        match via {
            ViaArg::Jsapi => Via::Jsapi,
            ViaArg::Native => Via::Native,
            ViaArg::App => Via::App,
            ViaArg::H5 => Via::H5,
        }
    }
}

/// What a refund takes.
#[derive(Debug, Args)]
pub struct RefundArgs {
    #[command(flatten)]
    no: NumberArg,
    /// Yuan [default: all that is left]
    #[arg(long, value_name = "YUAN", allow_hyphen_values = true)]
    amount: Option<String>,
    /// Shown to the payer
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    reason: Option<String>,
    /// The refund's number; the same again repeats the same refund [default: a new one]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    out_refund_no: Option<String>,
}

/// What an export takes.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    #[command(flatten)]
    which: WhichArgs,
    /// How many at most [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Cursor to go on from
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

/// What a receipt takes.
#[derive(Debug, Args)]
pub struct ReceiptArgs {
    #[command(flatten)]
    no: NumberArg,
    /// As a page to print, instead of text
    #[arg(long)]
    html: bool,
    /// Write it there instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What a dossier takes.
#[derive(Debug, Args)]
pub struct DossierArgs {
    #[command(flatten)]
    no: NumberArg,
    /// Write it there instead of printing it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: OrderCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    match command {
        OrderCommand::Create(args) => {
            let input = args.input()?;
            let order = desk::with(context, async |console| Ok(console.order_create(m, input).await?)).await?;
            out.document(&order, || facts(out, &order));
        }
        OrderCommand::List(args) => {
            let filter = args.which.filter(args.limit, args.after)?;
            let page = desk::with(context, async |console| Ok(console.order_list(m, filter).await?)).await?;
            out.document(&page, || table(out, &page));
        }
        OrderCommand::Show(arg) => {
            let dossier = desk::with(context, async |console| Ok(console.order_show(m, &arg.no).await?)).await?;
            out.document(&dossier, || dossier_text(out, &dossier));
        }
        OrderCommand::Prepay(args) => {
            let (no, via) = (args.no.no, args.via.into());
            let input = PrepayInput { fields: args.more.read()?, appid: args.appid };
            let prepaid =
                desk::with(context, async |console| Ok(console.order_prepay_with(m, &no, via, input).await?));
            let prepaid = prepaid.await?;
            out.document(&prepaid, || facts(out, &prepaid.order));
        }
        OrderCommand::PayParams(arg) => {
            let params = desk::with(context, async |console| Ok(console.pay_params(m, &arg.no).await?)).await?;
            out.document(&params, || serde_json::to_string_pretty(&params).unwrap_or_default());
        }
        OrderCommand::Query(QueryArgs { transaction_id: Some(id), .. }) => {
            let told = desk::with(context, async |console| Ok(console.transaction_query(m, &id).await?)).await?;
            out.document(&told, || serde_json::to_string_pretty(&told).unwrap_or_default());
        }
        OrderCommand::Query(arg) => {
            let no = arg.no.unwrap_or_default();
            let order = desk::with(context, async |console| Ok(console.order_query(m, &no).await?)).await?;
            out.document(&order, || facts(out, &order));
        }
        OrderCommand::Close(arg) => {
            let order = desk::with(context, async |console| Ok(console.order_close(m, &arg.no).await?)).await?;
            out.document(&order, || facts(out, &order));
        }
        OrderCommand::Refund(args) => {
            let no = args.no.no.clone();
            let input = args.input()?;
            let refund = desk::with(context, async |console| Ok(console.order_refund(m, &no, input).await?)).await?;
            out.document(&refund, || refund_text(out, &refund));
        }
        OrderCommand::Combine(command) => combine::run(context, command).await?,
        OrderCommand::Receipt(args) => {
            let language = match out.language() {
                crate::text::Language::Zh => PaperLanguage::Zh,
                crate::text::Language::En => PaperLanguage::En,
            };
            let no = &args.no.no;
            let receipt = desk::with(context, async |console| {
                Ok(match args.html {
                    true => console.order_receipt_html(m, no, language).await?,
                    false => console.order_receipt(m, no, language).await?,
                })
            })
            .await?;
            match &args.out {
                Some(path) => written(out, path, &receipt)?,
                None => out.document(&serde_json::json!({ "receipt": receipt }), || receipt.clone()),
            }
        }
        OrderCommand::Dossier(args) => {
            let dossier = desk::with(context, async |console| Ok(console.order_dossier(m, &args.no.no).await?)).await?;
            let text = serde_json::to_string_pretty(&dossier).unwrap_or_default() + "\n";
            match &args.out {
                Some(path) => written(out, path, &text)?,
                None => out.document(&dossier, || text.clone()),
            }
        }
        OrderCommand::Export(args) => {
            let (format, most) = (args.format, args.limit.unwrap_or(u32::MAX));
            let filter = args.which.filter(export::PAGE, args.after)?;
            desk::with(context, async |console| export::orders(context, console, filter, format, most).await).await?;
        }
    }
    Ok(())
}

impl CreateArgs {
    fn input(self) -> Result<OrderInput, Failure> {
        Ok(OrderInput {
            amount: Fen::parse_yuan(&self.amount)?,
            description: self.description,
            openid: self.openid,
            out_trade_no: self.out_trade_no,
            attach: self.attach,
            notify_url: self.notify_url,
            fields: self.more.read()?,
            appid: self.appid,
        })
    }
}

impl WhichArgs {
    fn filter(self, limit: u32, after: Option<String>) -> Result<OrderFilter, Failure> {
        let fen = |text: Option<String>, field: &str| {
            let parsed = text.map(|text| Fen::parse_yuan(&text).map_err(|error| error.at(field))).transpose();
            parsed.map(|fen| fen.map(Fen::get))
        };
        let lamp = |lamp| match lamp {
            LampArg::None => Lamp::None,
            LampArg::Applied => Lamp::Applied,
            LampArg::Duplicate => Lamp::Duplicate,
            LampArg::Held => Lamp::Held,
            LampArg::Rejected => Lamp::Rejected,
            LampArg::Failed => Lamp::Failed,
        };
        Ok(OrderFilter {
            states: self.state.iter().map(|state| state.to_ascii_uppercase()).collect(),
            vias: self.via.into_iter().map(Via::from).collect(),
            callbacks: self.callback.into_iter().map(lamp).collect(),
            search: self.search,
            since: self.since,
            until: self.until,
            amount_from: fen(self.amount_from, "amount_from")?,
            amount_to: fen(self.amount_to, "amount_to")?,
            sort: match self.sort {
                SortArg::Newest => OrderSort::Newest,
                SortArg::Oldest => OrderSort::Oldest,
                SortArg::Largest => OrderSort::Largest,
                SortArg::Smallest => OrderSort::Smallest,
            },
            limit,
            after,
        })
    }
}

impl RefundArgs {
    fn input(self) -> Result<RefundInput, Failure> {
        Ok(RefundInput {
            amount: self.amount.as_deref().map(Fen::parse_yuan).transpose()?,
            reason: self.reason,
            out_refund_no: self.out_refund_no,
        })
    }
}

fn written(out: &Out, path: &Path, text: &str) -> Done {
    std::fs::write(path, text).map_err(|error| Failure::file(path, &error))?;
    let file = path.display().to_string();
    out.document(&serde_json::json!({ "file": file }), || file.clone());
    Ok(())
}

/// A state or status with the word and the tone that people know it by.
pub fn state(out: &Out, state: &str) -> (String, Tone) {
    let (zh, tone) = match state {
        "CREATED" => ("已创建", Tone::Faint),
        "NOTPAY" => ("待支付", Tone::Warn),
        "USERPAYING" => ("支付中", Tone::Warn),
        "SUCCESS" => ("成功", Tone::Good),
        "REFUND" => ("转入退款", Tone::Plain),
        "PROCESSING" => ("处理中", Tone::Warn),
        "CLOSED" => ("已关闭", Tone::Faint),
        "REVOKED" => ("已撤销", Tone::Faint),
        "PAYERROR" => ("支付失败", Tone::Bad),
        "ABNORMAL" => ("异常", Tone::Bad),
        "UNKNOWN" => ("结果未知", Tone::Bad),
        _ => return plain(state),
    };
    (out.pick(&format!("{zh} {state}"), state).to_owned(), tone)
}

/// A verdict with its tone.
pub fn verdict(out: &Out, verdict: Verdict) -> (String, Tone) {
    let (zh, en, tone) = match verdict {
        Verdict::Applied => ("已入账", "applied", Tone::Good),
        Verdict::Duplicate => ("重复", "duplicate", Tone::Faint),
        Verdict::Held => ("待人工处理", "held", Tone::Warn),
        Verdict::Rejected => ("已拒绝", "rejected", Tone::Bad),
        Verdict::Failed => ("处理失败", "failed", Tone::Bad),
    };
    (out.pick(zh, en).to_owned(), tone)
}

fn table(out: &Out, page: &Page<Order>) -> String {
    if page.items.is_empty() {
        return out.pick("没有订单。", "No orders.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        crate::text::Language::Zh => &["商户订单号", ">金额", "状态", "创建时间", "商品"],
        crate::text::Language::En => &["OUT_TRADE_NO", ">AMOUNT", "STATE", "CREATED", "DESCRIPTION"],
    });
    for order in &page.items {
        table.row(vec![
            plain(&order.out_trade_no),
            plain(money(order.amount.total)),
            state(out, &order.state),
            plain(time(&order.created_at)),
            plain(&order.description),
        ]);
    }
    table.render(out) + &more(out, page.next.as_deref())
}

/// Where the list goes on, if it does.
pub fn more(out: &Out, next: Option<&str>) -> String {
    next.map_or_else(String::new, |next| format!("{} --after {next}\n", out.pick("还有更多：", "more:")))
}

fn facts(out: &Out, order: &Order) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    let mut shown = out.facts(&[
        (key("商户订单号", "out_trade_no"), order.out_trade_no.clone()),
        (key("状态", "state"), state(out, &order.state).0),
        (key("金额", "amount"), money(order.amount.total)),
        (key("已退款", "refunded"), if order.refunded > 0 { money(order.refunded) } else { String::new() }),
        (key("商品", "description"), order.description.clone()),
        (key("附加数据", "attach"), text(&order.attach)),
        (key("支付者", "openid"), order.payer.as_ref().map(|payer| payer.openid.clone()).unwrap_or_default()),
        (key("微信支付订单号", "transaction_id"), text(&order.transaction_id)),
        ("prepay_id", text(&order.prepay_id)),
        ("code_url", text(&order.code_url)),
        ("h5_url", text(&order.h5_url)),
        (key("有效期至", "valid until"), order.url_expires_at.as_deref().map(time).unwrap_or_default()),
        (key("支付时间", "paid at"), order.success_time.as_deref().map(time).unwrap_or_default()),
        (key("商户", "merchant"), format!("{} ({})", order.merchant, order.mchid)),
        (key("应用", "appid"), order.appid.clone()),
        (key("合单号", "combined in"), text(&order.combine_out_trade_no)),
        (key("通知地址", "notify_url"), text(&order.notify_url)),
        (key("其他字段", "fields"), order.fields.as_ref().map(ToString::to_string).unwrap_or_default()),
        (key("创建时间", "created"), time(&order.created_at)),
    ]);
    if order.outcome_unknown {
        shown += out.pick(
            "上一次调用结果未知：先查询，再做别的。\n",
            "The outcome of the last call is unknown: query before anything else.\n",
        );
    }
    shown
}

/// A refund for people.
pub fn refund_text(out: &Out, refund: &Refund) -> String {
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    out.facts(&[
        (key("商户退款单号", "out_refund_no"), refund.out_refund_no.clone()),
        (key("状态", "status"), state(out, &refund.status).0),
        (key("退款", "refund"), format!("{} / {}", money(refund.amount.refund), money(refund.amount.total))),
        (key("商户订单号", "out_trade_no"), refund.out_trade_no.clone()),
        (key("微信退款单号", "refund_id"), refund.refund_id.clone().unwrap_or_default()),
        (key("原因", "reason"), refund.reason.clone().unwrap_or_default()),
        (key("入账账户", "received by"), refund.user_received_account.clone().unwrap_or_default()),
    ])
}

fn dossier_text(out: &Out, dossier: &Dossier) -> String {
    let mut text = facts(out, &dossier.order);
    let mut section = |title: &str, table: &Table, any: bool| {
        if any {
            text += &format!("\n{}\n{}", out.paint(Tone::Strong, title), table.render(out));
        }
    };
    let mut timeline = Table::new(&["", "", "", ">", ""]);
    for entry in &dossier.timeline {
        timeline.row(vec![
            plain(time(&entry.at)),
            plain(&entry.kind),
            entry.state.as_deref().map_or_else(|| plain(""), |it| state(out, it)),
            plain(entry.amount.map(money).unwrap_or_default()),
            plain(entry.detail.clone().unwrap_or_default()),
        ]);
    }
    section(out.pick("经过", "Timeline"), &timeline, !dossier.timeline.is_empty());
    let mut refunds = Table::new(&["", "", ">", ""]);
    for refund in &dossier.refunds {
        let amount = money(refund.amount.refund);
        refunds.row(vec![
            plain(&refund.out_refund_no),
            state(out, &refund.status),
            plain(amount),
            plain(time(&refund.created_at)),
        ]);
    }
    section(out.pick("退款", "Refunds"), &refunds, !dossier.refunds.is_empty());
    let mut callbacks = Table::new(&["", "", "", "", ">"]);
    for callback in &dossier.callbacks {
        callbacks.row(vec![
            plain(&callback.id),
            plain(time(&callback.received_at)),
            plain(callback.event_type.clone().unwrap_or_default()),
            verdict(out, callback.verdict),
            plain(callback.http_status.to_string()),
        ]);
    }
    section(out.pick("回调", "Callbacks"), &callbacks, !dossier.callbacks.is_empty());
    let mut exchanges = Table::new(&["", "", "", ">", ""]);
    for exchange in &dossier.exchanges {
        exchanges.row(vec![
            plain(time(&exchange.at)),
            plain(&exchange.purpose),
            plain(format!("{} {}", exchange.method, exchange.target)),
            plain(exchange.status.map_or_else(|| "—".to_owned(), |status| status.to_string())),
            plain(&exchange.outcome),
        ]);
    }
    section(out.pick("与微信支付的往来", "Exchanges with WeChat Pay"), &exchanges, !dossier.exchanges.is_empty());
    text
}
