//! Who sent it: every refusal of reference 2.7 and 1.6 in its order and words, and which key signs the answer.

use super::*;

#[test]
fn unknown_paths_and_methods_get_no_body_even_without_a_signature() {
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v3", 404),
        ("POST", "/v3/pay/transactions/fax", 404),
        ("GET", "/pay/unifiedorder", 404),
        ("GET", "/v3/certificates/", 404),
        ("GET", "//v3/certificates", 404),
        ("GET", "/V3/certificates", 404),
        ("GET", JSAPI, 405),
        ("DELETE", "/v3/certificates", 405),
        ("GET", "/v3/refund/domestic/refunds", 405),
        ("POST", "/v3/pay/transactions/out-trade-no/ORDER1", 405),
    ] {
        let refused = Route::find(method, path).unwrap_err();
        assert_eq!((refused.status, refused.body(false, false)), (status, Vec::new()), "{method} {path}");
    }
}

#[test]
fn senders_are_refused_in_the_order_and_words_of_the_real_gateway() {
    let mut bench = Bench::new();
    let certificates = "/v3/certificates";
    let set = |request: &mut Request, name: &str, value: Option<&str>| {
        request.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        if let Some(value) = value {
            request.headers.push((name.to_owned(), value.to_owned()));
        }
    };
    type Spoil = Box<dyn Fn(&mut Request)>;
    let replaced = |from: &'static str, to: &'static str| -> Spoil {
        Box::new(move |r: &mut Request| {
            for (name, value) in &mut r.headers {
                if name == "Authorization" {
                    *value = value.replace(from, to);
                }
            }
        })
    };
    let malformed = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》";
    let serial = "商户证书序列号有误。请使用签名私钥匹配的证书序列号";
    let other_serial = fixture::platform_serial();
    let table: Vec<(&str, Spoil, u16, &str, &str)> = vec![
        (
            certificates,
            Box::new(move |r| set(r, "User-Agent", None)),
            400,
            "INVALID_REQUEST",
            "Http头缺少Accept或User-Agent",
        ),
        (
            certificates,
            Box::new(move |r| set(r, "Accept", None)),
            400,
            "INVALID_REQUEST",
            "Http头缺少Accept或User-Agent",
        ),
        (certificates, Box::new(move |r| set(r, "Authorization", None)), 401, "SIGN_ERROR", malformed),
        (certificates, Box::new(move |r| set(r, "Authorization", Some("Bearer x"))), 401, "SIGN_ERROR", malformed),
        (certificates, replaced("timestamp=\"", "timestamp="), 401, "SIGN_ERROR", malformed),
        (certificates, replaced("mchid=", "mch_id="), 401, "SIGN_ERROR", malformed),
        (
            certificates,
            replaced("timestamp=\"1", "timestamp=\"2"),
            401,
            "SIGN_ERROR",
            "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟",
        ),
        (certificates, replaced("mchid=\"19", "mchid=\"18"), 401, "SIGN_ERROR", serial),
        (certificates, replaced("nonce_str=\"", "nonce_str=\"0"), 401, "SIGN_ERROR", malformed),
        (
            certificates,
            Box::new(move |r| {
                let serial = fixture::signer().serial_no.as_str().to_owned();
                for (_, value) in &mut r.headers {
                    *value = value.replace(&serial, &other_serial);
                }
            }),
            401,
            "SIGN_ERROR",
            serial,
        ),
        (certificates, Box::new(|r| r.target.push_str("?x=1")), 401, "SIGN_ERROR", "签名错误"),
        (
            certificates,
            Box::new(move |r| set(r, "Wechatpay-Serial", Some("ABCDEF"))),
            400,
            "PARAM_ERROR",
            "平台证书序列号Wechatpay-Serial错误",
        ),
        (JSAPI, Box::new(move |r| set(r, "Authorization", None)), 401, "SIGN_ERROR", "签名信息错误，验签失败"),
        (
            JSAPI,
            Box::new(move |r| {
                set(r, "Authorization", None);
                set(r, "User-Agent", None)
            }),
            401,
            "SIGN_ERROR",
            "签名信息错误，验签失败",
        ),
    ];
    for (at, (target, spoil, status, code, message)) in table.into_iter().enumerate() {
        let method = if target == JSAPI { "POST" } else { "GET" };
        let mut request = fixture::request(method, target, "");
        spoil(&mut request);
        let refused = bench.send(&request).expect_err("refused");
        assert_eq!((refused.status, refused.code, refused.zh.as_str()), (status, code, message), "row {at}");
        assert_eq!(refused.request_id, target != JSAPI, "row {at}");
        assert_eq!(refused.detail.is_some(), message == "签名错误", "row {at}");
    }
    bench.switches.api_v3_key_unset = true;
    assert_eq!(bench.get(certificates).unwrap_err().zh, "商户未设置APIv3密钥。");
}

