//! Walk B against a gateway that answers as told: field rules, refusals, unknown outcomes, refunds and their limits.

use crate::console::{Console, Options};
use crate::gateway::stand::{Stand, signed, with_headers};
use crate::outside::Outside;
use crate::store::StoreError;
use crate::wire::{FoundBy, Order, OrderFilter, OrderInput, RefundInput, Via};
use guitai_door::{Answer, Request};
use serde_json::{Value, json};
use std::sync::Arc;
use wechatpay::money::Fen;

const NO: &str = "GT000001";
const T1: &str = "4200000985202612010000000001";
const URL: &str = "http://127.0.0.1:8787/notify/shop";

/// A desk whose gateway is a stand's: impatient, and answering as told.
async fn desk(stand: &Stand) -> Console {
    let options = Options {
        data_dir: stand.folder.path().to_owned(),
        passphrase: None,
        interactive: false,
        outside: stand.outside.clone(),
    };
    let opened = Console::open(options).await.expect("a desk");
    let mut desk = Arc::into_inner(opened.desk).expect("nobody else has it");
    desk.merchants = stand.merchants.clone();
    desk.trust = stand.trust.clone();
    desk.gateway = stand.gateway.clone();
    Console { desk: Arc::new(desk) }
}

fn input(no: &str) -> OrderInput {
    OrderInput {
        amount: Fen::new(1_000),
        description: "拿铁一杯".to_owned(),
        openid: Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned()),
        out_trade_no: Some(no.to_owned()),
        attach: None,
        notify_url: Some(URL.to_owned()),
        fields: None,
        appid: None,
    }
}

async fn order(console: &Console) -> Order {
    console.order_create(None, input(NO)).await.expect("an order")
}

fn refused(status: u16, code: &str) -> Answer {
    with_headers(status, &json!({"code": code, "message": "不行"}).to_string(), &[])
}

fn paid(outside: &Outside, request: &Request) -> Answer {
    let mchid = crate::gateway::stand::MCHID;
    assert!(request.target.contains("/out-trade-no/"), "{}", request.target);
    let transaction = json!({
        "mchid": mchid, "appid": crate::gateway::stand::APPID, "out_trade_no": NO, "transaction_id": T1,
        "trade_type": "NATIVE", "trade_state": "SUCCESS", "trade_state_desc": "支付成功",
        "success_time": "2026-12-01T11:59:58+08:00", "amount": {"total": 1000, "payer_total": 1000, "currency": "CNY"},
    });
    signed(outside, crate::gateway::stand::By::Platform, 200, &transaction.to_string())
}

fn accepted_refund(outside: &Outside, request: &Request, status: &str) -> Answer {
    let asked: Value = serde_json::from_slice(&request.body).expect("JSON");
    let refund = json!({
        "refund_id": format!("50{}", asked["out_refund_no"].as_str().unwrap_or_default()),
        "out_refund_no": asked["out_refund_no"], "transaction_id": T1, "out_trade_no": NO, "status": status,
        "create_time": "2026-12-01T12:00:00+08:00",
        "amount": {"total": 1000, "refund": asked["amount"]["refund"], "payer_total": 1000,
                   "payer_refund": asked["amount"]["refund"], "currency": "CNY"},
    });
    signed(outside, crate::gateway::stand::By::Platform, 200, &refund.to_string())
}

