//! The score card: as data (JSON), as JUnit, and as one self-contained HTML page. Secrets are masked before they get here.

use serde::{Deserialize, Serialize};

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Text {
    /// Both languages at once.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Text { en: en.into(), zh: zh.into() }
    }
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The duty is met.
    Pass,
    /// It is not.
    Fail,
    /// Works, but will hurt.
    Warn,
    /// Could not be judged; `expected` says why.
    Skip,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Warn => "warn",
            Outcome::Skip => "skip",
        }
    }
}

/// The backend's answer that decided the case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Got {
    /// Null: no answer.
    pub status: Option<u16>,
    /// From the first byte sent to the answer's last.
    pub latency_ms: u64,
    /// Its first 2 KiB, masked; for no answer: what happened instead.
    pub body: String,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseResult {
    /// The case's name in the contract.
    pub name: &'static str,
    /// What became of it.
    pub result: Outcome,
    /// The duty, or why it was skipped.
    pub expected: String,
    /// The answer that decided.
    pub got: Got,
    /// What was seen, and why it matters.
    pub why: Text,
    /// How to mend it.
    pub fix: Text,
    /// The request that decided, as it went out (masked).
    pub sent: String,
}

/// The score card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What was examined.
    pub url: String,
    /// Cases.
    pub passed: usize,
    /// Cases.
    pub failed: usize,
    /// Cases.
    pub warned: usize,
    /// Cases.
    pub skipped: usize,
    /// In the contract's order.
    pub cases: Vec<CaseResult>,
    /// What the backend was seen to do by itself. Beside the contract: not in the totals above, and no exit status.
    pub outgoing: Vec<CaseResult>,
}

impl Report {
    pub(crate) fn new(url: String, cases: Vec<CaseResult>, outgoing: Vec<CaseResult>) -> Self {
        let count = |what| cases.iter().filter(|c| c.result == what).count();
        Report {
            url,
            passed: count(Outcome::Pass),
            failed: count(Outcome::Fail),
            warned: count(Outcome::Warn),
            skipped: count(Outcome::Skip),
            cases,
            outgoing,
        }
    }

    /// How many of the outgoing side came out so.
    pub fn outgoing_count(&self, what: Outcome) -> usize {
        self.outgoing.iter().filter(|case| case.result == what).count()
    }
}

/// Text made safe for XML and HTML, control characters dropped (XML 1.0 can't hold them).
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || ('\u{fffe}'..='\u{ffff}').contains(&c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn got_line(got: &Got) -> String {
    match got.status {
        Some(status) => format!("HTTP {status}, {} ms\n{}", got.latency_ms, got.body),
        None => format!("no answer, {} ms: {}", got.latency_ms, got.body),
    }
}

/// JUnit XML; a warning is a passed test with its text in `system-out`. A test is a case of the contract; what was seen of
/// the outgoing side is the suite's `system-out`.
pub fn junit(report: &Report) -> String {
    let seconds: f64 = report.cases.iter().map(|c| c.got.latency_ms as f64 / 1000.0).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"guitai certify\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\" time=\"{seconds:.3}\">\n<properties><property name=\"url\" value=\"{}\"/></properties>\n",
        report.cases.len(),
        report.failed,
        report.skipped,
        escape(&report.url)
    );
    for case in &report.cases {
        out.push_str(&format!(
            "<testcase classname=\"guitai.certify\" name=\"{}\" time=\"{:.3}\"",
            case.name,
            case.got.latency_ms as f64 / 1000.0
        ));
        match case.result {
            Outcome::Pass => out.push_str("/>\n"),
            Outcome::Warn => out.push_str(&format!(
                "><system-out>{}</system-out></testcase>\n",
                escape(&format!("warning: {}\n{}\n{}", case.why.en, case.fix.en, got_line(&case.got)))
            )),
            Outcome::Skip => {
                out.push_str(&format!("><skipped message=\"{}\"/></testcase>\n", escape(&case.why.en)));
            }
            Outcome::Fail => out.push_str(&format!(
                "><failure message=\"{}\">{}</failure></testcase>\n",
                escape(&case.why.en),
                escape(&format!("expected: {}\ngot: {}\nfix: {}", case.expected, got_line(&case.got), case.fix.en))
            )),
        }
    }
    if !report.outgoing.is_empty() {
        let lines = report.outgoing.iter().map(|c| format!("{} {}: {}", c.result.word(), c.name, c.why.en));
        let text = lines.collect::<Vec<_>>().join("\n");
        out.push_str(&format!("<system-out>{}</system-out>\n", escape(&format!("outgoing side:\n{text}"))));
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:15px/1.55 system-ui,'Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.5rem 0 .5rem}code,pre{font-family:ui-monospace,monospace;font-size:.85rem}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#8881;padding:.6rem;border-radius:6px}.score span{display:inline-block;margin-right:1rem;font-variant-numeric:tabular-nums}details{border-top:1px solid #8884;padding:.5rem 0}summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline}summary b{flex:0 0 5.5rem}.pass b,.pass.s{color:#15803d}.fail b,.fail.s{color:#c2261c}.warn b,.warn.s{color:#a35c00}.skip b,.skip.s{color:#6b7280}@media(prefers-color-scheme:dark){.pass b,.pass.s{color:#4ade80}.fail b,.fail.s{color:#f87171}.warn b,.warn.s{color:#fbbf24}.skip b,.skip.s{color:#9ca3af}}p{margin:.3rem 0}small{opacity:.75}";

/// One self-contained page, no script, to hand to a colleague; Chinese and English side by side.
pub fn html(report: &Report) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>上线体检 · guitai certify</title><style>{STYLE}</style></head><body>\n<h1>上线体检 <small>guitai certify</small></h1>\n<p><code>{}</code></p>\n<p class=\"score\"><span class=\"pass s\">✓ {} 通过 passed</span><span class=\"fail s\">✕ {} 不通过 failed</span><span class=\"warn s\">! {} 警告 warned</span><span class=\"skip s\">– {} 跳过 skipped</span></p>\n",
        escape(&report.url),
        report.passed,
        report.failed,
        report.warned,
        report.skipped
    );
    cards(&mut out, &report.cases);
    if !report.outgoing.is_empty() {
        out.push_str("<h2>主动调用 <small>outgoing side, as the sandbox saw it</small></h2>\n");
        cards(&mut out, &report.outgoing);
    }
    out.push_str("</body></html>\n");
    out
}

