//! How long the desk's lists take: `bench-orders [ROWS…]` (10,000, 100,000 and 1,000,000 unless told; 10,000,000 takes 6 GB and
//! minutes) fills a store with so many orders and asks every query again and again, through the desk's own verbs as the
//! window does. One line a query; then what writing one more takes, and what an order takes on the disk.
//!
//! Seeding writes rows through SQLite, because a million orders through the desk would be a million synced commits; the
//! schema's own triggers keep the sums, and what is found afterwards is compared with what was put in.

use guitai_console::wire::Via;
use guitai_console::{Console, Lamp, OrderFilter, OrderInput, OrderSort};
use guitai_tests::measure::Figures;
use guitai_tests::seed::{self, DESCRIPTIONS};
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};
use wechatpay::money::Fen;

/// Times that each query is asked.
const TIMES: usize = 300;
/// Orders that are written at the end, so many at a time.
const WRITES: usize = 12_800;
const AT_ONCE: usize = 64;
/// Which of the page's figures a query counts for; the slowest of them is it.
const KINDS: [(&str, &[&str]); 4] = [
    ("page", &["newest", "oldest", "largest", "smallest"]),
    (
        "filter",
        &[
            "one state",
            "four states",
            "a rare channel",
            "state and channel",
            "held callbacks",
            "no callback",
            "one day",
        ],
    ),
    ("lookup", &["whole number", "a number's last six", "openid"]),
    ("search", &["2 characters, common", "2 characters, with a state", "2 characters, rare", "2 words"]),
];

/// A list as the window asks for it.
fn look(change: impl FnOnce(&mut OrderFilter)) -> OrderFilter {
    let mut filter = OrderFilter { limit: 100, ..OrderFilter::default() };
    change(&mut filter);
    filter
}

fn text(typed: &str) -> OrderFilter {
    look(|filter| filter.search = Some(typed.to_owned()))
}

/// What the window asks for, by name.
fn queries(rows: usize) -> Vec<(&'static str, OrderFilter)> {
    let states = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let middle = seed::number(rows / 2);
    vec![
        ("newest", look(|_| {})),
        ("oldest", look(|filter| filter.sort = OrderSort::Oldest)),
        ("largest", look(|filter| filter.sort = OrderSort::Largest)),
        ("smallest", look(|filter| filter.sort = OrderSort::Smallest)),
        ("one state", look(|filter| filter.states = states(&["CLOSED"]))),
        ("four states", look(|filter| filter.states = states(&["CREATED", "NOTPAY", "USERPAYING", "PAYERROR"]))),
        ("a rare channel", look(|filter| filter.vias = vec![Via::H5])),
        ("state and channel", look(|filter| (filter.states, filter.vias) = (states(&["SUCCESS"]), vec![Via::Native]))),
        ("held callbacks", look(|filter| filter.callbacks = vec![Lamp::Held])),
        ("no callback", look(|filter| filter.callbacks = vec![Lamp::None])),
        ("one day", look(|filter| (filter.since, filter.until) = (Some(seed::DAY.into()), Some(seed::DAY.into())))),
        ("a rare amount range", look(|filter| (filter.amount_from, filter.amount_to) = (Some(999_000), Some(999_900)))),
        ("a wide amount range", look(|filter| (filter.amount_from, filter.amount_to) = (Some(5_000), Some(50_000)))),
        (
            "every filter, none fits",
            look(|filter| {
                (filter.states, filter.vias, filter.callbacks) =
                    (states(&["SUCCESS"]), vec![Via::H5], vec![Lamp::None]);
                (filter.amount_from, filter.amount_to) = (Some(100), Some(99_999));
            }),
        ),
        ("2 characters, common", text("火锅")),
        (
            "2 characters, with a state",
            look(|filter| {
                (filter.search, filter.states) = (Some("火锅".into()), states(&["CLOSED"]));
            }),
        ),
        (
            "2 characters, by amount",
            look(|filter| {
                (filter.search, filter.sort) = (Some("火锅".into()), OrderSort::Largest);
            }),
        ),
        ("2 characters, rare", text("榴莲")),
        ("2 words", text("双人 火锅")),
        ("no such words", text("没有这个")),
        ("1 character", text("锅")),
        ("whole number", text(&middle)),
        ("a number's beginning, common", text("GT00")),
        ("a number's last six", text(&middle[middle.len() - 6..])),
        ("openid", text(&seed::openid(rows % 50_000 / 2 + 17))),
        ("amount, common", text("38")),
        ("amount, rare", text("9991.23")),
    ]
}

/// In words, and the p99 in milliseconds.
fn percentiles(mut taken: Vec<Duration>) -> (String, f64) {
    taken.sort_unstable();
    let at = |part: usize| taken.get(taken.len() * part / 100).or(taken.last()).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    (format!("p50 {:>6.2}  p99 {:>6.2} ms", ms(at(50)), ms(at(99))), ms(at(99)))
}

