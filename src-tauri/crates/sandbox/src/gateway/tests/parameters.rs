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

/// A body with everything in it that the call takes, and the call.
fn full(bench: &Bench, call: &str) -> (&'static str, Value) {
    let trusted = fixture::trusted();
    let sealed = trusted.get(PUBLIC_KEY_ID).unwrap().encrypt_oaep(&mut rand_core::OsRng, b"1").unwrap();
    let identity = json!({ "type": "IDCARD", "number": sealed, "name": sealed });
    let goods = json!([{ "merchant_goods_id": "G-1", "wechatpay_goods_id": "w", "goods_name": "n", "quantity": 1, "unit_price": 1 }]);
    let scene = json!({ "payer_client_ip": "127.0.0.1", "device_id": "d",
        "store_info": { "id": "1", "name": "n", "area_code": "a", "address": "b" },
        "h5_info": { "type": "Wap", "app_name": "a", "app_url": "u", "bundle_id": "b", "package_name": "p" } });
    match call {
        "jsapi" | "h5" => {
            let mut order = bench.order("ORDER1");
            order["time_expire"] = json!("2030-01-01T00:00:00+08:00");
            order["attach"] = json!("a");
            order["goods_tag"] = json!("g");
            order["limit_pay"] = json!(["no_credit"]);
            order["support_fapiao"] = json!(true);
            order["amount"]["currency"] = json!("CNY");
            order["payer"]["identity"] = identity;
            order["detail"] = json!({ "cost_price": 1, "invoice_id": "i", "goods_detail": goods });
            order["scene_info"] = scene;
            order["settle_info"] = json!({ "profit_sharing": false });
            order["subsidy_info"] = json!({});
            (if call == "h5" { "/v3/pay/transactions/h5" } else { JSAPI }, order)
        }
        "refund" => (
            "/v3/refund/domestic/refunds",
            json!({ "transaction_id": "4200", "out_trade_no": "ORDER1", "out_refund_no": "R1", "reason": "r",
                "notify_url": "http://127.0.0.1/n", "funds_account": "AVAILABLE",
                "amount": { "refund": 1, "total": 1, "currency": "CNY", "from": [{ "account": "AVAILABLE", "amount": 1 }] },
                "goods_detail": [{ "merchant_goods_id": "g", "wechatpay_goods_id": "w", "goods_name": "n", "unit_price": 1,
                    "refund_amount": 1, "refund_quantity": 1 }] }),
        ),
        "combine" => {
            let part = |number: &str| {
                json!({ "mchid": MCHID, "attach": "a", "out_trade_no": number, "description": "d",
                "amount": { "total_amount": 10, "currency": "CNY" }, "settle_info": { "profit_sharing": false } })
            };
            (
                "/v3/combine-transactions/jsapi",
                json!({ "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "COMBINE1",
                    "notify_url": "http://127.0.0.1/n", "time_start": "2020-01-01T00:00:00+08:00",
                    "time_expire": "2030-01-01T00:00:00+08:00", "combine_payer_info": { "openid": bench.openid() },
                    "scene_info": scene, "sub_orders": [part("SUB-01"), part("SUB-02")] }),
            )
        }
        "close" => ("/v3/pay/transactions/out-trade-no/ORDER1/close", json!({ "mchid": MCHID })),
        "combine close" => (
            "/v3/combine-transactions/out-trade-no/COMBINE1/close",
            json!({ "combine_appid": APPID, "sub_orders": [{ "mchid": MCHID, "out_trade_no": "SUB-01" }] }),
        ),
        "abnormal" => (
            "/v3/refund/domestic/refunds/50/apply-abnormal-refund",
            json!({ "out_refund_no": "R1", "type": "MERCHANT_BANK_CARD" }),
        ),
        other => panic!("{other}"),
    }
}

/// The pointer of every value in it.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            out.push(format!("{at}/{name}"));
            pointers(value, &format!("{at}/{name}"), out);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
            out.push(format!("{at}/{index}"));
            pointers(value, &format!("{at}/{index}"), out);
        }),
        _ => {}
    }
}

