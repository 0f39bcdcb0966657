//! A mini-program's way through the merchant API, over HTTP: login, order, pay params, payment, state; and every answer
//! that its OpenAPI document promises, seen at least once.

use guitai_console::wire::Verdict;
use guitai_console::{CatalogInput, MerchantPatch};
use guitai_tests::command::{http, post};
use guitai_tests::house::{House, SHOP};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use wechatpay::money::Fen;

/// Answers that no test can bring about from outside.
const NOT_TO_BE_HAD: [(&str, &str, u16); 1] = [("post", "/v1/payment/wx/success", 503)];

/// A client of the API that remembers what it saw, and that the document allows it.
pub(crate) struct Client {
    pub(crate) place: String,
    http: reqwest::Client,
    document: Value,
    seen: BTreeSet<(String, String, u16)>,
}

impl Client {
    pub(crate) async fn new(place: String) -> Self {
        let http = http();
        let document = http.get(format!("{place}/v1/openapi.json")).send().await.expect("an answer");
        let document = serde_json::from_slice(&document.bytes().await.expect("a body")).expect("JSON");
        Client { place, http, document, seen: BTreeSet::new() }
    }

    /// Asks `path` of the route `template`; its status and answer, which must be as documented.
    pub(crate) async fn ask(
        &mut self,
        method: &str,
        template: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (u16, Value) {
        let verb = method.to_uppercase().parse().expect("a method");
        let mut request = self.http.request(verb, format!("{}{path}", self.place)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        for name in ["server", "x-powered-by"] {
            assert!(!answer.headers().contains_key(name), "{name} tells a version");
        }
        let bytes = answer.bytes().await.expect("a whole answer");
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        self.seen.insert((method.to_owned(), template.to_owned(), status));
        let mut documented = &self.document["paths"][template][method]["responses"][status.to_string()];
        if let Some(name) = documented["$ref"].as_str() {
            documented = at(&self.document, name);
        }
        assert!(
            documented.is_object(),
            "{method} {template} answers {status}, which the document doesn't know: {value}"
        );
        match documented.pointer("/content/application~1json/schema") {
            Some(schema) => fits(&self.document, schema, &value, &format!("{method} {template} {status}")),
            None => assert!(bytes.is_empty(), "{method} {template} {status} has a body: {value}"),
        }
        (status, value)
    }

    pub(crate) async fn login(&mut self, code: &str) -> (u16, Value) {
        self.ask("post", "/v1/login", "/v1/login", &[], json!({ "code": code }).to_string()).await
    }

    /// A user of this name: the openid, and the Authorization.
    pub(crate) async fn user(&mut self, name: &str) -> (String, String) {
        let (status, session) = self.login(&format!("sandbox-{name}")).await;
        assert_eq!(status, 200, "{session}");
        assert_eq!(session.as_object().expect("an object").len(), 3, "nothing else leaves, least of all a session_key");
        let token = session["token"].as_str().expect("a token");
        (session["openid"].as_str().expect("an openid").to_owned(), format!("Bearer {token}"))
    }

    pub(crate) async fn order(&mut self, token: &str, more: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let headers = [&[("authorization", token)], more].concat();
        self.ask("post", "/v1/orders", "/v1/orders", &headers, body.to_string()).await
    }

    pub(crate) async fn pay(&mut self, token: &str, no: &str) -> (u16, Value) {
        let path = format!("/v1/orders/{no}/pay");
        self.ask("post", "/v1/orders/{orderNo}/pay", &path, &[("authorization", token)], String::new()).await
    }

    pub(crate) async fn show(&mut self, token: &str, no: &str) -> (u16, Value) {
        let path = format!("/v1/orders/{no}");
        self.ask("get", "/v1/orders/{orderNo}", &path, &[("authorization", token)], String::new()).await
    }

    async fn notify(&mut self, body: String) -> u16 {
        self.ask("post", "/v1/payment/wx/success", "/v1/payment/wx/success", &[], body).await.0
    }

    async fn document(&mut self) -> u16 {
        self.ask("get", "/v1/openapi.json", "/v1/openapi.json", &[], String::new()).await.0
    }
}

fn at<'d>(document: &'d Value, name: &str) -> &'d Value {
    document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("the document has no {name}"))
}

