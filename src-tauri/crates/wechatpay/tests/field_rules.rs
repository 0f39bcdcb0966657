//! The rules of fields, checked before anything is sent: each error names field, rule and value, in both languages.

#![allow(missing_docs)]

use wechatpay::FieldError;
use wechatpay::api::combine::{CombineClose, CombinePrepay, SubOrder};
use wechatpay::api::prepay::{Detail, Goods, H5Info, Identity, Payer, Prepay, Product, SceneInfo, StoreInfo};
use wechatpay::api::refund::{AbnormalRefund, Destination, From, Of, Refund, RefundedGoods};
use wechatpay::ids::{Appid, Mchid, NotifyUrl, Openid, OutRefundNo, OutTradeNo, RefundId};
use wechatpay::money::Fen;

fn prepay(product: Product) -> Prepay {
    let prepay = Prepay::new(
        product,
        Appid::parse("wxd678efh567hg6787").unwrap(),
        Mchid::parse("1900000001").unwrap(),
        OutTradeNo::parse("NO20261124000001").unwrap(),
        "奶茶",
        NotifyUrl::parse("https://shop.example.com/notify").unwrap(),
        Fen::new(1250),
    );
    if product == Product::Jsapi {
        prepay.openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap())
    } else {
        prepay
    }
}

#[test]
fn a_broken_rule_names_field_and_value_before_anything_is_sent() {
    type Spoil = fn(&mut Prepay);
    let rows: [(&str, &str, Spoil); 9] = [
        ("description", "max_length", |p| p.description = "好".repeat(128)),
        ("description", "required", |p| p.description.clear()),
        ("description", "basic_plane", |p| p.description = "🧋".into()),
        ("description", "no_control", |p| p.description = "a\nb".into()),
        ("amount.total", "minimum", |p| p.amount.total = Fen::new(0)),
        ("amount.total", "maximum", |p| p.amount.total = Fen::new(1_000_000_001)),
        ("amount.currency", "one_of", |p| p.amount.currency = "USD".into()),
        ("attach", "max_length", |p| p.attach = Some("x".repeat(129))),
        ("payer.openid", "required", |p| p.payer = None),
    ];
    for (field, rule, spoil) in rows {
        let mut order = prepay(Product::Jsapi);
        assert!(order.request().is_ok());
        spoil(&mut order);
        let error = order.request().unwrap_err();
        assert_eq!((error.field.as_str(), error.rule), (field, rule));
        assert!(!error.zh.is_empty() && !error.en.is_empty());
    }
    let mut order = prepay(Product::Jsapi);
    order.description = "好".repeat(127);
    assert!(order.request().is_ok());
    assert_eq!(prepay(Product::H5).request().unwrap_err().field, "scene_info.h5_info");
    for url in [
        "https://shop.example.com/notify?a=1",
        "http://shop.example.com/notify",
        "https://127.0.0.1/n",
        "https://shop.example.com",
        "shop.example.com/notify",
        "https://10.0.0.8/n",
        "https://localhost/n",
        "https://u:p@shop.example.com/n",
        "https://shop.example.com/n ",
        "https://[::1]/n",
        "https://shop.example.com/n#x",
    ] {
        assert!(NotifyUrl::parse(url).is_err(), "{url}");
    }
    assert!(NotifyUrl::parse_for_sandbox("http://127.0.0.1:8787/notify/shop").is_ok());
    assert!(NotifyUrl::parse_for_sandbox("http://127.0.0.1:8787/notify?x=1").is_err());
}

fn rule(found: Result<wechatpay::api::Request, FieldError>) -> Option<(String, &'static str)> {
    found.err().map(|error| {
        assert!(!error.en.is_empty() && !error.zh.is_empty() && error.to_string().contains(&error.field));
        (error.field, error.rule)
    })
}

fn goods() -> Goods {
    Goods {
        merchant_goods_id: "M-1_a".into(),
        wechatpay_goods_id: None,
        goods_name: Some("奶茶".into()),
        quantity: 1,
        unit_price: Fen::new(1250),
    }
}

fn scene() -> SceneInfo {
    SceneInfo { payer_client_ip: "2001:db8::1".into(), device_id: None, store_info: None, h5_info: None }
}

fn h5(kind: &str) -> H5Info {
    H5Info { kind: kind.into(), app_name: None, app_url: None, bundle_id: None, package_name: None }
}

