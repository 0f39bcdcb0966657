//! Bills against a gateway that answers as told: what is believed, and what a reconciliation with planted differences finds.

use super::{BillKind, DifferenceKind, Mend};
use crate::console::{Console, Options};
use crate::gateway::stand::{APPID, By, MCHID, Stand, signed, with_headers};
use crate::orders::state::{RefundState, State};
use crate::outside::Outside;
use crate::store::{NewOrder, NewRefund, Payment, StoreError, Tx};
use crate::wire::FoundBy;
use guitai_door::{Answer, Request};
use serde_json::json;
use sha1::Digest as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use wechatpay::money::Fen;
use wechatpay::time::Timestamp;

const DAY: &str = "2026-11-30";
const HEAD: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";

fn payment(no: &str, transaction: &str, yuan: &str) -> String {
    format!(
        "`{DAY} 12:00:00,`{APPID},`{MCHID},`0,`,`{transaction},`{no},`o1,`NATIVE,`SUCCESS,`OTHERS,`CNY,`{yuan},`0.00,`0,`0,`0.00,`0.00,`,`,`拿铁,`,`0.06000,`0.60%,`{yuan},`0.00,`"
    )
}

fn refund(no: &str, refund_no: &str, yuan: &str, status: &str) -> String {
    format!(
        "`{DAY} 13:00:00,`{APPID},`{MCHID},`0,`,`T-{no},`{no},`o1,`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`50{refund_no},`{refund_no},`{yuan},`0.00,`ORIGINAL,`{status},`拿铁,`,`-0.01000,`0.60%,`0.00,`{yuan},`"
    )
}

fn bill(lines: &[String], total: &str, refunded: &str) -> Vec<u8> {
    let summary = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";
    let sums = format!("`{}.0,`{total},`{refunded},`0.00,`0.06000,`{total},`{refunded}", lines.len());
    format!("\u{feff}{HEAD}\r\n{}\r\n{summary}\r\n{sums}\r\n", lines.join("\r\n")).into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).expect("written");
    packed.finish().expect("packed")
}

