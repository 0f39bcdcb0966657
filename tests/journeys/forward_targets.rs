//! Kept forward targets: each gets what it asked for; paused, closed, removed and back, it misses nothing.

use crate::backend::Backend;
use guitai_console::wire::Verdict;
use guitai_console::{Forward, ForwardFilter, ForwardOptions, ForwardRecovery, ForwardTargetInput, ForwardWhat};
use guitai_door::Answer;
use guitai_tests::house::House;
use std::time::Duration;

fn to(backend: &Backend, what: ForwardWhat, event_type: Option<&str>) -> ForwardTargetInput {
    ForwardTargetInput { url: backend.url(), what, event_type: event_type.map(str::to_owned), allow_private: false }
}

async fn paid(house: &mut House) -> (String, String) {
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    (no, house.delivery().await.id)
}

async fn forwards(house: &House) -> Vec<Forward> {
    house.desk.forward_list(ForwardFilter { limit: 500, ..ForwardFilter::default() }).await.expect("a list").items
}

/// Waits until the newest forward is so; its end is written a moment after the target was answered.
async fn until(house: &House, is_it: impl Fn(&Forward) -> bool) {
    while !forwards(house).await.first().is_some_and(&is_it) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_target_gets_what_it_asked_for() {
    let mut house = House::open().await;
    let [mut accepted, mut each, mut forged, mut refunds] = [0; 4].map(|port| Backend::open(&house.ready, port));
    for input in [
        to(&accepted, ForwardWhat::Accepted, None),
        to(&each, ForwardWhat::Each, None),
        to(&forged, ForwardWhat::Rejected, None),
        to(&refunds, ForwardWhat::Accepted, Some("REFUND")),
    ] {
        house.desk.forward_target_add(input).await.expect("it is kept");
    }
    house.desk.forward_start(ForwardOptions::default()).await.expect("it starts");
    let (no, applied) = paid(&mut house).await;
    assert_eq!(accepted.next().await.mark(), (applied.clone(), 1));
    assert_eq!(each.next().await.mark(), (applied.clone(), 1));

    let notification = house.notification(&no, "TRANSACTION.SUCCESS").await;
    house.redeliver(notification["id"].as_str().expect("an id"), Some("bad_signature")).await;
    let rejected = house.delivery().await;
    assert_eq!(rejected.verdict, Verdict::Rejected);
    for backend in [&mut each, &mut forged] {
        let got = backend.next().await;
        assert_eq!((got.mark(), got.verified), ((rejected.id.clone(), 1), Err("signature_mismatch")));
    }

    let input = guitai_console::RefundInput::default();
    house.desk.order_refund(None, &no, input).await.expect("a refund");
    house.advance(2).await;
    let refunded = house.delivery().await;
    assert_eq!(refunded.event_type.as_deref(), Some("REFUND.SUCCESS"));
    for backend in [&mut accepted, &mut each, &mut refunds] {
        assert_eq!(backend.next().await.mark(), (refunded.id.clone(), 1));
    }
    for backend in [&mut accepted, &mut each, &mut forged, &mut refunds] {
        assert!(backend.rest().is_empty());
    }
    assert_eq!(forwards(&house).await.len(), 2 + 2 + 3);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_while_a_target_is_paused_or_nobody_forwards_waits_for_it() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let url = backend.url();
    // kept, and nobody forwards yet
    house.desk.forward_target_add(to(&backend, ForwardWhat::Accepted, None)).await.expect("it is kept");
    let (_, early) = paid(&mut house).await;
    house.desk.forward_start(ForwardOptions::default()).await.expect("it starts");
    assert_eq!(backend.next().await.mark(), (early, 1));

    let paused = house.desk.forward_target_pause(&url, true).await.expect("it is paused");
    assert!(paused.paused);
    // the courier goes home before the next delivery comes
    house.desk.forward_start(ForwardOptions::default()).await.expect("it starts again");
    let (_, later) = paid(&mut house).await;
    assert_eq!(house.desk.forward_target_list().await.expect("listed")[0].waiting, 1);
    assert!(backend.rest().is_empty());
    house.desk.forward_target_pause(&url, false).await.expect("it goes on");
    assert_eq!(backend.next().await.mark(), (later, 1));

    until(&house, |it| it.state == "delivered").await;

    // it says no, then it is removed: dead, and brought back with it
    backend.answers(|| Answer::empty(500));
    let (_, refused) = paid(&mut house).await;
    backend.next().await;
    until(&house, |it| it.last_status == Some(500)).await;
    house.desk.forward_target_remove(&url).await.expect("it is forgotten");
    let dead = forwards(&house).await.remove(0);
    assert_eq!((dead.state.as_str(), dead.last_error.as_deref()), ("dead", Some("TARGET_REMOVED")));
    assert_eq!(house.desk.forward_target_remove(&url).await.expect_err("gone").code, "TARGET_NOT_KEPT");
    backend.answers(|| Answer::empty(204));
    backend.rest();
    house.desk.forward_target_add(to(&backend, ForwardWhat::Accepted, None)).await.expect("it is kept");
    let since = ForwardRecovery { since: Some("2020-01-01".to_owned()), ..ForwardRecovery::default() };
    assert_eq!(house.desk.forward_recover(since).await.expect("one"), 1);
    let again = backend.next().await;
    assert_eq!(again.mark().0, refused);
    assert!(again.redelivery().is_some(), "a repetition says that it is one");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_is_judged_before_it_is_kept() {
    let house = House::open().await;
    for (url, event_type, code) in [
        ("ftp://127.0.0.1/", None, "INVALID_FIELD"),
        ("http://me:secret@127.0.0.1/", None, "INVALID_FIELD"),
        ("http://169.254.169.254/", None, "TARGET_REFUSED"),
        ("http://127.0.0.1/", Some("refund; drop"), "INVALID_FIELD"),
    ] {
        let event_type = event_type.map(str::to_owned);
        let input = ForwardTargetInput { url: url.to_owned(), event_type, ..ForwardTargetInput::default() };
        assert_eq!(house.desk.forward_target_add(input).await.expect_err(url).code, code, "{url}");
    }
    for number in 0..17 {
        let input = ForwardTargetInput { url: format!("http://127.0.0.1:9/{number}"), ..ForwardTargetInput::default() };
        let added = house.desk.forward_target_add(input).await;
        assert_eq!(added.is_err(), number == 16, "{number}: {added:?}");
    }
    assert_eq!(house.desk.forward_target_list().await.expect("listed").len(), 16);
    house.close().await;
}
