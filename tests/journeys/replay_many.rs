//! Many replays at once: counted first, in order or out of it, stopped half-way, summed up.

use crate::backend::Backend;
use guitai_console::wire::{CallbackFilter, Verdict};
use guitai_console::{ReplayBatch, ReplayInput, ReplaySummary};
use guitai_door::Answer;
use guitai_tests::house::House;
use tokio::sync::watch;

/// Three paid orders; their deliveries.
async fn three(house: &mut House) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let no = house.prepaid(100).await;
        house.pay(&no, "SUCCESS", true).await;
        ids.push(house.delivery().await.id);
    }
    ids
}

fn batch(backend: &Backend, ids: &[String]) -> ReplayBatch {
    let how = ReplayInput { to: backend.url(), resigned: true, ..ReplayInput::default() };
    ReplayBatch { ids: ids.to_vec(), how, ..ReplayBatch::default() }
}

fn of(verdict: Verdict) -> Option<CallbackFilter> {
    Some(CallbackFilter { verdicts: vec![verdict], ..CallbackFilter::default() })
}

/// Runs it to its end: the deliveries in the order in which they were done, and the summary.
async fn run(house: &House, batch: ReplayBatch) -> (Vec<String>, ReplaySummary) {
    let plan = house.desk.replay_plan(None, batch).await.expect("a plan");
    let (_go_on, stop) = watch::channel(false);
    let mut order = Vec::new();
    let summary = house.desk.replay_run(plan, stop, |step| order.push(step.id.clone())).await.expect("it runs");
    (order, summary)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_is_counted_sent_in_order_or_shuffled_and_summed_up() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let ids = three(&mut house).await;

    let chosen = ReplayBatch { filter: of(Verdict::Applied), times: 2, ..batch(&backend, &[]) };
    let plan = house.desk.replay_plan(None, chosen.clone()).await.expect("a plan");
    assert_eq!((plan.forecast().deliveries, plan.forecast().requests), (3, 6));
    assert!(backend.rest().is_empty(), "counting sends nothing");
    let (order, summary) = run(&house, chosen).await;
    let twice: Vec<String> = ids.iter().flat_map(|id| [id.clone(), id.clone()]).collect();
    assert_eq!((order, summary.sent, summary.accepted, summary.stopped), (twice, 6, 6, false));
    let nonces: std::collections::HashSet<_> =
        backend.rest().iter().map(|got| got.header("Wechatpay-Nonce").expect("a nonce").to_owned()).collect();
    assert_eq!(nonces.len(), 6, "each is signed for itself");

    let shuffled = ReplayBatch { times: 4, shuffle: true, seed: Some(7), ..batch(&backend, &ids) };
    let (one, summary) = run(&house, shuffled.clone()).await;
    let (again, _) = run(&house, shuffled).await;
    assert_eq!((one.len(), &one, summary.seed), (12, &again, Some(7)));
    assert!(!one.is_sorted_by_key(|id| ids.iter().position(|it| it == id)), "out of order: {one:?}");
    backend.rest();

    // at the same moment: none is answered before all of them are there
    let (arrived, all_there) = (std::sync::Arc::new(std::sync::Barrier::new(8)), 8);
    backend.answers(move || {
        arrived.wait();
        Answer::empty(503)
    });
    let at_once = ReplayBatch { times: all_there, at_once: true, ..batch(&backend, &ids[..1]) };
    let (_, summary) = run(&house, at_once).await;
    assert_eq!((summary.sent, summary.refused), (8, 8));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_told_and_refuses_before_it_sends() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let ids = three(&mut house).await;
    let plan = ReplayBatch { times: 100, ..batch(&backend, &ids) };
    let plan = house.desk.replay_plan(None, plan).await.expect("a plan");
    let (stop, stopped) = watch::channel(false);
    let summary = house.desk.replay_run(plan, stopped, |step| {
        if step.done == 5 {
            stop.send_replace(true);
        }
    });
    let summary = summary.await.expect("it stops");
    assert_eq!((summary.sent, summary.requests, summary.stopped), (5, 300, true));
    assert_eq!(backend.rest().len(), 5);

    let nowhere = |to: &str| ReplayBatch {
        how: ReplayInput { to: to.to_owned(), ..ReplayInput::default() },
        ..batch(&backend, &ids)
    };
    let edited = |text: &str| ReplayBatch {
        how: ReplayInput { to: backend.url(), edited: Some(text.to_owned()), ..ReplayInput::default() },
        ..batch(&backend, &ids)
    };
    for (code, asked) in [
        ("REPLAY_TOO_MANY", ReplayBatch { times: 5_000, ..batch(&backend, &ids) }),
        ("INVALID_FIELD", batch(&backend, &[])),
        ("INVALID_FIELD", ReplayBatch { filter: of(Verdict::Held), ..batch(&backend, &ids) }),
        ("REPLAY_NOTHING", ReplayBatch { filter: of(Verdict::Held), ..batch(&backend, &[]) }),
        ("CALLBACK_NOT_FOUND", batch(&backend, &["cb_999".to_owned()])),
        ("TARGET_REFUSED", nowhere("http://169.254.169.254/")),
        ("INVALID_FIELD", nowhere("ftp://127.0.0.1/")),
        ("INVALID_FIELD", edited("[1]")),
        ("INVALID_FIELD", edited("{\"amount\": }")),
    ] {
        let shown = format!("{asked:?}");
        assert_eq!(house.desk.replay_plan(None, asked).await.expect_err(code).code, code, "{shown}");
    }
    assert!(backend.rest().is_empty(), "what is refused is not sent");
    house.close().await;
}