#[test]
fn every_field_of_a_prepay_is_written_under_its_own_name() {
    let mut order = prepay(Product::H5);
    order.time_expire = Some("2026-11-24T10:00:00.5Z".parse().unwrap());
    order.attach = Some("a".into());
    order.goods_tag = Some("WXG".into());
    order.limit_pay = vec!["no_credit".into()];
    order.support_fapiao = Some(true);
    order.detail =
        Some(Detail { cost_price: Some(Fen::new(1)), invoice_id: Some("i".into()), goods_detail: vec![goods()] });
    let store = StoreInfo { id: "1".into(), name: Some("店".into()), area_code: None, address: None };
    order.scene_info = Some(SceneInfo { store_info: Some(store), h5_info: Some(h5("Wap")), ..scene() });
    order.settle_info = Some(wechatpay::api::prepay::SettleInfo { profit_sharing: false });
    let request = order.request().unwrap();
    assert_eq!(
        (request.method, request.target.as_str(), request.purpose),
        ("POST", "/v3/pay/transactions/h5", "prepay")
    );
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        r#"{"appid":"wxd678efh567hg6787","mchid":"1900000001","description":"奶茶","out_trade_no":"NO20261124000001","time_expire":"2026-11-24T18:00:00+08:00","attach":"a","notify_url":"https://shop.example.com/notify","goods_tag":"WXG","limit_pay":["no_credit"],"support_fapiao":true,"amount":{"total":1250,"currency":"CNY"},"detail":{"cost_price":1,"invoice_id":"i","goods_detail":[{"merchant_goods_id":"M-1_a","goods_name":"奶茶","quantity":1,"unit_price":1250}]},"scene_info":{"payer_client_ip":"2001:db8::1","store_info":{"id":"1","name":"店"},"h5_info":{"type":"Wap"}},"settle_info":{"profit_sharing":false}}"#
    );
    for (product, path) in [(Product::Jsapi, "jsapi"), (Product::Native, "native"), (Product::App, "app")] {
        assert_eq!(prepay(product).request().unwrap().target, format!("/v3/pay/transactions/{path}"));
    }
}

#[test]
fn the_deeper_fields_of_a_prepay_have_rules_too() {
    type Spoil = fn(&mut Prepay);
    let rows: [(&str, &str, Spoil); 17] = [
        ("goods_tag", "max_length", |p| p.goods_tag = Some("x".repeat(33))),
        ("attach", "required", |p| p.attach = Some(String::new())),
        ("limit_pay[0]", "one_of", |p| p.limit_pay = vec!["no_cash".into()]),
        ("detail.invoice_id", "max_length", |p| p.detail.as_mut().unwrap().invoice_id = Some("i".repeat(33))),
        ("detail.goods_detail", "max_items", |p| p.detail.as_mut().unwrap().goods_detail = vec![goods(); 6001]),
        ("detail", "max_bytes", |p| p.detail.as_mut().unwrap().goods_detail = vec![goods(); 100]),
        ("detail.goods_detail[0].merchant_goods_id", "charset", |p| {
            p.detail.as_mut().unwrap().goods_detail[0].merchant_goods_id = "货".into();
        }),
        ("detail.goods_detail[0].goods_name", "max_length", |p| {
            p.detail.as_mut().unwrap().goods_detail[0].goods_name = Some("x".repeat(257));
        }),
        ("detail.goods_detail[0].quantity", "minimum", |p| p.detail.as_mut().unwrap().goods_detail[0].quantity = 0),
        ("detail.goods_detail[0].unit_price", "minimum", |p| {
            p.detail.as_mut().unwrap().goods_detail[0].unit_price = Fen::new(-1);
        }),
        ("scene_info.payer_client_ip", "ip", |p| p.scene_info.as_mut().unwrap().payer_client_ip = "1.2.3".into()),
        ("scene_info.device_id", "max_length", |p| p.scene_info.as_mut().unwrap().device_id = Some("x".repeat(33))),
        ("scene_info.store_info.id", "required", |p| {
            p.scene_info.as_mut().unwrap().store_info =
                Some(StoreInfo { id: String::new(), name: None, area_code: None, address: None });
        }),
        ("scene_info.h5_info.type", "one_of", |p| p.scene_info.as_mut().unwrap().h5_info = Some(h5("Symbian"))),
        ("payer.identity.type", "one_of", |p| identify(p, "CARD", "x")),
        ("payer.identity.number", "encrypted", |p| identify(p, "IDCARD", "110101199003070000")),
        ("payer.identity", "serial_required", |p| identify(p, "IDCARD", &"AAAA".repeat(86))),
    ];
    for (field, rule, spoil) in rows {
        let mut order = prepay(Product::Jsapi);
        order.detail = Some(Detail { goods_detail: vec![goods()], ..Detail::default() });
        order.scene_info = Some(scene());
        assert!(order.request().is_ok());
        spoil(&mut order);
        let error = order.request().unwrap_err();
        assert_eq!((error.field.as_str(), error.rule), (field, rule));
        assert!(!error.value.contains("110101199003070000"), "what should be encrypted is not shown");
    }
    for product in [Product::Native, Product::App, Product::H5] {
        let mut order = prepay(product);
        order = order.openid(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap());
        assert_eq!(rule(order.request()).unwrap().1, "not_used");
    }
    let mut order = prepay(Product::Jsapi);
    identify(&mut order, "IDCARD", &format!("{}==", "A".repeat(342)));
    order.encrypted_for = Some("PUB_KEY_ID_01".into());
    assert_eq!(order.request().unwrap().encrypted_for.as_deref(), Some("PUB_KEY_ID_01"));
}

