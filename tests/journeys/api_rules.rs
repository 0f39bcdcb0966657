//! What the merchant API refuses, and how it says so: each field of each endpoint in both languages, bodies that are too
//! large or no HTTP, taps at the same moment, pages of other origins. Every answer is held against the OpenAPI document by
//! the client that asks.

use crate::merchant_api::{recharge, shop};
use guitai_console::OrderFilter;
use guitai_tests::command::http;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LANGUAGES: [(&str, &str); 2] = [("zh-CN", "参数错误."), ("en", "Invalid parameters.")];

/// What is wrong with a value, in both languages.
type Said = (&'static str, &'static str);

const REQUIRED: Said = ("不能为空", "is required");
const TEXT: Said = ("须为字符串", "must be a string");
const PHONE: Said = ("须为 11 位手机号", "must be a mobile number of 11 digits");
const ID: Said = ("须为 1 到 32 个字母、数字或 . _ -", "must have 1 to 32 letters, digits or . _ -");
const TYPE: Said = ("须为 1 到 32 个字符", "must have 1 to 32 characters");
const YUAN: Said =
    ("须为以元为单位的金额，最多两位小数，如 29.90", "must be yuan with at most two decimals, like 29.90");
const PRICE: Said = ("与套餐价格不符", "is not the price of the package");
const OPENID: Said = ("须为登录返回的 openid", "must be the openid that login gave");
const CODE: Said = ("须为 wx.login 返回的 code", "must be the code that wx.login gave");

