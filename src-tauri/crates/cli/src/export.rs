//! `guitai order export` and `guitai callback export`: page by page to stdout. How rows are written is the desk's.

use crate::Context;
use crate::failure::Done;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use guitai_console::wire::CallbackCopy;
use guitai_console::{CallbackFilter, Console, ExportFormat, OrderFilter};

/// Rows that are asked for at once.
pub const PAGE: u32 = 500;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For spreadsheets
    Csv,
    /// A JSON object a line
    Jsonl,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => ExportFormat::Csv,
            Format::Jsonl => ExportFormat::Jsonl,
        }
    }
}

/// Prints at most `most` orders that `filter` lets through.
pub async fn orders(context: &Context, console: &Console, filter: OrderFilter, format: Format, most: u32) -> Done {
    console.order_export(context.merchant(), filter, format.into(), most, |bytes| printed(context, bytes)).await?;
    Ok(())
}

/// Prints at most `most` deliveries that `filter` lets through.
pub async fn callbacks(
    context: &Context,
    console: &Console,
    filter: CallbackFilter,
    format: Format,
    most: u32,
) -> Done {
    console.callback_sheet(context.merchant(), filter, format.into(), most, |bytes| printed(context, bytes)).await?;
    Ok(())
}

/// Prints one delivery that was copied out, byte for byte.
pub fn copy(context: &Context, copy: &CallbackCopy) -> Done {
    let bytes = STANDARD.decode(&copy.base64).unwrap_or_else(|_| copy.text.clone().into_bytes());
    context.out.bytes(&bytes);
    Ok(())
}

fn printed(context: &Context, bytes: &[u8]) -> bool {
    context.out.bytes(bytes);
    !context.out.is_unread()
}
