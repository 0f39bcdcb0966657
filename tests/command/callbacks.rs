//! `guitai listen` and `guitai callback`: the lines of deliveries and what is shown of them later.

use guitai_tests::command::{Guitai, Serving, get, post};
use serde_json::{Value, json};

struct Shop {
    guitai: Guitai,
    listener: Serving,
    base: String,
    notify_url: String,
    _sandbox: Serving,
}

impl Shop {
    fn open() -> Self {
        let guitai = Guitai::new();
        let (sandbox, file) = guitai.sandbox();
        let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
        let listener = guitai.serve(&["listen", "--port", "0", "--json"]);
        let place = listener.ready["listening"].as_str().unwrap();
        let notify_url = format!("{place}{}", listener.ready["notify_path"].as_str().unwrap());
        let base = sandbox.ready["base_url"].as_str().unwrap().to_owned();
        Shop { guitai, listener, base, notify_url, _sandbox: sandbox }
    }

    /// A paid order; its number and the line of its callback.
    async fn paid(&mut self) -> (String, Value) {
        let arguments =
            ["order", "create", "--amount", "9.99", "--description", "tea", "--notify-url", &self.notify_url];
        let no = self.guitai.json(&arguments)["out_trade_no"].as_str().unwrap().to_owned();
        let _ = self.guitai.json(&["order", "prepay", &no, "--via", "native"]);
        let payment = json!({ "out_trade_no": no, "outcome": "SUCCESS" });
        assert_eq!(post(&format!("{}/_sandbox/payments", self.base), &payment).await.0, 200);
        (no, self.listener.line())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_told_kept_and_shown() {
    let mut shop = Shop::open();
    let (no, line) = shop.paid().await;
    assert_eq!((&line["merchant"], &line["event_type"]), (&json!("shop"), &json!("TRANSACTION.SUCCESS")));
    assert_eq!(
        (&line["out_trade_no"], &line["verdict"], &line["http_status"]),
        (&json!(no), &json!("applied"), &json!(204))
    );
    assert!(line["id"].is_string() && line["received_at"].is_string() && line["latency_ms"].is_u64(), "{line}");
    assert_eq!(shop.guitai.json(&["order", "show", &no])["state"], "SUCCESS");

    let sent = get(&format!("{}/_sandbox/notifications", shop.base)).await;
    let id = sent[0]["id"].as_str().unwrap();
    let redeliver = format!("{}/_sandbox/notifications/{id}/redeliver", shop.base);
    let (_, attempt) = post(&redeliver, &json!({ "fault": null })).await;
    assert_eq!(attempt["status"], 204, "{attempt}");
    assert_eq!(shop.listener.line()["verdict"], "duplicate");
    let _ = post(&redeliver, &json!({ "fault": "bad_signature" })).await;
    let forged = shop.listener.line();
    assert_eq!((&forged["verdict"], &forged["http_status"]), (&json!("rejected"), &json!(401)));
    assert!(forged["reason"].is_string(), "{forged}");

    let list = shop.guitai.json(&["callback", "list"]);
    let verdicts: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| item["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["rejected", "duplicate", "applied"]);
    for name in ["id", "notification_id", "out_trade_no", "event_type", "received_at", "verdict", "http_status"] {
        assert!(!list["items"][2][name].is_null(), "{name} in {list}");
    }
    let of_order = shop.guitai.json(&["callback", "list", "--out-trade-no", &no, "--verdict", "applied"]);
    assert_eq!(of_order["items"].as_array().unwrap().len(), 1);

    let shown = shop.guitai.json(&["callback", "show", line["id"].as_str().unwrap()]);
    let checks: Vec<_> =
        shown["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    let ladder = [
        "headers_present",
        "timestamp_fresh",
        "serial_known",
        "signature_valid",
        "body_is_json",
        "resource_decrypts",
        "merchant_matches",
        "order_known",
        "amount_matches",
        "state_allows",
    ];
    assert_eq!(checks, ladder);
    assert!(
        shown["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true && check["detail"].is_string()),
        "{shown}"
    );
    assert_eq!((&shown["decrypted"]["out_trade_no"], &shown["notification_id"]), (&json!(no), &json!(id)));
    assert!(
        shown["headers"].as_array().unwrap().iter().all(|header| header.as_array().is_some_and(|pair| pair.len() == 2)),
        "{shown}"
    );
    assert_eq!(serde_json::from_str::<Value>(shown["body"].as_str().unwrap()).unwrap()["id"], json!(id));

    let rejected = shop.guitai.json(&["callback", "show", forged["id"].as_str().unwrap()]);
    let last = rejected["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["name"], &last["ok"], &rejected["decrypted"]),
        (&json!("signature_valid"), &json!(false), &Value::Null)
    );
    let exported = shop.guitai.run(&["callback", "export", "--format", "jsonl"]);
    assert_eq!(exported.lines().len(), 3);

    let found = shop.guitai.json(&["callback", "list", "--search", &no, "--folded"]);
    assert_eq!((found["items"].as_array().unwrap().len(), &found["items"][0]["repeats"]), (1, &json!(1)), "{found}");
    let causes = shop.guitai.json(&["callback", "causes"]);
    let reasons: Vec<_> = causes["items"].as_array().unwrap().iter().map(|cause| &cause["reason"]).collect();
    assert!(reasons.contains(&&forged["reason"]) && reasons.len() == 3, "{causes}");
    let copied = shop.guitai.run(&["callback", "export", line["id"].as_str().unwrap(), "--as", "curl"]);
    let answer = std::process::Command::new("sh").args(["-c", &copied.stdout]).output().unwrap();
    assert!(answer.stdout.starts_with(b"HTTP/1.1 204"), "{answer:?}");
    assert_eq!(shop.listener.line()["verdict"], "duplicate", "it came byte for byte, and its signature is still fresh");
    assert!(shop.listener.signal("TERM").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_delivery_is_sent_again() {
    let mut shop = Shop::open();
    let (no, line) = shop.paid().await;
    let id = line["id"].as_str().unwrap();
    let file = shop.guitai.path("sandbox.json").to_str().unwrap().to_owned();
    let arguments = ["catch", "--port", "0", "--sandbox", &file, "--json"];
    let mut catch = Serving::start(shop.guitai.command(&arguments));
    let place = catch.note().rsplit(' ').next().unwrap().to_owned();
    // (how, verified, fault)
    let cases: [(&[&str], bool); 4] = [
        (&[], true),
        (&["--as", "resigned"], true),
        (&["--as", "resigned", "--fault", "stale_timestamp"], false),
        (&["--fault", "bad_signature"], false),
    ];
    for (how, verified) in cases {
        let answer = shop.guitai.json(&[&["callback", "replay", id, "--to", &place], how].concat());
        assert_eq!(answer["status"], 204, "{how:?}: {answer}");
        assert!(answer["latency_ms"].is_u64() && answer["response_headers"].is_array(), "{answer}");
        assert_eq!(answer["response_body"], "", "{answer}");
        let caught = catch.line();
        assert_eq!(caught["verified"], verified, "{how:?}: {caught}");
        assert_eq!(caught["decrypted"]["out_trade_no"] == json!(no), verified, "{how:?}: {caught}");
    }
    assert!(catch.signal("TERM").success());
    let gone = shop.guitai.run(&["callback", "replay", id, "--to", &place, "--json"]);
    assert_eq!((gone.status, &gone.document()["status"]), (Some(1), &Value::Null));
    let _ = shop.guitai.error(2, &["callback", "replay", id, "--to", &place, "--fault", "no_such_fault"]);
}
