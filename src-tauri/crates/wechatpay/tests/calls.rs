//! Each call against answers as the gateway gives them, and the error model with its advice.

#![allow(missing_docs)]

mod fixture;

use fixture::{answer, api_v3_key, file, headers, now, trusted};
use sha1::{Digest, Sha1};
use wechatpay::api::bill::{AccountType, BillAt, BillError, BillType, Download, FundFlowBill, TradeBill};
use wechatpay::api::certificates::{Certificates, CertificatesError};
use wechatpay::api::close::Close;
use wechatpay::api::combine::CombineQuery;
use wechatpay::api::login::{Jscode2Session, errcode_meaning};
use wechatpay::api::objects::{RefundStatus, TradeState};
use wechatpay::api::prepay::{Prepaid, Prepay, Product};
use wechatpay::api::query::{ByOutTradeNo, ByTransactionId};
use wechatpay::api::refund::RefundQuery;
use wechatpay::api::{Answer, AnswerError, VerifiedAnswer};
use wechatpay::error::Advice;
use wechatpay::ids::{Appid, Mchid, NotifyUrl, OutRefundNo, OutTradeNo, PrepayId, TransactionId};
use wechatpay::keys::{Certificate, TrustedKeys};
use wechatpay::money::Fen;
use wechatpay::{ApiError, seal};

fn mchid() -> Mchid {
    Mchid::parse("1900000001").unwrap()
}

fn number() -> OutTradeNo {
    OutTradeNo::parse("NO|20261124*1").unwrap()
}

