//! The routes of the API and what each does. Paths match byte for byte, a query is ignored; whatever isn't listed here is
//! not there (404 without a body), the same as with the API off.

use super::answer::{Language, Refusal, by_the_door, json_answer};
use super::token::{Claims, LIFETIME};
use super::validate::{Body, Draft, idempotency_key};
use super::{Api, ROOT};
use crate::merchants::Profile;
use crate::store::{OrderKey, OrderRow, StoreError};
use crate::wire::{OrderInput, Problem, Via};
use guitai_door::{Answer, Limits, Refused, Request};
use serde_json::{Value, json};
use std::sync::Arc;

/// Bytes of a body at most.
const BODY: usize = 16 * 1024;
/// How long a browser may remember what it may do, in seconds.
const PREFLIGHT: &str = "600";
/// Login codes that WeChat refuses because of the code itself: missing, used up, or not one.
const BAD_CODES: [&str; 3] = ["40029", "40163", "41008"];
/// WeChat's own "too many logins of this user in this minute".
const LOGINS_TOO_OFTEN: &str = "45011";

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route<'r> {
    Login,
    Orders,
    Pay(&'r str),
    Order(&'r str),
    Document,
}

impl<'r> Route<'r> {
    /// The route at a path, and the one method it takes.
    fn at(path: &'r str) -> Option<(Self, &'static str)> {
        match path.strip_prefix(ROOT)? {
            "login" => Some((Route::Login, "POST")),
            "orders" => Some((Route::Orders, "POST")),
            "openapi.json" => Some((Route::Document, "GET")),
            rest => {
                let rest = rest.strip_prefix("orders/")?;
                match rest.strip_suffix("/pay") {
                    Some(no) => is_number(no).then_some((Route::Pay(no), "POST")),
                    None => is_number(rest).then_some((Route::Order(rest), "GET")),
                }
            }
        }
    }
}

/// What the door says of a request that it refuses: in the API's form where that is asked, else as a notification's.
pub(crate) fn refusal_body(refused: &Refused<'_>) -> (&'static str, bytes::Bytes) {
    let ours = refused.path.and_then(Route::at).and_then(|_| by_the_door(refused));
    ours.map_or_else(|| (Limits::listener().refusal_body)(refused), |body| ("application/json; charset=utf-8", body))
}

/// Could this be an order's number? What can't isn't looked for.
fn is_number(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'|' | b'*'))
}

impl Api {
    /// Answers a request to a path below `/v1/`, but not to the notify path's other name.
    pub(crate) async fn answer(&self, request: &Request) -> Answer {
        let Some((route, method)) = Route::at(request.path()) else { return Answer::empty(404) };
        let origin = match request.header("Origin") {
            Some(origin) if self.allows(origin).await => Some(origin),
            _ => None,
        };
        if request.method == "OPTIONS" && request.header("Access-Control-Request-Method").is_some() {
            return origin.map_or_else(|| Answer::empty(404), |origin| preflight(origin, method));
        }
        if request.method != method {
            return Answer::empty(404);
        }
        let answer = match self.serve(route, request).await {
            Ok(answer) => answer,
            Err(refusal) => refusal.answer(Language::of(request.header("Accept-Language"))),
        };
        match origin {
            Some(origin) => for_origin(answer, origin),
            None => answer,
        }
    }

    async fn serve(&self, route: Route<'_>, request: &Request) -> Result<Answer, Refusal> {
        match route {
            Route::Document => {
                self.count_address(request)?;
                Ok(Answer::full(200, "application/json; charset=utf-8", super::document()))
            }
            Route::Login => self.login(request).await,
            Route::Orders => self.order(request).await,
            Route::Pay(no) => self.pay(request, no).await,
            Route::Order(no) => {
                let (profile, user) = self.user(request).await?;
                Ok(json_answer(200, &shown(&self.own_order(&profile, &user, no).await?)))
            }
        }
    }