#[test]
fn a_mismatch_shows_the_servers_text_in_the_live_shape() {
    let mut bench = Bench::new();
    let mut request = fixture::request("POST", JSAPI, r#"{"amount":{"total":1}}"#);
    request.body = bytes::Bytes::from_static(r#"{"amount":{"total":2}}"#.as_bytes());
    let refused = bench.send(&request).unwrap_err();
    let body = String::from_utf8(refused.body(false, false)).unwrap();
    assert!(body.starts_with(r#"{"code":"SIGN_ERROR","detail":{"detail":{"issue":"sign not match"},"field":"signature","location":"authorization","sign_information":{"method":"POST","sign_message_length":"#), "{body}");
    let value: Value = serde_json::from_str(&body).unwrap();
    let information = &value["detail"]["sign_information"];
    let shown = information["truncated_sign_message"].as_str().unwrap();
    assert!(shown.starts_with("POST\n/v3/pay/transactions/jsapi\n") && shown.ends_with("\n{\"amount\n"), "{shown:?}");
    // method, target, ten digits, 32 characters, the body: each with its line end
    assert_eq!(information["sign_message_length"], 5 + 27 + 11 + 33 + 22 + 1);
    // without a body the text ends with an empty line
    let mut request = fixture::request("GET", "/v3/certificates", "");
    request.target.push('?');
    let refused = bench.send(&request).unwrap_err();
    let shown = refused.detail.unwrap()["sign_information"]["truncated_sign_message"].as_str().unwrap().to_owned();
    assert!(shown.ends_with("\n\n"), "{shown:?}");
}

#[test]
fn a_serial_in_small_letters_and_a_stranger_key_are_told_apart() {
    let mut bench = Bench::new();
    let mut request = fixture::request("GET", "/v3/certificates", "");
    let serial = fixture::signer().serial_no.as_str().to_owned();
    for (_, value) in &mut request.headers {
        *value = value.replace(&serial, &serial.to_ascii_lowercase());
    }
    assert!(bench.send(&request).is_ok());
    let mut signer = fixture::signer();
    signer.key = fixture::strangers_key();
    let signed = signer.authorization("GET", "/v3/certificates", b"", Clock::wall().as_second(), "n");
    for (name, value) in &mut request.headers {
        if name == "Authorization" {
            *value = signed.authorization.clone();
        }
    }
    assert_eq!(bench.send(&request).unwrap_err().zh, "签名错误");
}

#[test]
fn the_key_of_an_answer_follows_the_request_and_the_mode() {
    let bench = Bench::new();
    let platform = fixture::platform_serial();
    for (mode, named, expected) in [
        (KeyMode::Mixed, None, SignWith::Certificate),
        (KeyMode::Mixed, Some(""), SignWith::Certificate),
        (KeyMode::Mixed, Some(platform.as_str()), SignWith::Certificate),
        (KeyMode::Mixed, Some(PUBLIC_KEY_ID), SignWith::PublicKey),
        (KeyMode::Certificate, Some(PUBLIC_KEY_ID), SignWith::Certificate),
        (KeyMode::PublicKey, None, SignWith::PublicKey),
    ] {
        let mut request = fixture::request("GET", "/v3/certificates", "");
        if let Some(named) = named {
            request.headers.push(("wechatpay-serial".to_owned(), named.to_owned()));
        }
        let switches = Switches { mode, ..Switches::default() };
        let caller =
            authenticate(&request, Front::Common, &bench.keyring, &switches, Clock::wall(), &mut Trace::default());
        assert_eq!(caller.map(|c| c.sign_with), Ok(expected), "{mode:?} {named:?}");
    }
}

#[test]
fn a_serial_that_names_no_key_is_refused_unless_a_switch_takes_it_for_none() {
    let bench = Bench::new();
    let own = fixture::signer().serial_no;
    for (any_platform_serial, named, expected) in [
        (false, own.as_str(), Err(400)),
        (true, own.as_str(), Ok(SignWith::Certificate)),
        (true, "ABCDEF", Ok(SignWith::Certificate)),
        (true, PUBLIC_KEY_ID, Ok(SignWith::PublicKey)),
    ] {
        let mut request = fixture::request("GET", "/v3/certificates", "");
        request.headers.push(("Wechatpay-Serial".to_owned(), named.to_owned()));
        let switches = Switches { any_platform_serial, ..Switches::default() };
        let caller =
            authenticate(&request, Front::Common, &bench.keyring, &switches, Clock::wall(), &mut Trace::default());
        assert_eq!(caller.map(|c| c.sign_with).map_err(|no| no.status), expected, "{any_platform_serial} {named}");
    }
}
