//! Orders and callbacks out of the house: CSV that opens right in Chinese Excel, and JSON lines; page by page, so that a
//! million rows need no memory.
//!
//! CSV: a byte order mark, CRLF, amounts as numbers in yuan, everything that a spreadsheet would take for a number or a
//! date kept as text, and no cell that could run as a formula. JSON lines are the rows as every list shows them.

use crate::console::Console;
use crate::wire::{Callback, CallbackFilter, Order, OrderFilter, Page, Problem};
use serde::{Deserialize, Serialize};
use specta::Type;

/// Rows that are asked for at once.
const PAGE: u32 = 500;

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// For spreadsheets.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Console {
    /// Gives at most `most` orders that `filter` lets through to `write`, newest first, until it says that nobody reads
    /// any more (`false`). Returns how many were given.
    ///
    /// # Errors
    /// As [`Console::order_list`].
    pub async fn order_export(
        &self,
        m: Option<&str>,
        filter: OrderFilter,
        format: ExportFormat,
        most: u32,
        write: impl FnMut(&[u8]) -> bool,
    ) -> Result<u32, Problem> {
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
            vec![
                text(&order.out_trade_no),
                text(&order.state),
                yuan(order.amount.total),
                yuan(order.refunded),
                text(&order.amount.currency),
                text(&order.description),
                maybe(&order.attach),
                text(order.payer.as_ref().map_or("", |payer| &payer.openid)),
                maybe(&order.transaction_id),
                word(&order.via),
                text(&order.mchid),
                text(&order.appid),
                text(&order.created_at),
                maybe(&order.success_time),
                word(&order.found_by),
            ]
        };
        let mut sheet = Sheet::begin(format, &HEAD, most, write);
        let mut after = filter.after.clone();
        loop {
            let next = OrderFilter { after: after.take(), limit: PAGE, ..filter.clone() };
            after = sheet.page(self.order_list(m, next).await?, cells);
            if after.is_none() {
                return Ok(sheet.given);
            }
        }
    }

    /// The same for deliveries.
    ///
    /// # Errors
    /// As [`Console::callback_list`].
    pub async fn callback_sheet(
        &self,
        m: Option<&str>,
        filter: CallbackFilter,
        format: ExportFormat,
        most: u32,
        write: impl FnMut(&[u8]) -> bool,
    ) -> Result<u32, Problem> {
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
            vec![
                text(&callback.id),
                maybe(&callback.notification_id),
                text(&callback.received_at),
                word(&Some(callback.verdict)),
                maybe(&callback.reason),
                maybe(&callback.event_type),
                maybe(&callback.out_trade_no),
                callback.amount.map(yuan).unwrap_or_default(),
                callback.http_status.to_string(),
                callback.latency_ms.to_string(),
            ]
        };
        let mut sheet = Sheet::begin(format, &HEAD, most, write);
        let mut after = filter.after.clone();
        loop {
            let next = CallbackFilter { after: after.take(), limit: PAGE, ..filter.clone() };
            after = sheet.page(self.callback_list(m, next).await?, cells);
            if after.is_none() {
                return Ok(sheet.given);
            }
        }
    }
}

struct Sheet<W> {
    format: ExportFormat,
    write: W,
    most: u32,
    given: u32,
    read: bool,
}

impl<W: FnMut(&[u8]) -> bool> Sheet<W> {
    fn begin(format: ExportFormat, head: &[&str], most: u32, mut write: W) -> Self {
        let read = match format {
            ExportFormat::Csv => write(format!("\u{feff}{}", row(head.iter().map(|it| (*it).to_owned()))).as_bytes()),
            ExportFormat::Jsonl => true,
        };
        Sheet { format, write, most, given: 0, read }
    }

    /// Writes a page; the cursor of the next, while rows are still wanted and anybody reads them.
    fn page<T: Serialize>(&mut self, page: Page<T>, cells: impl Fn(&T) -> Vec<String>) -> Option<String> {
        let mut lines = String::new();
        let left = usize::try_from(self.most.saturating_sub(self.given)).unwrap_or(usize::MAX);
        for item in page.items.iter().take(left) {
            match self.format {
                ExportFormat::Csv => lines += &row(cells(item)),
                ExportFormat::Jsonl => {
                    lines += &serde_json::to_string(item).unwrap_or_default();
                    lines.push('\n');
                }
            }
            self.given = self.given.saturating_add(1);
        }
        self.read = self.read && (lines.is_empty() || (self.write)(lines.as_bytes()));
        page.next.filter(|_| self.read && self.given < self.most)
    }
}

fn maybe(value: &Option<String>) -> String {
    text(value.as_deref().unwrap_or_default())
}

