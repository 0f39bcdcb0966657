//! The calls beside an order's own life: combined orders, abnormal refunds, certificates, sensitive fields.

use guitai_tests::command::{Guitai, Serving, post};
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
            "http://127.0.0.1:9/n/shop",
        ]);
        Shop { guitai, sandbox }
    }

    async fn control(&self, name: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{name}", self.sandbox.ready["base_url"].as_str().unwrap());
        let (status, answer) = post(&url, &body).await;
        assert_eq!(status, 200, "{name}: {answer}");
        answer
    }

    fn order(&self, no: &str, amount: &str, more: &[&str]) {
        let create = ["order", "create", "--amount", amount, "--description", "Latte", "--out-trade-no", no];
        let _ = self.guitai.json(&[&create[..], more].concat());
    }
}

fn states(combined: &Value) -> Vec<&str> {
    combined["sub_orders"].as_array().unwrap().iter().map(|order| order["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_basket_is_paid_at_once_and_refunded_order_by_order() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    shop.order("PART-01", "1.00", &["--attach", "shelf 1"]);
    shop.order("PART-02", "2.50", &["--profit-sharing"]);
    let made = guitai.json(&["order", "combine", "create", "PART-01", "PART-02", "--combine-out-trade-no", "BASKET-1"]);
    assert_eq!((&made["combine_out_trade_no"], &made["amount"]["total"]), (&json!("BASKET-1"), &json!(350)));
    assert_eq!(states(&made), ["CREATED", "CREATED"]);
    for verb in [&["order", "prepay", "PART-01", "--via", "native"][..], &["order", "close", "PART-02"]] {
        assert_eq!(guitai.error(1, verb)["code"], "ORDER_COMBINED", "{verb:?}");
    }
    let prepay = ["order", "combine", "prepay", "BASKET-1", "--via", "native"];
    let prepaid = guitai.json(&prepay);
    assert!(prepaid["code_url"].as_str().unwrap().starts_with("weixin://"), "{prepaid}");
    assert_eq!(states(&prepaid), ["NOTPAY", "NOTPAY"]);
    let again = guitai.json(&prepay);
    assert_ne!(again["code_url"], prepaid["code_url"], "the same numbers with the same parameters: a fresh code");

    let paid = json!({ "code_url": again["code_url"], "outcome": "SUCCESS", "notify": false });
    let _ = shop.control("payments", paid).await;
    // asked about one order, WeChat Pay tells of the whole
    let one = guitai.json(&["order", "query", "PART-02"]);
    assert_eq!(one["state"], "SUCCESS");
    let whole = guitai.json(&["order", "combine", "show", "BASKET-1"]);
    assert_eq!(states(&whole), ["SUCCESS", "SUCCESS"]);
    let ids: Vec<_> =
        whole["sub_orders"].as_array().unwrap().iter().map(|order| order["transaction_id"].clone()).collect();
    assert_ne!(ids[0], ids[1], "each order has a transaction of its own");
    let refund = guitai.json(&["order", "refund", "PART-01", "--amount", "0.40"]);
    assert_eq!(refund["amount"]["total"], 100);
    assert_eq!(guitai.error(1, &["order", "combine", "close", "BASKET-1"])["code"], "ORDER_NOT_OPEN");
}

#[test]
fn a_basket_nobody_pays_is_closed_and_rules_are_named() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    for no in ["PART-01", "PART-02", "PART-03", "PART-04"] {
        shop.order(no, "1.00", &[]);
    }
    shop.order("PART-05", "1.00", &["--goods-tag", "WXG"]);
    fn create<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["order", "combine", "create"][..], more].concat()
    }
    for (numbers, field) in [
        (&["PART-01"][..], "sub_orders"),
        (&["PART-01", "PART-01"], "sub_orders[1].out_trade_no"),
        (&["PART-01", "PART-05"], "sub_orders[1].goods_tag"),
    ] {
        assert_eq!(guitai.error(2, &create(numbers))["field"], field, "{numbers:?}");
    }
    assert_eq!(guitai.error(1, &create(&["PART-01", "NONE-01"]))["code"], "ORDER_NOT_FOUND");
    let used = create(&["PART-01", "PART-02", "--combine-out-trade-no", "PART-03"]);
    assert_eq!(guitai.error(1, &used)["code"], "OUT_TRADE_NO_USED");
    let _ = guitai.json(&create(&["PART-01", "PART-02", "--combine-out-trade-no", "BASKET-1"]));
    assert_eq!(guitai.error(1, &create(&["PART-02", "PART-03"]))["code"], "ORDER_COMBINED");
    let _ = guitai.json(&["order", "combine", "prepay", "BASKET-1", "--via", "h5"]);
    assert_eq!(states(&guitai.json(&["order", "combine", "query", "BASKET-1"])), ["NOTPAY", "NOTPAY"]);
    assert_eq!(states(&guitai.json(&["order", "combine", "close", "BASKET-1"])), ["CLOSED", "CLOSED"]);
    // never sent: closed here only, so that the numbers stay good at WeChat Pay
    let _ = guitai.json(&create(&["PART-03", "PART-04", "--combine-out-trade-no", "BASKET-2"]));
    assert_eq!(states(&guitai.json(&["order", "combine", "close", "BASKET-2"])), ["CLOSED", "CLOSED"]);
    assert_eq!(guitai.json(&["order", "show", "PART-03"])["exchanges"], json!([]));
    assert_eq!(guitai.error(1, &["order", "combine", "show", "BASKET-9"])["code"], "COMBINE_NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abnormal_refund_finds_its_way() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    let _ = shop.control("switches", json!({ "refund_outcome": "ABNORMAL" })).await;
    shop.order("ORDER-01", "1.00", &[]);
    let _ = guitai.json(&["order", "prepay", "ORDER-01", "--via", "native"]);
    let _ =
        shop.control("payments", json!({ "out_trade_no": "ORDER-01", "outcome": "SUCCESS", "notify": false })).await;
    let _ = guitai.json(&["order", "query", "ORDER-01"]);
    let card = json!({ "bank_type": "ICBC_DEBIT", "bank_account": "6222021234567890123", "real_name": "张三" });
    let file = guitai.file("card.json", card.to_string());
    for (number, amount, to) in
        [("REFUND-1", "0.40", &["--to", "user", "--card", &file][..]), ("REFUND-2", "0.60", &["--to", "merchant"])]
    {
        let refund = guitai.json(&["order", "refund", "ORDER-01", "--amount", amount, "--out-refund-no", number]);
        assert_eq!(refund["status"], "PROCESSING");
        let abnormal = [&["refund", "abnormal", number][..], to].concat();
        assert_eq!(guitai.error(1, &abnormal)["code"], "REFUND_NOT_ABNORMAL");
        let _ = shop.control("clock", json!({ "advance_seconds": 2 })).await;
        assert_eq!(guitai.json(&["refund", "query", number])["status"], "ABNORMAL");
        let _ = guitai.json(&abnormal);
        let _ = shop.control("clock", json!({ "advance_seconds": 2 })).await;
        assert_eq!(guitai.json(&["refund", "query", number])["status"], "SUCCESS", "{number}");
    }
    assert_eq!(guitai.error(1, &["refund", "query", "NONE-01"])["code"], "REFUND_NOT_FOUND");
    // what is wrong with a card is said without what is in it
    let wrong = guitai
        .file("wrong.json", json!({ "bank_account": 6_222_021_234_567_890_123_u64, "real_name": "x" }).to_string());
    let error = guitai.error(2, &["refund", "abnormal", "REFUND-1", "--to", "user", "--card", &wrong]);
    let said = error.to_string();
    assert!(said.contains("bank_account") && !said.contains("6222021234567890123"), "{said}");
    assert_eq!(guitai.run(&["refund", "abnormal", "REFUND-1", "--to", "user"]).status, Some(2));
}