#[test]
fn a_value_of_another_type_is_refused_in_every_field() {
    let mut bench = Bench::new();
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    let strangers = [json!(true), json!(4), json!(1.5), json!("x y"), json!([]), json!({}), deep, json!(u64::MAX)];
    let kind = std::mem::discriminant::<Value>;
    let mut refused = 0;
    for call in ["jsapi", "h5", "refund", "combine", "close", "combine close", "abnormal"] {
        let (target, body) = full(&bench, call);
        let mut all = Vec::new();
        pointers(&body, "", &mut all);
        for pointer in all {
            for stranger in &strangers {
                let mut body = body.clone();
                let place = body.pointer_mut(&pointer).unwrap();
                if kind(place) == kind(stranger) && !(place.is_number() && stranger.as_i64().is_none()) {
                    continue;
                }
                *place = stranger.clone();
                let mut request = fixture::request("POST", target, &body.to_string());
                request.headers.push(("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned()));
                // Of a payer only JSAPI wants the openid.
                if call == "h5" && ["/payer", "/payer/openid"].contains(&pointer.as_str()) {
                    continue;
                }
                let no = bench.send(&request).expect_err(&format!("{call} {pointer} {stranger}"));
                assert_eq!((no.status, no.code), (400, "PARAM_ERROR"), "{call} {pointer} {stranger}: {}", no.zh);
                let blamed = no.zh.contains(&format!("/body{pointer}"))
                    || no.zh.contains("必填")
                    || no.zh.contains("必须传")
                    || no.detail.as_ref().is_some_and(|d| d["field"] == pointer.as_str());
                assert!(blamed, "{call} {pointer} {stranger}: {}", no.zh);
                refused += 1;
            }
        }
    }
    assert!(refused > 600, "{refused}");
    assert!(bench.ledger.orders().next().is_none(), "nothing was placed");
}

#[test]
fn values_that_the_lists_do_not_have_are_refused() {
    let mut bench = Bench::new();
    let long = |n: usize| json!("a".repeat(n));
    for (call, pointer, value) in [
        ("jsapi", "/limit_pay/0", json!("cash")),
        ("jsapi", "/payer/identity/type", json!("PASSPORT")),
        ("jsapi", "/detail/goods_detail", json!([])),
        ("jsapi", "/detail/goods_detail/0/merchant_goods_id", json!("商品")),
        ("jsapi", "/detail/goods_detail/0/merchant_goods_id", long(33)),
        ("jsapi", "/detail/goods_detail/0/wechatpay_goods_id", long(33)),
        ("jsapi", "/detail/goods_detail/0/goods_name", long(257)),
        ("jsapi", "/detail/goods_detail/0/quantity", json!(0)),
        ("jsapi", "/detail/invoice_id", long(33)),
        ("jsapi", "/goods_tag", long(33)),
        ("jsapi", "/attach", long(129)),
        ("jsapi", "/amount/currency", json!("USD")),
        ("jsapi", "/notify_url", json!(format!("http://127.0.0.1/{}", "n".repeat(240)))),
        ("h5", "/scene_info/payer_client_ip", json!("localhost")),
        ("h5", "/scene_info/payer_client_ip", long(46)),
        ("h5", "/scene_info/device_id", long(33)),
        ("h5", "/scene_info/store_info/id", long(33)),
        ("h5", "/scene_info/store_info/address", long(513)),
        ("h5", "/scene_info/h5_info/app_name", long(65)),
        ("h5", "/scene_info/h5_info/app_url", long(129)),
        ("h5", "/scene_info/h5_info/bundle_id", long(129)),
        ("h5", "/scene_info/h5_info/package_name", long(129)),
        ("refund", "/funds_account", json!("OPERATION")),
        ("refund", "/amount/from/0/account", json!("BASIC")),
        ("refund", "/amount/currency", json!("USD")),
        ("refund", "/reason", long(81)),
        ("refund", "/goods_detail/0/goods_name", long(257)),
        ("combine", "/sub_orders/1/amount/currency", json!("USD")),
        ("combine", "/sub_orders/1/amount/total_amount", json!(1_000_000_001)),
        ("abnormal", "/type", json!("CASH")),
    ] {
        let (target, mut body) = full(&bench, call);
        *body.pointer_mut(pointer).unwrap() = value.clone();
        let mut request = fixture::request("POST", target, &body.to_string());
        request.headers.push(("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned()));
        let no = bench.send(&request).expect_err(pointer);
        assert_eq!((no.status, no.code), (400, "PARAM_ERROR"), "{pointer}: {}", no.zh);
        assert!(no.detail.is_some_and(|d| d["location"] == "body"), "{pointer}: {}", no.zh);
    }
    for (bank, message) in
        [("CMB", "不符合格式要求"), ("CMB_CREDIT", "不符合格式要求"), ("CMB_DEBIT", "平台私钥解密失败")]
    {
        let body = json!({ "out_refund_no": "R1", "type": "USER_BANK_CARD", "bank_type": bank, "bank_account": "x", "real_name": "y" });
        let target = "/v3/refund/domestic/refunds/50/apply-abnormal-refund";
        let mut request = fixture::request("POST", target, &body.to_string());
        request.headers.push(("Wechatpay-Serial".to_owned(), PUBLIC_KEY_ID.to_owned()));
        assert!(bench.send(&request).unwrap_err().zh.ends_with(message), "{bank}");
    }
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
fn no_notification_may_be_asked_to_a_link_local_or_cloud_internal_address() {
    let mut bench = Bench::new();
    for (nth, (url, taken)) in [
        ("http://127.0.0.1:8787/notify", true),
        ("http://[::1]:8787/notify", true),
        ("http://localhost/notify", true),
        ("http://192.168.1.20:8080/notify", true),
        ("http://10.0.0.1/notify", true),
        ("http://[fd00::1]/notify", true),
        ("http://169.254.169.254/latest", false),
        ("http://0XA9FEA9FE/latest", false),
        ("http://[::ffff:169.254.169.254]/latest", false),
        ("http://[::ffff:a9fe:a9fe]/latest", false),
        ("http://[fe80::1]/notify", false),
        ("http://0.0.0.0/notify", false),
    ]
    .into_iter()
    .enumerate()
    {
        let mut order = bench.order(&format!("ORDER{nth}"));
        order["notify_url"] = json!(url);
        let refused = bench.post(JSAPI, &order).err().map(|refused| (refused.status, refused.code, refused.zh));
        let wrong = "输入源“/body/notify_url”映射到字段“通知地址”字符串规则校验失败，不符合格式要求";
        assert_eq!(refused, (!taken).then(|| (400, "PARAM_ERROR", wrong.to_owned())), "{url}");
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
    let refund = json!({ "out_trade_no": "ORDER9", "out_refund_no": "R9", "amount": { "refund": 1, "total": 1, "currency": "CNY" } });
    let codes: Vec<_> = (0..40).map(|_| no(bench.post("/v3/refund/domestic/refunds", &refund)).0).collect();
    assert_eq!(codes.first(), Some(&404));
    assert!(codes.contains(&429), "six that fail in a second are enough: {codes:?}");
    let login = format!("/sns/jscode2session?appid={APPID}&secret={}&js_code=sandbox-a", fixture::SECRET);
    let logins: Vec<_> = (0..=100).map(|_| bench.login(&login)).collect();
    assert!(logins[99]["openid"].is_string());
    assert_eq!(logins[100]["errcode"], 45_011);
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