fn long(letter: &str, length: usize) -> String {
    format!("\"{}\"", letter.repeat(length))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_an_order_is_judged_by_its_value() {
    let (house, mut client) = shop().await;
    let (other, _) = client.user("mallory").await;
    let other = format!("\"{other}\"");
    let is = str::to_owned;
    let table: Vec<(&str, String, Option<Said>)> = vec![
        ("phone", is("null"), Some(REQUIRED)),
        ("phone", is("\"\""), Some(REQUIRED)),
        ("phone", is("13800138000"), Some(TEXT)),
        ("phone", is("[\"13800138000\"]"), Some(TEXT)),
        ("phone", is("\"1380013800\""), Some(PHONE)),
        ("phone", is("\"12800138000\""), Some(PHONE)),
        ("phone", long("1", 5_000), Some(PHONE)),
        ("packageType", is("null"), Some(REQUIRED)),
        ("packageType", is("true"), Some(TEXT)),
        ("packageType", long("d", 33), Some(TYPE)),
        ("packageType", is("\"voice\""), Some(("与套餐不符", "is not that of the package"))),
        ("packageId", is("\"\""), Some(REQUIRED)),
        ("packageId", is("30"), Some(TEXT)),
        ("packageId", is("\"data 30g\""), Some(ID)),
        ("packageId", long("d", 33), Some(ID)),
        ("packageId", is("\"data-40g\""), Some(("没有这个套餐", "is not for sale"))),
        ("packageId", is("\"DATA-30G\""), Some(("没有这个套餐", "is not for sale"))),
        ("rechargeAmount", is("null"), Some(REQUIRED)),
        ("rechargeAmount", is("{}"), Some(YUAN)),
        ("rechargeAmount", is("true"), Some(YUAN)),
        ("rechargeAmount", is("29.900"), Some(YUAN)),
        ("rechargeAmount", is("29.899999999999999999"), Some(YUAN)),
        ("rechargeAmount", is("2.99e1"), Some(YUAN)),
        ("rechargeAmount", is("\"29,90\""), Some(YUAN)),
        ("rechargeAmount", is("-29.9"), Some(YUAN)),
        ("rechargeAmount", is("29.89"), Some(PRICE)),
        ("rechargeAmount", is("2990"), Some(PRICE)),
        ("rechargeAmount", is("\"0.01\""), Some(PRICE)),
        ("rechargeAmount", is("29.9"), None),
        ("rechargeAmount", is("29.90"), None),
        ("rechargeAmount", is("\"29.90\""), None),
        ("openid", is("null"), Some(REQUIRED)),
        ("openid", is("7"), Some(TEXT)),
        ("openid", is("\"o'; --\""), Some(OPENID)),
        ("openid", long("o", 129), Some(OPENID)),
        ("openid", other, Some(("与登录的用户不符", "is not the user who logged in"))),
    ];
    let mut made = 0;
    for (field, value, said) in table {
        // a user of its own for each, so that none asks too often
        let (openid, token) = client.user(&format!("user-{made}-{field}")).await;
        let mut body = recharge(&openid);
        body[field] = json!("@");
        let body = body.to_string().replace("\"@\"", &value);
        for (index, (language, message)) in LANGUAGES.into_iter().enumerate() {
            let headers = [("authorization", token.as_str()), ("accept-language", language)];
            let (status, answer) = client.ask("post", "/v1/orders", "/v1/orders", &headers, body.clone()).await;
            let short: String = value.chars().take(60).collect();
            let Some((zh, en)) = said else {
                assert_eq!(status, 201, "{field} {short}: {answer}");
                assert_eq!(answer["amount"]["total"], 2_990, "{field} {short}");
                made += 1;
                continue;
            };
            let text = [zh, en][index];
            let error = json!({ "error": { "code": "PARAM_ERROR", "message": message, "fields": { field: text } } });
            assert_eq!((status, answer), (400, error), "{field} {short}");
        }
    }
    let orders = house.desk.order_list(None, OrderFilter::default()).await.expect("listed");
    assert_eq!(orders.items.len(), made, "what was refused was not kept");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_names_its_code_and_an_unknown_order_is_none() {
    let (house, mut client) = shop().await;
    for (body, field, (zh, en)) in [
        ("", "body", ("须为 JSON 对象", "must be a JSON object")),
        ("[]", "body", ("须为 JSON 对象", "must be a JSON object")),
        ("{}{}", "body", ("须为 JSON 对象", "must be a JSON object")),
        ("{}", "code", REQUIRED),
        (r#"{"code":""}"#, "code", REQUIRED),
        (r#"{"code":12}"#, "code", TEXT),
        (r#"{"code":"a b"}"#, "code", CODE),
        (&format!(r#"{{"code":{}}}"#, long("c", 129)), "code", CODE),
        (
            r#"{"code":"0invented"}"#,
            "code",
            ("无效或已使用，请重新调用 wx.login", "is invalid or used up; call wx.login again"),
        ),
    ] {
        for ((language, message), text) in LANGUAGES.into_iter().zip([zh, en]) {
            let headers = [("accept-language", language)];
            let (status, answer) = client.ask("post", "/v1/login", "/v1/login", &headers, body.to_owned()).await;
            let error = json!({ "error": { "code": "PARAM_ERROR", "message": message, "fields": { field: text } } });
            assert_eq!((status, answer), (400, error), "{body}");
        }
    }

    let (openid, token) = client.user("owner").await;
    let (_, stranger) = client.user("stranger").await;
    let (_, order) = client.order(&token, &[], &recharge(&openid)).await;
    let no = order["orderNo"].as_str().expect("a number").to_owned();
    for (asker, asked, expected) in [
        (token.as_str(), no.as_str(), None),
        (&stranger, &no, Some((404, "ORDER_NOT_FOUND", "没有这个订单。", "There is no such order."))),
        (&token, "GT00000000", Some((404, "ORDER_NOT_FOUND", "没有这个订单。", "There is no such order."))),
        ("Bearer a.b.c", &no, Some((401, "UNAUTHORIZED", "请先登录。", "Log in first."))),
        ("", &no, Some((401, "UNAUTHORIZED", "请先登录。", "Log in first."))),
    ] {
        for (language, english) in [("zh", false), ("en", true)] {
            for (method, template, path) in [
                ("get", "/v1/orders/{orderNo}", format!("/v1/orders/{asked}")),
                ("post", "/v1/orders/{orderNo}/pay", format!("/v1/orders/{asked}/pay")),
            ] {
                let headers = [("authorization", asker), ("accept-language", language)];
                let (status, answer) = client.ask(method, template, &path, &headers, String::new()).await;
                let Some((refused, code, zh, en)) = expected else {
                    assert_eq!(status, 200, "{path}: {answer}");
                    continue;
                };
                let message = if english { en } else { zh };
                let error = json!({ "error": { "code": code, "message": message } });
                assert_eq!((status, answer), (refused, error), "{method} {path} {asker}");
            }
        }
    }
    house.close().await;
}

/// Sends bytes as they are and gives the status and the JSON body of the answer.
async fn raw(place: &str, bytes: &[u8]) -> (u16, Value) {
    let mut stream = TcpStream::connect(place.trim_start_matches("http://")).await.expect("a connection");
    // refused in the middle of a long body: what is left of it may find the door closed
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_said_in_the_form_of_its_path() {
    let (house, mut client) = shop().await;
    let (_, token) = client.user("alice").await;
    let (zh, en) = ("请求内容过大。", "The request is too large.");
    for (length, status) in
        [(16 * 1024, 400), (16 * 1024 + 1, 413), (64 * 1024, 413), (64 * 1024 + 1, 413), (300_000, 413)]
    {
        let body = "x".repeat(length);
        for (template, path) in [
            ("/v1/login", "/v1/login"),
            ("/v1/orders", "/v1/orders"),
            ("/v1/orders/{orderNo}/pay", "/v1/orders/GT00000000/pay"),
        ] {
            for (language, message) in [("zh-CN,zh;q=0.9", zh), ("en", en)] {
                let headers = [("authorization", token.as_str()), ("accept-language", language)];
                let (got, answer) = client.ask("post", template, path, &headers, body.clone()).await;
                if status == 400 {
                    // small enough: judged as what it is
                    assert!(got == 400 || got == 404, "{path} {length}: {got} {answer}");
                    continue;
                }
                let error = json!({ "error": { "code": "TOO_LARGE", "message": message } });
                assert_eq!((got, answer), (status, error), "{path} {length} {language}");
            }
        }
    }

    // the door's own refusals, with the body's length unknown at first, and with none that can be read
    let chunk = format!("{:x}\r\n{}\r\n", 40_000, "x".repeat(40_000));
    let chunked = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
    };
    let large = json!({ "error": { "code": "TOO_LARGE", "message": en } });
    let malformed = json!({ "error": { "code": "BAD_REQUEST", "message": "The request is malformed." } });
    let fail = |message: &str| json!({ "code": "FAIL", "message": message });
    for (path, body, expected) in [
        ("/v1/login", chunk.repeat(2), (413, large.clone())),
        ("/v1/orders?x=1", chunk.repeat(2), (413, large)),
        ("/v1/orders", "zz\r\n".to_owned(), (400, malformed)),
        ("/v1/admin", chunk.repeat(2), (413, fail("the body is too large"))),
        ("/notify/shop", chunk.repeat(2), (413, fail("the body is too large"))),
        ("/v1/payment/wx/success", chunk.repeat(2), (413, fail("the body is too large"))),
        ("/notify/shop", "zz\r\n".to_owned(), (400, fail("malformed request"))),
    ] {
        assert_eq!(raw(&client.place, chunked(path, &body).as_bytes()).await, expected, "{path}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn taps_at_the_same_moment_are_one_order_for_each_key_and_user() {
    let (house, mut client) = shop().await;
    let mut askers = Vec::new();
    for name in ["anna", "bert"] {
        let (openid, token) = client.user(name).await;
        askers.push((name, openid, token));
    }
    let mut taps = tokio::task::JoinSet::new();
    for (name, openid, token) in &askers {
        for key in ["one", "two"] {
            for _ in 0..10 {
                let (place, token, body) = (client.place.clone(), token.clone(), recharge(openid).to_string());
                let name = *name;
                taps.spawn(async move {
                    let request = http().post(format!("{place}/v1/orders")).header("authorization", token);
                    let answer = request.header("idempotency-key", key).body(body).send().await.expect("an answer");
                    let status = answer.status().as_u16();
                    let order: Value = serde_json::from_slice(&answer.bytes().await.expect("whole")).expect("JSON");
                    (name, key, status, order["orderNo"].as_str().expect("a number").to_owned())
                });
            }
        }
    }
    let answers = taps.join_all().await;
    assert_eq!(answers.len(), 40);
    let orders: BTreeSet<_> = answers.iter().map(|(name, key, _, no)| (*name, *key, no.clone())).collect();
    assert_eq!(orders.len(), 4, "{orders:?}");
    assert_eq!(answers.iter().filter(|(_, _, status, _)| *status == 201).count(), 4, "each was new once");
    assert!(answers.iter().all(|(_, _, status, _)| matches!(status, 200 | 201)));
    let kept = house.desk.order_list(None, OrderFilter::default()).await.expect("listed");
    assert_eq!(kept.items.len(), 4);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_listed_origins_are_let_in() {
    let (house, client) = shop().await;
    house.desk.api_origins_set(&["https://shop.example".to_owned()]).await.expect("kept");
    for wrong in ["*", "null", "shop.example", "https://shop.example/"] {
        let refused = house.desk.api_origins_set(&[wrong.to_owned()]).await.expect_err("no origin");
        assert_eq!(
            (refused.code.as_str(), refused.field.as_deref()),
            ("INVALID_FIELD", Some("api_origins")),
            "{wrong}"
        );
    }
    let allowed = async |origin: &str, preflight: bool| {
        let url = format!("{}/v1/orders", client.place);
        let request = if preflight {
            let ask = http().request("OPTIONS".parse().expect("a method"), url);
            ask.header("access-control-request-method", "POST")
        } else {
            http().post(url)
        };
        let answer = request.header("origin", origin).send().await.expect("an answer");
        let allowed =
            answer.headers().get("access-control-allow-origin").map(|it| it.to_str().expect("ASCII").to_owned());
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        (answer.status().as_u16(), allowed)
    };
    let listed = Some("https://shop.example".to_owned());
    assert_eq!(allowed("https://shop.example", true).await, (204, listed.clone()));
    assert_eq!(allowed("https://shop.example", false).await, (401, listed));
    for origin in ["https://evil.example", "http://shop.example", "https://shop.example.evil.example", "null"] {
        assert_eq!(allowed(origin, true).await, (404, None), "{origin}");
        assert_eq!(allowed(origin, false).await, (401, None), "{origin}");
    }
    house.close().await;
}
