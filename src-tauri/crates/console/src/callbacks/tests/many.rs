//! Many deliveries: the same one at once, and a genuine one with something changed at random.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn duplicates_at_once_have_one_effect() {
    let shop = Arc::new(Shop::open().await);
    for number in 0..40 {
        shop.order(1000, &format!("GT{number:06}")).await;
    }
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..15 {
        for number in 0..40 {
            let (shop, no) = (shop.clone(), format!("GT{number:06}"));
            let body = sealed(
                &key(),
                &format!("n-{number}"),
                "TRANSACTION.SUCCESS",
                &payment(&no, 1000, &format!("42{number:026}")),
            );
            sending.spawn(async move {
                // a machine that is busy with other things may not commit within the budget: then it comes again, as from
                // WeChat Pay, and its job may have been done all the same
                loop {
                    let callback = shop.receive(&body).await.callback.expect("kept");
                    match (callback.verdict, callback.http_status) {
                        (Verdict::Failed, 503) => {}
                        (verdict, _) => return verdict,
                    }
                }
            });
        }
    }
    let mut applied = 0;
    while let Some(done) = sending.join_next().await {
        match done.expect("joins") {
            Verdict::Applied => applied += 1,
            Verdict::Duplicate => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(applied <= 40, "{applied} were told that theirs was the first");
    let kept = async |verdict: Verdict| {
        let filter = CallbackFilter { verdicts: vec![verdict], limit: 500, ..CallbackFilter::default() };
        shop.console.callback_list(None, filter).await.expect("a page").items.len()
    };
    assert_eq!((kept(Verdict::Applied).await, kept(Verdict::Duplicate).await), (40, 500), "a page has at most 500");
    let overview = shop.console.overview(None).await.expect("an overview");
    assert_eq!((overview.taken_today, overview.payments_today), (40_000, 40));
}

/// A right notification with one thing changed at random, twelve thousand times: nothing of it is believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutated_callbacks_change_nothing() {
    let shop = Arc::new(Shop::open().await);
    shop.order(1000, "GT000001").await;
    let before = shop.state().await;
    let right = shop.genuine(&paid("n-1", "GT000001", 1000));
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = move |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % u64::try_from(sides).expect("small")).expect("small")
    };
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..12_000 {
        let mut wrong = right.clone();
        match dice(6) {
            0 => {
                // one of the four signed headers, one character
                let at = 1 + dice(4);
                let value = &mut wrong.headers[at].1;
                let place = dice(value.len());
                let other = if value.as_bytes()[place] == b'0' { "1" } else { "0" };
                value.replace_range(place..=place, other);
            }
            1 => {
                wrong.headers.remove(1 + dice(4));
            }
            2 => wrong.body.truncate(dice(wrong.body.len())),
            3 => {
                let place = dice(wrong.body.len() + 1);
                wrong.body.insert(place, u8::try_from(dice(256)).expect("a byte"));
            }
            _ => {
                let place = dice(wrong.body.len());
                wrong.body[place] ^= 1 << dice(8);
            }
        }
        let shop = shop.clone();
        sending.spawn(async move { shop.console.receive("shop", wrong).await });
        if sending.len() >= 512 {
            let receipt = sending.join_next().await.expect("one").expect("joins");
            assert!(receipt.http_status >= 400, "{receipt:?}");
        }
    }
    while let Some(done) = sending.join_next().await {
        let receipt = done.expect("joins");
        assert!(receipt.http_status >= 400, "{receipt:?}");
    }
    assert_eq!(shop.state().await, before);
    let right = shop.console.receive("shop", right).await;
    assert_eq!(right.http_status, 204, "the right one still goes through");
}
