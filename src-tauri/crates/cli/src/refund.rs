//! `guitai refund`: refunds by their own number. Asking for one is `guitai order refund`.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::order::refund_text;
use crate::text::both;
use clap::{Args, Subcommand, ValueEnum};
use guitai_console::{AbnormalInput, Secret};
use serde_json::Value;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What can be done with refunds.
#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Ask WeChat Pay what became of a refund
    #[command(after_help = "Example:\n  guitai refund query RF20261124183712")]
    Query(RefundNumber),
    /// Say where the money of an ABNORMAL refund shall go
    #[command(
        after_help = "Example:\n  guitai refund abnormal RF20261124183712 --to merchant\n  guitai refund abnormal RF20261124183712 --to user --card card.json\n\n\
                      card.json: {\"bank_type\":\"ICBC_DEBIT\",\"bank_account\":\"…\",\"real_name\":\"…\"}"
    )]
    Abnormal(AbnormalArgs),
}

/// Which refund.
#[derive(Debug, Args)]
pub struct RefundNumber {
    /// The refund's out_refund_no
    #[arg(value_name = "NO", allow_hyphen_values = true)]
    no: String,
}

/// What the settling of an abnormal refund takes.
#[derive(Debug, Args)]
pub struct AbnormalArgs {
    #[command(flatten)]
    no: RefundNumber,
    /// Whose account takes the money
    #[arg(long, value_enum)]
    to: Whose,
    /// File with the payer's card as JSON: bank_type, bank_account, real_name; `-` is stdin
    #[arg(long, value_name = "FILE", required_if_eq("to", "user"))]
    card: Option<PathBuf>,
}

/// Whose account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whose {
    /// The merchant's settlement account; the merchant gives it back another way
    Merchant,
    /// A bank card of the payer
    User,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: RefundCommand) -> Done {
    let (out, m) = (&context.out, context.merchant());
    let refund = match command {
        RefundCommand::Query(arg) => {
            desk::with(context, async |console| Ok(console.refund_query(m, &arg.no).await?)).await?
        }
        RefundCommand::Abnormal(args) => {
            let input = match (args.to, &args.card) {
                (Whose::User, Some(file)) => card(file)?,
                _ => AbnormalInput::MerchantBankCard,
            };
            let no = args.no.no;
            desk::with(context, async |console| Ok(console.refund_abnormal(m, &no, input).await?)).await?
        }
    };
    out.document(&refund, || refund_text(out, &refund));
    Ok(())
}

/// The card in a file. What is wrong with it is said without what is in it.
fn card(file: &Path) -> Result<AbnormalInput, Failure> {
    let bytes = Zeroizing::new(files::read(file)?);
    let card = wechatpay::json::strict(&bytes).map_err(|_| Failure::file(file, &"it is no sound JSON"))?;
    let text = |name: &str| card.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let (Some(bank_type), Some(account), Some(name)) = (text("bank_type"), text("bank_account"), text("real_name"))
    else {
        let names = ["bank_type", "bank_account", "real_name"];
        let missing = names.into_iter().filter(|name| text(name).is_none()).collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(
            both(format!("银行卡文件缺少：{missing}"), format!("The card's file lacks: {missing}")),
            both(
                "写成 {\"bank_type\":\"ICBC_DEBIT\",\"bank_account\":\"…\",\"real_name\":\"…\"}，都是字符串。",
                "Write {\"bank_type\":\"ICBC_DEBIT\",\"bank_account\":\"…\",\"real_name\":\"…\"}, all of them texts.",
            ),
        ));
    };
    Ok(AbnormalInput::UserBankCard {
        bank_type: bank_type.to_owned(),
        bank_account: Secret::from(account.to_owned()),
        real_name: Secret::from(name.to_owned()),
    })
}