#[tokio::test]
async fn each_broken_field_is_named_and_nothing_is_kept() {
    let stand = Stand::open(|_, _, _| Answer::Reset).await;
    let console = desk(&stand).await;
    type Break = fn(&mut OrderInput);
    let cases: [(&str, Break); 11] = [
        ("amount.total", |it| it.amount = Fen::new(0)),
        ("amount.total", |it| it.amount = Fen::new(-1)),
        ("amount.total", |it| it.amount = Fen::new(1_000_000_001)),
        ("description", |it| it.description = String::new()),
        ("description", |it| it.description = "汉".repeat(128)),
        ("out_trade_no", |it| it.out_trade_no = Some("12345".to_owned())),
        ("out_trade_no", |it| it.out_trade_no = Some("订单123456".to_owned())),
        ("attach", |it| it.attach = Some("a".repeat(129))),
        ("payer.openid", |it| it.openid = Some("o p".to_owned())),
        ("notify_url", |it| it.notify_url = Some("http://127.0.0.1/notify?x=1".to_owned())),
        ("notify_url", |it| it.notify_url = Some("not a url".to_owned())),
    ];
    for (field, break_it) in cases {
        let mut broken = input(NO);
        break_it(&mut broken);
        let problem = console.order_create(None, broken).await.expect_err(field);
        assert_eq!((problem.code.as_str(), problem.field.as_deref()), ("INVALID_FIELD", Some(field)));
    }
    let list = console.order_list(None, OrderFilter::default()).await.expect("a page");
    assert!(list.items.is_empty());
    order(&console).await;
    assert_eq!(console.order_create(None, input(NO)).await.expect_err("used").code, "OUT_TRADE_NO_USED");
    let mut other_case = input("gt000001");
    other_case.amount = Fen::new(1_000_000_000);
    console.order_create(None, other_case).await.expect("letter case counts");
    let made_up = console.order_create(None, OrderInput { out_trade_no: None, ..input(NO) }).await.expect("made up");
    assert!(made_up.out_trade_no.starts_with("GT2026"), "{}", made_up.out_trade_no);
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_again_byte_for_byte() {
    // three attempts of the first call are cut off, then WeChat Pay answers
    let stand = Stand::open(|number, _, outside| match number {
        0..3 => Answer::Reset,
        _ => signed(
            outside,
            crate::gateway::stand::By::Platform,
            200,
            r#"{"prepay_id":"wx201410272009395522657a690389285100"}"#,
        ),
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    let lost = console.order_prepay(None, NO, Via::Jsapi).await.expect_err("no answer");
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert!(dossier.order.outcome_unknown, "{}", lost.code);
    assert_eq!(dossier.order.state, "CREATED");
    assert!(dossier.exchanges.iter().all(|exchange| exchange.outcome == "unknown"), "{:?}", dossier.exchanges);
    let prepaid = console.order_prepay(None, NO, Via::Jsapi).await.expect("the same again");
    assert!(prepaid.prepay_id.is_some());
    assert_eq!((prepaid.order.state.as_str(), prepaid.order.outcome_unknown), ("NOTPAY", false));
    let calls = stand.calls("/v3/pay/transactions/jsapi");
    assert_eq!(calls.len(), 4);
    assert!(calls.windows(2).all(|pair| pair[0].body == pair[1].body), "the same parameters");
    let kept = console.exchange_list(None, 50, None).await.expect("a page").items;
    assert_eq!(kept.len(), 4, "every attempt is kept");
    let newest = console.exchange_show(&kept[0].id).await.expect("the call");
    assert_eq!(newest.request_body.as_bytes(), calls[3].body.as_ref());
    assert_eq!(newest.verified.and_then(|text| text.ok), Some(true));

    let (one, two) =
        (console.pay_params(None, NO).await.expect("signed"), console.pay_params(None, NO).await.expect("signed"));
    assert_ne!(one["nonceStr"], two["nonceStr"], "fresh each time");
    let names: Vec<_> = one.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, ["timeStamp", "nonceStr", "package", "signType", "paySign"]);
    stand.outside.advance(2 * 3_600);
    assert_eq!(console.pay_params(None, NO).await.expect_err("too old").code, "PREPAY_EXPIRED");
}

#[tokio::test]
async fn a_refusal_says_why_and_the_order_can_be_asked_again() {
    let stand = Stand::open(|number, request, outside| match (number, request.path()) {
        (0, "/v3/pay/transactions/native") => refused(400, "PARAM_ERROR"),
        (1, "/v3/pay/transactions/native") => refused(400, "ORDERPAID"),
        (_, "/v3/pay/transactions/native") => refused(403, "NO_AUTH"),
        _ => paid(outside, request),
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    let missing = OrderInput { notify_url: None, openid: None, ..input("GT000002") };
    let made = console.order_create(None, missing).await.expect("an order without either");
    let expected = format!("http://127.0.0.1:8787/notify/{}", made.merchant);
    assert_eq!(made.notify_url, Some(expected), "a sandbox's order goes to the desk's own listener");
    let problem = console.order_prepay(None, "GT000002", Via::Jsapi).await.expect_err("nobody to pay");
    assert_eq!(problem.field.as_deref(), Some("payer.openid"));
    assert_eq!(console.pay_params(None, NO).await.expect_err("no prepay").code, "NO_JSAPI_PREPAY");

    let problem = console.order_prepay(None, NO, Via::Native).await.expect_err("refused");
    let said = problem.gateway.expect("WeChat Pay's own words");
    assert_eq!((problem.code.as_str(), said.status), ("PARAM_ERROR", Some(400)));
    let exchange = console.exchange_show(&said.exchange_id.expect("its exchange")).await.expect("kept");
    assert_eq!(exchange.summary.outcome, "refused");
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert!(!dossier.order.outcome_unknown && dossier.order.state == "CREATED");
    assert!(dossier.timeline.iter().any(|line| line.kind == "prepay_refused"));
    // paid already, says WeChat Pay: it is asked, and the order is found paid
    console.order_prepay(None, NO, Via::Native).await.expect_err("paid already");
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert_eq!((dossier.order.state.as_str(), dossier.order.found_by), ("SUCCESS", Some(FoundBy::Query)));
    assert_eq!(console.order_prepay(None, NO, Via::Native).await.expect_err("paid").code, "ORDER_NOT_OPEN");
    assert_eq!(console.order_close(None, NO).await.expect_err("paid").code, "ORDER_NOT_OPEN");
}

#[tokio::test]
async fn an_answer_that_contradicts_the_order_changes_nothing() {
    let stand = Stand::open(|_, request, outside| {
        let Answer::Full { body, .. } = paid(outside, request) else { return Answer::Reset };
        let dearer = String::from_utf8_lossy(&body).replace("\"total\":1000", "\"total\":1");
        signed(outside, crate::gateway::stand::By::Platform, 200, &dearer)
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    assert_eq!(console.order_query(None, NO).await.expect_err("contradicts").code, "ANSWER_CONTRADICTS");
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert_eq!(dossier.order.state, "CREATED");
    assert!(dossier.timeline.iter().any(|line| line.kind == "held"));
}

#[tokio::test]
async fn a_number_that_was_never_sent_is_closed_here_only() {
    let stand = Stand::open(|_, _, _| Answer::Reset).await;
    let console = desk(&stand).await;
    order(&console).await;
    for _ in 0..2 {
        assert_eq!(console.order_close(None, NO).await.expect("closed").state, "CLOSED");
    }
    assert!(console.exchange_list(None, 50, None).await.expect("a page").items.is_empty());
}

#[tokio::test]
async fn refunds_keep_to_what_was_paid() {
    let stand = Stand::open(|number, request, outside| match (request.method.as_str(), number) {
        ("GET", _) => paid(outside, request),
        // the third refund is refused, the rest are taken
        (_, 2) => refused(403, "NOT_ENOUGH"),
        _ => accepted_refund(outside, request, "PROCESSING"),
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    let part = |fen: i64| RefundInput { amount: Some(Fen::new(fen)), ..RefundInput::default() };
    assert_eq!(console.order_refund(None, NO, part(1)).await.expect_err("unpaid").code, "ORDER_NOT_PAID");
    console.order_query(None, NO).await.expect("paid");
    for (fen, code) in [(0, "INVALID_FIELD"), (-1, "INVALID_FIELD"), (1_001, "REFUND_EXCEEDS")] {
        assert_eq!(console.order_refund(None, NO, part(fen)).await.expect_err("no").code, code, "{fen}");
    }
    let first = console.order_refund(None, NO, part(300)).await.expect("taken");
    assert_eq!((first.status.as_str(), first.amount.refund), ("PROCESSING", 300));
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert_eq!((dossier.order.state.as_str(), dossier.order.refunded), ("REFUND", 300));
    assert_eq!(console.order_refund(None, NO, part(701)).await.expect_err("701 of 700").code, "REFUND_EXCEEDS");
    // the same number again is the same refund; with another amount it is refused
    let same = RefundInput { out_refund_no: Some(first.out_refund_no.clone()), ..part(300) };
    assert_eq!(console.order_refund(None, NO, same).await.expect("again").out_refund_no, first.out_refund_no);
    let other = RefundInput { out_refund_no: Some(first.out_refund_no.clone()), ..part(301) };
    assert_eq!(console.order_refund(None, NO, other).await.expect_err("another amount").code, "REFUND_NO_USED");
    // refused: counts for nothing, and the rest is asked for under the refused number
    assert_eq!(console.order_refund(None, NO, RefundInput::default()).await.expect_err("refused").code, "NOT_ENOUGH");
    let refused_no = console.order_show(None, NO).await.expect("the order").refunds[1].out_refund_no.clone();
    let rest = console.order_refund(None, NO, RefundInput::default()).await.expect("the rest");
    assert_eq!((rest.amount.refund, rest.out_refund_no), (700, refused_no));
    assert_eq!(
        console.order_refund(None, NO, RefundInput::default()).await.expect_err("nothing left").code,
        "REFUND_EXCEEDS"
    );
    let dossier = console.order_show(None, NO).await.expect("the order");
    assert_eq!((dossier.order.refunded, dossier.refunds.len()), (1_000, 2));
    let bodies: Vec<Value> = stand
        .calls("/v3/refund/domestic/refunds")
        .iter()
        .map(|call| serde_json::from_slice(&call.body).expect("JSON"))
        .collect();
    assert_eq!(bodies[0], bodies[1], "the same refund, byte for byte");
    assert_eq!(bodies[0]["notify_url"], URL);
}

#[tokio::test]
async fn an_unclear_refund_is_never_asked_for_under_a_new_number() {
    let stand = Stand::open(|number, request, outside| match (request.method.as_str(), number) {
        ("GET", _) => paid(outside, request),
        (_, 0..3) => Answer::Reset,
        _ => accepted_refund(outside, request, "SUCCESS"),
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    console.order_query(None, NO).await.expect("paid");
    let part = |fen: i64| RefundInput { amount: Some(Fen::new(fen)), ..RefundInput::default() };
    console.order_refund(None, NO, part(400)).await.expect_err("no answer");
    let refund = console.order_show(None, NO).await.expect("the order").refunds[0].clone();
    assert_eq!(refund.status, "UNKNOWN");
    assert_eq!(console.order_refund(None, NO, part(100)).await.expect_err("unclear").code, "REFUND_OUTCOME_UNKNOWN");
    let again = console.order_refund(None, NO, part(400)).await.expect("the same again");
    assert_eq!((again.out_refund_no, again.status.as_str()), (refund.out_refund_no, "SUCCESS"));
    assert_eq!(console.order_show(None, NO).await.expect("the order").refunds.len(), 1);
    assert_eq!(console.overview(None).await.expect("figures").refunded_today, 400);
    // 365 days after the payment the window closes
    stand.outside.advance(366 * 86_400);
    assert_eq!(console.order_refund(None, NO, part(1)).await.expect_err("too late").code, "REFUND_TOO_LATE");
}

#[tokio::test]
async fn fifty_parts_and_no_more() {
    let stand = Stand::open(|_, request, outside| match request.method.as_str() {
        "GET" => paid(outside, request),
        _ => accepted_refund(outside, request, "SUCCESS"),
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    console.order_query(None, NO).await.expect("paid");
    for number in 0..51 {
        let input = RefundInput {
            amount: Some(Fen::new(1)),
            out_refund_no: Some(format!("part-{number}")),
            ..RefundInput::default()
        };
        let refund = console.order_refund(None, NO, input).await;
        assert_eq!(
            refund.as_ref().err().map(|problem| problem.code.as_str()),
            (number == 50).then_some("REFUND_TOO_MANY")
        );
    }
}

#[tokio::test]
async fn the_patrol_asks_about_what_is_open_and_stops_at_paid() {
    let stand = Stand::open(|_, request, outside| match request.method.as_str() {
        "GET" => paid(outside, request),
        _ => {
            signed(outside, crate::gateway::stand::By::Platform, 200, r#"{"code_url":"weixin://wxpay/bizpayurl?pr=1"}"#)
        }
    })
    .await;
    let console = desk(&stand).await;
    order(&console).await;
    console.order_prepay(None, NO, Via::Native).await.expect("prepaid");
    let due = async || console.overview(None).await.expect("figures").due;
    assert_eq!(due().await, 0, "its first query is some seconds ahead");
    let now = console.desk.outside.now();
    console.desk.store.write(move |tx| tx.patrol_all_due(now)).await.expect("its time has come");
    assert_eq!(due().await, 1);
    let mut events = console.subscribe();
    console.start_patrol();
    loop {
        let event = events.recv().await.expect("the desk lives");
        if let crate::wire::Event::PaymentReceived { found_by, amount, .. } = event {
            assert_eq!((found_by, amount), (FoundBy::Query, 1_000));
            break;
        }
    }
    let next = console.desk.store.read(|view| view.patrol_next()).await;
    assert_eq!(next, Ok::<_, StoreError>(None), "nothing is left to ask about");
    assert_eq!(due().await, 0);
    console.close().await;
}
