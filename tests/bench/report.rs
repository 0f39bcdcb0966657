//! Makes the page of figures: `bench-report FIGURES BASELINE PAGE` reads what a run kept, prints how its ratios
//! differ from the baseline's, and writes the page. With `BLESS=1` the run's ratios become the baseline.
//!
//! What a figure means, which floor and goal it has and what stands in the way is said here and nowhere else.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// More than this much worse than the baseline is said out loud.
const NOISE: f64 = 0.15;

/// One line of the page.
struct Row {
    name: String,
    what: String,
    unit: &'static str,
    /// Must, and should: (floor, goal). Reached from below or from above, as the two lie.
    asked: Option<(f64, f64)>,
    /// Holds on any machine, so it is compared with the baseline; true: more is better.
    ratio: Option<bool>,
    /// What stands in the way where the goal is not reached.
    limit: &'static str,
}

fn row(name: impl Into<String>, what: impl Into<String>, unit: &'static str) -> Row {
    Row { name: name.into(), what: what.into(), unit, asked: None, ratio: None, limit: "" }
}

impl Row {
    fn asked(mut self, floor: f64, goal: f64) -> Row {
        self.asked = Some((floor, goal));
        self
    }

    fn ratio(mut self, more_is_better: bool) -> Row {
        self.ratio = Some(more_is_better);
        self
    }

    fn limit(mut self, limit: &'static str) -> Row {
        self.limit = limit;
        self
    }

    fn verdict(&self, value: f64) -> &'static str {
        let Some((floor, goal)) = self.asked else { return "" };
        let more = goal > floor || (goal == floor && self.ratio == Some(true)) || self.unit == "/s";
        let reaches = |bound: f64| if more { value >= bound } else { value <= bound };
        match (reaches(goal), reaches(floor)) {
            (true, _) => "goal",
            (false, true) => "floor",
            (false, false) => "**missed**",
        }
    }
}