#[test]
fn a_prepay_answers_by_product() {
    let of = |product, body: &str| {
        let appid = Appid::parse("wxd678efh567hg6787").unwrap();
        let url = NotifyUrl::parse("https://shop.example.com/notify").unwrap();
        Prepay::new(product, appid, mchid(), number(), "x", url, Fen::new(1)).answer(&answer(200, body))
    };
    let id = PrepayId::parse("wx201410272009395522657a690389285100").unwrap();
    let body = r#"{"prepay_id":"wx201410272009395522657a690389285100"}"#;
    assert_eq!(of(Product::Jsapi, body), Ok(Prepaid::PrepayId(id.clone())));
    assert_eq!(of(Product::App, body), Ok(Prepaid::PrepayId(id)));
    let url = "weixin://wxpay/bizpayurl?pr=JyC91EIz1".to_owned();
    assert_eq!(of(Product::Native, &format!(r#"{{"code_url":"{url}","new":1}}"#)), Ok(Prepaid::CodeUrl(url)));
    assert!(matches!(of(Product::H5, r#"{"h5_url":"https://wx.tenpay.com/x"}"#), Ok(Prepaid::H5Url(_))));
    for body in ["{}", "", "[]", r#"{"prepay_id":""}"#, r#"{"prepay_id":1}"#, r#"{"prepay_id":"a","prepay_id":"b"}"#] {
        assert!(matches!(of(Product::Jsapi, body), Err(AnswerError::NotUnderstood(_))), "{body}");
    }
    assert!(of(Product::Native, r#"{"code_url":""}"#).is_err());
}

#[test]
fn a_query_is_about_the_order_that_was_asked_for() {
    let by_number = ByOutTradeNo { mchid: mchid(), out_trade_no: number() };
    let target = "/v3/pay/transactions/out-trade-no/NO%7C20261124%2A1?mchid=1900000001";
    assert_eq!(by_number.request().target, target, "what is signed is what goes over the wire");
    let unpaid = r#"{"appid":"wxd678efh567hg6787","mchid":"1900000001","out_trade_no":"NO|20261124*1","trade_state":"NOTPAY","trade_state_desc":"订单未支付","amount":{"total":1250}}"#;
    let found = by_number.answer(&answer(200, unpaid)).unwrap();
    assert_eq!((found.trade_state, found.transaction_id), (TradeState::NotPay, None));
    let newer = unpaid.replace("NOTPAY", "ACCEPT").replace(r#""amount""#, r#""new_field":[1],"amount""#);
    let found = by_number.answer(&answer(200, &newer)).unwrap();
    assert_eq!(found.trade_state, TradeState::Other("ACCEPT".into()), "an unknown word survives");
    assert_eq!(serde_json::to_value(&found).unwrap(), serde_json::from_str::<serde_json::Value>(&newer).unwrap());
    for other in [unpaid.replace("NO|2", "NO|3"), unpaid.replace("1900000001", "1900000002")] {
        assert!(matches!(by_number.answer(&answer(200, &other)), Err(AnswerError::NotUnderstood(_))));
    }
    let by_id = ByTransactionId {
        mchid: mchid(),
        transaction_id: TransactionId::parse("4200000985202103031441826014").unwrap(),
    };
    assert_eq!(by_id.request().target, "/v3/pay/transactions/id/4200000985202103031441826014?mchid=1900000001");
    assert!(by_id.answer(&answer(200, unpaid)).is_err(), "it has no transaction_id");
    assert!(by_id.answer(&answer(200, fixture::PAYMENT)).is_ok());
}

#[test]
fn a_close_answers_204_and_is_signed_over_nothing() {
    let close = Close { mchid: mchid(), out_trade_no: number() };
    let request = close.request();
    assert_eq!(request.target, "/v3/pay/transactions/out-trade-no/NO%7C20261124%2A1/close");
    assert_eq!(request.body, br#"{"mchid":"1900000001"}"#);
    assert_eq!(close.answer(&answer(204, "")), Ok(()));
    assert_eq!(close.answer(&answer(200, "{}")), Err(AnswerError::Unexpected(200)));
}

#[test]
fn a_refund_is_read_with_what_this_version_does_not_know() {
    let query = RefundQuery { out_refund_no: OutRefundNo::parse("R@1").unwrap() };
    assert_eq!(query.request().target, "/v3/refund/domestic/refunds/R%401");
    let body = r#"{"refund_id":"50200207182018070300011301001","out_refund_no":"R@1","transaction_id":"4200000985202103031441826014","out_trade_no":"NO1234","channel":"ORIGINAL","user_received_account":"招商银行信用卡0403","create_time":"2026-11-24T10:00:00+08:00","status":"PROCESSING","funds_account":"UNSETTLED","amount":{"total":1250,"refund":250,"payer_total":1250,"payer_refund":250,"settlement_refund":250,"settlement_total":1250,"discount_refund":0,"currency":"CNY","from":[]}}"#;
    let refund = query.answer(&answer(200, body)).unwrap();
    assert_eq!((refund.status.clone(), refund.amount.refund), (RefundStatus::Processing, Fen::new(250)));
    assert_eq!(serde_json::to_value(&refund).unwrap(), serde_json::from_str::<serde_json::Value>(body).unwrap());
    assert!(query.answer(&answer(200, &body.replace("R@1", "R@2"))).is_err());
}

#[test]
fn a_combined_order_is_queried_by_the_number_of_the_whole() {
    let query = CombineQuery { out_trade_no: OutTradeNo::parse("C20261124000001").unwrap() };
    assert_eq!(query.request().target, "/v3/combine-transactions/out-trade-no/C20261124000001");
    assert_eq!(query.answer(&answer(200, fixture::COMBINED)).unwrap().sub_orders.len(), 2);
    assert!(query.answer(&answer(200, &fixture::COMBINED.replace("C2026", "D2026"))).is_err());
}

#[test]
fn certificates_are_opened_and_then_verified_with_what_was_in_them() {
    let list = |serial: &str, name: &str| {
        let ciphertext = seal::seal(&api_v3_key(), b"abcdefghijkl", b"certificate", &file(name));
        format!(
            r#"{{"data":[{{"serial_no":"{serial}","effective_time":"2018-06-08T10:34:56+08:00","expire_time":"2046-06-08T10:34:56+08:00","encrypt_certificate":{{"algorithm":"AEAD_AES_256_GCM","nonce":"abcdefghijkl","associated_data":"certificate","ciphertext":"{ciphertext}"}}}}]}}"#
        )
    };
    let open = |body: &str, trusted: &TrustedKeys| {
        let answer = Answer { status: 200, headers: headers(body.as_bytes()), body: body.as_bytes().to_vec() };
        Certificates.answer(answer, &api_v3_key(), trusted, now())
    };
    let serial = Certificate::from_pem(&file("platform_cert.pem")).unwrap().serial().to_string();
    let first = open(&list(&serial, "platform_cert.pem"), &TrustedKeys::new()).unwrap();
    assert_eq!(first[0].serial().as_str(), serial);
    // The next one is announced, signed by the one that is known.
    let next = Certificate::from_pem(&file("platform2_cert.pem")).unwrap().serial().to_string();
    let body = list(&next, "platform2_cert.pem");
    assert!(open(&body, &trusted()).is_ok());
    assert!(matches!(open(&body, &TrustedKeys::new()), Err(CertificatesError::Answer(AnswerError::NotGenuine { .. }))));
    assert!(matches!(open(&list(&next, "platform_cert.pem"), &trusted()), Err(CertificatesError::Certificate { .. })));
    assert!(matches!(open(&list(&serial, "merchant_key.pem"), &trusted()), Err(CertificatesError::Certificate { .. })));
    assert!(matches!(
        open(&body.replace("abcdefghijkl", "abcdefghijkm"), &trusted()),
        Err(CertificatesError::Sealed { .. })
    ));
    assert_eq!(open(r#"{"data":[]}"#, &trusted()).unwrap().len(), 0);
    let none = Answer {
        status: 404,
        headers: vec![],
        body: r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#.into(),
    };
    let error = Certificates.answer(none, &api_v3_key(), &trusted(), now()).unwrap_err();
    assert!(matches!(error, CertificatesError::Answer(AnswerError::Refused(e)) if e.code == "RESOURCE_NOT_EXISTS"));
}

#[test]
fn a_bill_is_believed_by_its_hash_only() {
    let bill = |date: &str, gzip| TradeBill { date: date.into(), kind: BillType::All, gzip };
    let gz = "/v3/bill/tradebill?bill_date=2019-06-11&bill_type=ALL&tar_type=GZIP";
    assert_eq!(bill("2019-06-11", true).request().unwrap().target, gz);
    assert_eq!(
        bill("2019-06-11", false).request().unwrap().target,
        "/v3/bill/tradebill?bill_date=2019-06-11&bill_type=ALL"
    );
    for date in ["2019-6-11", "2019-06-31", "20190611", "2019-06-11T", "today", "", "2019-06-1\n"] {
        assert_eq!(bill(date, false).request().unwrap_err().rule, "date", "{date}");
    }
    let flow = FundFlowBill { date: "2019-06-11".into(), account: AccountType::Fees, gzip: false };
    assert_eq!(flow.request().unwrap().target, "/v3/bill/fundflowbill?bill_date=2019-06-11&account_type=FEES");

    let text = "交易时间\r\n".as_bytes();
    let hash: String = Sha1::digest(text).iter().map(|b| format!("{b:02x}")).collect();
    let told = |hash: &str| {
        format!(
            r#"{{"hash_type":"SHA1","hash_value":"{hash}","download_url":"https://api.mch.weixin.qq.com/v3/billdownload/file?token=a%2Bb&x=1"}}"#
        )
    };
    let at = bill("2019-06-11", true).answer(&answer(200, &told(&hash))).unwrap();
    assert!(bill("2019-06-11", true).answer(&answer(200, &told("abc"))).is_err());
    let download = Download { at: at.clone(), gzip: false };
    let request = download.request().unwrap();
    assert_eq!(request.target, "/v3/billdownload/file?token=a%2Bb&x=1");
    assert_eq!(download.origin().as_deref(), Some("https://api.mch.weixin.qq.com"));
    assert!(!request.wants_signature);
    let file = |body: &[u8]| {
        VerifiedAnswer::unsigned(Answer { status: 200, headers: vec![], body: body.to_vec() }, &request).unwrap()
    };
    assert_eq!(download.answer(&file(text)).unwrap(), text);
    assert!(matches!(download.answer(&file(&text[..5])), Err(BillError::Hash { .. })));
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut gz, text).unwrap();
    let packed = gz.finish().unwrap();
    let download = Download { at, gzip: true };
    assert_eq!(download.answer(&file(&packed)).unwrap(), text, "the hash is of the uncompressed bytes");
    assert!(matches!(download.answer(&file(&packed[..packed.len() - 9])), Err(BillError::Gzip(_))));
    for url in ["ftp://x/y", "https://x", "https:///y", "https://u@x/y", "https://x/y z", "https://x/y#z", "/v3/y"] {
        let at = BillAt { hash_type: "SHA1".into(), hash_value: hash.clone(), download_url: url.into() };
        assert!(Download { at, gzip: false }.request().is_err(), "{url}");
    }
}

#[test]
fn a_login_shows_neither_the_secret_nor_the_session_key() {
    let login = Jscode2Session {
        appid: Appid::parse("wxd678efh567hg6787").unwrap(),
        secret: "marked-app-secret".to_owned().into(),
        js_code: "a b&c".into(),
    };
    let request = login.request();
    let target = "/sns/jscode2session?appid=wxd678efh567hg6787&secret=marked-app-secret&js_code=a%20b%26c&grant_type=authorization_code";
    assert_eq!(request.target, target);
    let came = |body: &str| {
        let raw = Answer { status: 200, headers: vec![], body: body.as_bytes().to_vec() };
        VerifiedAnswer::unsigned(raw, &request).unwrap()
    };
    let verified = came(r#"{"session_key":"bWFya2VkLXNlc3Npb24ta2V5","openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}"#);
    let session = login.answer(&verified).unwrap();
    let shown = format!("{login:?} {request:?} {verified:?} {session:?} {:#?}", verified.answer());
    assert!(!shown.contains("marked-app-secret") && !shown.contains("bWFya2Vk"), "{shown}");
    let refused = login.answer(&came(r#"{"errcode":40029,"errmsg":"invalid code"}"#)).unwrap_err();
    assert!(matches!(refused, AnswerError::Refused(e) if e.code == "40029"));
    assert!(errcode_meaning(40029).is_some() && errcode_meaning(7).is_none());
    assert!(login.answer(&came(r#"{"errcode":0,"session_key":"x"}"#)).is_err(), "no openid");
}

#[test]
fn what_to_do_after_a_refusal() {
    use Advice::{GiveUp, MendAndRetry, QueryFirst, RetryAsIs};
    let rows = [
        (400, "PARAM_ERROR", MendAndRetry),
        (400, "INVALID_REQUEST", MendAndRetry),
        (400, "APPID_MCHID_NOT_MATCH", MendAndRetry),
        (400, "ORDERPAID", QueryFirst),
        (400, "ORDER_PAID", QueryFirst),
        (400, "ORDER_CLOSED", GiveUp),
        (400, "STATEMENT_CREATING", RetryAsIs),
        (400, "NO_STATEMENT_EXIST", GiveUp),
        (401, "SIGN_ERROR", MendAndRetry),
        (403, "NO_AUTH", MendAndRetry),
        (403, "NOAUTH", MendAndRetry),
        (403, "OUT_TRADE_NO_USED", QueryFirst),
        (403, "NOT_ENOUGH", MendAndRetry),
        (403, "RULE_LIMIT", GiveUp),
        (403, "TRADE_ERROR", QueryFirst),
        (404, "ORDER_NOT_EXIST", GiveUp),
        (404, "ORDERNOTEXIST", GiveUp),
        (404, "", MendAndRetry),
        (429, "FREQUENCY_LIMITED", RetryAsIs),
        (429, "", RetryAsIs),
        (500, "SYSTEM_ERROR", RetryAsIs),
        (500, "SYSTEMERROR", RetryAsIs),
        (502, "", RetryAsIs),
        (503, "SOMETHING_NEW", RetryAsIs),
    ];
    for (status, code, advice) in rows {
        let body = if code.is_empty() { String::new() } else { format!(r#"{{"code":"{code}","message":"m"}}"#) };
        let error = ApiError::read(status, body.as_bytes(), None);
        assert_eq!((error.code.as_str(), error.advice()), (code, advice), "{status} {code}");
        let (zh, en) = error.meaning();
        assert!(!zh.is_empty() && en.is_ascii());
        let refund = if advice == RetryAsIs { QueryFirst } else { advice };
        assert_eq!(error.advice_for("refund"), refund, "a refund may be under way");
        assert_eq!(error.advice_for("prepay"), advice);
    }
}

#[test]
fn a_refusal_is_read_whatever_its_body_is() {
    let body = r#"{"code":"SIGN_ERROR","detail":{"field":"signature"},"message":"签名错误","new":1}"#;
    let error = ApiError::read(401, body.as_bytes(), Some("08A8AAAB9A0610D10718E8C5C05520A5B00D2880EE03-268443699"));
    assert_eq!((error.code.as_str(), error.message.as_str()), ("SIGN_ERROR", "签名错误"));
    assert_eq!(error.detail.as_ref().unwrap()["field"], "signature");
    assert_eq!(error.request_id_meaning().unwrap().0, "签名错误");
    assert!(error.to_string().contains("268443699"));
    for body in ["", "<html>", "[1]", "null", r#"{"code":7,"message":null}"#, "\u{1}"] {
        let error = ApiError::read(502, body.as_bytes(), Some("no number"));
        assert_eq!((error.code.as_str(), error.detail.is_none()), ("", true), "{body}");
        assert_eq!(error.request_id_meaning(), None);
    }
    for number in [
        "268512771",
        "268447840",
        "268435461",
        "268435464",
        "268449538",
        "268498689",
        "270924358",
        "268443715",
        "268447843",
        "268447914",
        "268448010",
        "268449641",
        "268443699",
        "268501013",
        "268498688",
        "268445527",
    ] {
        assert!(wechatpay::error::request_id_meaning(number).is_some(), "{number}");
    }
}