/// A year of days as a chart reads them: the sums that the store keeps, on a connection like those that the desk reads with.
fn chart(folder: &Path) -> Vec<Duration> {
    let store = Connection::open(folder.join("guitai.db")).expect("the store");
    let mut days = store
        .prepare(
            "SELECT day, sum(payments), sum(amount), sum(refunds), sum(refunded), sum(made), sum(paid) FROM (
               SELECT day, payments, amount, refunds, refunded, 0 AS made, 0 AS paid FROM days
               WHERE mchid = ?1 AND day >= '2025-11-01'
               UNION ALL
               SELECT day, 0, 0, 0, 0, made, paid FROM day_orders WHERE mchid = ?1 AND day >= '2025-11-01')
             GROUP BY day ORDER BY day LIMIT 1000",
        )
        .expect("the sums");
    let ask = |_| {
        let began = Instant::now();
        let rows = days.query_map([seed::MCHID], |row| row.get::<_, i64>(2)).expect("asks");
        assert!(rows.count() >= 365, "a year");
        began.elapsed()
    };
    (0..TIMES).map(ask).collect()
}

/// Orders written a second, through the desk, so many at a time: each durable before the next of its line.
async fn writes(console: &Console) -> f64 {
    let began = Instant::now();
    let mut lines = tokio::task::JoinSet::new();
    for line in 0..AT_ONCE {
        let console = console.clone();
        lines.spawn(async move {
            for at in 0..WRITES / AT_ONCE {
                let input = OrderInput {
                    amount: Fen::new(1_250),
                    description: DESCRIPTIONS[(line + at) % DESCRIPTIONS.len()].to_owned(),
                    openid: Some(seed::openid(line * 700 + at)),
                    notify_url: Some("https://shop.example/notify/shop".to_owned()),
                    ..OrderInput::default()
                };
                console.order_create(None, input).await.expect("keeps the order");
            }
        });
    }
    while lines.join_next().await.is_some() {}
    WRITES as f64 / began.elapsed().as_secs_f64()
}

async fn measure(rows: usize, figures: &Figures) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let began = Instant::now();
    let console: Console = seed::desk(folder.path()).await;
    seed::orders(folder.path(), rows);
    let bytes = std::fs::metadata(folder.path().join("guitai.db")).map_or(0, |file| file.len());
    let each = bytes as f64 / rows as f64;
    println!(
        "{rows} orders: seeded in {:.1} s, {} MB, {each:.0} bytes an order",
        began.elapsed().as_secs_f64(),
        bytes / 1_000_000
    );
    let keep = |part: &str, value: f64| figures.keep(&format!("orders.{rows}.{part}"), value);
    let (mut kinds, mut slowest, mut slowest_sums) = ([0.0_f64; KINDS.len()], 0.0_f64, 0.0_f64);
    let hot = console.order_look(None, text("榴莲")).await.expect("asks");
    assert!(hot.items.iter().all(|order| order.description == DESCRIPTIONS[19]), "the index finds what was put in");
    for (name, filter) in queries(rows) {
        let (mut looks, mut sums, mut found, mut after) = (Vec::new(), Vec::new(), 0_usize, None);
        for _ in 0..TIMES {
            let began = Instant::now();
            let page = console.order_look(None, OrderFilter { after: after.take(), ..filter.clone() }).await;
            looks.push(began.elapsed());
            let page = page.expect("asks");
            found += page.items.len();
            after = page.next;
        }
        for _ in 0..TIMES / 3 {
            let began = Instant::now();
            console.order_totals(None, filter.clone()).await.expect("sums");
            sums.push(began.elapsed());
        }
        let ((looks, look), (sums, sum)) = (percentiles(looks), percentiles(sums));
        println!("  list  {name:<30} {looks}   {found} rows in {TIMES} pages");
        println!("  sums  {name:<30} {sums}");
        for (at, _) in KINDS.iter().enumerate().filter(|(_, (_, names))| names.contains(&name)) {
            kinds[at] = kinds[at].max(look);
        }
        (slowest, slowest_sums) = (slowest.max(look).max(sum), slowest_sums.max(sum));
    }
    KINDS.iter().zip(kinds).for_each(|((kind, _), p99)| keep(kind, p99));
    keep("sums", slowest_sums);
    keep("worst", slowest);
    let (mut overviews, mut dossiers) = (Vec::new(), Vec::new());
    for turn in 0..TIMES {
        let began = Instant::now();
        console.overview(None).await.expect("the overview");
        overviews.push(began.elapsed());
        let number = seed::number(turn * 7_919 % rows);
        let began = Instant::now();
        console.order_show(None, &number).await.expect("the dossier");
        dossiers.push(began.elapsed());
    }
    println!("  overview                             {}", percentiles(overviews).0);
    println!("  dossier                              {}", percentiles(dossiers).0);
    let (words, year) = percentiles(chart(folder.path()));
    println!("  365 days                             {words}");
    keep("chart", year);
    let pace = writes(&console).await;
    println!("  writes                               {pace:.0}/s with every index, {AT_ONCE} at a time, each synced");
    keep("write", pace);
    keep("bytes", each);
    console.close().await;
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let figures = Figures::open();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for rows in if asked.is_empty() { vec![10_000, 100_000, 1_000_000] } else { asked } {
        runtime.block_on(measure(rows, &figures));
    }
}
