//! Every call of a direct merchant against the sandbox, with WeChat Pay signing by its certificate, by its public key, and
//! by both during the migration; and every answer and notification was verified with the right one.

use guitai_console::wire::{PrepayInput, Verdict, Via};
use guitai_console::{AbnormalInput, BillKind, CallbackFilter, CombineInput, OrderInput, RefundInput, Secret};
use guitai_tests::house::House;
use serde_json::json;
use std::collections::BTreeSet;
use wechatpay::money::Fen;
use wechatpay::time::{Timestamp, beijing_date};

/// How WeChat Pay signs, what the merchant knows of that, and by which key it must have been.
struct Mode {
    switch: &'static str,
    unknown: &'static [&'static str],
    by_public_key: bool,
}

const MODES: [Mode; 4] = [
    Mode { switch: "certificate", unknown: &["public_key_id", "public_key"], by_public_key: false },
    Mode { switch: "public_key", unknown: &["platform_certificate"], by_public_key: true },
    // during the migration the request says by which key it wants its answer
    Mode { switch: "mixed", unknown: &[], by_public_key: true },
    Mode { switch: "mixed", unknown: &["public_key_id", "public_key", "platform_certificate"], by_public_key: false },
];

/// What a direct merchant calls. The bill's file and the login are not signed by WeChat Pay.
const SIGNED: [&str; 11] = [
    "abnormal_refund",
    "bill",
    "close",
    "combine_close",
    "combine_prepay",
    "combine_query",
    "prepay",
    "query",
    "refund",
    "refund_query",
    "certificates",
];