/// As much of JSON Schema as the document uses for answers.
fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return fits(document, at(document, name), value, place);
    }
    let sound = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        _ => true,
    };
    assert!(sound, "{place}: {value} is no {}", schema["type"]);
    assert!(schema.get("const").is_none_or(|only| only == value), "{place}: {value}");
    assert!(schema["enum"].as_array().is_none_or(|all| all.contains(value)), "{place}: {value}");
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(value.get(name).is_some(), "{place}: no {name} in {value}");
    }
    for (name, part) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(name), schema.get("additionalProperties")) {
            (Some(inner), _) | (None, Some(inner)) => fits(document, inner, part, &format!("{place}.{name}")),
            (None, None) => assert!(schema.get("properties").is_none(), "{place}: {name} is not documented"),
        }
    }
}

pub(crate) async fn shop() -> (House, Client) {
    let mut house = House::open().await;
    let place = house.serve_api().await;
    let entry = CatalogInput {
        id: "data-30g".to_owned(),
        name: "流量包 30 GB".to_owned(),
        price: Fen::new(2_990),
        kind: Some("data".to_owned()),
    };
    house.desk.catalog_add(entry).await.expect("an entry");
    let client = Client::new(place).await;
    (house, client)
}

pub(crate) fn recharge(openid: &str) -> Value {
    json!({ "phone": "13800138000", "packageType": "data", "packageId": "data-30g", "rechargeAmount": 29.9, "openid": openid })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mini_program_logs_in_orders_pays_and_is_told_by_the_server() {
    let (mut house, mut client) = shop().await;
    let alias = format!("{}/v1/payment/wx/success", client.place);
    let patch = MerchantPatch { notify_url: Some(alias), ..MerchantPatch::default() };
    house.desk.merchant_update(SHOP, patch).await.expect("changed");
    let (openid, token) = client.user("alice").await;

    // two quick taps
    let (mut other, key, body) =
        (Client::new(client.place.clone()).await, [("idempotency-key", "tap-1")], recharge(&openid));
    let (one, two) = tokio::join!(client.order(&token, &key, &body), other.order(&token, &key, &body));
    let mut statuses = [one.0, two.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    assert_eq!(one.1, two.1);
    let no = one.1["orderNo"].as_str().expect("a number").to_owned();
    let expected = json!({ "orderNo": no, "description": "流量包 30 GB", "amount": { "total": 2990, "currency": "CNY" }, "state": "CREATED" });
    assert_eq!(one.1, expected);
    // asked again when it is no longer sold: still the order that was made
    house.desk.catalog_remove("data-30g").await.expect("removed");
    assert_eq!(client.order(&token, &key, &body).await, (200, expected));
    assert_eq!(client.order(&token, &[("idempotency-key", "tap-2")], &body).await.0, 400);

    let (status, params) = client.pay(&token, &no).await;
    assert_eq!(status, 200, "{params}");
    let mut checked = params.clone();
    checked["appId"] = house.ready["appid"].clone();
    let (_, verdict) = post(&format!("{}/_sandbox/pay-params", house.base_url()), &checked).await;
    assert_eq!(verdict["ok"], true, "{verdict}");
    assert_eq!(client.show(&token, &no).await.1["state"], "NOTPAY");
    let (_, again) = client.pay(&token, &no).await;
    assert_eq!(again["package"], params["package"], "a second look at the pay sheet asks for no second prepay");

    house.pay(&no, "SUCCESS", true).await;
    let delivery = house.delivery().await;
    assert_eq!((delivery.verdict, delivery.merchant.as_str()), (Verdict::Applied, SHOP));
    assert_eq!(client.show(&token, &no).await.1["state"], "SUCCESS");
    assert_eq!(client.pay(&token, &no).await.0, 409);
    let dossier = house.order(&no).await;
    assert_eq!(dossier.order.attach.as_deref(), Some(r#"{"phone":"13800138000","packageId":"data-30g"}"#));
    assert_eq!(dossier.callbacks.len(), 1);
    assert_eq!(dossier.exchanges.len(), 1, "one prepay");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_order_is_paid_without_a_notify_url_being_set() {
    let (mut house, mut client) = shop().await;
    let (openid, token) = client.user("bob").await;
    let (_, order) = client.order(&token, &[], &recharge(&openid)).await;
    let no = order["orderNo"].as_str().expect("a number").to_owned();
    assert_eq!(client.pay(&token, &no).await.0, 200);
    house.pay(&no, "SUCCESS", true).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    assert_eq!(client.show(&token, &no).await.1["state"], "SUCCESS");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_field_by_field_in_both_languages() {
    let (house, mut client) = shop().await;
    let (openid, token) = client.user("carol").await;
    let without = |field: &str| {
        let mut body = recharge(&openid);
        body.as_object_mut().expect("an object").remove(field);
        body
    };
    for field in ["phone", "packageType", "packageId", "rechargeAmount", "openid"] {
        for (language, message, text) in
            [("zh-CN", "参数错误.", "不能为空"), ("en", "Invalid parameters.", "is required")]
        {
            let (status, answer) = client.order(&token, &[("accept-language", language)], &without(field)).await;
            let error = json!({ "error": { "code": "PARAM_ERROR", "message": message, "fields": { field: text } } });
            assert_eq!((status, answer), (400, error), "{field}");
        }
    }
    let mut wrong = recharge(&openid);
    for (field, value) in [("phone", json!("1")), ("rechargeAmount", json!(0.01)), ("openid", json!("oSomebodyElse"))] {
        wrong[field] = value;
    }
    let (status, answer) = client.order(&token, &[("idempotency-key", "a b")], &wrong).await;
    let named: BTreeSet<_> =
        answer["error"]["fields"].as_object().expect("fields").keys().map(String::as_str).collect();
    assert_eq!(status, 400);
    assert_eq!(named, BTreeSet::from(["phone", "rechargeAmount", "openid", "Idempotency-Key"]));
    let orders = house.desk.order_list(None, guitai_console::OrderFilter::default()).await.expect("listed");
    assert!(orders.items.is_empty(), "nothing was kept");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_and_the_routes_say_the_same() {
    let (mut house, mut client) = shop().await;
    let large = format!("{{\"code\":\"{}\"}}", "a".repeat(16 * 1024));
    let (openid, token) = client.user("dora").await;
    let (_, stranger) = client.user("eve").await;
    assert_eq!(client.login("0used-up-or-invented").await.0, 400);
    assert_eq!(client.ask("post", "/v1/login", "/v1/login", &[], large.clone()).await.0, 413);
    house.fault("GET", "/sns/jscode2session", "http_500", 1).await;
    assert_eq!(client.login("sandbox-dora").await.0, 502);

    let (status, order) = client.order(&token, &[("idempotency-key", "k")], &recharge(&openid)).await;
    assert_eq!(status, 201, "{order}");
    assert_eq!(client.order(&token, &[("idempotency-key", "k")], &recharge(&openid)).await.0, 200);
    assert_eq!(client.order(&token, &[], &json!({})).await.0, 400);
    assert_eq!(client.order("Bearer x.y.z", &[], &recharge(&openid)).await.0, 401);
    let headers = [("authorization", token.as_str())];
    assert_eq!(client.ask("post", "/v1/orders", "/v1/orders", &headers, large.clone()).await.0, 413);

    let no = order["orderNo"].as_str().expect("a number").to_owned();
    for (asker, no, expected) in [(&token, no.as_str(), 200), (&stranger, &no, 404), (&token, "GT0000", 404)] {
        assert_eq!(client.show(asker, no).await.0, expected);
        if expected != 200 {
            assert_eq!(client.pay(asker, no).await.0, expected);
        }
    }
    assert_eq!(client.show("", &no).await.0, 401);
    assert_eq!(client.pay("", &no).await.0, 401);
    let path = format!("/v1/orders/{no}/pay");
    assert_eq!(client.ask("post", "/v1/orders/{orderNo}/pay", &path, &headers, large).await.0, 413);
    house.fault("POST", "/v3/pay/transactions/jsapi", "unsigned_response", 1).await;
    assert_eq!(client.pay(&token, &no).await.0, 502);
    assert_eq!(client.pay(&token, &no).await.0, 200, "the same again goes through");
    let transaction = house.pay(&no, "SUCCESS", true).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    assert_eq!(client.pay(&token, &no).await.0, 409);

    // the alias: seen before, unsigned, malformed, too large, sealed with a key that isn't ours
    let (key, serial) = house.platform();
    let alias = format!("{}/v1/payment/wx/success", client.place);
    let body = house.sealed("again", "TRANSACTION.SUCCESS", &transaction);
    assert_eq!(house.send_to(&alias, &body, &key, &serial).await, 204);
    client.seen.insert(("post".to_owned(), "/v1/payment/wx/success".to_owned(), 204));
    assert_eq!(client.notify(body.clone()).await, 401);
    let malformed = [
        ("wechatpay-timestamp", "x"),
        ("wechatpay-nonce", "n"),
        ("wechatpay-serial", "1"),
        ("wechatpay-signature", "s"),
    ];
    let asked = client.ask("post", "/v1/payment/wx/success", "/v1/payment/wx/success", &malformed, body.clone()).await;
    assert_eq!(asked.0, 400);
    assert_eq!(client.notify("x".repeat(64 * 1024 + 1)).await, 413);
    let other = house.sealed_with(&"k".repeat(32), "sealed", "TRANSACTION.SUCCESS", &transaction);
    assert_eq!(house.send_to(&alias, &other, &key, &serial).await, 500);
    client.seen.insert(("post".to_owned(), "/v1/payment/wx/success".to_owned(), 500));

    // too often: a user, then an address
    while client.show(&token, &no).await.0 != 429 {}
    while client.order(&token, &[], &json!({})).await.0 != 429 {}
    while client.pay(&token, &no).await.0 != 429 {}
    while client.document().await != 429 {}
    while client.login("").await.0 != 429 {}

    // fresh limits, and then the merchant goes
    client.place = house.serve_api().await;
    assert_eq!(client.document().await, 200);
    house.desk.merchant_remove(SHOP).await.expect("removed");
    assert_eq!(client.login("sandbox-dora").await.0, 503);
    assert_eq!(client.order(&token, &[], &recharge(&openid)).await.0, 503);
    assert_eq!(client.show(&token, &no).await.0, 503);
    assert_eq!(client.pay(&token, &no).await.0, 503);
    assert_eq!(client.notify(body).await, 404);

    let mut promised = BTreeSet::new();
    for (path, item) in client.document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            for status in operation["responses"].as_object().expect("responses").keys() {
                promised.insert((method.clone(), path.clone(), status.parse::<u16>().expect("a status")));
            }
        }
    }
    for (method, path, status) in NOT_TO_BE_HAD {
        promised.remove(&(method.to_owned(), path.to_owned(), status));
    }
    assert_eq!(client.seen, promised);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_the_mini_program_come_to_a_paid_order() {
    let (mut house, _) = shop().await;
    let place = house.serve_api().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/miniprogram/test/walk.mjs");
    let appid = house.ready["appid"].as_str().expect("an appid").to_owned();
    for (form, count) in [("native", 1), ("uniapp", 2)] {
        let mut walk = std::process::Command::new("node");
        walk.args([script, &place, house.base_url(), &appid, form]);
        let walked = tokio::task::spawn_blocking(move || walk.output()).await.expect("a thread").expect("node starts");
        let said = String::from_utf8_lossy(&walked.stdout);
        assert!(walked.status.success(), "{form}: {said}{}", String::from_utf8_lossy(&walked.stderr));
        let shown: Value = serde_json::from_str(&said).expect("a line of JSON");
        let seen = (&shown["text"], &shown["amount"], &shown["sheet"]);
        assert_eq!(seen, (&json!("支付成功"), &json!("29.90"), &json!(1)), "{form}");
        let callback = house.delivery().await;
        assert_eq!((callback.verdict, callback.out_trade_no.as_deref()), (Verdict::Applied, shown["orderNo"].as_str()));
        let orders = house.desk.order_list(None, guitai_console::OrderFilter::default()).await.expect("listed");
        assert_eq!(orders.items.len(), count, "{form}: two taps, one order");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_being_asked_for_the_api_is_not_there() {
    let house = House::open().await;
    let place = house.notify_url().replace("/notify/shop", "");
    for path in ["/v1/login", "/v1/orders", "/v1/payment/wx/success", "/v1/orders/GT0000/pay"] {
        let (status, body) = post(&format!("{place}{path}"), &json!({})).await;
        assert_eq!((status, body), (404, Value::Null), "{path}");
    }
    let document = http().get(format!("{place}/v1/openapi.json")).send().await.expect("an answer");
    assert_eq!(document.status().as_u16(), 404);
    house.close().await;
}