fn word<T: Serialize>(value: &Option<T>) -> String {
    let value = value.as_ref().and_then(|value| serde_json::to_value(value).ok());
    value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A number, for sums.
fn yuan(fen: i64) -> String {
    format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// A text that stays what it is. What a spreadsheet would take for a number or a date gets a tab in front (`="4200…"` would
/// be a formula), what it would run as a formula an apostrophe; full-width signs count in Chinese and Japanese Excel.
fn text(cell: &str) -> String {
    let runs = |character: char| matches!(character, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠' | '|' | '%');
    let first = cell.trim_start_matches(|it: char| it.is_whitespace() || it.is_control()).chars().next();
    let counts =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'/' | b':' | b',' | b'e' | b'E' | b' ');
    if first.is_some_and(runs) || cell.starts_with(['\t', '\r', '\n']) {
        format!("'{cell}")
    } else if cell.bytes().any(|byte| byte.is_ascii_digit()) && cell.bytes().all(counts) {
        format!("\t{cell}")
    } else {
        cell.to_owned()
    }
}

/// A row: cells with a separator, quote, tab or line break are quoted.
fn row(cells: impl IntoIterator<Item = String>) -> String {
    let quoted = |cell: String| {
        if cell.contains([',', '"', '\n', '\r', '\t', ';']) {
            format!("\"{}\"", cell.replace('"', "\"\""))
        } else {
            cell
        }
    };
    cells.into_iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_runs_and_none_is_rounded() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("拿铁", "拿铁"),
            ("a,b", "\"a,b\""),
            ("a;b", "\"a;b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("＝1+1", "'＝1+1"),
            ("+SUM(A1)", "'+SUM(A1)"),
            ("-2+3", "'-2+3"),
            ("－2", "'－2"),
            ("@cmd", "'@cmd"),
            ("|calc", "'|calc"),
            (" =1+1", "' =1+1"),
            ("\t=1+1", "\"'\t=1+1\""),
            ("\r=1+1", "\"'\r=1+1\""),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("4200000985202103031441826014", "\"\t4200000985202103031441826014\""),
            ("0012", "\"\t0012\""),
            ("1E5", "\"\t1E5\""),
            ("3-4", "\"\t3-4\""),
            ("2026-11-24", "\"\t2026-11-24\""),
            ("10:30", "\"\t10:30\""),
            ("2026-11-24T10:00:00+08:00", "2026-11-24T10:00:00+08:00"),
            ("GT2026112410000012", "GT2026112410000012"),
            ("", ""),
        ] {
            assert_eq!(row([text(cell)]), format!("{expected}\r\n"), "{cell:?}");
        }
        assert_eq!([yuan(5), yuan(1_250), yuan(-1)], ["0.05", "12.50", "-0.01"]);
    }

    /// Reads a sheet as spreadsheets do: quotes only at a cell's beginning, doubled inside; rows end in CRLF.
    fn read(sheet: &str) -> Vec<Vec<String>> {
        let (mut rows, mut cells, mut rest) = (Vec::new(), Vec::new(), sheet);
        while !rest.is_empty() {
            let mut cell = String::new();
            if let Some(inside) = rest.strip_prefix('"') {
                let mut after = inside;
                loop {
                    let end = after.find('"').expect("a quote that ends");
                    cell += &after[..end];
                    after = &after[end + 1..];
                    let Some(more) = after.strip_prefix('"') else { break };
                    cell.push('"');
                    after = more;
                }
                rest = after;
            } else {
                let end = rest.find([',', '\r']).expect("a cell that ends");
                assert!(!rest[..end].contains(['"', '\n', '\t']), "unquoted: {:?}", &rest[..end]);
                cell += &rest[..end];
                rest = &rest[end..];
            }
            cells.push(cell);
            if let Some(next) = rest.strip_prefix(',') {
                rest = next;
            } else {
                rest = rest.strip_prefix("\r\n").unwrap_or_else(|| panic!("after a cell: {rest:.20?}"));
                rows.push(std::mem::take(&mut cells));
            }
        }
        rows
    }

    #[test]
    fn what_people_write_is_read_back_and_never_run() {
        let parts = [
            "",
            "拿铁",
            ",",
            ";",
            "\"",
            "\r\n",
            "\n",
            "\t",
            " ",
            "=1+1",
            "+1",
            "-",
            "@x",
            "＝",
            "＠",
            "|",
            "%",
            "'",
            "😀",
            "\u{feff}",
            "4200000985202103031441826014",
            "0012",
            "1E5",
            "2026-11-24",
        ];
        let mut written = Vec::new();
        for one in parts {
            for two in parts {
                written.extend(parts.map(|three| format!("{one}{two}{three}")));
            }
        }
        let sheet: String = written.chunks(3).map(|cells| row(cells.iter().map(|cell| text(cell)))).collect();
        let back: Vec<String> = read(&sheet).into_iter().flatten().collect();
        assert_eq!(back.len(), written.len());
        for (read, written) in back.iter().zip(&written) {
            let same = read == written || ["'", "\t"].iter().any(|mark| read.strip_prefix(mark) == Some(written));
            assert!(same, "{written:?} came back as {read:?}");
            // a spreadsheet runs a cell by its first character, some after blanks; long digits it rounds
            let first = read.trim_start().chars().next().unwrap_or(' ');
            assert!(!"=+-@＝＋－＠|%".contains(first), "{read:?} is run");
            assert!(read.len() < 12 || !read.bytes().all(|byte| byte.is_ascii_digit()), "{read:?} is rounded");
        }
    }

    #[test]
    fn a_sheet_stops_where_it_is_told_to() {
        let page = || Page { items: (0..10).collect::<Vec<u32>>(), next: Some("more".to_owned()) };
        for (most, reads, given, next) in [(100, 9, 10, true), (4, 9, 4, false), (100, 1, 10, false)] {
            let mut left = reads;
            let mut sheet = Sheet::begin(ExportFormat::Csv, &["n"], most, |_| {
                left -= 1;
                left > 0
            });
            let after = sheet.page(page(), |number| vec![number.to_string()]);
            assert_eq!((sheet.given, after.is_some()), (given, next), "most {most}, {reads} reads");
        }
    }
}
