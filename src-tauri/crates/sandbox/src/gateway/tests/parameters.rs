//! What was sent: refusals by field, and what only the strict switches refuse.

use super::*;

#[test]
fn parameters_are_refused_by_field() {
    let mut bench = Bench::new();
    let set = |pointer: &'static str, value: Value| (pointer, Some(value));
    let lacks = |pointer: &'static str| (pointer, None);
    let long = |n: usize| json!("字".repeat(n));
    type Row = ((&'static str, Option<Value>), u16, &'static str, &'static str);
    let table: Vec<Row> = vec![
        (
            lacks("/appid"),
            400,
            "PARAM_ERROR",
            "输入源“/body/appid”映射到字段“公众号ID”必填性规则校验失败，此字段为必填项",
        ),
        (set("/appid", json!("wxffffffffffffffff")), 400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配"),
        (set("/mchid", json!("1900000002")), 400, "PARAM_ERROR", "http header中的mchid与post payload中的mchid不匹配"),
        (
            set("/mchid", json!(1_900_000_001)),
            400,
            "PARAM_ERROR",
            "无法将 JSON 输入源“/body/mchid”映射到目标字段“直连商户号”中，此字段需要一个 string 类型的 Json 值",
        ),
        (
            set("/description", long(128)),
            400,
            "PARAM_ERROR",
            "输入源“/body/description”映射到字段“商品描述”字符串规则校验失败，字符数 128，大于最大值 127",
        ),
        (
            set("/description", json!("奶茶 🧋")),
            400,
            "PARAM_ERROR",
            "输入源“/body/description”映射到字段“商品描述”字符串规则校验失败，不符合格式要求",
        ),
        (
            set("/out_trade_no", json!("short")),
            400,
            "PARAM_ERROR",
            "输入源“/body/out_trade_no”映射到字段“商户订单号”字符串规则校验失败，字符数 5，小于最小值 6",
        ),
        (
            set("/out_trade_no", json!("not allowed")),
            400,
            "PARAM_ERROR",
            "输入源“/body/out_trade_no”映射到字段“商户订单号”字符串规则校验失败，不符合格式要求",
        ),
        (
            set("/amount/total", json!(0)),
            400,
            "PARAM_ERROR",
            "输入源“/body/amount/total”映射到数值字段“总金额”规则校验失败，值低于最小值 1",
        ),
        (
            set("/amount/total", json!("100")),
            400,
            "PARAM_ERROR",
            "无法将 JSON 输入源“/body/amount/total”映射到目标字段“总金额”中，此字段需要一个合法的 64 位有符号整数",
        ),
        (
            set("/amount/total", json!(12.5)),
            400,
            "PARAM_ERROR",
            "无法将 JSON 输入源“/body/amount/total”映射到目标字段“总金额”中，此字段需要一个合法的 64 位有符号整数",
        ),
        (
            set("/amount", json!(5)),
            400,
            "PARAM_ERROR",
            "无法将 JSON 输入源“/body/amount”映射到目标字段“订单金额”中，此字段需要一个 object 类型的 Json 值",
        ),
        (
            set("/notify_url", json!("http://127.0.0.1/n?x=1")),
            400,
            "PARAM_ERROR",
            "输入源“/body/notify_url”映射到字段“通知地址”字符串规则校验失败，不符合格式要求",
        ),
        (lacks("/payer"), 400, "PARAM_ERROR", "JSAPI支付必须传openid"),
        (
            set("/payer/openid", json!(4)),
            400,
            "PARAM_ERROR",
            "无法将 JSON 输入源“/body/payer/openid”映射到目标字段“用户标识”中，此字段需要一个 string 类型的 Json 值",
        ),
        (set("/payer/openid", json!("o~")), 400, "PARAM_ERROR", "无效的openid"),
        (set("/payer/openid", json!("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o")), 400, "PARAM_ERROR", "appid与openid不匹配"),
        (
            set("/time_expire", json!("tomorrow")),
            400,
            "PARAM_ERROR",
            "输入源“/body/time_expire”映射到字段“交易结束时间”字符串规则校验失败，不符合格式要求",
        ),
    ];
    for ((pointer, value), status, code, message) in table {
        let mut order = bench.order("ORDER1");
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let map = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => map.insert(name.to_owned(), value),
            None => map.remove(name),
        };
        let refused = bench.post(JSAPI, &order).expect_err(pointer);
        assert_eq!((refused.status, refused.code, refused.zh.as_str()), (status, code, message), "{pointer}");
        if code == "PARAM_ERROR" && !message.starts_with("http header") {
            assert_eq!(refused.detail.unwrap()["location"], "body", "{pointer}");
        }
    }
    assert!(bench.ledger.order(MCHID, "ORDER1").is_none(), "nothing was placed");
    for body in ["", "[]", "{", "null", "\"x\""] {
        assert_eq!(no(bench.send(&fixture::request("POST", JSAPI, body))), (400, "PARAM_ERROR"), "{body}");
    }
    let currency = json!({"appid": APPID, "mchid": MCHID, "description": "x", "out_trade_no": "ORDER1",
        "notify_url": "http://127.0.0.1/n", "amount": {"total": 1, "currency": "XYZ"}});
    let refused = bench.post("/v3/pay/transactions/native", &currency).unwrap_err();
    assert_eq!(refused.detail.unwrap()["field"], "/amount/currency");
}

#[test]
fn sensitive_fields_must_open_with_the_named_key() {
    let mut bench = Bench::new();
    let seal =
        |key: &wechatpay::keys::PublicKey| key.encrypt_oaep(&mut rand_core::OsRng, b"110101199003070000").unwrap();
    let trusted = fixture::trusted();
    let by_public_key = seal(trusted.get(PUBLIC_KEY_ID).unwrap());
    let by_certificate = seal(trusted.get(&fixture::platform_serial()).unwrap());
    let platform = fixture::platform_serial();
    for (number, named, message) in [
        (by_public_key.as_str(), Some(PUBLIC_KEY_ID), None),
        (by_certificate.as_str(), Some(platform.as_str()), None),
        (by_certificate.as_str(), Some(PUBLIC_KEY_ID), Some("平台私钥解密失败")),
        ("plain", Some(PUBLIC_KEY_ID), Some("平台私钥解密失败")),
        (by_public_key.as_str(), None, Some("HTTP header缺少微信支付平台证书序列号(Wechatpay-Serial)")),
    ] {
        let mut order = bench.order(&format!("ORDER{}", crate::clock::digits(9)));
        order["payer"]["identity"] = json!({ "type": "IDCARD", "number": number });
        let mut request = fixture::request("POST", JSAPI, &order.to_string());
        request.headers.extend(named.map(|n| ("Wechatpay-Serial".to_owned(), n.to_owned())));
        assert_eq!(bench.send(&request).err().map(|r| r.zh).as_deref(), message, "{named:?}");
    }
}

#[test]
fn strict_switches_refuse_what_the_default_takes() {
    let mut bench = Bench::new();
    let mut order = bench.order("ORDER1");
    order["surprise"] = json!(1);
    order["attach"] = Value::Null;
    assert!(bench.post(JSAPI, &order).is_ok());
    bench.switches.strict_fields = true;
    assert_eq!(no(bench.post(JSAPI, &order)), (400, "PARAM_ERROR"));
    bench.switches = Switches { strict_notify_url: true, ..Switches::default() };
    let order = bench.order("ORDER2");
    assert_eq!(no(bench.post(JSAPI, &order)), (400, "PARAM_ERROR"));
    bench.switches = Switches { any_openid: true, ..Switches::default() };
    let mut order = bench.order("ORDER3");
    order["payer"]["openid"] = json!("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    assert!(bench.post(JSAPI, &order).is_ok());
    bench.switches = Switches { strict_nonce: true, ..Switches::default() };
    let request = fixture::request("GET", "/v3/certificates", "");
    assert!(bench.send(&request).is_ok());
    assert_eq!(no(bench.send(&request)), (401, "SIGN_ERROR"));
    bench.switches = Switches { rate_limits: true, ..Switches::default() };
    let answers: Vec<_> = (0..20).map(|_| bench.get("/v3/bill/fundflowbill?bill_date=2020-01-01")).collect();
    assert!(answers.iter().any(|a| a.as_ref().is_err_and(|r| (r.status, r.code) == (429, "FREQUENCY_LIMITED"))));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever stands in a body, the answer is a decision.
    #[test]
    fn no_body_makes_the_gateway_stumble(at in 0_usize..400, with in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..12), cut in 0_usize..40) {
        thread_local! {
            static BENCH: std::cell::RefCell<Bench> = std::cell::RefCell::new(Bench::new());
        }
        BENCH.with_borrow_mut(|bench| {
            let mut body = bench.order("ORDER1").to_string().into_bytes();
            let from = at.min(body.len());
            let to = (from + cut).min(body.len());
            body.splice(from..to, with);
            let mut request = fixture::request("POST", JSAPI, "");
            request.headers = fixture::headers("POST", JSAPI, &body);
            request.body = body.into();
            if let Err(refused) = bench.send(&request) {
                assert_eq!(refused.status, 400, "{refused:?}");
            }
        });
    }
}
