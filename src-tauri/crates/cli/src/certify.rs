//! `guitai certify`: the pre-launch examination of a backend, printed and written as reports. The cases are
//! `guitai_certify`'s.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use guitai_certify::{CertifyError, Options, Outcome, Report, SandboxAccess};

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::text::both;

/// What to examine.
#[derive(Debug, Args)]
pub struct CertifyArgs {
    /// The backend's callback URL
    #[arg(value_name = "URL")]
    url: String,
    /// The ready line of `guitai sandbox`, on whose credentials the backend runs
    #[arg(long, value_name = "FILE")]
    sandbox: PathBuf,
    /// Makes the backend place an order with notify_url = URL; its last line is the out_trade_no
    #[arg(long, value_name = "CMD")]
    create_order: Option<String>,
    /// Prints {"paid":BOOL,"times_applied":N} for the order in OUT_TRADE_NO
    #[arg(long, value_name = "CMD")]
    probe: Option<String>,
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
}

/// Runs the examination.
pub async fn run(context: &Context, args: CertifyArgs) -> Done {
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
    let text = files::read_text(&args.sandbox)?;
    let access: SandboxAccess =
        serde_json::from_str(text.trim()).map_err(|error| Failure::file(&args.sandbox, &error))?;
    let options = Options {
        url: args.url,
        sandbox: access,
        create_order: args.create_order,
        probe: args.probe,
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
    context.out.document(&report, || people(context, &report));
    if report.failed > 0 { Err(Failure::NotValid) } else { Ok(()) }
}

fn kind(path: &std::path::Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    ["json", "html", "xml"].into_iter().find(|kind| *kind == extension)
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
    let text = error.to_string();
    Failure::usage(both(text.clone(), text), hint)
}

fn people(context: &Context, report: &Report) -> String {
    let mut out = String::new();
    for case in &report.cases {
        let (glyph, zh, en) = match case.result {
            Outcome::Pass => ("✓", "通过", "pass"),
            Outcome::Fail => ("✕", "不通过", "FAIL"),
            Outcome::Warn => ("!", "警告", "warn"),
            Outcome::Skip => ("–", "跳过", "skip"),
        };
        out += &format!("{glyph} {} {}\n", context.out.pick(zh, en), case.name);
        if case.result != Outcome::Pass {
            out += &format!("    {}\n", crate::out::visible(context.out.pick(&case.why.zh, &case.why.en)));
            if !case.fix.en.is_empty() {
                out += &format!("    → {}\n", context.out.pick(&case.fix.zh, &case.fix.en));
            }
        }
    }
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
    out
}
