//! How things are printed: JSON on stdout for programs, tables and sentences for people, notes on stderr always.
//!
//! A reader that went away is no reason to fail or to stop serving: what can't be written to a closed pipe is dropped.
//! What is said about orders, callbacks and merchants lives with each noun, not here.

use crate::failure::Failure;
use crate::text::Language;
use guitai_console::wire::{Bilingual, Problem};
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, OnceLock};
use unicode_width::UnicodeWidthStr;

/// Where a command prints, in which form and which language.
#[derive(Debug, Clone)]
pub struct Out {
    json: bool,
    language: Language,
    colour: bool,
    terminal: bool,
    broken: Arc<OnceLock<io::Error>>,
}

/// How a word is set off on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A heading or a key.
    Strong,
    /// Less important.
    Faint,
    /// It is well.
    Good,
    /// Somebody should look.
    Warn,
    /// It is not well.
    Bad,
}

impl Out {
    /// For the process's stdout. Colour only where people look: a terminal, without `NO_COLOR` and not `TERM=dumb`.
    pub fn new(json: bool, language: Language) -> Self {
        let terminal = io::stdout().is_terminal();
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Out { json, language, colour: terminal && !json && !refused, terminal, broken: Arc::default() }
    }

    /// Was JSON asked for?
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// The language of what people read.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The one of two texts that is in the reader's language.
    pub fn pick<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.language.pick(zh, en)
    }

    /// The answer of a command: one JSON document, or what `people` writes.
    pub fn document<T: Serialize>(&self, value: &T, people: impl FnOnce() -> String) {
        if !self.json {
            return self.text(&people());
        }
        let written = if self.terminal { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.json_line(written);
    }

    /// One of many answers: a JSON object on a line of its own, or what `people` writes.
    pub fn line<T: Serialize>(&self, value: &T, people: impl FnOnce() -> String) {
        if self.json { self.json_line(serde_json::to_string(value)) } else { self.text(&people()) }
    }

    /// What [`Out::line`] would print.
    pub fn rendered<T: Serialize>(&self, value: &T, people: impl FnOnce() -> String) -> String {
        if self.json { serde_json::to_string(value).unwrap_or_default() } else { people() }
    }

    /// A line that is JSON whoever reads it.
    pub fn always_json<T: Serialize>(&self, value: &T) {
        self.json_line(serde_json::to_string(value));
    }

    fn json_line(&self, written: serde_json::Result<String>) {
        match written {
            Ok(text) => self.text(&text),
            Err(error) => {
                let _ = self.broken.set(io::Error::other(error));
            }
        }
    }

    /// Text on stdout, ended by a newline.
    pub fn text(&self, text: &str) {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        self.bytes(format!("{text}{end}").as_bytes());
    }

    /// Exactly these bytes on stdout.
    pub fn bytes(&self, bytes: &[u8]) {
        if self.broken.get().is_some() {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            let _ = self.broken.set(error);
        }
    }

    /// Progress, for people, on stderr.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// What stdout said when it could not take something; a reader that went away is no fault.
    pub fn fault(&self) -> Option<&io::Error> {
        self.broken.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Did the reader go away?
    pub fn is_unread(&self) -> bool {
        self.broken.get().is_some()
    }

    /// Tells about a failure: a document on stdout for programs, sentences on stderr for people.
    pub fn failure(&self, failure: &Failure) {
        let problem = match failure {
            Failure::Usage(problem) | Failure::Refused(problem) => problem,
            Failure::NotValid => return,
        };
        if self.json {
            self.document(&json!({ "error": self.error(problem) }), String::new);
        } else {
            self.note(&self.sentences(problem));
        }
    }

    /// `{"code","message","hint"}` of a problem in the reader's language, with what else is known of it.
    pub fn error(&self, problem: &Problem) -> Value {
        let mut error = json!({
            "code": problem.code,
            "message": self.language.say(&problem.message),
            "hint": self.language.say(&problem.hint),
        });
        if let Some(why) = &problem.why {
            error["why"] = json!(self.language.say(why));
        }
        if let Some(field) = &problem.field {
            error["field"] = json!(field);
        }
        if let Some(gateway) = &problem.gateway {
            error["gateway"] = json!({
                "status": gateway.status, "code": gateway.code, "message": gateway.message, "request_id": gateway.request_id,
                "advice": gateway.advice, "body": gateway.body, "exchange_id": gateway.exchange_id,
            });
            if let Some(meaning) = &gateway.request_id_meaning {
                error["gateway"]["request_id_meaning"] = json!(self.language.say(meaning));
            }
        }
        error
    }

    fn sentences(&self, problem: &Problem) -> String {
        let say = |text: &Bilingual| visible(self.language.say(text));
        let mut text = format!("{}{}", self.pick("错误：", "error: "), say(&problem.message));
        if let Some(why) = &problem.why {
            text += &format!("\n  {}{}", self.pick("原因：", "why: "), say(why));
        }
        if let Some(gateway) = &problem.gateway {
            let status = gateway
                .status
                .map_or_else(|| self.pick("没有回答", "no answer").to_owned(), |status| status.to_string());
            let said = [gateway.code.as_deref(), gateway.message.as_deref()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(" ");
            text += &format!("\n  {}{status} {}", self.pick("微信支付：", "WeChat Pay: "), visible(&said));
            if let Some(id) = &gateway.request_id {
                text += &format!("\n  Request-ID: {}", visible(id));
            }
            if let Some(meaning) = &gateway.request_id_meaning {
                text += &format!(" ({})", say(meaning));
            }
        }
        text + &format!("\n  {}{}", self.pick("下一步：", "next: "), say(&problem.hint))
    }

    /// `text` in a tone, where there is colour.
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            _ if !self.colour => return text.to_owned(),
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Keys and values under each other; empty values are left out.
    pub fn facts(&self, facts: &[(&str, String)]) -> String {
        let shown: Vec<_> = facts.iter().filter(|(_, value)| !value.is_empty()).collect();
        let widest = shown.iter().map(|(key, _)| key.width()).max().unwrap_or_default();
        let mut text = String::new();
        for (key, value) in shown {
            text +=
                &format!("{}{}  {}\n", self.paint(Tone::Faint, key), " ".repeat(widest - key.width()), visible(value));
        }
        text
    }
}

/// A table for people: columns as wide as their widest cell, wide characters counted as two.
#[derive(Debug)]
pub struct Table {
    head: Vec<(String, bool)>,
    rows: Vec<Vec<(String, Tone)>>,
}

impl Table {
    /// With these headings; one that begins with `>` sets its column to the right.
    pub fn new(head: &[&str]) -> Self {
        let head = head
            .iter()
            .map(|text| text.strip_prefix('>').map_or((text.to_string(), false), |text| (text.to_owned(), true)))
            .collect();
        Table { head, rows: Vec::new() }
    }

    /// Adds a row. Cells beyond the headings are not shown.
    pub fn row(&mut self, cells: Vec<(String, Tone)>) {
        self.rows.push(cells.into_iter().map(|(text, tone)| (cut(&visible(&text), 60), tone)).collect());
    }

    /// The table as text.
    pub fn render(&self, out: &Out) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| text.width());
            cells.chain(self.head.get(column).map(|(text, _)| text.width())).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let head = self.head.iter().map(|(text, _)| (text.clone(), Tone::Faint)).collect();
        let mut text = String::new();
        let untitled = self.head.iter().all(|(title, _)| title.is_empty());
        for row in std::iter::once(&head).skip(usize::from(untitled)).chain(&self.rows) {
            let mut line = String::new();
            for (((cell, tone), width), (_, right)) in row.iter().zip(&widths).zip(&self.head) {
                let gap = " ".repeat(width.saturating_sub(cell.width()));
                let painted = out.paint(*tone, cell);
                line += &if *right { format!("{gap}{painted}  ") } else { format!("{painted}{gap}  ") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// A cell without a tone.
pub fn plain(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Plain)
}

/// `text` with at most `columns` columns; what is cut off is marked.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        if kept.width() + character.to_string().width() > columns - 1 {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

/// `text` with control and direction characters written out, so that what came from outside can't move the cursor,
/// change colours or reverse what is read.
pub fn visible(text: &str) -> String {
    let is_hidden = |c: char| {
        let direction = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{61c}' | '\u{feff}');
        c.is_control() || direction
    };
    if !text.contains(is_hidden) {
        return text.to_owned();
    }
    text.chars().map(|c| if is_hidden(c) { format!("\\u{{{:x}}}", c as u32) } else { c.to_string() }).collect()
}

/// Fen as people read them: `¥12.50`.
pub fn money(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    format!("{sign}¥{}.{:02}", fen.unsigned_abs() / 100, fen.unsigned_abs() % 100)
}

/// An RFC 3339 time as people read it in a table: local to its own offset, without the `T`.
pub fn time(text: &str) -> String {
    match (text.get(0..10), text.get(11..19)) {
        (Some(date), Some(clock)) => format!("{date} {clock}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> Out {
        Out { json: false, language: Language::En, colour: false, terminal: false, broken: Arc::default() }
    }

    #[test]
    fn columns_align_by_what_a_terminal_shows() {
        let mut table = Table::new(&["NAME", ">AMOUNT", "STATE"]);
        table.row(vec![plain("柜台咖啡"), plain("¥1.00"), plain("SUCCESS")]);
        table.row(vec![plain("tea"), plain("¥1200.00"), plain("NOTPAY")]);
        let expected = "NAME        AMOUNT  STATE\n柜台咖啡     ¥1.00  SUCCESS\ntea       ¥1200.00  NOTPAY\n";
        assert_eq!(table.render(&people()), expected);
    }

    #[test]
    fn what_came_from_outside_is_made_visible() {
        let cases = [
            ("plain 中文", "plain 中文"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("abc\u{202e}gpj.exe", "abc\\u{202e}gpj.exe"),
            ("two\nlines\t", "two\\u{a}lines\\u{9}"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
        ];
        for (text, expected) in cases {
            assert_eq!(visible(text), expected);
        }
    }

    #[test]
    fn money_and_times_read_well() {
        assert_eq!([money(1), money(1250), money(100_000), money(-5)], ["¥0.01", "¥12.50", "¥1000.00", "-¥0.05"]);
        assert_eq!(time("2026-11-24T18:37:12.123+08:00"), "2026-11-24 18:37:12");
        assert_eq!(time("soon"), "soon");
    }

    #[test]
    fn long_cells_are_cut_by_columns_not_by_characters() {
        let text = cut(&"汉".repeat(40), 60);
        assert_eq!((text.width(), text.chars().last()), (59, Some('…')));
    }
}
