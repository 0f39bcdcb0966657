//! `guitai order export` and `guitai callback export`: page by page to stdout, so that a million rows need no memory.
//!
//! CSV is made for Chinese Excel: a byte order mark, CRLF, long numbers kept as text, and no cell that could run as a
//! formula. JSON lines are the rows as every list shows them.

use crate::Context;
use crate::failure::{Done, Failure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use guitai_console::wire::{Callback, CallbackCopy, Order, Page};
use guitai_console::{CallbackFilter, Console, OrderFilter};
use serde::Serialize;

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

/// Prints at most `most` orders that `filter` lets through.
pub async fn orders(context: &Context, console: &Console, filter: OrderFilter, format: Format, most: u32) -> Done {
    const HEAD: [&str; 15] = [
        "out_trade_no",
        "state",
        "amount_yuan",
        "refunded_yuan",
        "currency",
        "description",
        "attach",
        "openid",
        "transaction_id",
        "via",
        "mchid",
        "appid",
        "created_at",
        "success_time",
        "found_by",
    ];
    let cells = |order: &Order| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            number(&order.out_trade_no),
            order.state.clone(),
            yuan(order.amount.total),
            yuan(order.refunded),
            order.amount.currency.clone(),
            order.description.clone(),
            text(&order.attach),
            order.payer.as_ref().map(|payer| payer.openid.clone()).unwrap_or_default(),
            number(&text(&order.transaction_id)),
            word(&order.via),
            number(&order.mchid),
            order.appid.clone(),
            order.created_at.clone(),
            text(&order.success_time),
            word(&order.found_by),
        ]
    };
    let mut sheet = Sheet::begin(context, format, &HEAD, most);
    let mut after = filter.after.clone();
    loop {
        let page =
            console.order_list(context.merchant(), OrderFilter { after: after.take(), ..filter.clone() }).await?;
        after = sheet.page(page, cells)?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Prints at most `most` deliveries that `filter` lets through.
pub async fn callbacks(
    context: &Context,
    console: &Console,
    filter: CallbackFilter,
    format: Format,
    most: u32,
) -> Done {
    const HEAD: [&str; 10] = [
        "id",
        "notification_id",
        "received_at",
        "verdict",
        "reason",
        "event_type",
        "out_trade_no",
        "amount_yuan",
        "http_status",
        "latency_ms",
    ];
    let cells = |callback: &Callback| {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        vec![
            number(&callback.id),
            text(&callback.notification_id),
            callback.received_at.clone(),
            word(&Some(callback.verdict)),
            text(&callback.reason),
            text(&callback.event_type),
            number(&text(&callback.out_trade_no)),
            callback.amount.map(yuan).unwrap_or_default(),
            callback.http_status.to_string(),
            callback.latency_ms.to_string(),
        ]
    };
    let mut sheet = Sheet::begin(context, format, &HEAD, most);
    let mut after = filter.after.clone();
    loop {
        let page =
            console.callback_list(context.merchant(), CallbackFilter { after: after.take(), ..filter.clone() }).await?;
        after = sheet.page(page, cells)?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Prints one delivery that was copied out, byte for byte.
pub fn copy(context: &Context, copy: &CallbackCopy) -> Done {
    let bytes = STANDARD.decode(&copy.base64).unwrap_or_else(|_| copy.text.clone().into_bytes());
    context.out.bytes(&bytes);
    Ok(())
}

struct Sheet<'a> {
    context: &'a Context,
    format: Format,
    left: u32,
}

impl<'a> Sheet<'a> {
    fn begin(context: &'a Context, format: Format, head: &[&str], most: u32) -> Self {
        if format == Format::Csv {
            context.out.bytes("\u{feff}".as_bytes());
            context.out.bytes(csv_row(head.iter().map(|name| (*name).to_owned())).as_bytes());
        }
        Sheet { context, format, left: most }
    }

    /// Prints a page; the cursor of the next, while rows are still wanted and anybody reads them.
    fn page<T: Serialize>(
        &mut self,
        page: Page<T>,
        cells: impl Fn(&T) -> Vec<String>,
    ) -> Result<Option<String>, Failure> {
        let mut text = String::new();
        for item in page.items.iter().take(self.left as usize) {
            match self.format {
                Format::Csv => text += &csv_row(cells(item)),
                Format::Jsonl => {
                    text += &serde_json::to_string(item).unwrap_or_default();
                    text.push('\n');
                }
            }
        }
        self.context.out.bytes(text.as_bytes());
        self.left = self.left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        let go_on = self.left > 0 && !self.context.out.is_unread();
        Ok(page.next.filter(|_| go_on))
    }
}

fn word<T: Serialize>(value: &Option<T>) -> String {
    value
        .as_ref()
        .and_then(|value| serde_json::to_value(value).ok())
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// A number that a spreadsheet must not round: `="4200…"` would be a formula, a leading tab keeps it text.
fn number(text: &str) -> String {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { format!("\t{text}") } else { text.to_owned() }
}

/// A row of CSV: cells with a separator, quote or line break are quoted, those that would run as a formula are disarmed.
fn csv_row(cells: impl IntoIterator<Item = String>) -> String {
    let cell = |text: String| {
        let formula =
            text.starts_with(['=', '+', '@', '\r']) || (text.starts_with('-') && text.parse::<f64>().is_err());
        let text = if formula { format!("'{text}") } else { text };
        if text.contains([',', '"', '\n', '\r', '\t']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_safe_and_whole() {
        let cases = [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("@cmd", "'@cmd"),
            ("-2+3", "'-2+3"),
            ("-2.50", "-2.50"),
            ("two\nlines", "\"two\nlines\""),
        ];
        for (text, expected) in cases {
            assert_eq!(csv_row([text.to_owned()]), format!("{expected}\r\n"), "{text:?}");
        }
        assert_eq!(csv_row([number("4200000985202103031441826014")]), "\"\t4200000985202103031441826014\"\r\n");
        assert_eq!([yuan(5), yuan(1250), yuan(-1)], ["0.05", "12.50", "-0.01"]);
    }
}