    async fn login(&self, request: &Request) -> Result<Answer, Refusal> {
        self.count_address(request)?;
        let code = body_of(request)?.code().map_err(|wrong| Refusal::Fields(vec![wrong]))?;
        let profile = self.profile().await.map_err(|problem| Refusal::of(&problem))?;
        let payer = self.console.payer_login(Some(&profile.name), &code).await.map_err(|problem| no_login(&problem))?;
        let now = self.console.desk.outside.now().as_second();
        let claims = Claims {
            sub: payer.openid,
            mchid: profile.mchid.to_string(),
            appid: profile.appid.to_string(),
            iat: now,
            exp: now.saturating_add(LIFETIME),
        };
        let token = self.key.write(&claims).ok_or(Refusal::Unavailable)?;
        Ok(json_answer(200, &json!({ "openid": claims.sub, "token": token, "expires_in": LIFETIME })))
    }

    async fn order(&self, request: &Request) -> Result<Answer, Refusal> {
        let (profile, user) = self.user(request).await?;
        let mut asked = body_of(request)?.order();
        asked.must_be(&user);
        let key = idempotency_key(request.header("Idempotency-Key")).unwrap_or_else(|wrong| {
            asked.also(wrong);
            None
        });
        let once = key.map(|key| OrderKey { openid: user.clone(), key });
        let (mchid, package, known) = (profile.mchid.to_string(), asked.package_id.clone(), once.clone());
        let found = self.console.desk.store.read(move |view| {
            let before = known.map_or(Ok(None), |key| view.order_of_key(&mchid, &key))?;
            let entry = package.map_or(Ok(None), |id| view.catalog_entry(&id))?;
            Ok::<_, StoreError>((before, entry))
        });
        let (before, entry) = found.await.map_err(|error| Refusal::of(&error.into()))?;
        // asked again, perhaps after the catalogue changed: what was ordered then counts
        if let Some(before) = before.filter(|_| asked.is_sound()) {
            return Ok(json_answer(200, &shown(&before)));
        }
        let draft = asked.against(entry.as_ref()).map_err(Refusal::Fields)?;
        let input = input(draft, entry.map(|entry| entry.name).unwrap_or_default());
        let kept = self.console.order_keep(&profile, input, once).await;
        let (row, new) = kept.map_err(|problem| Refusal::of(&problem))?;
        Ok(json_answer(if new { 201 } else { 200 }, &shown(&row)))
    }

    async fn pay(&self, request: &Request, no: &str) -> Result<Answer, Refusal> {
        let (profile, user) = self.user(request).await?;
        if request.body.len() > BODY {
            return Err(Refusal::TooLarge);
        }
        let order = self.own_order(&profile, &user, no).await?;
        open(&order)?;
        let (merchant, now) = (Some(profile.name.as_str()), self.console.desk.outside.now());
        let usable = order.via == Some(Via::Jsapi)
            && order.prepay_id.is_some()
            && order.url_expires_at.is_some_and(|until| now < until);
        let params = async {
            if !usable {
                self.console.order_prepay(merchant, no, Via::Jsapi).await?;
            }
            self.console.pay_params(merchant, no).await
        };
        match params.await {
            Ok(params) => Ok(json_answer(200, &params)),
            Err(problem) => {
                // paid or closed meanwhile: then that is the answer, not that it could not be asked for
                open(&self.own_order(&profile, &user, no).await?)?;
                Err(Refusal::of(&problem))
            }
        }
    }

    /// The merchant, and the openid of the token; counted, so that nobody asks too often.
    async fn user(&self, request: &Request) -> Result<(Arc<Profile>, String), Refusal> {
        let profile = self.profile().await.map_err(|problem| Refusal::of(&problem))?;
        let now = self.console.desk.outside.now();
        let token = request.header("Authorization").and_then(|value| value.split_once(' '));
        let claims = token
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"))
            .and_then(|(_, token)| self.key.read(token.trim(), now.as_second()))
            .filter(|claims| claims.mchid == profile.mchid.as_str() && claims.appid == profile.appid.as_str());
        let Some(claims) = claims else {
            self.count_address(request)?;
            return Err(Refusal::NoToken);
        };
        self.users.take(&claims.sub, now.as_millisecond()).map_err(Refusal::TooOften)?;
        Ok((profile, claims.sub))
    }

    /// Behind a tunnel everyone has the same address; those with a token are counted by it instead.
    fn count_address(&self, request: &Request) -> Result<(), Refusal> {
        let now = self.console.desk.outside.now().as_millisecond();
        self.addresses.take(&request.peer.ip().to_string(), now).map_err(Refusal::TooOften)
    }

