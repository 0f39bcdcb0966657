//! One request in, one answer out: the gateway's path with its faults, signature, commit and log; the controls under
//! `/_sandbox/`.
//!
//! The signature is made before the commit is waited for, so that the processor and the disk work at the same time; the lock
//! on the books is held for neither.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use guitai_door::{Answer, Request};
use wechatpay::time::Timestamp;

use crate::answer;
use crate::clock::Clock;
use crate::controls;
use crate::faults::{ApiFaultKind, Strike};
use crate::gateway::{Refused, Route, Trace, authenticate};
use crate::office::Office;
use crate::sandbox::{Control, wall_text};
use crate::views::RequestView;

/// Of a body this much is kept in the log.
const LOGGED: usize = 8 * 1_024;

/// Serves one request.
pub(crate) async fn serve(control: Control, request: Request) -> Answer {
    if crate::proxy::out_of_reach(&request) {
        return Answer::empty(404);
    }
    if request.path().starts_with("/_sandbox/") || request.path() == "/_sandbox" {
        return if is_local(&request) { controls::serve(&control, &request).await } else { Answer::empty(403) };
    }
    let begun = Instant::now();
    let strike = control.office.strike_api(&request.method, request.path(), &request.body, || order_of(&request));
    let mut outcome = gateway(&control.office, &request, &strike).await;
    if strike.latency_ms > 0 {
        tokio::time::sleep(Duration::from_millis(u64::from(strike.latency_ms))).await;
    }
    match strike.fault {
        Some(ApiFaultKind::Timeout) => (outcome.answer, outcome.verdict) = (Answer::Hang, "timeout".to_owned()),
        Some(ApiFaultKind::ConnectionReset) => {
            (outcome.answer, outcome.verdict) = (Answer::Reset, "connection_reset".to_owned());
        }
        _ => {}
    }
    let (status, response_headers, body) = match &outcome.answer {
        Answer::Full { status, headers, body } => (*status, headers.clone(), logged(body)),
        _ => (0, Vec::new(), String::new()),
    };
    let request_id = response_headers.iter().find(|(n, _)| n == "Request-ID").map(|(_, v)| v.clone());
    control.office.log(RequestView {
        id: 0,
        at: wall_text(),
        out_trade_no: order_of(&request),
        method: request.method,
        target: request.target,
        mchid: outcome.trace.mchid,
        status,
        request_id,
        via: request.via.as_ref().map(ToString::to_string),
        verdict: outcome.verdict,
        message: outcome.message,
        sign_string: outcome.trace.sign_string.map(|text| logged(text.as_bytes())),
        diagnosis: outcome.diagnosis,
        headers: request.headers,
        request_body: logged(&request.body),
        response_headers,
        response_body: body,
        latency_ms: u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX),
    });
    outcome.answer
}

/// As much of a body as the log keeps.
fn logged(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..LOGGED).unwrap_or(body)).into_owned()
}

/// The order's number as the path or the body names it.
fn order_of(request: &Request) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        #[serde(default, alias = "combine_out_trade_no")]
        out_trade_no: Option<String>,
    }
    let mut parts = request.path().split('/').skip_while(|part| *part != "out-trade-no");
    let in_path = parts.nth(1).map(str::to_owned);
    in_path.or_else(|| serde_json::from_slice::<Named>(&request.body).ok()?.out_trade_no)
}

struct Outcome {
    answer: Answer,
    verdict: String,
    message: Option<String>,
    diagnosis: Option<String>,
    trace: Trace,
}

