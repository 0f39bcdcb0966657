//! R10: one store, several processes; and threat 14: the same callback many times at once.

use crate::shop::{Shop, ends, figure, kept, size};
use guitai_tests::command::Guitai;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The listener under callbacks, and four commands beside it that write as fast as they can.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_listener_and_four_writers_share_a_store() {
    let gateway = Guitai::new();
    let (sandbox, _) = gateway.sandbox();
    let base = sandbox.ready["base_url"].as_str().expect("base_url").to_owned();
    let guitai = Guitai::new();
    let file = guitai.file("sandbox.json", sandbox.ready.to_string());
    let _ = guitai.json(&["merchant", "add", "sand", "--from-sandbox", &file]);
    // deliveries are for `shop`, whose platform key the test has; the writers work on `sand` at its sandbox
    let shop = Arc::new(Shop::on(guitai, "http://127.0.0.1:9"));
    let number = |order: usize| format!("TWO{order:06}");
    let orders = size(300, 20_000);
    shop.orders_of(Some("shop"), (0..orders).map(number)).await;
    let listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let ended = Arc::new(AtomicBool::new(false));
    let rounds = size(4, 150);

    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (shop, base, ended) = (shop.clone(), base.clone(), ended.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                let mut written = 0;
                for round in 0..rounds {
                    let no = format!("W{writer}R{round:05}");
                    let sand = ["--merchant", "sand"];
                    let run = |arguments: &[&str]| shop.guitai.json(&[arguments, &sand].concat());
                    let _ =
                        run(&["order", "create", "--amount", "10", "--description", "writer", "--out-trade-no", &no]);
                    let _ = run(&["order", "prepay", &no, "--via", "native"]);
                    let paid = serde_json::json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": false });
                    let answer =
                        runtime.block_on(guitai_tests::command::post(&format!("{base}/_sandbox/payments"), &paid));
                    assert_eq!(answer.0, 200, "{}", answer.1);
                    assert_eq!(run(&["order", "query", &no])["state"], "SUCCESS");
                    let _ = run(&["order", "refund", &no, "--amount", "1"]);
                    written += 5;
                }
                ended.store(true, Ordering::SeqCst);
                written
            })
        })
        .collect();

    let (mut slowest, mut sent) = (Duration::ZERO, 0);
    let mut next = 0;
    // as long as somebody writes; each order's callback comes, and then again and again
    while !ended.load(Ordering::SeqCst) || next < orders.min(200) {
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (shop, place, which) = (shop.clone(), place.clone(), next % orders);
            next += 1;
            sending.spawn(async move {
                let body = shop.paid(&format!("two-{which}"), &format!("TWO{which:06}")).body;
                let since = Instant::now();
                (shop.deliver(&place, &body).await.expect("an answer").0, since.elapsed())
            });
        }
        while let Some(done) = sending.join_next().await {
            let (status, took) = done.expect("a sender");
            assert_eq!(status, 204);
            slowest = slowest.max(took);
            sent += 1;
        }
    }
    let written: usize = writers.into_iter().map(|writer| writer.join().expect("every write worked")).sum();
    drop(listener);
    shop.sound();
    let ends = ends(&shop.store());
    let right = |prefix: &str, end: &str| ends.iter().filter(|(no, it)| no.starts_with(prefix) && *it == end).count();
    assert_eq!(right("TWO", "SUCCESS 0 1"), next.min(orders));
    assert_eq!(right("W", "REFUND 0 1") + right("W", "REFUND 100 1") + right("W", "SUCCESS 0 1"), 4 * rounds);
    figure(
        "R10",
        &format!(
            "4 processes wrote {written} times beside {sent} callbacks: 0 failed; slowest callback {} ms",
            slowest.as_millis()
        ),
    );
    if crate::shop::full_size() {
        assert!(slowest < Duration::from_millis(3_500), "{slowest:?}");
    }
}

/// Threat 14: fifty notifications, each from two hundred senders at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn duplicates_at_once_have_one_effect() {
    let (senders, ids) = (size(40, 200), 50);
    let shop = Arc::new(Shop::open());
    let number = |order: usize| format!("DUP{order:06}");
    shop.orders((0..ids).map(number)).await;
    let listener = shop.guitai.serve(&["listen", "--port", "0", "--json"]);
    let place = listener.ready["listening"].as_str().expect("where").to_owned();
    let letters: Arc<Vec<_>> = Arc::new((0..ids).map(|id| shop.paid(&format!("dup-{id}"), &number(id))).collect());
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..senders {
        let (shop, place, letters) = (shop.clone(), place.clone(), letters.clone());
        sending.spawn(async move {
            for letter in letters.iter() {
                // a burst that is refused for a moment comes again, as WeChat Pay's would
                let mut tries = 0;
                while shop.deliver(&place, &letter.body).await.is_none_or(|(status, ..)| status != 204) {
                    tries += 1;
                    assert!(tries < 100, "never taken in");
                }
            }
        });
    }
    while let Some(sent) = sending.join_next().await {
        sent.expect("a sender");
    }
    drop(listener);
    let mut verdicts: HashMap<String, usize> = HashMap::new();
    for row in kept(&shop.store()).values() {
        *verdicts.entry(row.verdict.clone()).or_default() += 1;
    }
    assert_eq!(verdicts.get("applied"), Some(&ids), "{verdicts:?}");
    assert!(verdicts.get("duplicate").is_some_and(|count| *count >= ids * (senders - 1)), "{verdicts:?}");
    assert!(ends(&shop.store()).values().all(|end| end == "SUCCESS 0 1"));
    shop.sound();
    figure("R3", &format!("row 14: {senders} senders of {ids} notifications at once: {ids} effects"));
}
