//! A kept delivery is sent again to a merchant's backend: as it came, signed anew, with each fault, to nobody.

use crate::backend::Backend;
use guitai_console::ReplayInput;
use guitai_console::wire::Verdict;
use guitai_door::Answer;
use guitai_tests::house::House;

fn to(backend: &Backend, resigned: bool, fault: Option<&str>) -> ReplayInput {
    ReplayInput { to: backend.url(), resigned, fault: fault.map(str::to_owned), ..ReplayInput::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_gets_the_delivery_as_it_came_or_signed_anew() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let id = house.delivery().await.id;
    let kept = house.desk.callback_show(&id).await.expect("it is kept");
    let came = |name: &str| {
        let found = kept.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).expect("a header of the signature")
    };

    backend.answers(|| Answer::full(202, "text/plain", "收到"));
    let answer = house.desk.callback_replay(&id, to(&backend, false, None)).await.expect("sent");
    assert_eq!((answer.status, answer.response_body.as_str(), answer.error), (Some(202), "收到", None));
    let type_of = answer.response_headers.iter().find(|(name, _)| name == "content-type");
    assert_eq!(type_of.map(|(_, value)| value.as_str()), Some("text/plain"));
    let got = backend.next().await;
    assert_eq!((got.target.as_str(), &got.verified), ("/notify", &Ok(no.clone())));
    assert_eq!(String::from_utf8(got.body.clone()).expect("JSON"), kept.body, "byte for byte");
    for name in ["Timestamp", "Nonce", "Serial", "Signature", "Signature-Type"].map(|it| format!("Wechatpay-{it}")) {
        assert_eq!(got.header(&name), Some(came(&name).as_str()), "{name}");
    }
    assert!(got.header("X-Guitai-Delivery").is_none(), "a replay looks like what it repeats");

    // signed anew: also by a desk that was started again, which only knows where the sandbox keeps its key
    house.reopen_desk().await;
    let answer = house.desk.callback_replay(&id, to(&backend, true, None)).await.expect("sent");
    assert_eq!(answer.status, Some(202));
    let fresh = backend.next().await;
    assert_eq!((&fresh.verified, &fresh.body), (&Ok(no), &got.body));
    for name in ["Wechatpay-Nonce", "Wechatpay-Signature"] {
        assert_ne!(fresh.header(name), got.header(name), "{name} is new");
    }

    let replays = house.desk.callback_replays(&id).await.expect("they are kept");
    let seen: Vec<_> = replays.iter().map(|it| (it.resigned, it.answer.status)).collect();
    assert_eq!(seen, [(false, Some(202)), (true, Some(202))]);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_what_it_is_called() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let id = house.delivery().await.id;
    for (resigned, fault, found) in [
        (true, "bad_signature", Err("signature_mismatch")),
        (true, "stale_timestamp", Err("timestamp_stale")),
        (true, "tampered_ciphertext", Err("undecryptable")),
        (true, "wrong_serial", Err("serial_unknown")),
        (true, "signature_probe", Err("probe")),
        (false, "bad_signature", Err("signature_mismatch")),
        (false, "wrong_serial", Err("serial_unknown")),
        (false, "signature_probe", Err("probe")),
        (true, "duplicate", Ok(no.clone())),
    ] {
        house.desk.callback_replay(&id, to(&backend, resigned, Some(fault))).await.expect("sent");
        for _ in 0..if fault == "duplicate" { 2 } else { 1 } {
            assert_eq!(backend.next().await.verified, found, "{fault}, resigned: {resigned}");
        }
    }
    for fault in ["stale_timestamp", "tampered_ciphertext", "nonsense"] {
        let refused = house.desk.callback_replay(&id, to(&backend, false, Some(fault))).await;
        assert_eq!(refused.expect_err(fault).code, "INVALID_FIELD", "{fault}");
    }
    assert!(backend.rest().is_empty(), "what is refused is not sent");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_can_t_lead_astray_or_fill_the_store() {
    let mut house = House::open().await;
    let mut backend = Backend::open(&house.ready, 0);
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let id = house.delivery().await.id;

    let away = vec![("Location".to_owned(), format!("{}/elsewhere", backend.url()))];
    backend.answers(move || Answer::Full { status: 307, headers: away.clone(), body: Default::default() });
    let answer = house.desk.callback_replay(&id, to(&backend, false, None)).await.expect("sent");
    assert_eq!(answer.status, Some(307));
    assert_eq!(backend.rest().len(), 1, "a redirect is shown, not followed");

    backend.answers(|| Answer::full(200, "text/plain", vec![b'x'; 200_000]));
    let answer = house.desk.callback_replay(&id, to(&backend, false, None)).await.expect("sent");
    assert_eq!((answer.response_body.len(), answer.cut), (64 * 1024, true));

    let nobody = backend.url();
    backend.close().await;
    let dead = ReplayInput { to: nobody, ..ReplayInput::default() };
    let answer = house.desk.callback_replay(&id, dead).await.expect("no answer is an answer");
    assert!(answer.status.is_none() && answer.error.is_some(), "{answer:?}");

    for (url, code) in [
        ("http://169.254.169.254/latest/meta-data/", "TARGET_REFUSED"),
        ("http://[::ffff:10.0.0.1]/", "TARGET_REFUSED"),
        ("http://me:secret@127.0.0.1/", "INVALID_FIELD"),
        ("file:///etc/passwd", "INVALID_FIELD"),
    ] {
        let refused = house.desk.callback_replay(&id, ReplayInput { to: url.to_owned(), ..ReplayInput::default() });
        assert_eq!(refused.await.expect_err(url).code, code, "{url}");
    }
    assert_eq!(house.desk.callback_replays(&id).await.expect("kept").len(), 3, "what was refused was not sent");
    let absent = ReplayInput { to: "http://127.0.0.1:1/".to_owned(), ..ReplayInput::default() };
    let absent = house.desk.callback_replay("cb_999", absent).await;
    assert_eq!(absent.expect_err("no such delivery").code, "CALLBACK_NOT_FOUND");
    assert_eq!(house.order(&no).await.callbacks.iter().filter(|it| it.verdict == Verdict::Applied).count(), 1);
    house.close().await;
}