/// The gateway's part, without the faults of the connection.
async fn gateway(office: &Office, request: &Request, strike: &Strike) -> Outcome {
    let _under_way = office.under_way();
    let english = request.header("Accept-Language").is_some_and(|v| v.trim().to_ascii_lowercase().starts_with("en"));
    let language = if english { "en" } else { "zh-CN" };
    let mut trace = Trace::default();
    let id = office.next_request_id();
    let answered = answer_to(office, request, strike, language, &id, &mut trace).await;
    match answered {
        Ok(answer) => {
            let verdict = strike.fault.map_or("accepted", |fault| match fault {
                ApiFaultKind::UnsignedResponse => "unsigned_response",
                ApiFaultKind::WrongSignature => "wrong_signature",
                _ => "accepted",
            });
            Outcome { answer, verdict: verdict.to_owned(), message: None, diagnosis: None, trace }
        }
        Err(refused) => {
            let diagnosis = crate::diagnosis::of(office, request, &refused, &trace).await;
            let body = refused.body(english, office.switches().old_codes);
            let mut answer = answer::refused(&refused, body, language, &id);
            if let (Answer::Full { headers, .. }, Some(diagnosis)) = (&mut answer, &diagnosis) {
                headers.push(("X-Guitai-Diagnosis".to_owned(), diagnosis.clone()));
            }
            let verdict = if refused.code.is_empty() { refused.status.to_string() } else { refused.code.to_owned() };
            Outcome { answer, verdict, message: Some(refused.zh).filter(|t| !t.is_empty()), diagnosis, trace }
        }
    }
}

async fn answer_to(
    office: &Office,
    request: &Request,
    strike: &Strike,
    language: &str,
    id: &str,
    trace: &mut Trace,
) -> Result<Answer, Refused> {
    let route = Route::find(&request.method, request.path())?;
    let struck = Refused::by_fault(strike, request.path());
    if route == Route::Login {
        if let Some(refused) = struck {
            return crate::gateway::login_refused(refused).map(answer::plain);
        }
        return Ok(match office.login(request) {
            crate::gateway::Granted::Plain(body) => answer::plain(body),
            _ => Answer::empty(404),
        });
    }
    if let Some(refused) = struck {
        return Err(refused);
    }
    let wall = Timestamp::try_from(request.received_at).unwrap_or_else(|_| Clock::wall());
    let front = Route::front(request.path());
    let caller = authenticate(request, front, &office.keyring, &office.switches(), wall, trace)?;
    let (decided, commit) = office.decide(&route, request, &caller, wall);
    // a signature holds this thread for a while: whoever waits for it hands in first, and one commit is for all
    tokio::task::yield_now().await;
    let answer = decided.map(|granted| answer::granted(granted, &caller, language, id, strike.fault));
    commit.wait().await.map_err(|_| Refused::system_error())?;
    answer
}

/// Is it from this machine, under a name of this machine, and not from a page of somebody else's?
fn is_local(request: &Request) -> bool {
    let names_us = |authority: &str| {
        let host = match authority.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let origin_is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| names_us(authority));
    request.via.is_none()
        && request.peer.ip().is_loopback()
        && request.header("Host").is_some_and(names_us)
        && request.header("Origin").is_none_or(origin_is_ours)
        // an image or a link in somebody's page sends no Origin
        && !request.header("Sec-Fetch-Site").is_some_and(|site| site.eq_ignore_ascii_case("cross-site"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn controls_are_for_this_machine_only() {
        for (peer, host, origin, local) in [
            ("127.0.0.1:9", Some("127.0.0.1:8788"), None, true),
            ("127.0.0.1:9", Some("localhost"), Some("http://localhost:5173"), true),
            ("[::1]:9", Some("[::1]:8788"), None, true),
            ("127.0.0.1:9", Some("evil.example.com"), None, false),
            ("127.0.0.1:9", Some("127.0.0.1.evil.example.com"), None, false),
            ("127.0.0.1:9", None, None, false),
            ("192.0.2.1:9", Some("127.0.0.1"), None, false),
            ("127.0.0.1:9", Some("127.0.0.1"), Some("https://evil.example.com"), false),
            ("127.0.0.1:9", Some("127.0.0.1"), Some("null"), false),
        ] {
            let named = [("Host", host), ("Origin", origin)];
            let request = Request {
                method: "POST".into(),
                target: "/_sandbox/reset".into(),
                headers: named.into_iter().filter_map(|(n, v)| Some((n.to_owned(), v?.to_owned()))).collect(),
                body: bytes::Bytes::new(),
                peer: peer.parse::<SocketAddr>().unwrap(),
                received_at: std::time::SystemTime::UNIX_EPOCH,
                via: None,
                answered: guitai_door::Answered::default(),
            };
            assert_eq!(is_local(&request), local, "{peer} {host:?} {origin:?}");
        }
    }
}
