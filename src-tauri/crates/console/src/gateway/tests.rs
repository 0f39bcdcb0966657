//! What is sent, what is believed, what is tried again, and what is kept, over real HTTP.

use super::stand::*;
use super::*;
use crate::merchants::MerchantPatch;
use guitai_door::Answer as Reply;
use wechatpay::api::query::ByOutTradeNo;
use wechatpay::authorization::Authorization;
use wechatpay::ids::{Mchid, OutTradeNo};
use wechatpay::keys::Certificate;
use wechatpay::message;

const PREPAY: &str = "/v3/pay/transactions/native";
const REFUSED: &str = r#"{"code":"PARAM_ERROR","message":"参数错误"}"#;
const BUSY: &str = r#"{"code":"SYSTEM_ERROR","message":"系统繁忙，请稍后重试"}"#;

/// A call with a body that must arrive unchanged.
fn call() -> Request {
    let body = "{\"description\":\"Image形象店 \\u0041\",\n \"amount\":{\"total\":100}}".as_bytes().to_vec();
    Request {
        method: "POST",
        target: PREPAY.to_owned(),
        body,
        purpose: "prepay",
        wants_signature: true,
        encrypted_for: None,
    }
}

#[tokio::test]
async fn the_bytes_signed_are_the_bytes_sent_and_all_is_kept() {
    let stand = Stand::open(|_, _, clock| signed(clock, By::Platform, 200, r#"{"code_url":"weixin://a"}"#)).await;
    let sent = stand.gateway.send(&stand.profile().await, &call()).await;
    assert_eq!(sent.outcome.expect("believed").body(), br#"{"code_url":"weixin://a"}"#);
    let seen = &stand.calls(PREPAY)[0];
    assert_eq!(seen.body, call().body);
    let given = Authorization::parse(seen.header("Authorization").expect("signed")).expect("well formed");
    let text = message::request(
        "POST",
        &seen.target,
        given.timestamp.parse().expect("a number"),
        &given.nonce_str,
        &seen.body,
    );
    let merchant = Certificate::from_pem(fixture!("merchant_cert.pem")).expect("a certificate");
    let signature =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, &given.signature).expect("base64");
    assert!(merchant.public_key().verify(&text, &signature));
    assert_eq!(seen.header("Accept"), Some("application/json"));
    assert!(seen.header("User-Agent").is_some_and(|agent| agent.starts_with("Guitai/")));
    assert_eq!(seen.header("Content-Type"), Some("application/json"));
    assert_eq!(seen.header("Wechatpay-Serial"), None, "certificate mode");
    // what is kept is what went over the wire
    let record = sent.record;
    for (name, value) in &record.request_headers {
        assert_eq!(seen.header(name), Some(value.as_str()), "{name}");
    }
    assert_eq!(record.request_body, call().body);
    assert_eq!(record.response_body, br#"{"code_url":"weixin://a"}"#);
    assert_eq!((record.outcome, record.status, record.request_id.as_deref()), ("ok", Some(200), Some("08A8AAAB-0")));
    assert_eq!(record.signed.expect("signed text").text.as_bytes(), text);
    let verified = record.verified.expect("verified text");
    assert_eq!((verified.ok, verified.signer.as_str()), (Some(true), "platform_certificate"));
}

#[tokio::test]
async fn answers_that_are_not_genuine_are_refused_by_name() {
    let body = r#"{"code_url":"weixin://forged"}"#;
    type Make = fn(&crate::outside::Outside, &str) -> Reply;
    let cases: [(&str, Make); 9] = [
        ("header_missing", |_, body| with_headers(200, body, &[])),
        ("signature_mismatch", |clock, body| signed(clock, By::Forger, 200, body)),
        ("timestamp_stale", |clock, body| signed_at(clock.now().as_second() - 301, By::Platform, 200, body)),
        ("timestamp_stale", |clock, body| signed_at(clock.now().as_second() + 301, By::Platform, 200, body)),
        ("serial_unknown", |clock, body| signed(clock, By::Platform2, 200, body)),
        ("signature_mismatch", |clock, body| match signed(clock, By::Platform, 200, body) {
            Reply::Full { status, headers, .. } => Reply::Full { status, headers, body: format!("{body} ").into() },
            other => other,
        }),
        ("signature_mismatch", |clock, body| match signed(clock, By::Platform, 200, body) {
            // cut, with a length that fits what is left
            Reply::Full { status, headers, body } => Reply::Full { status, headers, body: body.slice(..10) },
            other => other,
        }),
        ("header_repeated", |clock, body| match signed(clock, By::Platform, 200, body) {
            Reply::Full { status, mut headers, body } => {
                headers.push(("Wechatpay-Nonce".to_owned(), "x".to_owned()));
                Reply::Full { status, headers, body }
            }
            other => other,
        }),
        ("signature_malformed", |clock, body| {
            let now = clock.now().as_second().to_string();
            with_headers(
                200,
                body,
                &[
                    ("Wechatpay-Timestamp", now.as_str()),
                    ("Wechatpay-Nonce", "n"),
                    ("Wechatpay-Signature", "AAAA"),
                    ("Wechatpay-Serial", By::Platform.serial().as_str()),
                ],
            )
        }),
    ];
    for (slug, make) in cases {
        let stand = Stand::open(move |_, request, clock| match request.path() {
            PREPAY => make(clock, body),
            _ => with_headers(404, r#"{"code":"RESOURCE_NOT_EXISTS","message":"无可用的平台证书"}"#, &[]),
        })
        .await;
        let sent = stand.gateway.send(&stand.profile().await, &call()).await;
        let Err(error @ GatewayError::Unverified { .. }) = &sent.outcome else { panic!("{slug}: {:?}", sent.outcome) };
        let GatewayError::Unverified { rejection, .. } = error else { continue };
        assert_eq!(rejection.slug(), slug);
        assert!(error.outcome_is_unknown());
        assert_eq!(sent.record.outcome, "unverified", "{slug}");
        assert_eq!(stand.calls(PREPAY).len(), 1, "{slug}: not sent again");
        let problem = problem::of_gateway(error, Some("7".to_owned()), None);
        assert_eq!(problem.code, "ANSWER_NOT_GENUINE");
        let why = problem.why.expect("a why");
        assert!(why.en.contains(slug) && why.zh.contains(slug), "{why:?}");
        assert_eq!(problem.gateway.and_then(|gateway| gateway.exchange_id).as_deref(), Some("7"));
    }
}

#[tokio::test]
async fn a_signature_probe_is_refused_and_the_call_repeated_once() {
    for (probes, believed) in [(1, true), (2, false)] {
        let stand = Stand::open(move |number, _, clock| match signed(clock, By::Platform, 200, "{}") {
            Reply::Full { status, mut headers, body } if number < probes => {
                for (name, value) in &mut headers {
                    if name == "Wechatpay-Signature" {
                        value.insert_str(0, "WECHATPAY/SIGNTEST/");
                    }
                }
                Reply::Full { status, headers, body }
            }
            sound => sound,
        })
        .await;
        let sent = stand.gateway.send(&stand.profile().await, &call()).await;
        assert_eq!(sent.outcome.is_ok(), believed);
        assert_eq!((stand.calls(PREPAY).len(), sent.earlier.len()), (2, 1));
        assert_eq!(sent.earlier[0].outcome, "unverified");
    }
}

#[tokio::test]
async fn only_what_may_be_repeated_is_and_within_the_budget() {
    // (status, body, refusals before it works, calls, works)
    for (status, body, refusals, calls, works) in [
        (500, BUSY, 2, 3, true),
        (500, BUSY, 9, 3, false),
        (429, r#"{"code":"FREQUENCY_LIMITED","message":"频率超限"}"#, 1, 2, true),
        (503, "", 1, 2, true),
        (400, REFUSED, 9, 1, false),
        (401, r#"{"code":"SIGN_ERROR","message":"签名错误"}"#, 9, 1, false),
        (403, r#"{"code":"NO_AUTH","message":"商户无权限"}"#, 9, 1, false),
        (404, "", 9, 1, false),
    ] {
        let stand = Stand::open(move |number, _, clock| {
            if number < refusals { with_headers(status, body, &[]) } else { signed(clock, By::Platform, 200, "{}") }
        })
        .await;
        let sent = stand.gateway.send(&stand.profile().await, &call()).await;
        let seen = stand.calls(PREPAY);
        assert_eq!((seen.len(), sent.outcome.is_ok()), (calls, works), "{status} {body}");
        assert_eq!(sent.earlier.len(), calls - 1);
        assert!(seen.iter().all(|one| one.body == call().body), "the same bytes each time");
        let mut fresh: Vec<_> = seen.iter().map(|one| one.header("Authorization").map(str::to_owned)).collect();
        fresh.dedup();
        assert_eq!(fresh.len(), calls, "a fresh signature each time");
    }
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_and_named() {
    const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nContent-Type: application/json\r\n\r\n{\"code_url\"";
    type Lose = fn() -> Reply;
    let cases: [(&str, Lose); 3] = [
        ("TIMEOUT", || Reply::Hang),
        ("ANSWER_CUT", || Reply::Reset),
        ("ANSWER_CUT", || Reply::Cut { bytes: CUT.into() }),
    ];
    for (code, lose) in cases {
        let stand = Stand::open(move |_, _, _| lose()).await;
        let sent = stand.gateway.send(&stand.profile().await, &call()).await;
        let error = sent.outcome.expect_err("nothing to believe");
        assert!(matches!(error, GatewayError::UnknownOutcome { .. }) && error.outcome_is_unknown(), "{error}");
        assert_eq!(
            (sent.record.code.as_deref(), sent.record.outcome, sent.record.status),
            (Some(code), "unknown", None)
        );
        assert_eq!(problem::of_gateway(&error, None, None).code, "OUTCOME_UNKNOWN");
        let seen = stand.calls(PREPAY);
        assert!(seen.len() > 1 && seen.iter().all(|one| one.body == call().body), "repeated with the same bytes");
    }
}

#[tokio::test]
async fn no_connection_means_nothing_was_sent() {
    let stand = Stand::open(|_, _, _| Reply::Reset).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a free port");
    let profile = stand.change(MerchantPatch { base_url: Some(format!("http://{free}")), ..Default::default() }).await;
    let sent = stand.gateway.send(&profile, &call()).await;
    let error = sent.outcome.expect_err("nobody there");
    assert!(matches!(&error, GatewayError::Unreachable { .. }) && !error.outcome_is_unknown(), "{error}");
    assert!(sent.earlier.is_empty(), "a sandbox that is gone is not waited for");
    assert_eq!(problem::of_gateway(&error, None, None).code, "GATEWAY_UNREACHABLE");
}

#[tokio::test]
async fn the_backup_host_comes_after_the_main_one_failed_to_connect() {
    let stand = Stand::open(|_, _, _| Reply::Reset).await;
    let mut profile = (*stand.profile().await).clone();
    profile.sandbox = false;
    let mut call = Call { profile: Arc::new(profile), earlier: Vec::new(), refreshed: false, probed: false };
    let unreachable = GatewayError::Unreachable { host: String::new(), reason: String::new() };
    let lost = GatewayError::UnknownOutcome { reason: Unknown::Timeout(1) };
    let mut host = GATEWAY.to_owned();
    assert!(call.again(&lost, 1, Patience::default(), &mut host).is_some());
    assert_eq!(host, GATEWAY, "a lost answer stays with its host");
    assert_eq!(call.again(&unreachable, 1, Patience::default(), &mut host), Some(Duration::ZERO));
    assert_eq!(host, BACKUP_GATEWAY);
    assert!(call.again(&unreachable, 2, Patience::default(), &mut host).is_some());
    assert_eq!(host, GATEWAY);
    let mut other = "https://gateway.example.com".to_owned();
    assert!(call.again(&unreachable, 1, Patience::default(), &mut other).is_some());
    assert_eq!(other, "https://gateway.example.com", "only the real gateway has a backup");
}

#[tokio::test]
async fn an_unknown_serial_fetches_the_certificates_once_and_verifies_again() {
    let stand = Stand::open(|_, request, clock| match request.path() {
        PREPAY => signed(clock, By::Platform2, 200, "{}"),
        _ => certificate_list(clock, By::Platform2, &[By::Platform, By::Platform2], &api_v3_key()),
    })
    .await;
    let sent = stand.gateway.send(&stand.profile().await, &call()).await;
    assert!(sent.outcome.is_ok(), "{:?}", sent.outcome);
    assert_eq!((stand.calls(PREPAY).len(), stand.calls("/v3/certificates").len()), (1, 1));
    assert_eq!(sent.earlier.iter().map(|record| record.purpose.as_str()).collect::<Vec<_>>(), ["certificates"]);
    let again = stand.gateway.send(&stand.profile().await, &call()).await;
    assert!(again.outcome.is_ok() && again.earlier.is_empty(), "known from now on");
}

#[tokio::test]
async fn public_key_mode_asks_for_it_and_verifies_with_it() {
    let stand = Stand::open(|_, request, clock| match request.header("Wechatpay-Serial") {
        Some(PUBLIC_KEY_ID) => signed(clock, By::PublicKey, 204, ""),
        _ => with_headers(400, REFUSED, &[]),
    })
    .await;
    let patch = MerchantPatch {
        public_key_id: Some(PUBLIC_KEY_ID.to_owned()),
        public_key: Some(text(fixture!("pub_key.pem"))),
        ..Default::default()
    };
    let sent = stand.gateway.send(&stand.change(patch).await, &call()).await;
    assert_eq!(sent.outcome.map(|answer| answer.status()).ok(), Some(204));
    assert_eq!(sent.record.verified.map(|text| text.signer).as_deref(), Some("wechatpay_public_key"));
}

#[tokio::test]
async fn strange_answers_are_not_followed_and_not_swallowed_whole() {
    let elsewhere = |_: usize, _: &guitai_door::Request, _: &crate::outside::Outside| {
        with_headers(302, "", &[("Location", "http://127.0.0.1:1/")])
    };
    let stand = Stand::open(elsewhere).await;
    let error = stand.gateway.send(&stand.profile().await, &call()).await.outcome.expect_err("not followed");
    assert_eq!(error, GatewayError::UnknownOutcome { reason: Unknown::Status(302) });
    let stand = Stand::open(|_, _, clock| signed(clock, By::Platform, 200, &"x".repeat(transport::ANSWER + 1))).await;
    let error = stand.gateway.send(&stand.profile().await, &call()).await.outcome.expect_err("too large");
    assert_eq!(error, GatewayError::TooLarge { limit: transport::ANSWER });
}

#[tokio::test]
async fn a_path_that_would_change_on_its_way_is_not_sent() {
    let stand = Stand::open(|_, _, clock| signed(clock, By::Platform, 200, "{}")).await;
    let profile = stand.profile().await;
    for target in ["/v3/../secret", "/v3/a b", "v3/a", "/v3/a#b", "@evil.example.com/v3"] {
        let sent = stand.gateway.send(&profile, &Request { target: target.to_owned(), ..call() }).await;
        assert!(matches!(sent.outcome, Err(GatewayError::BadRequest { .. })), "{target}: {:?}", sent.outcome);
    }
    // what the order number's alphabet allows passes as it was signed
    let no = OutTradeNo::parse("a|b*c-d_1").expect("a number");
    let query = ByOutTradeNo { mchid: Mchid::parse(MCHID).expect("a number"), out_trade_no: no };
    let sent = stand.gateway.send(&profile, &query.request()).await;
    assert!(sent.outcome.is_ok(), "{:?}", sent.outcome);
}

#[tokio::test]
async fn a_wrong_clock_is_measured_and_told() {
    let ahead =
        jiff::Timestamp::from_second(crate::outside::Outside::real().now().as_second() + 600).expect("an instant");
    let stand =
        Stand::open_at(ahead, |_, _, _| with_headers(401, r#"{"code":"SIGN_ERROR","message":"timestamp"}"#, &[])).await;
    let sent = stand.gateway.send(&stand.profile().await, &call()).await;
    let skew = stand.gateway.clock_skew_ms();
    assert!(skew.is_some_and(|skew| (590_000..=610_000).contains(&skew)), "{skew:?}");
    let problem = problem::of_gateway(&sent.outcome.expect_err("refused"), None, skew);
    assert_eq!(problem.code, "SIGN_ERROR");
    assert!(problem.why.is_some_and(|why| why.en.contains("ahead of")));
}

#[tokio::test]
async fn a_login_gives_the_openid_and_keeps_no_secret() {
    let stand = Stand::open(|number, _, _| {
        let body = if number == 0 {
            r#"{"session_key":"Y2FuYXJ5Y2FuYXJ5Y2E9PQ==","openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}"#
        } else {
            r#"{"errcode":40029,"errmsg":"invalid code"}"#
        };
        with_headers(200, body, &[])
    })
    .await;
    let profile = stand.profile().await;
    let login = stand.gateway.login(&profile, "c&d").await.expect("asked");
    assert_eq!(login.outcome.as_ref().expect("a session").openid.as_str(), "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o");
    let seen = &stand.calls("/sns/jscode2session")[0];
    assert!(seen.target.contains(&format!("secret={APP_SECRET_TEXT}&js_code=c%26d&")), "{}", seen.target);
    assert_eq!(seen.header("Authorization"), None);
    let kept = format!("{:?} {:?} {}", login.record, login.outcome, text(&login.record.response_body));
    assert!(!kept.contains(APP_SECRET_TEXT) && !kept.contains("Y2FuYXJ5"), "{kept}");
    let refused = stand.gateway.login(&profile, "x").await.expect("asked");
    assert_eq!((refused.record.code.as_deref(), refused.record.outcome), (Some("40029"), "refused"));
    // the error of a lost login doesn't name the URL with the secret in it
    let gone =
        stand.change(MerchantPatch { base_url: Some("http://127.0.0.1:1".to_owned()), ..Default::default() }).await;
    let lost = stand.gateway.login(&gone, "x").await.expect("asked");
    let error = lost.outcome.expect_err("nobody there");
    assert!(!format!("{error} {error:?} {:?}", lost.record).contains(APP_SECRET_TEXT));
}
