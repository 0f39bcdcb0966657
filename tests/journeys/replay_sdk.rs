//! Replays against a backend that verifies and decrypts with a published SDK (wechatpay-axios-plugin): as received,
//! signed anew, edited, and spoiled on purpose.

use guitai_console::ReplayInput;
use guitai_console::wire::Verdict;
use guitai_tests::command::{Serving, http};
use guitai_tests::house::House;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Stdio};
use wechatpay::message;
use wechatpay::time::Timestamp;

/// The backend, and where its callback URL is.
fn sdk_backend(house: &House) -> (Serving, String) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sdks/node");
    assert!(folder.join("node_modules").exists(), "npm install in {} first (make test does it)", folder.display());
    let line = house.data_dir().with_file_name("sandbox.json");
    std::fs::write(&line, house.ready.to_string()).expect("the ready line is written");
    let mut command = Command::new("node");
    command.arg("receive.mjs").current_dir(&folder).env("GUITAI_SANDBOX", &line).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut backend = Serving::start(command);
    let port = backend.line()["port"].as_u64().expect("a port");
    (backend, format!("http://127.0.0.1:{port}/notify"))
}

/// A real payment's notification that comes ten minutes after it was signed, validly; the listener turns it down.
async fn stale(house: &mut House, content: &Value) -> String {
    let body = house.sealed("EV-STALE", "TRANSACTION.SUCCESS", content);
    let (key, serial) = house.platform();
    let (timestamp, nonce) = ((Timestamp::now().as_second() - 600).to_string(), "0123456789abcdef0123456789abcdef");
    let signature = key.sign(&message::answer(&timestamp, nonce, body.as_bytes()));
    let request = http()
        .post(house.notify_url())
        .header("content-type", "application/json")
        .header("wechatpay-timestamp", timestamp)
        .header("wechatpay-nonce", nonce)
        .header("wechatpay-signature", signature)
        .header("wechatpay-serial", serial)
        .body(body);
    assert_eq!(request.send().await.expect("an answer").status().as_u16(), 401);
    let came = house.delivery().await;
    assert_eq!(came.verdict, Verdict::Rejected);
    came.id
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sdk_takes_what_is_received_resigned_or_edited_and_refuses_what_is_old_or_spoiled() {
    let mut house = House::open().await;
    let (mut backend, url) = sdk_backend(&house);
    let no = house.prepaid(100).await;
    house.pay(&no, "SUCCESS", true).await;
    let fresh = house.delivery().await.id;
    let content = house.desk.callback_show(&fresh).await.expect("kept").decrypted.expect("decrypted");
    let old = stale(&mut house, &content).await;
    let mut other = content.clone();
    other["amount"]["total"] = json!(4_200);
    other["attach"] = json!("改过的「附加数据」");
    let edited = serde_json::to_string_pretty(&other).expect("JSON");
    for (id, resigned, edited, fault, status, said) in [
        (&fresh, false, None, None, 204, json!({ "content": content })),
        (&old, false, None, None, 401, json!({ "refused": "stale" })),
        (&old, true, None, None, 204, json!({ "content": content })),
        (&fresh, true, None, None, 204, json!({ "content": content })),
        (&fresh, true, Some(&edited), None, 204, json!({ "content": other })),
        (&fresh, true, Some(&edited), Some("bad_signature"), 401, json!({ "refused": "signature" })),
        (&fresh, true, None, Some("wrong_serial"), 401, json!({ "refused": "unknown serial" })),
    ] {
        let input = ReplayInput {
            to: url.clone(),
            resigned,
            edited: edited.cloned(),
            fault: fault.map(str::to_owned),
            ..ReplayInput::default()
        };
        let answer = house.desk.callback_replay(id, input).await.expect("sent");
        let what = format!("{id}, resigned: {resigned}, {edited:?}, {fault:?}");
        assert_eq!((answer.status, backend.line()), (Some(status), said), "{what}");
    }
    let kept = house.desk.callback_replays(&fresh).await.expect("kept");
    let edits: Vec<_> = kept.iter().map(|it| (it.edited, it.answer.status)).collect();
    assert_eq!(
        edits,
        [(false, Some(204)), (false, Some(204)), (true, Some(204)), (true, Some(401)), (false, Some(401))]
    );
    assert_eq!(house.order(&no).await.order.state, "SUCCESS", "replays change nothing here");
    house.close().await;
}
