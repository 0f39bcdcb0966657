//! The optional fields of a prepay: from options and a file, to the body that WeChat Pay gets, and the same again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use guitai_tests::command::{Guitai, Serving};
use serde_json::{Value, json};
use wechatpay::keys::Certificate;

fn shop() -> (Guitai, Serving) {
    let guitai = Guitai::new();
    let (sandbox, file) = guitai.sandbox();
    let _ = guitai.json(&["merchant", "add", "shop", "--from-sandbox", &file]);
    (guitai, sandbox)
}

/// Every field of section 5.2 that needs no special permission and no option of its own.
fn file() -> Value {
    json!({
        "detail": { "cost_price": 608_800, "invoice_id": "wx123", "goods_detail": [{
            "merchant_goods_id": "1246464644", "wechatpay_goods_id": "1001", "goods_name": "拿铁", "quantity": 1,
            "unit_price": 1250 }] },
        "scene_info": { "device_id": "013467007045764",
            "store_info": { "id": "0001", "name": "腾讯大厦分店", "area_code": "440305", "address": "科技中一道10000号" } },
        "attach": "table 3",
    })
}

#[test]
fn what_is_said_of_an_order_reaches_the_gateway_and_is_said_again() {
    let (guitai, _sandbox) = shop();
    let path = guitai.file("fields.json", file().to_string());
    let create = ["order", "create", "--amount", "12.50", "--description", "Latte", "--out-trade-no", "FIELDS-01"];
    let more = ["--fields", &path, "--goods-tag", "WXG", "--time-expire", "2099-01-01T00:00:00+08:00"];
    let flags = ["--limit-pay", "no_credit", "--support-fapiao", "--profit-sharing"];
    let order = guitai.json(&[&create[..], &more, &flags].concat());
    assert_eq!((&order["attach"], &order["fields"]["goods_tag"]), (&json!("table 3"), &json!("WXG")));
    // the scene has no payer yet: named before anything is sent
    let error = guitai.error(2, &["order", "prepay", "FIELDS-01", "--via", "native"]);
    assert!(error["message"].as_str().unwrap().contains("scene_info.payer_client_ip"), "{error}");
    assert_eq!(guitai.json(&["order", "show", "FIELDS-01"])["exchanges"], json!([]));

    let prepay = ["order", "prepay", "FIELDS-01", "--via", "h5"];
    let scene = ["--payer-client-ip", "14.23.150.211", "--h5-type", "iOS"];
    let prepaid = guitai.json(&[&prepay[..], &scene].concat());
    assert!(prepaid["h5_url"].as_str().unwrap().starts_with("https://"), "{prepaid}");
    let _ = guitai.json(&prepay);
    let error = guitai.error(2, &[&prepay[..], &["--payer-client-ip", "14.23.150.212"]].concat());
    assert!(error["message"].as_str().unwrap().contains("same parameters"), "{error}");
    let fields = guitai.json(&["order", "show", "FIELDS-01"])["fields"].clone();
    let mut expected = file();
    expected.as_object_mut().unwrap().remove("attach");
    for (pointer, value) in [
        ("goods_tag", json!("WXG")),
        ("time_expire", json!("2099-01-01T00:00:00+08:00")),
        ("limit_pay", json!(["no_credit"])),
        ("support_fapiao", json!(true)),
        ("settle_info", json!({ "profit_sharing": true })),
    ] {
        expected[pointer] = value;
    }
    expected["scene_info"]["payer_client_ip"] = json!("14.23.150.211");
    expected["scene_info"]["h5_info"] = json!({ "type": "iOS" });
    assert_eq!(fields, expected);
}

#[test]
fn a_field_that_is_none_or_wrong_is_named() {
    let guitai = Guitai::new();
    let create = ["order", "create", "--amount", "1", "--description", "x", "--fields"];
    for (content, field) in [
        ("{\"goods_tagg\":\"x\"}", "goods_tagg"),
        (
            "{\"detail\":{\"goods_detail\":[{\"quantity\":1,\"unit_price\":1}]}}",
            "detail.goods_detail[0].merchant_goods_id",
        ),
        ("{\"goods_tag\":\"a\",\"goods_tag\":\"b\"}", "goods_tag"),
        ("{", "fields"),
    ] {
        let path = guitai.file("bad.json", content);
        let error = guitai.error(2, &[&create[..], &[&path]].concat());
        assert!(error["message"].as_str().unwrap().contains(field), "{content}: {error}");
    }
}

#[test]
fn rules_of_the_call_hold_for_options_too() {
    let (guitai, _sandbox) = shop();
    let create = ["order", "create", "--amount", "1", "--description", "x"];
    for (more, field) in [
        (["--goods-tag", "123456789012345678901234567890123"], "goods_tag"),
        (["--time-expire", "2020-01-01T00:00:00+08:00"], "time_expire"),
        (["--time-expire", "tomorrow"], "time_expire"),
        (["--limit-pay", "no_money"], "limit_pay[0]"),
    ] {
        let error = guitai.error(2, &[&create[..], &more].concat());
        assert_eq!(error["field"], field, "{more:?}: {error}");
        assert!(error.to_string().contains(more[1]), "{more:?}: {error}");
    }
}

#[test]
fn an_app_order_gives_what_the_app_takes() {
    let (guitai, sandbox) = shop();
    let order = guitai.json(&["order", "create", "--amount", "1", "--description", "x"]);
    let no = order["out_trade_no"].as_str().unwrap();
    let prepaid = guitai.json(&["order", "prepay", no, "--via", "app"]);
    let params = guitai.json(&["order", "pay-params", no]);
    assert_eq!(params["prepayId"], prepaid["prepay_id"]);
    assert_eq!(
        (&params["appId"], &params["partnerId"], &params["packageValue"]),
        (&sandbox.ready["appid"], &sandbox.ready["mchid"], &json!("Sign=WXPay"))
    );
    let text = |name: &str| params[name].as_str().unwrap().to_owned();
    // the bare prepay_id is signed, without `prepay_id=`
    let signed = format!("{}\n{}\n{}\n{}\n", text("appId"), text("timeStamp"), text("nonceStr"), text("prepayId"));
    let pem = std::fs::read(sandbox.ready["merchant_certificate"].as_str().unwrap()).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let signature = STANDARD.decode(text("sign")).unwrap();
    assert!(certificate.public_key().verify(signed.as_bytes(), &signature), "{params}");
}
