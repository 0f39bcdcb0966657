//! Every refusal of the reference that the gateway gives, as tables; and the forms of its yeses.

mod parameters;
mod senders;

use serde_json::{Value, json};

use super::*;
use crate::clock::Clock;
use crate::fixture::{self, APPID, MCHID, PUBLIC_KEY_ID};
use crate::switches::{ChangedParameters, KeyMode, NoCertificates};

struct Bench {
    _folder: tempfile::TempDir,
    keyring: Keyring,
    ledger: Ledger,
    switches: Switches,
    files: BillFiles,
    logins: LoginCodes,
    traffic: Traffic,
    now: Millis,
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        fixture::lay(folder.path());
        Bench {
            keyring: Keyring::open(folder.path(), 1).unwrap(),
            _folder: folder,
            ledger: Ledger::default(),
            switches: Switches::default(),
            files: BillFiles::default(),
            logins: LoginCodes::default(),
            traffic: Traffic::default(),
            now: Clock::wall().as_millisecond(),
        }
    }

    fn books(&mut self) -> Books<'_> {
        Books {
            ledger: &mut self.ledger,
            switches: &self.switches,
            keyring: &self.keyring,
            files: &mut self.files,
            logins: &mut self.logins,
            traffic: &mut self.traffic,
            now: self.now,
        }
    }

    /// The whole way of a request, as the server goes it.
    fn send(&mut self, request: &Request) -> Result<Granted, Refused> {
        let route = Route::find(&request.method, request.path())?;
        let wall = Clock::wall();
        let front = Route::front(request.path());
        let caller = authenticate(request, front, &self.keyring, &self.switches, wall, &mut Trace::default())?;
        decide(&route, request, &caller, &mut self.books(), wall)
    }

    fn post(&mut self, target: &str, body: &Value) -> Result<Granted, Refused> {
        self.send(&fixture::request("POST", target, &body.to_string()))
    }

    fn get(&mut self, target: &str) -> Result<Granted, Refused> {
        self.send(&fixture::request("GET", target, ""))
    }

    fn openid(&self) -> String {
        openid_for(&self.keyring.all()[0], "payer")
    }

    fn order(&self, number: &str) -> Value {
        json!({ "appid": APPID, "mchid": MCHID, "description": "奶茶", "out_trade_no": number,
                "notify_url": "http://127.0.0.1:1/notify", "amount": { "total": 1000 }, "payer": { "openid": self.openid() } })
    }

    fn pay(&mut self, number: &str) {
        let key = crate::ledger::key(MCHID, number);
        self.ledger.pay(&key, None, None, self.now).unwrap();
    }

    fn login(&mut self, target: &str) -> Value {
        let request = fixture::request("GET", target, "");
        match login(&request, &mut self.books()) {
            Granted::Plain(body) => serde_json::from_slice(&body).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn json_of(granted: Result<Granted, Refused>) -> Value {
    match granted {
        Ok(Granted::Json(body)) => serde_json::from_slice(&body).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// (status, code) of a refusal.
fn no(granted: Result<Granted, Refused>) -> (u16, &'static str) {
    let refused = granted.expect_err("refused");
    (refused.status, refused.code)
}

const JSAPI: &str = "/v3/pay/transactions/jsapi";

#[test]
fn each_product_answers_in_its_form() {
    let mut bench = Bench::new();
    for (product, name, begins) in [
        ("jsapi", "prepay_id", "wx"),
        ("app", "prepay_id", "wx"),
        ("native", "code_url", "weixin://wxpay/bizpayurl?pr="),
        ("h5", "h5_url", "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx"),
    ] {
        let mut order = bench.order(&format!("ORDER-{product}"));
        order["scene_info"] = json!({ "payer_client_ip": "127.0.0.1", "h5_info": { "type": "Wap" } });
        let answer = json_of(bench.post(&format!("/v3/pay/transactions/{product}"), &order));
        assert_eq!(answer.as_object().unwrap().len(), 1, "{product}");
        assert!(answer[name].as_str().unwrap().starts_with(begins), "{product} {answer}");
    }
    let order = bench.order("ORDER-h5-2");
    assert_eq!(no(bench.post("/v3/pay/transactions/h5", &order)), (400, "PARAM_ERROR"));
}

#[test]
fn the_same_number_again() {
    let mut bench = Bench::new();
    let order = bench.order("ORDER1");
    let first = json_of(bench.post(JSAPI, &order));
    // names in another order are the same parameters
    let mut shuffled: Vec<(String, Value)> = order.as_object().unwrap().clone().into_iter().collect();
    shuffled.reverse();
    let second = json_of(bench.post(JSAPI, &Value::Object(shuffled.into_iter().collect())));
    assert_ne!(first, second);
    let mut changed = order.clone();
    changed["description"] = json!("咖啡");
    let refused = bench.post(JSAPI, &changed).unwrap_err();
    assert_eq!((refused.status, refused.code, refused.inner), (400, "INVALID_REQUEST", 268_498_688));
    bench.switches.changed_parameters = ChangedParameters::OutTradeNoUsed;
    assert_eq!(no(bench.post(JSAPI, &changed)), (403, "OUT_TRADE_NO_USED"));
    bench.pay("ORDER1");
    let refused = bench.post(JSAPI, &order).unwrap_err();
    assert_eq!((refused.status, refused.code, refused.inner), (400, "ORDERPAID", 268_498_689));
    let close = "/v3/pay/transactions/out-trade-no/ORDER1/close";
    assert_eq!(no(bench.post(close, &json!({"mchid": MCHID}))), (400, "ORDERPAID"));
    let order = bench.order("ORDER2");
    json_of(bench.post(JSAPI, &order));
    let close = "/v3/pay/transactions/out-trade-no/ORDER2/close";
    for _ in 0..2 {
        assert_eq!(bench.post(close, &json!({"mchid": MCHID})), Ok(Granted::Nothing));
    }
    assert_eq!(no(bench.post(JSAPI, &order)), (400, "ORDER_CLOSED"));
    assert_eq!(
        no(bench.post("/v3/pay/transactions/out-trade-no/ORDER9/close", &json!({"mchid": MCHID}))),
        (404, "ORDER_NOT_EXIST")
    );
}

#[test]
fn queries_both_ways() {
    let mut bench = Bench::new();
    let order = bench.order("ORDER|*_-1");
    json_of(bench.post(JSAPI, &order));
    let by_number = format!("/v3/pay/transactions/out-trade-no/ORDER%7C*_-1?mchid={MCHID}");
    assert_eq!(json_of(bench.get(&by_number))["trade_state"], "NOTPAY");
    bench.pay("ORDER|*_-1");
    let paid = json_of(bench.get(&by_number));
    assert_eq!(paid["trade_state"], "SUCCESS");
    let id = paid["transaction_id"].as_str().unwrap();
    assert_eq!(id.len(), 28);
    assert_eq!(json_of(bench.get(&format!("/v3/pay/transactions/id/{id}?mchid={MCHID}"))), paid);
    for (target, expected) in [
        ("/v3/pay/transactions/out-trade-no/ORDER%7C*_-1".to_owned(), (400, "PARAM_ERROR")),
        ("/v3/pay/transactions/out-trade-no/ORDER9?mchid=1900000001".to_owned(), (404, "ORDER_NOT_EXIST")),
        ("/v3/pay/transactions/out-trade-no/ORDER9?mchid=1900000002".to_owned(), (400, "MCH_NOT_EXISTS")),
        (format!("/v3/pay/transactions/id/4200?mchid={MCHID}"), (404, "ORDER_NOT_EXIST")),
        (format!("/v3/pay/transactions/id/{}?mchid={MCHID}", "4".repeat(33)), (400, "PARAM_ERROR")),
        (format!("/v3/pay/transactions/out-trade-no/{}?mchid={MCHID}", "A".repeat(33)), (400, "PARAM_ERROR")),
        ("/v3/pay/transactions/out-trade-no/ORDER9?mchid=".to_owned(), (400, "PARAM_ERROR")),
    ] {
        assert_eq!(no(bench.get(&target)), expected, "{target}");
    }
}

#[test]
fn refunds_are_refused_by_rule() {
    let mut bench = Bench::new();
    let order = bench.order("ORDER1");
    json_of(bench.post(JSAPI, &order));
    let target = "/v3/refund/domestic/refunds";
    let refund = |number: &str, amount: i64, total: i64| json!({ "out_trade_no": "ORDER1", "out_refund_no": number, "amount": { "refund": amount, "total": total, "currency": "CNY" } });
    assert_eq!(no(bench.post(target, &refund("R1", 1, 1000))), (400, "INVALID_REQUEST"));
    bench.pay("ORDER1");
    let answer = json_of(bench.post(target, &refund("R1", 400, 1000)));
    assert_eq!((answer["status"].as_str(), answer["amount"]["refund"].as_i64()), (Some("PROCESSING"), Some(400)));
    assert!(answer.get("success_time").is_none());
    assert_eq!(json_of(bench.get("/v3/refund/domestic/refunds/R1")), answer);
    for (body, expected) in [
        (refund("R2", 601, 1000), (400, "INVALID_REQUEST")),
        (refund("R2", 1, 999), (400, "INVALID_REQUEST")),
        (refund("R2", 0, 1000), (400, "PARAM_ERROR")),
        (refund("R1", 300, 1000), (400, "INVALID_REQUEST")),
        (refund("R~", 1, 1000), (400, "PARAM_ERROR")),
        (
            json!({ "out_refund_no": "R2", "amount": { "refund": 1, "total": 1000, "currency": "CNY" } }),
            (400, "PARAM_ERROR"),
        ),
        (
            json!({ "out_trade_no": "ORDER9", "out_refund_no": "R2", "amount": { "refund": 1, "total": 1000, "currency": "CNY" } }),
            (404, "RESOURCE_NOT_EXISTS"),
        ),
        (
            json!({ "out_trade_no": "ORDER1", "out_refund_no": "R2", "amount": { "refund": 1, "total": 1000 } }),
            (400, "PARAM_ERROR"),
        ),
    ] {
        assert_eq!(no(bench.post(target, &body)), expected, "{body}");
    }
    assert_eq!(no(bench.get("/v3/refund/domestic/refunds/R9")), (404, "RESOURCE_NOT_EXISTS"));
    bench.switches.not_enough = true;
    assert_eq!(no(bench.post(target, &refund("R2", 1, 1000))), (403, "NOT_ENOUGH"));
}

#[test]
fn certificates_open_with_the_apiv3_key() {
    let mut bench = Bench::new();
    let list = json_of(bench.get("/v3/certificates?algorithm_type=RSA"));
    let sealed = &list["data"][0]["encrypt_certificate"];
    let text = |name: &str| sealed[name].as_str().unwrap();
    assert_eq!((text("associated_data"), text("nonce").len()), ("certificate", 12));
    let pem =
        wechatpay::seal::open(&fixture::api_v3_key(), text("nonce").as_bytes(), b"certificate", text("ciphertext"))
            .unwrap();
    let certificate = wechatpay::keys::Certificate::from_pem(&pem).unwrap();
    assert_eq!(list["data"][0]["serial_no"], certificate.serial().as_str());
    bench.switches.mode = KeyMode::PublicKey;
    assert_eq!(no(bench.get("/v3/certificates")), (404, "RESOURCE_NOT_EXISTS"));
    bench.switches.no_certificates = NoCertificates::EmptyList;
    assert_eq!(json_of(bench.get("/v3/certificates")), json!({ "data": [] }));
}

#[test]
fn logins_give_one_openid_for_one_name() {
    let mut bench = Bench::new();
    let target = |appid: &str, secret: &str, code: &str| {
        format!("/sns/jscode2session?appid={appid}&secret={secret}&js_code={code}&grant_type=authorization_code")
    };
    let secret = fixture::SECRET;
    let first = bench.login(&target(APPID, secret, "sandbox-anna"));
    let again = bench.login(&target(APPID, secret, "sandbox-anna"));
    assert_eq!(first["openid"], again["openid"]);
    assert_eq!(first["openid"].as_str().unwrap().len(), 28);
    assert!(first.get("errcode").is_none());
    assert_ne!(first["openid"], bench.login(&target(APPID, secret, "sandbox-bert"))["openid"]);
    let code = LoginCodes::hand_out();
    assert!(bench.login(&target(APPID, secret, &code))["openid"].is_string());
    for (target, errcode) in [
        (target(APPID, secret, &code), 40_163),
        (target(APPID, secret, "whatever"), 40_029),
        (target(APPID, secret, "sandbox-"), 40_029),
        (target("wxffffffffffffffff", secret, "sandbox-anna"), 40_013),
        (target(APPID, "wrong", "sandbox-anna"), 40_125),
        (target(APPID, "", "sandbox-anna"), 41_004),
        (target("", secret, "sandbox-anna"), 41_002),
        (target(APPID, secret, ""), 41_008),
    ] {
        assert_eq!(bench.login(&target)["errcode"], errcode, "{target}");
    }
}

#[test]
fn bills_come_from_ten_the_next_day() {
    let mut bench = Bench::new();
    let order = bench.order("ORDER1");
    json_of(bench.post(JSAPI, &order));
    bench.pay("ORDER1");
    let day = wechatpay::time::beijing_date(crate::clock::instant(bench.now));
    let target = format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=");
    assert_eq!(no(bench.get(&target)), (400, "NO_STATEMENT_EXIST"));
    let date: jiff::civil::Date = day.parse().unwrap();
    let beijing = jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8));
    let ten = date.tomorrow().unwrap().at(10, 0, 0, 0).to_zoned_datetime(beijing).unwrap().timestamp().as_millisecond();
    bench.now = ten - 1;
    assert_eq!(no(bench.get(&target)), (400, "NO_STATEMENT_EXIST"));
    bench.now = ten;
    let bill = json_of(bench.get(&target));
    let url = bill["download_url"].as_str().unwrap();
    let file = url.strip_prefix("http://127.0.0.1:1").unwrap();
    let Ok(Granted::File { bytes, .. }) = bench.get(file) else { panic!("no file") };
    use sha1::Digest as _;
    let hash: String = sha1::Sha1::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(bill["hash_value"], hash);
    let packed = json_of(bench.get(&target.replace("tar_type=", "tar_type=GZIP")));
    assert_eq!(packed["hash_value"], hash, "the hash is of the unpacked file");
    let through_proxy = {
        let mut request = fixture::request("GET", &target, "");
        request.via = Some("https://api.mch.weixin.qq.com".into());
        json_of(bench.send(&request))
    };
    assert!(
        through_proxy["download_url"]
            .as_str()
            .unwrap()
            .starts_with("https://api.mch.weixin.qq.com/v3/billdownload/file?token=")
    );
    bench.now = ten + 5 * 60_000;
    assert_eq!(no(bench.get(file)), (400, "INVALID_REQUEST"));
    for (target, expected) in [
        ("/v3/bill/tradebill".to_owned(), (400, "PARAM_ERROR")),
        ("/v3/bill/tradebill?bill_date=2026-1-1".to_owned(), (400, "PARAM_ERROR")),
        ("/v3/bill/tradebill?bill_date=2001-01-01".to_owned(), (400, "PARAM_ERROR")),
        (format!("/v3/bill/tradebill?bill_date={day}&bill_type=X"), (400, "PARAM_ERROR")),
        (format!("/v3/bill/tradebill?bill_date={day}&bill_type=REFUND"), (400, "NO_STATEMENT_EXIST")),
        (format!("/v3/bill/fundflowbill?bill_date={day}&account_type=FEES"), (400, "NO_STATEMENT_EXIST")),
    ] {
        assert_eq!(no(bench.get(&target)), expected, "{target}");
    }
}

/// The hash that was told, and the file, unfolded as far as it goes.
fn told_and_given(bench: &mut Bench, target: &str) -> (String, Vec<u8>) {
    use sha1::Digest as _;
    use std::io::Read as _;
    let told = json_of(bench.get(target));
    let file = told["download_url"].as_str().unwrap().strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    let Ok(Granted::File { bytes, .. }) = bench.get(&file) else { panic!("no file") };
    let mut unfolded = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unfolded).unwrap();
    let hash: String = sha1::Sha1::digest(&unfolded).iter().map(|b| format!("{b:02x}")).collect();
    let fits = if told["hash_value"] == hash { "fits" } else { "does not fit" };
    (fits.to_owned(), unfolded)
}

#[test]
fn a_bill_is_spoilt_as_it_was_told() {
    use crate::ledger::BillFault;
    let mut bench = Bench::new();
    for number in ["ORDER1", "ORDER2"] {
        let order = bench.order(number);
        json_of(bench.post(JSAPI, &order));
        bench.pay(number);
    }
    let day = wechatpay::time::beijing_date(crate::clock::instant(bench.now));
    let target = format!("/v3/bill/tradebill?bill_date={day}&tar_type=GZIP");
    bench.now += 35 * 3_600_000;
    let whole = told_and_given(&mut bench, &target).1;
    let number = || "ORDER1".to_owned();
    for (fault, hash, holds, lacks) in [
        (BillFault::Cut, "does not fit", "交易时间", "总交易单数"),
        (BillFault::Altered, "does not fit", "总交易单数", "\u{0}"),
        (BillFault::Bomb, "fits", "``````", "交易时间"),
        (BillFault::Missing { number: number() }, "fits", "`1.0,`10.00,", "`ORDER1,"),
        (BillFault::Amount { number: number(), amount: 1_234 }, "fits", "`2.0,`22.34,", "`20.00,"),
    ] {
        bench.files.faults = vec![fault.clone()];
        let (fits, file) = told_and_given(&mut bench, &target);
        let text = String::from_utf8_lossy(&file);
        assert_eq!(fits, hash, "{fault:?}");
        assert!(text.contains(holds) && !text.contains(lacks) && file != whole, "{fault:?}: {:.600}", text);
    }
}

#[test]
fn combined_orders_are_paid_together_or_not_at_all() {
    let mut bench = Bench::new();
    let part = |number: &str| json!({ "mchid": MCHID, "attach": "a", "out_trade_no": number, "description": "d", "amount": { "total_amount": 10, "currency": "CNY" } });
    let body = json!({ "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "COMBINE1",
        "sub_orders": [part("SUB-001"), part("SUB-002")], "notify_url": "http://127.0.0.1/n" });
    let target = "/v3/combine-transactions/native";
    assert!(json_of(bench.post(target, &body))["code_url"].is_string());
    assert!(json_of(bench.post(target, &body))["code_url"].is_string(), "the same again");
    let one = json!({ "combine_appid": APPID, "combine_mchid": MCHID, "combine_out_trade_no": "COMBINE2",
        "sub_orders": [part("SUB-003")], "notify_url": "http://127.0.0.1/n" });
    assert_eq!(no(bench.post(target, &one)), (400, "PARAM_ERROR"));
    assert_eq!(
        no(bench.get(&format!("/v3/pay/transactions/out-trade-no/SUB-001?mchid={MCHID}"))),
        (404, "ORDER_NOT_EXIST")
    );
    let close = "/v3/combine-transactions/out-trade-no/COMBINE1/close";
    let numbers = |all: &[&str]| {
        json!({ "combine_appid": APPID,
        "sub_orders": all.iter().map(|no| json!({ "mchid": MCHID, "out_trade_no": no })).collect::<Vec<_>>() })
    };
    assert_eq!(no(bench.post(close, &numbers(&["SUB-001"]))), (400, "INVALID_REQUEST"));
    bench.ledger.pay_combined(&crate::ledger::key(MCHID, "COMBINE1"), None, bench.now).unwrap();
    let paid = json_of(bench.get("/v3/combine-transactions/out-trade-no/COMBINE1"));
    let states: Vec<_> =
        paid["sub_orders"].as_array().unwrap().iter().map(|s| s["trade_state"].as_str().unwrap()).collect();
    assert_eq!(states, ["SUCCESS", "SUCCESS"]);
    assert_eq!(paid["sub_orders"][0]["amount"]["payer_amount"], 10);
    assert_eq!(no(bench.post(close, &numbers(&["SUB-002", "SUB-001"]))), (400, "ORDERPAID"));
    let refund = json!({ "out_trade_no": "SUB-001", "out_refund_no": "R1", "amount": { "refund": 10, "total": 10, "currency": "CNY" } });
    assert_eq!(json_of(bench.post("/v3/refund/domestic/refunds", &refund))["status"], "PROCESSING");
}

#[test]
fn a_path_segment_is_decoded_once() {
    for (segment, text) in [
        ("ORDER1", "ORDER1"),
        ("a%7Cb", "a|b"),
        ("a+b&c=d", "a+b&c=d"),
        ("%2541", "%41"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%E8%AE%A2", "订"),
        ("%ff", "\u{fffd}"),
    ] {
        assert_eq!(decode(segment), text, "{segment}");
    }
}

#[test]
fn merchants_see_nothing_of_each_other() {
    let mut bench = Bench::new();
    let order = bench.order("ORDER1");
    json_of(bench.post(JSAPI, &order));
    bench.pay("ORDER1");
    let paid = bench.ledger.order(MCHID, "ORDER1").unwrap().transaction(bench.now);
    let folder = tempfile::tempdir().unwrap();
    fixture::lay(folder.path());
    fixture::lay_as(folder.path(), "1900000002", "wxfedcba9876543210");
    bench.keyring = Keyring::open(folder.path(), 2).unwrap();
    let ask = |bench: &mut Bench, method: &str, target: &str, body: &Value| {
        let mut request =
            fixture::request(method, target, &if body.is_null() { String::new() } else { body.to_string() });
        for (_, value) in &mut request.headers {
            *value = value.replace(MCHID, "1900000002");
        }
        bench.send(&request)
    };
    let id = paid["transaction_id"].as_str().unwrap();
    for target in ["out-trade-no/ORDER1".to_owned(), format!("id/{id}")] {
        let target = format!("/v3/pay/transactions/{target}?mchid=1900000002");
        assert_eq!(no(ask(&mut bench, "GET", &target, &Value::Null)), (404, "ORDER_NOT_EXIST"));
    }
    let refund = json!({ "transaction_id": id, "out_refund_no": "R1", "amount": { "refund": 1, "total": 1000, "currency": "CNY" } });
    assert_eq!(no(ask(&mut bench, "POST", "/v3/refund/domestic/refunds", &refund)), (404, "RESOURCE_NOT_EXISTS"));
    let mut same_number = bench.order("ORDER1");
    same_number["mchid"] = json!("1900000002");
    same_number["appid"] = json!("wxfedcba9876543210");
    assert!(json_of(ask(&mut bench, "POST", "/v3/pay/transactions/native", &same_number))["code_url"].is_string());
    same_number["appid"] = json!(APPID);
    assert_eq!(
        no(ask(&mut bench, "POST", "/v3/pay/transactions/native", &same_number)),
        (400, "APPID_MCHID_NOT_MATCH")
    );
}

#[test]
fn english_and_old_codes_on_demand() {
    let refused = Refused::order_unknown();
    assert_eq!(refused.body(false, false), r#"{"code":"ORDER_NOT_EXIST","message":"订单不存在"}"#.as_bytes());
    assert_eq!(refused.body(true, true), br#"{"code":"ORDERNOTEXIST","message":"The order does not exist"}"#);
}