    /// The user's own order; anybody else's is none.
    async fn own_order(&self, profile: &Profile, user: &str, no: &str) -> Result<OrderRow, Refusal> {
        let (mchid, number) = (profile.mchid.to_string(), no.to_owned());
        let found = self.console.desk.store.read(move |view| view.order(&mchid, &number)).await;
        let order = found.map_err(|error| Refusal::of(&Problem::from(error)))?;
        order
            .filter(|order| order.openid.as_deref() == Some(user) && order.appid == profile.appid.as_str())
            .ok_or(Refusal::NoOrder)
    }
}

fn input(draft: Draft, description: String) -> OrderInput {
    // comes back with the payment, so that whoever delivers the package knows which and to whom
    let attach = json!({ "phone": draft.phone, "packageId": draft.package_id }).to_string();
    OrderInput {
        amount: draft.amount,
        description,
        openid: Some(draft.openid),
        attach: Some(attach),
        ..OrderInput::default()
    }
}

fn open(order: &OrderRow) -> Result<(), Refusal> {
    if order.state.is_open() { Ok(()) } else { Err(Refusal::NotOpen(order.state.as_str().to_owned())) }
}

fn body_of(request: &Request) -> Result<Body, Refusal> {
    if request.body.len() > BODY {
        return Err(Refusal::TooLarge);
    }
    Body::read(&request.body).map_err(|wrong| Refusal::Fields(vec![wrong]))
}

fn no_login(problem: &Problem) -> Refusal {
    if BAD_CODES.contains(&problem.code.as_str()) {
        return Refusal::Fields(vec![super::answer::Wrong {
            field: "code",
            zh: "无效或已使用，请重新调用 wx.login".to_owned(),
            en: "is invalid or used up; call wx.login again".to_owned(),
        }]);
    }
    if problem.code == LOGINS_TOO_OFTEN { Refusal::TooOften(60) } else { Refusal::of(problem) }
}

fn shown(order: &OrderRow) -> Value {
    json!({
        "orderNo": order.out_trade_no,
        "description": order.description,
        "amount": { "total": order.total.get(), "currency": order.currency },
        "state": order.state.as_str(),
    })
}

fn preflight(origin: &str, method: &str) -> Answer {
    let headers = [
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Allow-Methods", method),
        ("Access-Control-Allow-Headers", "Authorization, Content-Type, Idempotency-Key"),
        ("Access-Control-Max-Age", PREFLIGHT),
        ("Vary", "Origin"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Answer::Full { status: 204, headers, body: bytes::Bytes::new() }
}

fn for_origin(answer: Answer, origin: &str) -> Answer {
    match answer {
        Answer::Full { status, mut headers, body } => {
            for (name, value) in [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Expose-Headers", "Retry-After"),
                ("Vary", "Origin"),
            ] {
                headers.push((name.to_owned(), value.to_owned()));
            }
            Answer::Full { status, headers, body }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_byte_for_byte() {
        for (path, route) in [
            ("/v1/login", Some(Route::Login)),
            ("/v1/orders", Some(Route::Orders)),
            ("/v1/orders/GT20261124", Some(Route::Order("GT20261124"))),
            ("/v1/orders/GT20261124/pay", Some(Route::Pay("GT20261124"))),
            ("/v1/openapi.json", Some(Route::Document)),
            ("/v1/orders/pay", Some(Route::Order("pay"))),
        ] {
            assert_eq!(Route::at(path).map(|(route, _)| route), route, "{path}");
        }
        for path in [
            "/v1",
            "/v1/",
            "/V1/login",
            "/v1/Login",
            "/v1/login/",
            "//v1/login",
            "/v1//login",
            "/v1/./login",
            "/v1/%6cogin",
            "/v1/orders/",
            "/v1/orders//pay",
            "/v1/orders/a/b",
            "/v1/orders/a/pay/",
            "/v1/orders/a/Pay",
            "/v1/orders/../orders",
            "/v1/orders/a%2fpay",
            "/v2/login",
            crate::api::NOTIFY_ALIAS,
        ] {
            assert_eq!(Route::at(path), None, "{path}");
        }
    }
}
