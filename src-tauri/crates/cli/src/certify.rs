//! `guitai certify`: the pre-launch examination of a backend, printed and written as reports. The cases are
//! `guitai_certify`'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use guitai_certify::history::{self, Compared, Past};
use guitai_certify::{CaseResult, CertifyError, Options, Outcome, Report, SandboxAccess};

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure, problem};
use crate::files;
use crate::text::both;

/// What to examine.
#[derive(Debug, Args)]
pub struct CertifyArgs {
    /// The backend's callback URL
    #[arg(value_name = "URL", required_unless_present = "history")]
    url: Option<String>,
    /// The ready line of `guitai sandbox`, on whose credentials the backend runs
    #[arg(long, value_name = "FILE", required_unless_present = "history")]
    sandbox: Option<PathBuf>,
    /// Makes the backend place an order with notify_url = URL; its last line is the out_trade_no
    #[arg(long, value_name = "CMD")]
    create_order: Option<String>,
    /// Prints {"paid":BOOL,"times_applied":N} for the order in OUT_TRADE_NO
    #[arg(long, value_name = "CMD")]
    probe: Option<String>,
    /// Makes the backend refund the paid order in OUT_TRADE_NO
    #[arg(long, value_name = "CMD")]
    refund: Option<String>,
    /// Prints the pay params that the backend gives its front end for the order in OUT_TRADE_NO
    #[arg(long, value_name = "CMD")]
    pay_params: Option<String>,
    /// Only these cases
    #[arg(long, value_name = "CASE,…", value_delimiter = ',')]
    only: Option<Vec<String>>,
    /// How long a lost callback may stay unnoticed
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    lost_wait: u64,
    /// Write the score card: .json, .html (one page) or .xml (JUnit); may be repeated
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
    /// Examine a public address all the same: it is not a live backend
    #[arg(long)]
    i_know: bool,
    /// Show past runs, newest first, and examine nothing
    #[arg(long, conflicts_with_all = ["url", "sandbox"])]
    history: bool,
}

/// Runs the examination.
pub async fn run(context: &Context, args: CertifyArgs) -> Done {
    let (Some(url), Some(sandbox)) = (args.url, args.sandbox) else { return past(context) };
    for path in &args.report {
        if kind(path).is_none() {
            return Err(Failure::usage(
                both(
                    format!("不认识的报告格式：{}", path.display()),
                    format!("unknown kind of report: {}", path.display()),
                ),
                both("用 .json、.html 或 .xml 结尾。", "End it with .json, .html or .xml."),
            ));
        }
    }
    for path in &args.report {
        may_be_written(path).map_err(|error| usage(Failure::file(path, &error)))?;
    }
    let line = files::read_sandbox(&sandbox).map_err(usage)?;
    let access: SandboxAccess = serde_json::from_value(line).map_err(|error| usage(Failure::file(&sandbox, &error)))?;
    let options = Options {
        url,
        sandbox: access,
        create_order: args.create_order,
        probe: args.probe,
        refund: args.refund,
        pay_params: args.pay_params,
        only: args.only,
        lost_wait: Duration::from_secs(args.lost_wait),
        i_know: args.i_know,
    };
    let report = guitai_certify::run(options).await.map_err(failure)?;
    for path in &args.report {
        let written = match kind(path) {
            Some("html") => guitai_certify::html(&report),
            Some("xml") => guitai_certify::junit(&report),
            _ => serde_json::to_string_pretty(&report).unwrap_or_default(),
        };
        std::fs::write(path, written).map_err(|error| Failure::file(path, &error))?;
    }
    // A run counts even where it can't be kept.
    let compared = desk::data_dir(context)
        .map_err(|_| std::io::Error::other("no data folder"))
        .and_then(|folder| history::keep(&folder, &report))
        .unwrap_or_else(|error| {
            context.out.note(&format!("{}: {error}", context.out.pick("这次体检没有记下", "this run was not kept")));
            None
        });
    context
        .out
        .document(&report, || people(context, &report) + &compared.map_or_else(String::new, |c| said(context, &c)));
    if report.failed > 0 { Err(Failure::NotValid) } else { Ok(()) }
}

fn kind(path: &std::path::Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    ["json", "html", "xml"].into_iter().find(|kind| *kind == extension)
}

/// `--history`.
fn past(context: &Context) -> Done {
    let folder = desk::data_dir(context)?;
    let runs = history::past(&folder).map_err(|error| Failure::file(&folder, &error))?;
    context.out.document(&runs, || {
        if runs.is_empty() {
            return context.out.pick("还没有体检过。", "Nothing has been examined yet.").to_owned();
        }
        let words = ["通过/passed", "不通过/failed", "警告/warned", "跳过/skipped"]
            .map(|word| word.split_once('/').map_or(word, |(zh, en)| context.out.pick(zh, en)));
        let [passed, failed, warned, skipped] = words;
        let line = |run: &Past| {
            format!(
                "{}  {} {passed}, {} {failed}, {} {warned}, {} {skipped}  {}\n",
                run.at, run.passed, run.failed, run.warned, run.skipped, run.url
            )
        };
        runs.iter().map(line).collect()
    });
    Ok(())
}