fn identify(order: &mut Prepay, kind: &str, number: &str) {
    let openid = Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap();
    order.payer =
        Some(Payer { openid, identity: Some(Identity { kind: kind.into(), number: number.into(), name: None }) });
}

#[test]
fn a_refund_is_checked_before_it_is_sent() {
    let sound = || {
        let of = Of::Order { out_trade_no: OutTradeNo::parse("NO20261124000001").unwrap() };
        Refund::new(of, OutRefundNo::parse("R1").unwrap(), Fen::new(250), Fen::new(1250))
    };
    assert_eq!(
        String::from_utf8(sound().request().unwrap().body).unwrap(),
        r#"{"out_trade_no":"NO20261124000001","out_refund_no":"R1","amount":{"refund":250,"total":1250,"currency":"CNY"}}"#
    );
    type Spoil = fn(&mut Refund);
    let rows: [(&str, &str, Spoil); 11] = [
        ("amount.refund", "minimum", |r| r.amount.refund = Fen::new(0)),
        ("amount.refund", "maximum", |r| r.amount.refund = Fen::new(1251)),
        ("amount.total", "minimum", |r| r.amount.total = Fen::new(-5)),
        ("amount.currency", "one_of", |r| r.amount.currency = String::new()),
        ("reason", "max_length", |r| r.reason = Some("退".repeat(81))),
        ("funds_account", "one_of", |r| r.funds_account = Some("WALLET".into())),
        ("amount.from", "sum", |r| r.amount.from = vec![From { account: "AVAILABLE".into(), amount: Fen::new(249) }]),
        ("amount.from", "sum", |r| {
            r.amount.from = vec![From { account: "AVAILABLE".into(), amount: Fen::new(1_000_000_000) }; 2];
        }),
        ("amount.from[0].account", "one_of", |r| {
            r.amount.from = vec![From { account: "X".into(), amount: Fen::new(250) }];
        }),
        ("amount.from[0].amount", "minimum", |r| {
            r.amount.from = vec![From { account: "AVAILABLE".into(), amount: Fen::new(0) }];
        }),
        ("goods_detail[0].merchant_goods_id", "required", |r| {
            r.goods_detail = vec![RefundedGoods {
                merchant_goods_id: String::new(),
                wechatpay_goods_id: None,
                goods_name: None,
                unit_price: Fen::new(1),
                refund_amount: Fen::new(1),
                refund_quantity: 1,
            }];
        }),
    ];
    for (field, wanted, spoil) in rows {
        let mut refund = sound();
        spoil(&mut refund);
        assert_eq!(rule(refund.request()), Some((field.to_owned(), wanted)));
    }
}

