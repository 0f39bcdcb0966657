//! `guitai bill`: fetching over real HTTP from the sandbox, and a reconciliation with planted differences that are mended.

use guitai_tests::command::{Guitai, Serving, post};
use serde_json::{Value, json};

struct Shop {
    guitai: Guitai,
    sandbox: Serving,
    /// The sandbox's ready line, for a second desk with the same merchant.
    file: String,
}

impl Shop {
    fn open() -> Self {
        let guitai = Guitai::new();
        let (sandbox, file) = guitai.sandbox();
        add_shop(&guitai, &file);
        Shop { guitai, sandbox, file }
    }

    async fn control(&self, path: &str, body: Value) {
        let url = format!("{}/_sandbox/{path}", self.sandbox.ready["base_url"].as_str().unwrap());
        let (status, answer) = post(&url, &body).await;
        assert_eq!(status, 200, "{answer}");
    }
}

fn add_shop(guitai: &Guitai, file: &str) {
    let url = "http://127.0.0.1:9/notify/shop";
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", file, "--notify-url", url]);
}

/// An order with a Native prepay.
fn order(guitai: &Guitai, amount: &str) -> String {
    let order = guitai.json(&["order", "create", "--amount", amount, "--description", "拿铁, Latte"]);
    let no = order["out_trade_no"].as_str().unwrap().to_owned();
    let _ = guitai.json(&["order", "prepay", &no, "--via", "native"]);
    no
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_reconciled_and_its_differences_are_mended() {
    let shop = Shop::open();
    let (guitai, elsewhere) = (&shop.guitai, Guitai::new());
    add_shop(&elsewhere, &shop.file);
    let pay = async |no: &str| {
        shop.control("payments", json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": false })).await;
    };
    // one both sides know, one that was never asked about, one that another desk took and refunded in part
    let (known, lost, theirs) = (order(guitai, "12.50"), order(guitai, "3.00"), order(&elsewhere, "8.00"));
    for no in [&known, &lost, &theirs] {
        pay(no).await;
    }
    let queried = guitai.json(&["order", "query", &known]);
    let _ = elsewhere.json(&["order", "query", &theirs]);
    let refund = elsewhere.json(&["order", "refund", &theirs, "--amount", "0.50"]);
    let refund_no = refund["out_refund_no"].as_str().unwrap();
    let day = queried["success_time"].as_str().unwrap()[..10].to_owned();
    let early = guitai.error(1, &["bill", "trade", "--date", &day]);
    assert_eq!(early["code"], "NO_STATEMENT_EXIST", "{early}");
    shop.control("clock", json!({ "advance_seconds": 35 * 3_600 })).await;

    let path = guitai.path("trade.csv").display().to_string();
    let bill = guitai.json(&["bill", "trade", "--date", &day, "--out", &path]);
    assert_eq!((&bill["lines"], &bill["exists"]), (&json!(4), &json!(true)), "{bill}");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("\u{feff}交易时间,") && text.contains(&theirs), "{text}");

    let reconcile = || guitai.json(&["bill", "trade", "--date", &day, "--reconcile"]);
    let kinds = |found: &Value| {
        let mut kinds: Vec<String> = found["differences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["mend"].as_str().unwrap()))
            .collect();
        kinds.sort();
        kinds
    };
    let found = reconcile();
    assert_eq!(
        kinds(&found),
        ["missing_here record", "no_callback callbacks", "refund_missing_here record", "state query"],
        "{found}"
    );
    assert_eq!(found["there"], json!({ "payments": 3, "amount": 2350, "refunds": 1, "refunded": 50 }));
    assert_eq!(found["here"], json!({ "payments": 1, "amount": 1250, "refunds": 0, "refunded": 0 }));

    let _ = guitai.json(&["order", "query", &lost]);
    let recorded = guitai.json(&["bill", "record", &theirs, "--date", &day]);
    assert_eq!((&recorded["state"], &recorded["amount"]["total"]), (&json!("REFUND"), &json!(800)), "{recorded}");
    let recorded = guitai.json(&["bill", "record", &theirs, "--date", &day, "--refund", refund_no]);
    assert_eq!(recorded["refunded"], 50, "{recorded}");
    let found = reconcile();
    assert_eq!(found["there"], found["here"], "{found}");
    assert!(kinds(&found).iter().all(|it| it == "no_callback callbacks"), "only the callbacks are missing: {found}");
    let shown = guitai.json(&["order", "show", &theirs]);
    let billed = shown["timeline"].as_array().unwrap().iter().filter(|it| it["kind"] == "bill").count();
    assert_eq!(billed, 2, "payment and refund in the bill: {shown}");

    let flow = guitai.json(&["bill", "fundflow", "--date", &day]);
    assert_eq!((&flow["kind"], &flow["lines"]), (&json!("fundflow"), &json!(4)), "{flow}");
    assert_eq!(guitai.json(&["bill", "list"]).as_array().map(Vec::len), Some(2));
    let refused = guitai.error(1, &["bill", "record", "NOBODYS", "--date", &day]);
    assert_eq!(refused["code"], "BILL_LINE_NOT_FOUND");
}
