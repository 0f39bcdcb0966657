//! Each row of the table of errors is provoked as it says, in both languages.

use super::*;

/// `{order} + {"amount":null}` and the like as a body.
fn body(text: &str, bench: &Bench) -> String {
    let openid = bench.sandbox.openid_for("payer");
    let order = json!({ "appid": APPID, "mchid": MCHID, "description": "奶茶", "out_trade_no": "ORDER1",
        "notify_url": "http://127.0.0.1:1/n", "amount": { "total": 1250 }, "payer": { "openid": openid } });
    let refund = json!({ "out_trade_no": "ORDER1", "out_refund_no": "R1",
        "amount": { "refund": 1, "total": 1250, "currency": "CNY" } });
    let part = |number: &str| {
        json!({ "mchid": MCHID, "attach": "a", "out_trade_no": number, "description": "奶茶",
        "amount": { "total_amount": 10, "currency": "CNY" } })
    };
    let combine = json!({ "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "COMBINE1",
        "sub_orders": [part("SUB-01"), part("SUB-02")], "notify_url": "http://127.0.0.1:1/n" });
    let text = text.replace("{openid}", &openid);
    let (base, change) = text.split_once(" + ").unwrap_or((&text, "{}"));
    let mut base = match base {
        "{order}" => order,
        "{refund}" => refund,
        "{combine}" => combine,
        other => return other.to_owned(),
    };
    let change: serde_json::Map<String, Value> = serde_json::from_str(change).unwrap();
    for (name, value) in change {
        let map = base.as_object_mut().unwrap();
        if value.is_null() {
            map.remove(&name)
        } else {
            map.insert(name, value)
        };
    }
    base.to_string()
}

/// What earlier steps answered.
#[derive(Default)]
struct Known {
    transaction_id: String,
    refund_id: String,
}

/// Goes one step as often as it says, and gives the last answer.
async fn step(bench: &Bench, text: &str, language: &str, known: &mut Known) -> ApiAnswer {
    let times = text.split_once("x ").and_then(|(n, rest)| Some((n.parse::<u32>().ok()?, rest)));
    let (times, text) = times.unwrap_or((1, text));
    for n in 1..times {
        let answer = one_step(bench, &text.replace("{n}", &n.to_string()), language, known).await;
        assert!(answer.status < 300, "{text}: {n}");
    }
    one_step(bench, &text.replace("{n}", &times.to_string()), language, known).await
}

async fn one_step(bench: &Bench, step: &str, language: &str, known: &mut Known) -> ApiAnswer {
    let today = bench.sandbox.clock().now[..10].to_owned();
    let step = step
        .replace("{today}", &today)
        .replace("{mchid}", MCHID)
        .replace("{appid}", APPID)
        .replace("{secret}", fixture::SECRET)
        .replace("{transaction_id}", &known.transaction_id)
        .replace("{refund_id}", &known.refund_id);
    let (error, step) = match step.strip_prefix('!').and_then(|rest| rest.split_once(' ')) {
        Some((error, rest)) => (error.to_owned(), rest.to_owned()),
        None => (String::new(), step),
    };
    let mut words = step.splitn(3, ' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap().to_owned());
    let text = words.next().map(|text| body(text, bench)).unwrap_or_default();
    if let Some(control) = target.strip_prefix("/_sandbox/") {
        let (status, said) = bench.control(method, control, &serde_json::from_str(&text).unwrap()).await;
        assert!(status < 300, "{step}: {said}");
        if let Some(id) = said["transaction_id"].as_str() {
            known.transaction_id = id.to_owned();
        }
        return ApiAnswer { status, headers: Vec::new(), body: Vec::new() };
    }
    let mut headers = fixture::headers(method, &target, text.as_bytes());
    let authorization = headers.iter_mut().find(|(name, _)| name == "Authorization").map(|(_, value)| value).unwrap();
    let stamp = Clock::wall().as_second().to_string();
    match error.as_str() {
        "stale" => *authorization = authorization.replace(&stamp[..7], "1000000"),
        "serial" => {
            let at = authorization.find("serial_no=\"").unwrap() + 11;
            authorization.replace_range(at..at + 8, "00000000");
        }
        "mismatch" => *authorization = authorization.replace("signature=\"", "signature=\"AAAA"),
        "unsigned" => headers.retain(|(name, _)| name != "Authorization"),
        "agent" => headers.retain(|(name, _)| name != "User-Agent"),
        "platform" => headers.push(("Wechatpay-Serial".to_owned(), "ABCDEF".to_owned())),
        "public_key" => headers.push(("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned())),
        _ => {}
    }
    headers.push(("Accept-Language".to_owned(), language.to_owned()));
    if error == "replayed" {
        http(bench.sandbox.door_addr(), method, &target, &headers, &text).await;
    }
    let answer = http(bench.sandbox.door_addr(), method, &target, &headers, &text).await;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(id) = said["refund_id"].as_str() {
        known.refund_id = id.to_owned();
    }
    answer
}

/// Is this the message of the table, where `…` stands for anything?
fn is_said(said: &str, message: &str) -> bool {
    match message.split_once('…') {
        None => said == message,
        Some((begins, ends)) => {
            said.len() > begins.len() + ends.len() && said.starts_with(begins) && said.ends_with(ends)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_error_is_provoked_as_the_table_says() {
    let bench = Bench::new().await;
    let as_ever = serde_json::to_value(bench.sandbox.switches()).unwrap();
    let table = crate::errors();
    assert!(table.len() > 130, "the table is there");
    for row in table {
        for (language, message) in [("zh-CN", &row.message.zh), ("en", &row.message.en)] {
            bench.control("POST", "reset", &json!({})).await;
            bench.control("POST", "switches", &as_ever).await;
            let (last, before) = row.steps.split_last().unwrap();
            let known = &mut Known::default();
            for way in before {
                let answer = step(&bench, way, language, known).await;
                assert!(answer.status < 300, "{}: {way} → {}", row.how.en, answer.status);
            }
            let answer = step(&bench, last, language, known).await;
            let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let code = said["errcode"].as_i64().map(|code| code.to_string());
            let code = code.as_deref().or(said["code"].as_str()).unwrap_or("");
            let text = said["message"].as_str().or(said["errmsg"].as_str()).unwrap_or("");
            assert_eq!((answer.status, code), (row.status, row.code.as_str()), "{}: {last}: {said}", row.how.en);
            assert!(is_said(text, message), "{}: {last}: {text}", row.how.en);
        }
    }
    let (_, served) = bench.control("GET", "errors", &Value::Null).await;
    assert_eq!(served.as_array().unwrap().len(), table.len());
    bench.sandbox.stop().await;
}