#[test]
fn an_abnormal_refund_sends_nothing_in_clear() {
    let sealed = format!("{}==", "A".repeat(342));
    let of = |bank: &str, account: &str, serial: &str| AbnormalRefund {
        refund_id: RefundId::parse("50200207182018070300011301001").unwrap(),
        out_refund_no: OutRefundNo::parse("R1").unwrap(),
        destination: Destination::UserBankCard {
            bank_type: bank.into(),
            bank_account: account.into(),
            real_name: sealed.clone(),
        },
        encrypted_for: serial.into(),
    };
    let request = of("ICBC_DEBIT", &sealed, "PUB_KEY_ID_01").request().unwrap();
    assert_eq!(request.target, "/v3/refund/domestic/refunds/50200207182018070300011301001/apply-abnormal-refund");
    assert!(request.body.starts_with(br#"{"out_refund_no":"R1","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT""#));
    assert_eq!(request.encrypted_for.as_deref(), Some("PUB_KEY_ID_01"));
    for (found, field, wanted) in [
        (of("ICBC", &sealed, "X").request(), "bank_type", "one_of"),
        (of("XYZ_DEBIT", &sealed, "X").request(), "bank_type", "one_of"),
        (of("ICBC_DEBIT", "6222020200112230000", "X").request(), "bank_account", "encrypted"),
        (of("ICBC_DEBIT", &sealed, "").request(), "bank_account", "serial_required"),
    ] {
        assert!(!format!("{found:?}").contains("6222020200112230000"));
        assert_eq!(rule(found), Some((field.to_owned(), wanted)));
    }
}

#[test]
fn a_combined_order_has_two_to_ten_different_orders() {
    let sub = |no: usize| SubOrder {
        mchid: Mchid::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse(&format!("NO{no:08}")).unwrap(),
        description: "奶茶".into(),
        attach: "-".into(),
        total: Fen::new(100),
        settle_info: None,
    };
    let of = |subs: Vec<SubOrder>| CombinePrepay {
        product: Product::Jsapi,
        appid: Appid::parse("wxd678efh567hg6787").unwrap(),
        mchid: Mchid::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse("C20261124000001").unwrap(),
        sub_orders: subs,
        openid: Some(Openid::parse("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o").unwrap()),
        scene_info: None,
        time_start: None,
        time_expire: None,
        notify_url: NotifyUrl::parse("https://shop.example.com/notify").unwrap(),
    };
    let close = |numbers: std::ops::Range<usize>| CombineClose {
        appid: Appid::parse("wxd678efh567hg6787").unwrap(),
        out_trade_no: OutTradeNo::parse("C20261124000001").unwrap(),
        sub_orders: numbers.map(|no| (sub(no).mchid, sub(no).out_trade_no)).collect(),
    };
    for (count, ok) in [(0, false), (1, false), (2, true), (10, true), (11, false)] {
        assert_eq!(of((0..count).map(sub).collect()).request().is_ok(), ok, "{count}");
        assert_eq!(close(0..count).request().is_ok(), ok, "{count}");
    }
    assert_eq!(
        String::from_utf8(of(vec![sub(1), sub(2)]).request().unwrap().body).unwrap(),
        r#"{"combine_appid":"wxd678efh567hg6787","combine_mchid":"1900000001","combine_out_trade_no":"C20261124000001","sub_orders":[{"mchid":"1900000001","attach":"-","amount":{"total_amount":100,"currency":"CNY"},"out_trade_no":"NO00000001","description":"奶茶"},{"mchid":"1900000001","attach":"-","amount":{"total_amount":100,"currency":"CNY"},"out_trade_no":"NO00000002","description":"奶茶"}],"notify_url":"https://shop.example.com/notify","combine_payer_info":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}"#
    );
    assert_eq!(
        String::from_utf8(close(1..3).request().unwrap().body).unwrap(),
        r#"{"combine_appid":"wxd678efh567hg6787","sub_orders":[{"mchid":"1900000001","out_trade_no":"NO00000001"},{"mchid":"1900000001","out_trade_no":"NO00000002"}]}"#
    );
    let twice = of(vec![sub(1), sub(1)]).request();
    assert_eq!(rule(twice), Some(("sub_orders[1].out_trade_no".to_owned(), "unique")));
    let dear = of(vec![sub(1), SubOrder { total: Fen::new(1_000_000_001), ..sub(2) }]).request();
    assert_eq!(rule(dear), Some(("sub_orders[1].amount.total_amount".to_owned(), "maximum")));
    let nobody = CombinePrepay { openid: None, ..of(vec![sub(1), sub(2)]) };
    assert_eq!(rule(nobody.request()), Some(("combine_payer_info.openid".to_owned(), "required")));
}
