//! The gateway's decisions: a request and the books in, an answer out. No socket, file or clock; what has to be random comes
//! from `clock`. Order of checks: route (404, 405 without a body), sender, parameters, business.

mod authentic;
mod bills;
mod certificates;
mod combine;
mod fields;
mod login;
mod orders;
mod prepay;
mod refunds;
mod refused;
mod sealed;

use std::collections::{HashMap, VecDeque};

use guitai_door::Request;
use serde_json::Value;
use wechatpay::time::Timestamp;

pub(crate) use authentic::{Caller, Front, SignWith, Trace, authenticate};
pub(crate) use bills::BillFiles;
pub(crate) use login::{LoginCodes, openid_for};
pub(crate) use refused::Refused;

use crate::clock::Millis;
use crate::keyring::Keyring;
use crate::ledger::{Ledger, Product};
use crate::switches::Switches;

/// What the gateway decides with.
pub(crate) struct Books<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) switches: &'a Switches,
    pub(crate) keyring: &'a Keyring,
    pub(crate) files: &'a mut BillFiles,
    pub(crate) logins: &'a mut LoginCodes,
    pub(crate) traffic: &'a mut Traffic,
    /// Business time.
    pub(crate) now: Millis,
}

/// A yes of the gateway.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Granted {
    /// 200 with JSON, signed.
    Json(Vec<u8>),
    /// 204, signed over nothing.
    Nothing,
    /// 200 with a file, unsigned.
    File { bytes: Vec<u8>, content_type: &'static str },
    /// 200 with JSON of another house (`/sns/…`), unsigned.
    Plain(Vec<u8>),
}

impl std::fmt::Debug for Granted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Granted::Json(body) | Granted::Plain(body) => f.write_str(&String::from_utf8_lossy(body)),
            Granted::Nothing => f.write_str("204"),
            Granted::File { bytes, content_type } => write!(f, "{} bytes of {content_type}", bytes.len()),
        }
    }
}

impl Granted {
    fn json(value: &Value) -> Granted {
        Granted::Json(value.to_string().into_bytes())
    }
}

/// What is asked of the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Prepay(Product),
    QueryByTransaction(String),
    QueryByNumber(String),
    Close(String),
    CombinePrepay(Product),
    CombineQuery(String),
    CombineClose(String),
    Refund,
    RefundQuery(String),
    AbnormalRefund(String),
    Certificates,
    TradeBill,
    FundFlowBill,
    BillFile,
    Login,
}

impl Route {
    /// Finds the route; the path is compared byte for byte, only its variable parts are decoded.
    pub(crate) fn find(method: &str, path: &str) -> Result<Route, Refused> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let (wanted, route) = match parts.as_slice() {
            ["v3", "pay", "transactions", "id", id] if !id.is_empty() => ("GET", Route::QueryByTransaction(decode(id))),
            ["v3", "pay", "transactions", "out-trade-no", no] if !no.is_empty() => {
                ("GET", Route::QueryByNumber(decode(no)))
            }
            ["v3", "pay", "transactions", "out-trade-no", no, "close"] if !no.is_empty() => {
                ("POST", Route::Close(decode(no)))
            }
            ["v3", "pay", "transactions", last] => {
                ("POST", Route::Prepay(Product::from_path(last).ok_or_else(|| Refused::bare(404))?))
            }
            ["v3", "combine-transactions", "out-trade-no", no] if !no.is_empty() => {
                ("GET", Route::CombineQuery(decode(no)))
            }
            ["v3", "combine-transactions", "out-trade-no", no, "close"] if !no.is_empty() => {
                ("POST", Route::CombineClose(decode(no)))
            }
            ["v3", "combine-transactions", last] => {
                ("POST", Route::CombinePrepay(Product::from_path(last).ok_or_else(|| Refused::bare(404))?))
            }
            ["v3", "refund", "domestic", "refunds"] => ("POST", Route::Refund),
            ["v3", "refund", "domestic", "refunds", no] if !no.is_empty() => ("GET", Route::RefundQuery(decode(no))),
            ["v3", "refund", "domestic", "refunds", id, "apply-abnormal-refund"] => {
                ("POST", Route::AbnormalRefund(decode(id)))
            }
            ["v3", "certificates"] => ("GET", Route::Certificates),
            ["v3", "bill", "tradebill"] => ("GET", Route::TradeBill),
            ["v3", "bill", "fundflowbill"] => ("GET", Route::FundFlowBill),
            ["v3", "billdownload", "file"] => ("GET", Route::BillFile),
            ["sns", "jscode2session"] => ("GET", Route::Login),
            _ => return Err(Refused::bare(404)),
        };
        if method == wanted || (route == Route::Login && method == "POST") {
            Ok(route)
        } else {
            Err(Refused::bare(405))
        }
    }

    /// Which front end answers.
    pub(crate) fn front(path: &str) -> Front {
        if path.starts_with("/v3/pay/transactions/") { Front::Pay } else { Front::Common }
    }

    /// Requests a second that the real gateway takes of one merchant.
    fn limit(&self) -> Option<(&'static str, usize)> {
        match self {
            Route::Prepay(_) => Some(("prepay", 500)),
            Route::Refund => Some(("refund", 150)),
            Route::AbnormalRefund(_) => Some(("abnormal", 150)),
            Route::RefundQuery(_) => Some(("refund_query", 300)),
            Route::Certificates => Some(("certificates", 1_000)),
            Route::FundFlowBill => Some(("fundflow", 3)),
            _ => None,
        }
    }
}

