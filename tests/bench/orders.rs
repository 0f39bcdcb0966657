//! How long the desk's lists take: `bench-orders [ROWS…]` (10,000 and 1,000,000 unless told) fills a store with so many
//! orders and asks every query again and again, through the desk's own verbs as the window does. One line a query.
//!
//! Seeding writes rows through SQLite, because a million orders through the desk would be a million synced commits; the
//! schema's own triggers keep the sums, and what is found afterwards is compared with what was put in.

use guitai_console::wire::Via;
use guitai_console::{Console, Lamp, OrderFilter, OrderSort};
use guitai_tests::seed::{self, DESCRIPTIONS};
use std::time::{Duration, Instant};

/// Times that each query is asked.
const TIMES: usize = 300;

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

fn percentiles(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let at = |part: usize| taken.get(taken.len() * part / 100).or(taken.last()).copied().unwrap_or_default();
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    format!("p50 {:>6.2}  p99 {:>6.2} ms", ms(at(50)), ms(at(99)))
}

async fn measure(rows: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let began = Instant::now();
    let console: Console = seed::desk(folder.path()).await;
    seed::orders(folder.path(), rows);
    let bytes = std::fs::metadata(folder.path().join("guitai.db")).map_or(0, |file| file.len());
    println!("{rows} orders: seeded in {:.1} s, {} MB", began.elapsed().as_secs_f64(), bytes / 1_000_000);
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
        println!("  list  {name:<30} {}   {found} rows in {TIMES} pages", percentiles(looks));
        println!("  sums  {name:<30} {}", percentiles(sums));
    }
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
    println!("  overview                             {}", percentiles(overviews));
    println!("  dossier                              {}", percentiles(dossiers));
    console.close().await;
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    for rows in if asked.is_empty() { vec![10_000, 1_000_000] } else { asked } {
        runtime.block_on(measure(rows));
    }
}