fn sha1(bytes: &[u8]) -> String {
    sha1::Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the gateway announces and hands out.
#[derive(Clone, Default)]
struct Served {
    hash: String,
    file: Vec<u8>,
    host: Option<String>,
    none: bool,
}

type Shelf = Arc<Mutex<Served>>;

fn serve(shelf: &Shelf, request: &Request, outside: &Outside) -> Answer {
    let served = shelf.lock().expect("the shelf").clone();
    if request.target.starts_with("/v3/billdownload/file") {
        let headers = vec![("Content-Type".to_owned(), "application/x-gzip".to_owned())];
        return Answer::Full { status: 200, headers, body: served.file.into() };
    }
    if served.none {
        return with_headers(400, &json!({"code": "NO_STATEMENT_EXIST", "message": "账单文件不存在"}).to_string(), &[]);
    }
    let host = served.host.unwrap_or_else(|| format!("http://{}", request.header("Host").unwrap_or_default()));
    let at = json!({"hash_type": "SHA1", "hash_value": served.hash, "download_url": format!("{host}/v3/billdownload/file?token=t")});
    signed(outside, By::Platform, 200, &at.to_string())
}

async fn desk() -> (Stand, Console, Shelf) {
    let shelf: Shelf = Arc::default();
    let served = shelf.clone();
    let stand = Stand::open(move |_, request, outside| serve(&served, request, outside)).await;
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
    (stand, Console { desk: Arc::new(desk) }, shelf)
}

fn put(shelf: &Shelf, served: Served) {
    *shelf.lock().expect("the shelf") = served;
}

#[tokio::test]
async fn only_a_whole_and_genuine_bill_is_kept() {
    let (_stand, console, shelf) = desk().await;
    let good = bill(&[payment("A0001", "T-A0001", "10.00")], "10.00", "0.00");
    let foreign = String::from_utf8(good.clone()).expect("text").replace(MCHID, "1999999999").into_bytes();
    let cut = good[..good.len() - 30].to_vec();
    let bomb = gzip(&vec![b'a'; 48 * 1024 * 1024]);
    let served = |hash: &[u8], file: Vec<u8>| Served { hash: sha1(hash), file, ..Served::default() };
    let cases = [
        ("cut in plain", served(&good, cut.clone()), "BILL_ALTERED"),
        ("cut inside gzip", served(&good, gzip(&good)[..40].to_vec()), "BILL_ALTERED"),
        ("cut, then compressed", served(&good, gzip(&cut)), "BILL_ALTERED"),
        ("altered", served(&good, gzip(&bill(&[payment("A0001", "T-A0001", "9.00")], "9.00", "0.00"))), "BILL_ALTERED"),
        ("a bomb", served(&good, bomb), "BILL_TOO_LARGE"),
        ("cut before it was hashed", served(&cut, gzip(&cut)), "BILL_UNREADABLE"),
        ("no bill at all", served(b"<html>", b"<html>".to_vec()), "BILL_UNREADABLE"),
        ("another merchant's", served(&foreign, gzip(&foreign)), "BILL_NOT_OURS"),
        (
            "at another host",
            Served { host: Some("http://127.0.0.1:9".into()), ..served(&good, gzip(&good)) },
            "BILL_ELSEWHERE",
        ),
    ];
    for (what, served, code) in cases {
        put(&shelf, served);
        let refused = console.bill_fetch(None, BillKind::Trade, DAY, true).await.expect_err(what);
        assert_eq!(refused.code, code, "{what}: {refused:?}");
        assert!(console.bill_list(None).await.expect("a list").is_empty(), "{what}: something was kept");
    }
    for file in [gzip(&good), good.clone()] {
        put(&shelf, served(&good, file));
        let kept = console.bill_fetch(None, BillKind::Trade, DAY, true).await.expect("kept");
        assert_eq!((kept.lines, kept.sha1.as_deref()), (1, Some(sha1(&good).as_str())));
        assert_eq!(console.bill_file(None, BillKind::Trade, DAY).await.expect("the file"), good);
    }
    let kept = console.bill_list(None).await.expect("a list");
    put(&shelf, served(&good, cut));
    assert!(console.bill_fetch(None, BillKind::Trade, DAY, true).await.is_err());
    assert_eq!(console.bill_list(None).await.expect("a list"), kept, "the good one stays");
    assert!(
        console.bill_fetch(None, BillKind::Trade, "2026-13-01", true).await.is_err_and(|it| it.code == "INVALID_FIELD")
    );
}

#[tokio::test]
async fn no_bill_is_kept_as_none_once_it_would_be_ready() {
    let (_stand, console, shelf) = desk().await;
    put(&shelf, Served { none: true, ..Served::default() });
    // the stand's clock says noon of 2026-12-01 in Beijing
    let refused = console.bill_fetch(None, BillKind::Trade, "2026-12-01", true).await.expect_err("not ready");
    assert_eq!(refused.code, "NO_STATEMENT_EXIST");
    assert!(console.bill_list(None).await.expect("a list").is_empty());
    let none = console.bill_fetch(None, BillKind::Trade, DAY, true).await.expect("none");
    assert!(!none.exists && none.lines == 0);
    let day = console.bill_reconcile(None, DAY).await.expect("nothing on either side");
    assert_eq!((day.found, day.there, day.here), (0, day.here, day.there));
    assert!(console.bill_file(None, BillKind::Trade, DAY).await.is_err_and(|it| it.code == "NO_STATEMENT_EXIST"));
}

fn at(time: &str) -> Timestamp {
    format!("{time}+08:00").parse().expect("an instant")
}

fn order(tx: &Tx<'_>, no: &str, total: i64, paid: Option<(&str, FoundBy)>) -> Result<(), StoreError> {
    let row = tx.order_insert(&NewOrder {
        merchant: "shop".to_owned(),
        mchid: MCHID.to_owned(),
        appid: APPID.to_owned(),
        out_trade_no: no.to_owned(),
        description: "拿铁".to_owned(),
        total: Fen::new(total),
        attach: None,
        openid: None,
        notify_url: None,
        fields: None,
        created_at: at(&format!("{DAY}T11:00:00")),
    })?;
    tx.order_move(row.id, State::Created, State::Notpay)?;
    if let Some((when, found)) = paid {
        let payment = Payment {
            transaction_id: &format!("T-{no}"),
            success_time: at(when),
            openid: None,
            payer_total: None,
            found_by: found,
        };
        tx.order_pay(row.id, State::Notpay, State::Success, &payment)?;
    }
    Ok(())
}

fn refunded(tx: &Tx<'_>, no: &str, refund_no: &str, refund: i64, status: RefundState) -> Result<(), StoreError> {
    let order = tx.order(MCHID, no)?.expect("the order");
    tx.refund_insert(&NewRefund {
        order_id: order.id,
        mchid: MCHID.to_owned(),
        out_refund_no: refund_no.to_owned(),
        refund_id: None,
        transaction_id: order.transaction_id.clone(),
        status,
        refund: Fen::new(refund),
        total: order.total,
        reason: None,
        notify_url: None,
        elsewhere: false,
        user_received_account: None,
        success_time: (status == RefundState::Success).then(|| at(&format!("{DAY}T13:00:05"))),
        created_at: at(&format!("{DAY}T13:00:00")),
    })?;
    Ok(())
}

#[tokio::test]
async fn planted_differences_are_found_and_nothing_else() {
    let (_stand, console, shelf) = desk().await;
    let noon = format!("{DAY}T12:00:00");
    let late = format!("{DAY}T23:59:59");
    let told = move |tx: &Tx<'_>| {
        for no in ["SAME1", "SUM001", "TRANS1", "BACK01", "BACK02", "BACK03", "BACK04"] {
            order(tx, no, 1_000, Some((&noon, FoundBy::Callback)))?;
        }
        order(tx, "OPEN01", 1_000, None)?;
        order(tx, "OPEN02", 1_000, None)?;
        order(tx, "ONLYUS", 700, Some((&late, FoundBy::Callback)))?;
        order(tx, "TOMORROW", 700, Some(("2026-12-01T00:00:00", FoundBy::Callback)))?;
        order(tx, "SILENT", 500, Some((&noon, FoundBy::Query)))?;
        refunded(tx, "BACK01", "RF-SAME", 100, RefundState::Success)?;
        refunded(tx, "BACK02", "RF-SUM1", 200, RefundState::Success)?;
        refunded(tx, "BACK03", "RF-OPEN", 300, RefundState::Processing)?;
        refunded(tx, "BACK04", "RF-ONLY", 400, RefundState::Success)
    };
    console.desk.store.write(told).await.expect("rows");
    let lines = [
        payment("SAME1", "T-SAME1", "10.00"),
        payment("SUM001", "T-SUM001", "10.01"),
        payment("TRANS1", "T-OTHER", "10.00"),
        payment("BACK01", "T-BACK01", "10.00"),
        payment("BACK02", "T-BACK02", "10.00"),
        payment("BACK03", "T-BACK03", "10.00"),
        payment("BACK04", "T-BACK04", "10.00"),
        payment("OPEN01", "T-OPEN01", "10.00"),
        payment("OPEN02", "T-OPEN02", "12.00"),
        payment("ONLYTHEM", "T-ONLYTHEM", "3.00"),
        payment("SILENT", "T-SILENT", "5.00"),
        refund("BACK01", "RF-SAME", "1.00", "SUCCESS"),
        refund("BACK02", "RF-SUM1", "2.01", "SUCCESS"),
        refund("BACK03", "RF-OPEN", "3.00", "SUCCESS"),
        refund("BACK03", "RF-THEM", "0.50", "SUCCESS"),
    ];
    let file = bill(&lines, "100.01", "6.51");
    put(&shelf, Served { hash: sha1(&file), file: gzip(&file), ..Served::default() });
    let day = console.bill_reconcile(None, DAY).await.expect("reconciled");
    let mut found: Vec<(&str, DifferenceKind, Mend)> = day
        .differences
        .iter()
        .map(|it| (it.out_refund_no.as_deref().unwrap_or(&it.out_trade_no), it.kind, it.mend))
        .collect();
    found.sort_by_key(|(no, ..)| *no);
    assert_eq!(
        found,
        [
            ("ONLYTHEM", DifferenceKind::MissingHere, Mend::Record),
            ("ONLYUS", DifferenceKind::MissingThere, Mend::Query),
            ("OPEN01", DifferenceKind::State, Mend::Query),
            ("OPEN02", DifferenceKind::Amount, Mend::Ask),
            ("RF-ONLY", DifferenceKind::RefundMissingThere, Mend::QueryRefund),
            ("RF-OPEN", DifferenceKind::RefundState, Mend::QueryRefund),
            ("RF-SUM1", DifferenceKind::RefundAmount, Mend::Ask),
            ("RF-THEM", DifferenceKind::RefundMissingHere, Mend::Record),
            ("SILENT", DifferenceKind::NoCallback, Mend::Callbacks),
            ("SUM001", DifferenceKind::Amount, Mend::Ask),
            ("TRANS1", DifferenceKind::Transaction, Mend::Ask),
        ]
    );
    assert_eq!((day.found, day.matched, day.bill.differences), (11, 6, Some(11)));
    assert_eq!((day.there.payments, day.there.amount), (11, 10_001));
    assert_eq!((day.there.refunds, day.there.refunded), (4, 651));
    assert_eq!((day.here.payments, day.here.amount), (9, 8_200));
    assert_eq!((day.here.refunds, day.here.refunded), (4, 1_000));
    assert_eq!(day.fee, "0.62000", "11 payments at 0.06, 4 refunds at -0.01");
    assert!(day.differences.iter().all(|it| !it.cause.zh.is_empty() && !it.advice.en.is_empty()));

    let file = bill(&lines, "100.02", "6.51");
    put(&shelf, Served { hash: sha1(&file), file: gzip(&file), ..Served::default() });
    console.bill_fetch(None, BillKind::Trade, DAY, true).await.expect("kept in the other's place");
    let day = console.bill_reconcile(None, DAY).await.expect("reconciled");
    assert!(day.differences.iter().any(|it| it.kind == DifferenceKind::Summary));
}

#[tokio::test]
async fn the_day_before_is_fetched_by_itself_where_that_is_wanted() {
    let (_stand, console, shelf) = desk().await;
    let file = bill(&[payment("A0001", "T-A0001", "10.00")], "10.00", "0.00");
    put(&shelf, Served { hash: sha1(&file), file: gzip(&file), ..Served::default() });
    console.daily().await.expect("nothing to do");
    assert!(console.bill_list(None).await.expect("a list").is_empty(), "off unless wanted");
    console.settings_set("bills.daily", "on").await.expect("set");
    // the stand's clock says noon of 2026-12-01 in Beijing
    console.daily().await.expect("done");
    console.daily().await.expect("nothing more to do");
    let kept = console.bill_list(None).await.expect("a list");
    let shown: Vec<_> = kept.iter().map(|bill| (bill.date.as_str(), bill.differences)).collect();
    assert_eq!(shown, [(DAY, Some(1))]);
    put(&shelf, Served { hash: sha1(b"x"), file: gzip(&file), ..Served::default() });
    console.daily().await.expect("it is here already");
}