/// Decides over a request whose sender was checked.
pub(crate) fn decide(
    route: &Route,
    request: &Request,
    caller: &Caller,
    books: &mut Books<'_>,
    wall: Timestamp,
) -> Result<Granted, Refused> {
    books.traffic.pass(route, caller, books.switches, wall)?;
    let decided = decision(route, request, caller, books);
    if *route == Route::Refund && decided.is_err() {
        books.traffic.refund_failed(caller, wall);
    }
    decided
}

fn decision(route: &Route, request: &Request, caller: &Caller, books: &mut Books<'_>) -> Result<Granted, Refused> {
    match route {
        Route::Prepay(product) => prepay::prepay(*product, request, caller, books),
        Route::QueryByTransaction(id) => orders::query_by_transaction(id, request, caller, books),
        Route::QueryByNumber(no) => orders::query_by_number(no, request, caller, books),
        Route::Close(no) => orders::close(no, request, caller, books),
        Route::CombinePrepay(product) => combine::prepay(*product, request, caller, books),
        Route::CombineQuery(no) => combine::query(no, caller, books),
        Route::CombineClose(no) => combine::close(no, request, caller, books),
        Route::Refund => refunds::apply(request, caller, books),
        Route::RefundQuery(no) => refunds::query(no, caller, books),
        Route::AbnormalRefund(id) => refunds::abnormal(id, request, caller, books),
        Route::Certificates => certificates::list(request, caller, books.switches),
        Route::TradeBill => bills::trade(request, caller, books),
        Route::FundFlowBill => bills::fund_flow(request, caller, books),
        Route::BillFile => bills::file(request, caller, books),
        Route::Login => Err(Refused::bare(404)),
    }
}

/// `jscode2session`, which has no signature: the app secret is in the query.
pub(crate) fn login(request: &Request, books: &mut Books<'_>) -> Granted {
    login::jscode2session(request, books)
}

/// What `jscode2session` says where a fault of the gateway strikes it: its own numbers, or what can't be said in them.
pub(crate) fn login_refused(refused: Refused) -> Result<Vec<u8>, Refused> {
    login::struck(refused)
}

/// Refunds a second that may fail of one merchant.
const MOST_FAILED_REFUNDS: usize = 6;
/// Logins a minute of one user.
const MOST_LOGINS: usize = 100;
/// Callers counted at once; beyond it the counts start again.
const MOST_COUNTED: usize = 100_000;

/// Who asked how often, and which nonces were used: for the strict switches only.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// By caller and limit: the second or minute, and how often in it.
    windows: HashMap<(String, &'static str), (i64, usize)>,
    nonces: HashMap<String, i64>,
    nonces_by_age: VecDeque<(i64, String)>,
}

impl Traffic {
    fn pass(&mut self, route: &Route, caller: &Caller, switches: &Switches, wall: Timestamp) -> Result<(), Refused> {
        let second = wall.as_second();
        if switches.strict_nonce {
            while self.nonces_by_age.front().is_some_and(|(at, _)| second - at > 600) {
                if let Some((_, old)) = self.nonces_by_age.pop_front() {
                    self.nonces.remove(&old);
                }
            }
            let nonce = format!("{}/{}", caller.merchant.mchid, caller.nonce);
            if self.nonces.insert(nonce.clone(), second).is_some() {
                return Err(Refused::sign("请求重放：nonce_str 已被使用", "Replayed: the nonce_str was used before"));
            }
            self.nonces_by_age.push_back((second, nonce));
        }
        if !switches.rate_limits {
            return Ok(());
        }
        let mchid = &caller.merchant.mchid;
        let failing = *route == Route::Refund && self.seen(mchid, "refund_failed", second) >= MOST_FAILED_REFUNDS;
        let over = route.limit().is_some_and(|(name, most)| self.count(mchid, name, second) > most);
        if failing || over { Err(Refused::frequency()) } else { Ok(()) }
    }

    fn refund_failed(&mut self, caller: &Caller, wall: Timestamp) {
        self.count(&caller.merchant.mchid, "refund_failed", wall.as_second());
    }

    /// May this user log in once more in this minute?
    fn may_log_in(&mut self, user: &str, minute: i64) -> bool {
        self.count(user, "login", minute) <= MOST_LOGINS
    }

    /// How often so far in this window.
    fn seen(&self, who: &str, what: &'static str, window: i64) -> usize {
        self.windows.get(&(who.to_owned(), what)).filter(|(at, _)| *at == window).map_or(0, |(_, count)| *count)
    }

    /// One more in this window; says how many that makes.
    fn count(&mut self, who: &str, what: &'static str, window: i64) -> usize {
        if self.windows.len() >= MOST_COUNTED {
            self.windows.clear();
        }
        let counted = self.windows.entry((who.to_owned(), what)).or_insert((window, 0));
        if counted.0 != window {
            *counted = (window, 0);
        }
        counted.1 += 1;
        counted.1
    }
}

/// The value of a query parameter, decoded; the first of its name.
fn query_value(request: &Request, name: &str) -> Option<String> {
    let query = request.query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

/// Percent-decoding of one segment of a path; what is no escape stays as it is.
fn decode(segment: &str) -> String {
    let mut out = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (first, digit(tail.first()), digit(tail.get(1))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                rest = tail.get(2..).unwrap_or_default();
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests;