fn cards(out: &mut String, cases: &[CaseResult]) {
    for case in cases {
        let (glyph, zh) = match case.result {
            Outcome::Pass => ("✓", "通过"),
            Outcome::Fail => ("✕", "不通过"),
            Outcome::Warn => ("!", "警告"),
            Outcome::Skip => ("–", "跳过"),
        };
        let open = if case.result == Outcome::Fail { " open" } else { "" };
        out.push_str(&format!(
            "<details class=\"{}\"{open}><summary><b>{glyph} {zh}</b><code>{}</code></summary>\n<p>{}</p><p><small>{}</small></p>\n",
            case.result.word(),
            case.name,
            escape(&case.why.zh),
            escape(&case.why.en)
        ));
        if matches!(case.result, Outcome::Fail | Outcome::Warn) {
            out.push_str(&format!(
                "<p>→ {}</p><p><small>→ {}</small></p>\n",
                escape(&case.fix.zh),
                escape(&case.fix.en)
            ));
        }
        out.push_str(&format!("<p><small>期望 expected: {}</small></p>\n", escape(&case.expected)));
        if case.result != Outcome::Skip {
            out.push_str(&format!("<p><small>收到 got</small></p><pre>{}</pre>\n", escape(&got_line(&case.got))));
        }
        if !case.sent.is_empty() {
            out.push_str(&format!("<p><small>发出 sent</small></p><pre>{}</pre>\n", escape(&case.sent)));
        }
        out.push_str("</details>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Report {
        let case = |name, result| CaseResult {
            name,
            result,
            expected: "200 or 204".into(),
            got: Got { status: Some(500), latency_ms: 12, body: "<script>alert(1)</script>\u{1}".into() },
            why: Text::new("a & b", "甲 & 乙"),
            fix: Text::new("do <it>", "去做"),
            sent: String::new(),
        };
        Report::new(
            "http://127.0.0.1/x?a=\"1\"".into(),
            vec![
                case("genuine_accepted", Outcome::Pass),
                case("answers_in_time", Outcome::Warn),
                case("garbage_survived", Outcome::Fail),
                case("refund_accepted", Outcome::Skip),
            ],
            vec![case("clock_in_time", Outcome::Fail)],
        )
    }

    #[test]
    fn what_a_backend_answered_is_never_markup() {
        let report = sample();
        for page in [html(&report), junit(&report)] {
            assert!(!page.contains("<script>"), "{page}");
            assert!(!page.contains('\u{1}'));
        }
    }

    #[test]
    fn a_warning_is_a_passed_test_in_junit() {
        let xml = junit(&sample());
        assert!(xml.contains("tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"1\""), "{xml}");
        assert_eq!(xml.matches("<testcase").count(), 4, "the outgoing side is no test");
        assert!(xml.contains("fail clock_in_time: a &amp; b"), "{xml}");
        assert!(xml.contains("name=\"answers_in_time\" time=\"0.012\"><system-out>warning"), "{xml}");
    }
}
