//! `guitai catalog`: what is sold through the merchant API, at which price.

use crate::Context;
use crate::desk;
use crate::failure::Done;
use crate::out::{Out, Table, Tone, money, plain, visible};
use crate::text::Language;
use clap::{Args, Subcommand};
use guitai_console::wire::Page;
use guitai_console::{CatalogEntry, CatalogInput};
use serde_json::json;
use wechatpay::money::Fen;

/// What can be done with the catalogue.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// Add an entry
    #[command(after_help = "Example:\n  guitai catalog add data-30g --name 'Data 30 GB' --price 29.90 --type data")]
    Add(AddArgs),
    /// List what is sold
    #[command(after_help = "Example:\n  guitai catalog list --json | jq -r '.items[].id'")]
    List,
    /// Remove an entry; orders made from it stay
    #[command(after_help = "Example:\n  guitai catalog remove data-30g")]
    Remove(IdArg),
}

/// What an entry takes.
#[derive(Debug, Args)]
pub struct AddArgs {
    #[command(flatten)]
    id: IdArg,
    /// What the payer reads, at most 127 characters
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    name: String,
    /// Price in yuan, such as 29.90
    #[arg(long, value_name = "YUAN", allow_hyphen_values = true)]
    price: String,
    /// Its kind; clients must then name the same packageType
    #[arg(long = "type", value_name = "TEXT", allow_hyphen_values = true)]
    kind: Option<String>,
}

/// Which entry.
#[derive(Debug, Args)]
pub struct IdArg {
    /// The entry's id, which clients send as packageId
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: String,
}

/// Does what `command` asks and prints what came of it.
pub async fn run(context: &Context, command: CatalogCommand) -> Done {
    let out = &context.out;
    match command {
        CatalogCommand::Add(args) => {
            let price = Fen::parse_yuan(&args.price).map_err(|error| error.at("price"))?;
            let input = CatalogInput { id: args.id.id, name: args.name, price, kind: args.kind };
            let entry = desk::with(context, async |console| Ok(console.catalog_add(input).await?)).await?;
            out.document(&entry, || format!("{} {} {}", entry.id, visible(&entry.name), money(entry.price)));
        }
        CatalogCommand::List => {
            let page = desk::with(context, async |console| Ok(console.catalog_list().await?)).await?;
            out.document(&page, || table(out, &page));
        }
        CatalogCommand::Remove(arg) => {
            desk::with(context, async |console| Ok(console.catalog_remove(&arg.id).await?)).await?;
            out.document(&json!({ "removed": arg.id }), || format!("{} {}", out.pick("已移除", "Removed"), arg.id));
        }
    }
    Ok(())
}

fn table(out: &Out, page: &Page<CatalogEntry>) -> String {
    if page.items.is_empty() {
        return out.pick("目录是空的。", "The catalogue is empty.").to_owned();
    }
    let mut table = Table::new(match out.language() {
        Language::Zh => &["编号", "名称", ">价格", "类型"],
        Language::En => &["ID", "NAME", ">PRICE", "TYPE"],
    });
    for entry in &page.items {
        table.row(vec![
            (entry.id.clone(), Tone::Strong),
            plain(&entry.name),
            plain(money(entry.price)),
            plain(entry.kind.clone().unwrap_or_default()),
        ]);
    }
    table.render(out)
}