/// How it compares with the run before.
fn said(context: &Context, compared: &Compared) -> String {
    let since = &compared.since;
    let (better, worse) = (compared.better.len(), compared.worse.len());
    let mut out = String::from("\n");
    if better + worse == 0 {
        let (zh, en) = (format!("与 {since} 那次相同\n"), format!("as in the run of {since}\n"));
        return out + context.out.pick(&zh, &en);
    }
    let zh = format!("与 {since} 相比：{better} 项变好，{worse} 项变差\n");
    let en = format!("since the run of {since}: {better} better, {worse} worse\n");
    out += context.out.pick(&zh, &en);
    for (sign, names) in [("+", &compared.better), ("-", &compared.worse)] {
        for name in names {
            out += &format!("  {sign} {name}\n");
        }
    }
    out
}

/// A report that can't be written is told before the examination, not after it.
fn may_be_written(path: &std::path::Path) -> std::io::Result<()> {
    let is_new = !path.exists();
    std::fs::OpenOptions::new().append(true).create(true).open(path)?;
    if is_new { std::fs::remove_file(path) } else { Ok(()) }
}

/// Here exit 1 says that a case failed: a file that can't be used is a wrong argument.
fn usage(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(problem) => Failure::Usage(problem),
        other => other,
    }
}

/// No examination took place: exit 2, as for wrong arguments.
fn failure(error: CertifyError) -> Failure {
    let hint = match &error {
        CertifyError::UnknownCase(..) => both("用 --only 时写上面列出的用例名。", "Name cases as listed above."),
        CertifyError::BadUrl(_) => both(
            "写完整地址，如 http://127.0.0.1:8080/notify。",
            "Give a whole URL, like http://127.0.0.1:8080/notify.",
        ),
        CertifyError::Unreachable(_) => {
            both("先启动后端，并检查地址和端口。", "Start the backend first, and check address and port.")
        }
        CertifyError::LooksLive(_) => both(
            "体检会发送伪造和异常的通知。确认这不是线上后端后再加 --i-know。",
            "The examination sends forged and odd notifications. If this is no live backend, add --i-know.",
        ),
        CertifyError::Sandbox(_) => both(
            "用正在运行的 `guitai sandbox` 打印的那一行。",
            "Give the line that a running `guitai sandbox` printed.",
        ),
    };
    let (code, zh) = match &error {
        CertifyError::UnknownCase(name, known) => ("UNKNOWN_CASE", format!("没有用例 `{name}`；已有：{known}")),
        CertifyError::BadUrl(url) => ("USAGE", format!("{url} 不是带主机名的 http 或 https 地址")),
        CertifyError::Unreachable(url) => ("BACKEND_UNREACHABLE", format!("连不上 {url}")),
        CertifyError::LooksLive(url) => ("LIVE_URL", format!("{url} 是公网地址：不能体检线上后端")),
        CertifyError::Sandbox(why) => ("SANDBOX_UNUSABLE", format!("沙箱无法使用：{why}")),
    };
    Failure::Usage(problem(code, both(zh, error.to_string()), hint))
}

fn people(context: &Context, report: &Report) -> String {
    let mut out = String::new();
    cards(context, &report.cases, &mut out);
    out += &format!(
        "{} {}, {} {}, {} {}, {} {}\n",
        report.passed,
        context.out.pick("通过", "passed"),
        report.failed,
        context.out.pick("不通过", "failed"),
        report.warned,
        context.out.pick("警告", "warned"),
        report.skipped,
        context.out.pick("跳过", "skipped"),
    );
    if !report.outgoing.is_empty() {
        out += context.out.pick(
            "\n主动调用（沙箱所见，不计入以上结果）\n",
            "\nIts own calls, as the sandbox saw them (not counted above)\n",
        );
        cards(context, &report.outgoing, &mut out);
    }
    out
}

fn cards(context: &Context, cases: &[CaseResult], out: &mut String) {
    for case in cases {
        let (glyph, zh, en) = match case.result {
            Outcome::Pass => ("✓", "通过", "pass"),
            Outcome::Fail => ("✕", "不通过", "FAIL"),
            Outcome::Warn => ("!", "警告", "warn"),
            Outcome::Skip => ("–", "跳过", "skip"),
        };
        *out += &format!("{glyph} {} {}\n", context.out.pick(zh, en), case.name);
        if case.result != Outcome::Pass {
            *out += &format!("    {}\n", crate::out::visible(context.out.pick(&case.why.zh, &case.why.en)));
        }
        if matches!(case.result, Outcome::Fail | Outcome::Warn) {
            *out += &format!("    → {}\n", context.out.pick(&case.fix.zh, &case.fix.en));
        }
    }
}