/// The page, section by section.
fn sections() -> Vec<(&'static str, Vec<Row>)> {
    const DISK: &str = "the disk's own sync, which others share here: compare the ratio to its pace";
    const WALK: &str =
        "a walk through rows that a filter lets through rarely; bounded, so a page may come short and say so";
    const SIGNATURE: &str = "one RSA signature for each answer; the rest of the cores is HTTP, JSON, verifying and the commit, which weigh the more the faster the processor signs";
    vec![
        (
            "Functions, CPU time",
            vec![
                row("sign.micros", "sign, RSA-2048 over 900 bytes", "µs"),
                row("sign.openssl", "… against `openssl speed` of the same run", "").asked(0.9, 0.98).ratio(true),
                row("verify.micros", "verify", "µs"),
                row("verify.openssl", "… against `openssl speed`", "").asked(0.75, 0.95).ratio(true),
                row("open.micros", "decrypt a resource, base64 included", "µs"),
                row("notification.micros", "open a notification: verify, decrypt, understand", "µs"),
                row("notification.verify", "… of which is the verification", "").ratio(true),
                row("sign_string.micros", "the text that is signed", "µs"),
                row("doctor.micros", "the doctor on the commonest mistake", "µs"),
                row("doctor.median", "the doctor, every slug: median", "ms"),
                row("doctor.p99", "… p99", "ms"),
            ],
        ),
        ("Callbacks, end to end: verified, decrypted, durable, answered; a tenth re-sent", {
            let mut rows = Vec::new();
            for connections in [1, 8, 32, 64, 128] {
                let name = |part: &str| format!("callbacks.{connections}.{part}");
                let title =
                    if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
                let (pace, tail) =
                    (row(name("pace"), title, "/s").limit(DISK), row(name("p99"), "… p99", "ms").limit(DISK));
                let judged = connections == 64;
                rows.extend([
                    if judged { pace.asked(1_500.0, 1_500.0) } else { pace },
                    row(name("p50"), "… p50", "ms"),
                    if judged { tail.asked(200.0, 200.0) } else { tail },
                    row(name("p999"), "… p99.9", "ms"),
                    row(name("cpu"), "… CPU each", "µs"),
                    row(name("ratio"), "… against a plain server that commits each alone, same bytes", "x").ratio(true),
                ]);
            }
            rows.extend([
                row(
                    "callbacks.disk",
                    "1 connection, against the disk's own pace (4 KiB, synced) of the same second",
                    "",
                )
                .asked(0.8, 0.9)
                .ratio(true)
                .limit("one callback is one sync and some 0.6 ms beside it, most of it the pages that its row's indexes touch: the faster the disk, the more those weigh; the plain server's ratio is what a bare row leaves of it"),
                row("callbacks.disk_plain", "… the plain server, in the same second", "").ratio(true),
                row("callbacks.burst", "bursts of 256 fresh connections answered whole within a second", "share")
                    .asked(1.0, 1.0)
                    .ratio(true),
                row("callbacks.beside.p99", "64 connections while backups, exports and other commands run: p99", "ms"),
                row("callbacks.beside.p999", "… p99.9 (WeChat Pay waits 5,000)", "ms")
                    .asked(1_000.0, 1_000.0)
                    .limit(DISK),
                row("callbacks.failed", "not answered with a yes", "").asked(0.0, 0.0),
                row("callbacks.lost", "acknowledged and not stored, or stored twice", "").asked(0.0, 0.0),
                row("callbacks.idle_memory", "resident memory of `guitai listen` before", "MB"),
                row("callbacks.memory", "… at most", "MB"),
            ]);
            rows
        }),
        (
            "Sandbox: prepays verified, durable, answered signed; 16 connections",
            vec![
                row("sandbox.pace", "prepays", "/s"),
                row("sandbox.limit", "what all cores sign in the same second, nothing else running", "/s"),
                row("sandbox.ratio", "… reached of it, with the generator on the same cores", "")
                    .asked(0.5, 0.75)
                    .ratio(true)
                    .limit(SIGNATURE),
                row("sandbox.generator", "CPU of the generator for each prepay", "µs"),
                row(
                    "sandbox.ratio_left",
                    "… reached of what the cores sign in the time that the generator leaves them",
                    "",
                )
                .asked(0.5, 0.75)
                .ratio(true)
                .limit(SIGNATURE),
                row(
                    "sandbox_plain.ratio",
                    "… with a signer as slow as processors without AVX-512 IFMA have (where the goal was set)",
                    "",
                )
                .asked(0.5, 0.75)
                .ratio(true)
                .limit(SIGNATURE),
                row("sandbox_plain.limit", "… what all cores sign then", "/s"),
                row("sandbox.share", "of the server's CPU, the signature", "")
                    .asked(0.5, 0.75)
                    .ratio(true)
                    .limit(SIGNATURE),
                row("sandbox.cpu", "CPU each", "µs"),
                row("sandbox.p50", "p50", "ms"),
                row("sandbox.p99", "p99", "ms"),
                row("sandbox.lost", "requests lost", "").asked(0.0, 0.0),
                row("million.orders", "`bench-http million`: orders", ""),
                row("million.lost", "… requests lost", "").asked(0.0, 0.0),
                row("million.memory", "… resident memory at most", "MB"),
                row("million.slope", "… growth over their second half, for each 100,000 orders", "MB"),
            ],
        ),
        ("Orders in the store", {
            let mut rows = Vec::new();
            for (count, title) in
                [(10_000, "10,000"), (100_000, "100,000"), (1_000_000, "1,000,000"), (10_000_000, "10,000,000")]
            {
                let name = |part: &str| format!("orders.{count}.{part}");
                let quick = |part: &str, what: &str| row(name(part), what, "ms").asked(10.0, 5.0).limit(WALK);
                rows.extend([
                    quick("page", &format!("{title} rows: a page, p99")),
                    quick("filter", "… filtered"),
                    quick("lookup", "… by number"),
                    quick("search", "… by two characters"),
                    quick("sums", "… sums of a filter"),
                    quick("chart", "… chart of 365 days"),
                    row(name("worst"), "… the slowest of all lists and sums, p99", "ms"),
                    row(name("write"), "… writes a second with every index, groups of 64", "/s")
                        .asked(3_000.0, 5_000.0)
                        .limit("random places in the B-trees of numbers, synced"),
                    row(name("bytes"), "… bytes an order, every index, nothing raw", "B")
                        .asked(420.0, 350.0)
                        .limit("twelve indexes, each for a list, a filter or a sort of the window"),
                ]);
            }
            rows
        }),
        (
            "Callbacks in the store",
            vec![
                row("history.rows", "rows", ""),
                row("history.keep", "keeping one, with its sums (its words follow when it is quiet)", "µs"),
                row("history.bare", "… without the history's indexes", "µs"),
                row("history.worst", "the slowest of all lists, search, lanes and causes, p99", "ms").asked(10.0, 5.0),
            ],
        ),
        (
            "Start and size",
            vec![
                row("demo", "`guitai demo`, 13 steps", "ms"),
                row("window.loaded", "window: process start to page loaded, Xvfb and D-Bus starting too", "ms")
                    .asked(2_000.0, 1_000.0),
                row("window.own", "idle: our own process (PSS)", "MB").asked(80.0, 50.0).limit(
                    "GTK's and WebKit's libraries lie in this process too; `guitai listen` alone is a quarter of it",
                ),
                row("window.all", "idle: all processes, WebKit's included (PSS)", "MB")
                    .asked(300.0, 200.0)
                    .limit("WebKit's two processes, most of it its own libraries"),
                row("size.guitai", "`guitai`", "MB"),
                row("size.guitai-desktop", "`guitai-desktop`", "MB"),
            ],
        ),
    ]
}

