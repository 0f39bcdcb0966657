//! `guitai order combine`: several orders behind one payment.

use crate::Context;
use crate::desk;
use crate::failure::Done;
use crate::fields::{SceneFields, WholeFields};
use crate::order::{ViaArg, state};
use crate::out::{Out, Table, money, plain, time};
use clap::{Args, Subcommand};
use guitai_console::wire::Combined;
use guitai_console::{CombineInput, PrepayInput};

/// What can be done with combined orders.
#[derive(Debug, Subcommand)]
pub enum CombineCommand {
    /// Put 2 to 10 orders behind one payment; nothing is sent yet
    #[command(
        after_help = "Example:\n  guitai order combine create 20261124183712 20261124183713 --combine-out-trade-no BASKET-7"
    )]
    Create(CreateArgs),
    /// Show a combined order with its orders
    #[command(after_help = "Example:\n  guitai order combine show BASKET-7")]
    Show(CombineNumber),
    /// Ask WeChat Pay to make all of it payable at once
    #[command(after_help = "Example:\n  guitai order combine prepay BASKET-7 --via native")]
    Prepay(PrepayArgs),
    /// Print what wx.requestPayment (or the App SDK) takes to pay all of it
    #[command(after_help = "Example:\n  guitai order combine pay-params BASKET-7 --json")]
    PayParams(CombineNumber),
    /// Ask WeChat Pay for the state of all of it
    #[command(after_help = "Example:\n  guitai order combine query BASKET-7")]
    Query(CombineNumber),
    /// Close all of its orders, which none may have paid
    #[command(after_help = "Example:\n  guitai order combine close BASKET-7")]
    Close(CombineNumber),
}

/// Which combined order.
#[derive(Debug, Args)]
pub struct CombineNumber {
    /// Its combine_out_trade_no
    #[arg(value_name = "NO", allow_hyphen_values = true)]
    no: String,
}

/// What a new combined order takes.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The out_trade_no of each order
    #[arg(value_name = "NO", required = true, num_args = 1..)]
    orders: Vec<String>,
    /// The number of the whole [default: a new one]
    #[arg(long, value_name = "N")]
    combine_out_trade_no: Option<String>,
    /// Who pays (needed for JSAPI) [default: as in the first order]
    #[arg(long, value_name = "O")]
    openid: Option<String>,
    /// Where the payment notification goes [default: as in the first order]
    #[arg(long, value_name = "URL")]
    notify_url: Option<String>,
    #[command(flatten)]
    more: WholeFields,
}

/// What the prepay of a combined order takes.
#[derive(Debug, Args)]
pub struct PrepayArgs {
    #[command(flatten)]
    no: CombineNumber,
    /// By which product it is to be paid
    #[arg(long, value_enum)]
    via: ViaArg,
    #[command(flatten)]
    more: SceneFields,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: CombineCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    let combined = match command {
        CombineCommand::Create(args) => {
            let input = CombineInput {
                orders: args.orders,
                combine_out_trade_no: args.combine_out_trade_no,
                openid: args.openid,
                notify_url: args.notify_url,
                fields: args.more.read()?,
            };
            desk::with(context, async |console| Ok(console.combine_create(m, input).await?)).await?
        }
        CombineCommand::Show(arg) => {
            desk::with(context, async |console| Ok(console.combine_show(m, &arg.no).await?)).await?
        }
        CombineCommand::Prepay(args) => {
            let (no, via) = (args.no.no, args.via.into());
            let input = PrepayInput { fields: args.more.read()?, appid: None };
            desk::with(context, async |console| Ok(console.combine_prepay(m, &no, via, input).await?)).await?
        }
        CombineCommand::PayParams(arg) => {
            let params = desk::with(context, async |console| Ok(console.combine_pay_params(m, &arg.no).await?)).await?;
            out.document(&params, || serde_json::to_string_pretty(&params).unwrap_or_default());
            return Ok(());
        }
        CombineCommand::Query(arg) => {
            desk::with(context, async |console| Ok(console.combine_query(m, &arg.no).await?)).await?
        }
        CombineCommand::Close(arg) => {
            desk::with(context, async |console| Ok(console.combine_close(m, &arg.no).await?)).await?
        }
    };
    out.document(&combined, || text(out, &combined));
    Ok(())
}

fn text(out: &Out, combined: &Combined) -> String {
    let key = |zh: &'static str, en: &'static str| out.language().pick(zh, en);
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut shown = out.facts(&[
        (key("合单号", "combine_out_trade_no"), combined.combine_out_trade_no.clone()),
        (key("金额", "amount"), money(combined.amount.total)),
        ("prepay_id", given(&combined.prepay_id)),
        ("code_url", given(&combined.code_url)),
        ("h5_url", given(&combined.h5_url)),
        (key("有效期至", "valid until"), combined.url_expires_at.as_deref().map(time).unwrap_or_default()),
        (key("通知地址", "notify_url"), given(&combined.notify_url)),
    ]);
    let mut orders = Table::new(&["", ">", "", ""]);
    for order in &combined.sub_orders {
        orders.row(vec![
            plain(&order.out_trade_no),
            plain(money(order.amount.total)),
            state(out, &order.state),
            plain(&order.description),
        ]);
    }
    shown += &orders.render(out);
    if combined.outcome_unknown {
        shown += out.pick(
            "上一次调用结果未知：先查询，再做别的。\n",
            "The outcome of the last call is unknown: query before anything else.\n",
        );
    }
    shown
}