#[tokio::test(flavor = "multi_thread")]
async fn by_certificate() {
    every_call(&MODES[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_public_key() {
    every_call(&MODES[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_both_with_both_known() {
    every_call(&MODES[2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_both_with_neither_known_yet() {
    every_call(&MODES[3]).await;
}

async fn every_call(mode: &Mode) {
    let mut house = House::open_without(mode.unknown).await;
    let (status, _) = house.control("switches", &json!({ "mode": mode.switch })).await;
    assert_eq!(status, 200);
    prepays(&house).await;
    let no = paid_and_refunded(&mut house).await;
    combined(&mut house).await;
    certificates_and_bills(&house, mode, &no).await;

    let mut purposes = BTreeSet::new();
    for row in house.desk.exchange_list(None, 500, None).await.expect("the calls").items {
        assert_eq!(row.outcome, "ok", "{}: {}", mode.switch, row.purpose);
        let exchange = house.desk.exchange_show(&row.id).await.expect("a call");
        if !SIGNED.contains(&row.purpose.as_str()) {
            assert!(["bill_download", "jscode2session"].contains(&row.purpose.as_str()), "{}", row.purpose);
            continue;
        }
        let verified = exchange.verified.unwrap_or_else(|| panic!("{}: nothing was verified", row.purpose));
        assert_eq!(verified.ok, Some(true), "{}: {}", mode.switch, row.purpose);
        assert_eq!(
            verified.serial_no.starts_with("PUB_KEY_ID_"),
            mode.by_public_key,
            "{}: {}",
            mode.switch,
            row.purpose
        );
        purposes.insert(row.purpose);
    }
    purposes.insert("certificates".to_owned());
    assert_eq!(purposes, SIGNED.iter().map(ToString::to_string).collect(), "{}", mode.switch);
    for callback in house.desk.callback_list(None, CallbackFilter::default()).await.expect("the deliveries").items {
        let dossier = house.desk.callback_show(&callback.id).await.expect("a delivery");
        let serial = dossier.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("wechatpay-serial"));
        let by_public_key = serial.is_some_and(|(_, serial)| serial.starts_with("PUB_KEY_ID_"));
        assert_eq!(by_public_key, mode.by_public_key, "{}: {:?}", mode.switch, callback.event_type);
    }
    house.close().await;
}

fn order(house: &House, fen: i64, openid: Option<&str>) -> OrderInput {
    OrderInput {
        amount: Fen::new(fen),
        description: "journey".to_owned(),
        openid: openid.map(str::to_owned),
        notify_url: Some(house.notify_url()),
        ..OrderInput::default()
    }
}

/// Login, each product, pay params, query, close.
async fn prepays(house: &House) {
    let openid = house.desk.payer_login(None, "sandbox-ann").await.expect("a login").openid;
    for via in [Via::Jsapi, Via::Native, Via::App, Via::H5] {
        let made = house.desk.order_create(None, order(house, 100, Some(&openid))).await.expect("an order");
        let no = made.out_trade_no;
        let prepaid = house.desk.order_prepay(None, &no, via).await.unwrap_or_else(|e| panic!("{via:?}: {e:?}"));
        let given = (prepaid.prepay_id.is_some(), prepaid.code_url.is_some(), prepaid.h5_url.is_some());
        let params = house.desk.pay_params(None, &no).await;
        let expected = match via {
            Via::Jsapi => (true, false, false),
            Via::App => (true, false, false),
            Via::Native => (false, true, false),
            Via::H5 => (false, false, true),
        };
        assert_eq!(given, expected, "{via:?}");
        match via {
            Via::Jsapi => assert!(params.expect("pay params")["paySign"].is_string()),
            Via::App => assert!(params.expect("pay params")["sign"].is_string()),
            Via::Native | Via::H5 => assert_eq!(params.expect_err("none").code, "NO_JSAPI_PREPAY"),
        }
        assert_eq!(house.desk.order_query(None, &no).await.expect("an answer").state, "NOTPAY");
        assert_eq!(house.desk.order_close(None, &no).await.expect("closed").state, "CLOSED");
    }
}

/// Payment and its notification, refund and its notification, an abnormal one and its way out.
async fn paid_and_refunded(house: &mut House) -> String {
    let no = house.prepaid(1000).await;
    house.pay(&no, "SUCCESS", true).await;
    assert_eq!(house.delivery().await.verdict, Verdict::Applied);
    let refund = |fen: i64| RefundInput { amount: Some(Fen::new(fen)), ..RefundInput::default() };
    let first = house.desk.order_refund(None, &no, refund(400)).await.expect("a refund").out_refund_no;
    house.advance(2).await;
    let told = house.delivery().await;
    assert_eq!((told.verdict, told.event_type.as_deref()), (Verdict::Applied, Some("REFUND.SUCCESS")));
    assert_eq!(house.desk.refund_query(None, &first).await.expect("an answer").status, "SUCCESS");

    house.control("switches", &json!({ "refund_outcome": "ABNORMAL" })).await;
    let second = house.desk.order_refund(None, &no, refund(600)).await.expect("a refund").out_refund_no;
    house.advance(2).await;
    let told = house.delivery().await;
    assert_eq!((told.verdict, told.event_type.as_deref()), (Verdict::Applied, Some("REFUND.ABNORMAL")));
    let card = AbnormalInput::UserBankCard {
        bank_type: "ICBC_DEBIT".to_owned(),
        bank_account: Secret::from("6222021234567890123".to_owned()),
        real_name: Secret::from("张三".to_owned()),
    };
    house.desk.refund_abnormal(None, &second, card).await.expect("the way out");
    house.advance(2).await;
    let told = house.delivery().await;
    assert_eq!((told.verdict, told.event_type.as_deref()), (Verdict::Applied, Some("REFUND.SUCCESS")));
    assert_eq!(house.order(&no).await.order.refunded, 1000);
    no
}

/// A combined order that is paid, with one notification for all its orders; and one that is closed.
async fn combined(house: &mut House) {
    for (paid, fen) in [(true, [300, 200]), (false, [100, 100])] {
        let mut numbers = Vec::new();
        for fen in fen {
            let made = house.desk.order_create(None, order(house, fen, None)).await.expect("an order");
            numbers.push(made.out_trade_no);
        }
        let input = CombineInput { orders: numbers.clone(), ..CombineInput::default() };
        let made = house.desk.combine_create(None, input).await.expect("a combined order");
        let number = made.combine_out_trade_no;
        let prepaid = house.desk.combine_prepay(None, &number, Via::Native, PrepayInput::default()).await;
        let code_url = prepaid.expect("a prepay").code_url.expect("a code_url");
        if !paid {
            let closed = house.desk.combine_close(None, &number).await.expect("closed");
            assert!(closed.sub_orders.iter().all(|order| order.state == "CLOSED"), "{closed:?}");
            continue;
        }
        let pay = json!({ "code_url": code_url, "outcome": "SUCCESS", "notify": true });
        let (status, answer) = house.control("payments", &pay).await;
        assert_eq!(status, 200, "{answer}");
        let told = house.delivery().await;
        assert_eq!((told.verdict, told.amount), (Verdict::Applied, Some(500)), "{:?}", told.reason);
        for no in &numbers {
            let order = house.order(no).await.order;
            assert_eq!((order.state.as_str(), order.transaction_id.is_some()), ("SUCCESS", true), "{no}");
        }
        let asked = house.desk.combine_query(None, &number).await.expect("an answer");
        assert!(asked.sub_orders.iter().all(|order| order.state == "SUCCESS"), "{asked:?}");
    }
}

async fn certificates_and_bills(house: &House, mode: &Mode, no: &str) {
    let listed = house.desk.merchant_certificates(None).await;
    match mode.switch {
        "public_key" => assert_eq!(listed.expect_err("there are none").code, "RESOURCE_NOT_EXISTS"),
        _ => assert_eq!(listed.expect("a list").len(), 1),
    }
    // the day is over in the sandbox's books; its bill is ready from 10:00 of the next day
    house.advance(2 * 86_400).await;
    let day = beijing_date(Timestamp::now());
    for kind in [BillKind::Trade, BillKind::Fundflow] {
        let bill = house.desk.bill_fetch(None, kind, &day, false).await.unwrap_or_else(|e| panic!("{kind:?}: {e:?}"));
        assert!(bill.lines > 0, "{kind:?} of {no}");
    }
}
