//! `guitai order`: the shapes of what it prints, and the life of an order from a terminal.

use guitai_tests::command::{Guitai, Serving, get, post};
use serde_json::{Value, json};

struct Shop {
    guitai: Guitai,
    sandbox: Serving,
}

impl Shop {
    fn open() -> Self {
        let guitai = Guitai::new();
        let (sandbox, file) = guitai.sandbox();
        let _ = guitai.json(&[
            "merchant",
            "add",
            "shop",
            "--from-sandbox",
            &file,
            "--notify-url",
            "http://127.0.0.1:9/notify/shop",
        ]);
        Shop { guitai, sandbox }
    }

    fn order(&self, amount: &str, more: &[&str]) -> Value {
        self.guitai.json(&[&["order", "create", "--amount", amount, "--description", "拿铁 Latte"], more].concat())
    }

    /// The openid of a user who logged in to the mini-program.
    async fn login(&self, name: &str) -> String {
        let text = |field: &str| self.sandbox.ready[field].as_str().unwrap();
        let (base, appid, secret) = (text("base_url"), text("appid"), text("appsecret"));
        let query = format!("appid={appid}&secret={secret}&js_code=sandbox-{name}&grant_type=authorization_code");
        get(&format!("{base}/sns/jscode2session?{query}")).await["openid"].as_str().unwrap().to_owned()
    }

    async fn pay(&self, no: &Value) -> Value {
        let url = format!("{}/_sandbox/payments", self.sandbox.ready["base_url"].as_str().unwrap());
        let (status, transaction) =
            post(&url, &json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": false })).await;
        assert_eq!(status, 200, "{transaction}");
        transaction
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_lives_from_created_to_refunded() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    let openid = shop.login("latte").await;
    let order = shop.order("12.50", &["--openid", &openid, "--out-trade-no", "T-20261124-01", "--attach", "table 3"]);
    assert_eq!((&order["out_trade_no"], &order["state"]), (&json!("T-20261124-01"), &json!("CREATED")));
    assert_eq!(order["amount"], json!({ "total": 1250, "currency": "CNY" }));
    assert!(order["created_at"].as_str().unwrap().len() >= 20, "{order}");
    let no = order["out_trade_no"].as_str().unwrap();

    let prepaid = guitai.json(&["order", "prepay", no, "--via", "jsapi"]);
    assert!(prepaid["prepay_id"].as_str().unwrap().starts_with("wx"), "{prepaid}");
    let params = guitai.json(&["order", "pay-params", no]);
    for name in ["timeStamp", "nonceStr", "package", "signType", "paySign"] {
        assert!(params[name].is_string(), "{name} in {params}");
    }
    assert_eq!(params["package"], format!("prepay_id={}", prepaid["prepay_id"].as_str().unwrap()));
    assert_eq!(guitai.json(&["order", "query", no])["state"], "NOTPAY");

    let transaction = shop.pay(&order["out_trade_no"]).await;
    let queried = guitai.json(&["order", "query", no]);
    assert_eq!((&queried["state"], &queried["transaction_id"]), (&json!("SUCCESS"), &transaction["transaction_id"]));

    let refund = guitai.json(&["order", "refund", no, "--amount", "2.50", "--reason", "cold"]);
    assert_eq!(
        (&refund["status"], &refund["amount"]["refund"], &refund["amount"]["total"]),
        (&json!("PROCESSING"), &json!(250), &json!(1250))
    );
    let shown = guitai.json(&["order", "show", no]);
    for list in ["timeline", "refunds", "callbacks", "exchanges"] {
        assert!(shown[list].is_array(), "{list} in {shown}");
    }
    assert_eq!(shown["refunds"][0]["out_refund_no"], refund["out_refund_no"]);
    assert_eq!(shown["state"], "REFUND");
    let purposes: Vec<_> =
        shown["exchanges"].as_array().unwrap().iter().map(|it| it["purpose"].as_str().unwrap()).collect();
    assert_eq!((purposes.first(), purposes.last()), (Some(&"prepay"), Some(&"refund")), "{purposes:?}");
    let too_much = guitai.run(&["order", "refund", no, "--amount", "10.01", "--json"]);
    assert!(matches!(too_much.status, Some(1 | 2)), "{}", too_much.stdout);
}

#[test]
fn native_gives_a_code_and_close_closes() {
    let shop = Shop::open();
    let order = shop.order("0.01", &[]);
    let no = order["out_trade_no"].as_str().unwrap();
    let prepaid = shop.guitai.json(&["order", "prepay", no, "--via", "native"]);
    assert!(prepaid["code_url"].as_str().unwrap().starts_with("weixin://wxpay/bizpayurl"), "{prepaid}");
    assert_eq!(shop.guitai.json(&["order", "close", no])["state"], "CLOSED");
    assert_eq!(shop.guitai.json(&["order", "show", no])["state"], "CLOSED");
}

#[test]
fn lists_page_filter_and_export() {
    let shop = Shop::open();
    let mut made: Vec<_> =
        (0..5).map(|n| shop.order("1.00", &["--attach", &format!("table {n}")])["out_trade_no"].clone()).collect();
    made.reverse();
    let mut seen = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let mut arguments = vec!["order", "list", "--limit", "2"];
        if let Some(after) = &after {
            arguments.extend(["--after", after]);
        }
        let page = shop.guitai.json(&arguments);
        seen.extend(page["items"].as_array().unwrap().iter().map(|order| order["out_trade_no"].clone()));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, made, "every order once, the newest first");
    let none = shop.guitai.json(&["order", "list", "--state", "SUCCESS"]);
    assert_eq!(none, json!({ "items": [], "next": null }));
    let found = shop.guitai.json(&["order", "list", "--search", made[1].as_str().unwrap()]);
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let future = shop.guitai.json(&["order", "list", "--since", "2999-01-01"]);
    assert_eq!(future["items"], json!([]));

    let lines = shop.guitai.run(&["order", "export", "--format", "jsonl"]);
    assert_eq!(lines.lines().iter().map(|order| order["out_trade_no"].clone()).collect::<Vec<_>>(), made);
    let csv = shop.guitai.run(&["order", "export", "--format", "csv"]).stdout;
    assert!(csv.starts_with("\u{feff}out_trade_no,state,"), "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 6, "{csv}");

    let table = shop.guitai.run(&["order", "list"]);
    assert!(
        table.stdout.contains("OUT_TRADE_NO") && table.stdout.contains("¥1.00") && !table.stdout.contains('\u{1b}'),
        "{}",
        table.stdout
    );
}