#[test]
fn certificates_are_listed_and_sensitive_fields_go_both_ways() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    let certificates = guitai.json(&["merchant", "certificates"]);
    assert_eq!(certificates["items"][0]["serial_no"], shop.sandbox.ready["platform_serial_no"]);
    let text = guitai.file("name.txt", "张三\n");
    let sealed = guitai.json(&["sensitive", "encrypt", "--text", &text]);
    assert_eq!(sealed["wechatpay_serial"], shop.sandbox.ready["public_key_id"]);
    let pem = std::fs::read(shop.sandbox.ready["public_key_private_key"].as_str().unwrap()).unwrap();
    let theirs = wechatpay::keys::PrivateKey::from_pem(&pem).unwrap();
    let opened = theirs.decrypt_oaep(sealed["ciphertext"].as_str().unwrap()).unwrap();
    assert_eq!(opened.as_slice(), "张三".as_bytes());

    // a field of an answer is for the merchant's key
    let pem = std::fs::read(shop.sandbox.ready["merchant_certificate"].as_str().unwrap()).unwrap();
    let own = wechatpay::keys::Certificate::from_pem(&pem).unwrap();
    let down = own.public_key().encrypt_oaep(&mut guitai_console::Outside::real().random(), "李四".as_bytes()).unwrap();
    let file = guitai.file("field.txt", format!("{down}\n"));
    assert_eq!(guitai.json(&["sensitive", "decrypt", "--ciphertext", &file]), "李四");
    let other = guitai.file("other.txt", sealed["ciphertext"].as_str().unwrap());
    assert_eq!(guitai.error(1, &["sensitive", "decrypt", "--ciphertext", &other])["code"], "KEY_DOES_NOT_DECRYPT");
    let long = guitai.file("long.txt", "x".repeat(215));
    assert_eq!(guitai.error(1, &["sensitive", "encrypt", "--text", &long])["code"], "PLAINTEXT_TOO_LONG");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_found_by_the_number_that_wechat_pay_gave_it() {
    let shop = Shop::open();
    let guitai = &shop.guitai;
    shop.order("ORDER-01", "1.00", &[]);
    let _ = guitai.json(&["order", "prepay", "ORDER-01", "--via", "native"]);
    let paid = json!({ "out_trade_no": "ORDER-01", "outcome": "SUCCESS", "notify": false });
    let transaction = shop.control("payments", paid).await;
    let id = transaction["transaction_id"].as_str().unwrap();
    let told = guitai.json(&["order", "query", "--transaction-id", id]);
    assert_eq!((&told["trade_state"], &told["out_trade_no"]), (&json!("SUCCESS"), &json!("ORDER-01")));
    // what was told of an order of this desk is taken in
    assert_eq!(guitai.json(&["order", "show", "ORDER-01"])["state"], "SUCCESS");
    let unknown = ["order", "query", "--transaction-id", "4200000000209912010000000000"];
    assert_eq!(guitai.error(1, &unknown)["code"], "ORDER_NOT_EXIST");
    assert_eq!(guitai.error(2, &["order", "query", "--transaction-id", "x y"])["field"], "transaction_id");
    assert_eq!(guitai.run(&["order", "query"]).status, Some(2));
}