/// A number as people read it.
fn shown(value: f64, unit: &str) -> String {
    let digits = match value.abs() {
        _ if unit == "/s" || unit == "B" || unit == "MB" => 0,
        it if it >= 100.0 || it.fract() == 0.0 => 0,
        it if it >= 10.0 => 1,
        _ => 2,
    };
    let plain = format!("{value:.digits$}");
    let (whole, rest) = plain.split_once('.').map_or((plain.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let gap = if unit.is_empty() || unit == "x" || unit.starts_with('/') { "" } else { " " };
    let dot = if rest.is_empty() { "" } else { "." };
    format!("{grouped}{dot}{rest}{gap}{unit}")
}

/// What the run kept; the last of each name counts.
fn figures(path: &Path) -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(path).expect("the run's figures");
    let mut found: BTreeMap<String, f64> = BTreeMap::new();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line:?}"));
        if let (Some(name), Some(value)) = (line["name"].as_str(), line["value"].as_f64()) {
            found.insert(name.to_owned(), value);
        }
    }
    let of = |found: &BTreeMap<String, f64>, name: &str| found.get(name).copied();
    for name in ["sign", "verify"] {
        if let (Some(micros), Some(openssl)) =
            (of(&found, &format!("{name}.micros")), of(&found, &format!("openssl.{name}")))
        {
            found.insert(format!("{name}.openssl"), 1e6 / micros / openssl);
        }
    }
    if let (Some(all), Some(part)) = (of(&found, "notification.micros"), of(&found, "verify.micros")) {
        found.insert("notification.verify".to_owned(), part / all);
    }
    found
}

fn page(found: &BTreeMap<String, f64>, machine: &str) -> String {
    let mut page = format!(
        "# Figures\n\nMade by `make bench`; not written by hand. {machine}. Compare times and paces on one machine only; ratios\nhold on any. *floor*: must; *goal*: should. A figure that a run did not measure is left out.\n"
    );
    for (title, rows) in sections() {
        let measured: Vec<_> = rows.iter().filter_map(|row| Some((row, *found.get(&row.name)?))).collect();
        if measured.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| what | figure | floor | goal | reached |\n|---|---|---|---|---|\n");
        let mut short = Vec::new();
        for (row, value) in measured {
            let bound =
                |pick: fn((f64, f64)) -> f64| row.asked.map(|asked| shown(pick(asked), row.unit)).unwrap_or_default();
            let verdict = row.verdict(value);
            let figure = shown(value, row.unit);
            let _ =
                writeln!(page, "| {} | {figure} | {} | {} | {verdict} |", row.what, bound(|it| it.0), bound(|it| it.1));
            if !verdict.is_empty() && verdict != "goal" && !row.limit.is_empty() {
                short.push(format!("{} ({figure}): {}.", row.what.trim_start_matches("… "), row.limit));
            }
        }
        if !short.is_empty() {
            let _ = write!(page, "\nIn the way of the goal:\n");
            for line in short {
                let _ = writeln!(page, "- {line}");
            }
        }
    }
    page
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [figures_file, baseline_file, page_file] = words.as_slice() else {
        panic!("bench-report FIGURES BASELINE PAGE");
    };
    let found = figures(Path::new(figures_file));
    let text = std::fs::read_to_string(baseline_file).unwrap_or_else(|_| "{}".to_owned());
    let mut baseline: BTreeMap<String, f64> =
        serde_json::from_str(&text).expect("the baseline is a JSON object of numbers");
    println!("ratios against the baseline ({NOISE} is noise):");
    for row in sections().into_iter().flat_map(|(_, rows)| rows) {
        let (Some(more), Some(now)) = (row.ratio, found.get(&row.name)) else { continue };
        let word = match baseline.get(&row.name).map(|before| (before, now / before.max(1e-9) - 1.0)) {
            None => "new".to_owned(),
            Some((before, change)) => {
                let better = if more { change } else { -change };
                let word = if better < -NOISE {
                    "WORSE"
                } else if better > NOISE {
                    "better"
                } else {
                    "as before"
                };
                format!("{before:.2} before, {:+.0} %: {word}", change * 100.0)
            }
        };
        println!("  {:<28} {now:>6.2}  {word}", row.name);
        if std::env::var_os("BLESS").is_some() {
            baseline.insert(row.name.clone(), (now * 1e3).round() / 1e3);
        }
    }
    for row in sections().into_iter().flat_map(|(_, rows)| rows) {
        if let Some(value) = found.get(&row.name).filter(|value| row.verdict(**value) == "**missed**") {
            println!("  MISSED {:<21} {}  ({})", row.name, shown(*value, row.unit), row.what);
        }
    }
    if std::env::var_os("BLESS").is_some() {
        let text = serde_json::to_string_pretty(&baseline).expect("numbers are JSON");
        std::fs::write(baseline_file, text + "\n").expect("the baseline is written");
    }
    let machine = std::env::var("GUITAI_MACHINE").unwrap_or_default();
    std::fs::write(page_file, page(&found, &machine)).expect("the page is written");
    println!("written: {page_file}");
}
