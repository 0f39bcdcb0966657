//! The API without a socket or a gateway: its key, its walls, its limits, and browsers of other origins. Whole flows, with
//! a gateway and over HTTP, are journeys.

use super::*;
use crate::console::Options;
use crate::gateway::stand::{sound, then};
use crate::outside::Outside;
use crate::secret::Secret;
use guitai_door::{Answer, Request};
use token::Claims;

const USER: &str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o";

struct Desk {
    console: Console,
    outside: Outside,
    folder: tempfile::TempDir,
}

async fn desk() -> Desk {
    let folder = tempfile::tempdir().expect("a folder");
    let outside = Outside::fixed(then(), 3);
    let console = open(folder.path(), &outside).await;
    console.merchant_add(sound("shop")).await.expect("a merchant");
    Desk { console, outside, folder }
}

async fn open(folder: &std::path::Path, outside: &Outside) -> Console {
    let passphrase = Some(Secret::from("a passphrase for tests".to_owned()));
    let options = Options { data_dir: folder.to_owned(), passphrase, interactive: false, outside: outside.clone() };
    Console::open(options).await.expect("a desk")
}

impl Desk {
    async fn api(&self, origins: &[&str]) -> Api {
        let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        Api::open(&self.console, None, ApiOptions { origins }).await.expect("an api")
    }

    /// A token of the API for a user of the shop, or of another merchant.
    fn token(&self, api: &Api, mchid: &str) -> String {
        let now = self.outside.now().as_second();
        let appid = crate::gateway::stand::APPID.to_owned();
        let claims = Claims { sub: USER.to_owned(), mchid: mchid.to_owned(), appid, iat: now, exp: now + 60 };
        format!("Bearer {}", api.key.write(&claims).expect("a token"))
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
    Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_owned().into(),
        peer: ([127, 0, 0, 1], 40_000).into(),
        received_at: std::time::SystemTime::UNIX_EPOCH,
        via: None,
        answered: Default::default(),
    }
}

fn status(answer: &Answer) -> u16 {
    let Answer::Full { status, .. } = answer else { panic!("{answer:?}") };
    *status
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let Answer::Full { headers, .. } = answer else { panic!("{answer:?}") };
    headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn the_token_key_is_sealed_outlives_the_desk_and_goes_with_the_vault() {
    let desk = desk().await;
    let api = desk.api(&[]).await;
    let token = desk.token(&api, crate::gateway::stand::MCHID);
    let sealed = desk.console.desk.store.read(|view| view.token_key()).await.expect("read").expect("kept");
    let key = api.key.expose();
    assert!(!sealed.windows(key.len()).any(|part| part == key), "the key lies in the store as it is");
    desk.console.close().await;

    let again = Desk { console: open(desk.folder.path(), &desk.outside).await, ..desk };
    let api = again.api(&[]).await;
    let ask = request("GET", "/v1/orders/GT000001", &[("authorization", &token)], "");
    assert_eq!(status(&api.answer(&ask).await), 404, "known, and there is no such order");

    // the last merchant goes, and the vault with it: the key can't be opened any more
    again.console.merchant_remove("shop").await.expect("removed");
    again.console.merchant_add(sound("shop")).await.expect("a merchant");
    let api = again.api(&[]).await;
    assert_eq!(status(&api.answer(&ask).await), 401, "another key");
}

#[tokio::test]
async fn a_token_is_good_for_its_merchant_and_its_time_only() {
    let desk = desk().await;
    let api = desk.api(&[]).await;
    let (ours, others) = (desk.token(&api, crate::gateway::stand::MCHID), desk.token(&api, "1900000002"));
    for (value, expected) in [
        (ours.as_str(), 404),
        (&ours.replacen("Bearer", "bearer", 1), 404),
        (&others, 401),
        (&ours.replacen("Bearer", "Basic", 1), 401),
        (ours.strip_prefix("Bearer ").expect("a scheme"), 401),
        ("", 401),
    ] {
        let answer = api.answer(&request("GET", "/v1/orders/GT000001", &[("Authorization", value)], "")).await;
        assert_eq!(status(&answer), expected, "{value}");
        assert_eq!(header(&answer, "WWW-Authenticate").is_some(), expected == 401, "{value}");
    }
    desk.outside.advance(60);
    let late = request("GET", "/v1/orders/GT000001", &[("Authorization", &ours)], "");
    assert_eq!(status(&api.answer(&late).await), 401, "expired");
}

#[tokio::test]
async fn what_is_not_listed_is_not_there() {
    let desk = desk().await;
    let api = desk.api(&[]).await;
    for (method, target) in [
        ("GET", "/v1/login"),
        ("GET", "/v1/orders"),
        ("DELETE", "/v1/orders/GT000001"),
        ("GET", "/v1/orders/GT000001/pay"),
        ("POST", "/v1/openapi.json"),
        ("HEAD", "/v1/openapi.json"),
        ("OPTIONS", "/v1/login"),
        ("POST", "/v1/login/"),
        ("POST", "/v1/admin"),
    ] {
        let answer = api.answer(&request(method, target, &[], "")).await;
        let Answer::Full { status, headers, body } = answer else { panic!("{method} {target}") };
        assert_eq!((status, headers.len(), body.len()), (404, 0, 0), "{method} {target}");
    }
    let document = api.answer(&request("GET", "/v1/openapi.json?x=1", &[], "")).await;
    assert_eq!(status(&document), 200, "a query is ignored");
    assert_eq!(header(&document, "Server"), None);
}

#[tokio::test]
async fn a_user_and_an_address_are_limited_apart() {
    let desk = desk().await;
    let api = desk.api(&[]).await;
    let token = desk.token(&api, crate::gateway::stand::MCHID);
    let (login, order) = (
        request("POST", "/v1/login", &[], "{}"),
        request("GET", "/v1/orders/GT000001", &[("Authorization", &token)], ""),
    );
    for _ in 0..PER_ADDRESS.1 {
        assert_eq!(status(&api.answer(&login).await), 400);
    }
    let over = api.answer(&login).await;
    assert_eq!((status(&over), header(&over, "Retry-After")), (429, Some("1")));
    let guess = request("GET", "/v1/orders/GT000001", &[("Authorization", "Bearer x")], "");
    assert_eq!(status(&api.answer(&guess).await), 429, "guessing tokens counts too");
    for _ in 0..PER_USER.1 {
        assert_eq!(status(&api.answer(&order).await), 404, "who has a token isn't kept out by strangers");
    }
    assert_eq!(status(&api.answer(&order).await), 429);
    desk.outside.advance(1);
    assert_eq!((status(&api.answer(&login).await), status(&api.answer(&order).await)), (400, 404));
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_only_where_listed() {
    let desk = desk().await;
    let api = desk.api(&["https://shop.example"]).await;
    desk.console.settings_set("api_origins", "http://localhost:5173, *, https://b.example/x").await.expect("set");
    for (origin, listed) in [
        ("https://shop.example", true),
        ("http://localhost:5173", true),
        ("https://shop.example.evil.example", false),
        ("https://shop.example/", false),
        ("http://shop.example", false),
        ("https://b.example/x", false),
        ("*", false),
        ("null", false),
    ] {
        let ask = [("Origin", origin), ("Access-Control-Request-Method", "POST")];
        let preflight = api.answer(&request("OPTIONS", "/v1/orders", &ask, "")).await;
        let answer = api.answer(&request("GET", "/v1/openapi.json", &[("Origin", origin)], "")).await;
        let expected = listed.then_some(origin);
        assert_eq!(status(&preflight), if listed { 204 } else { 404 }, "{origin}");
        for answer in [&preflight, &answer] {
            assert_eq!(header(answer, "Access-Control-Allow-Origin"), expected, "{origin}");
        }
        assert_eq!(header(&preflight, "Access-Control-Allow-Methods"), listed.then_some("POST"), "{origin}");
    }
    for bad in ["*", "shop.example", "https://shop.example/", "ftp://shop.example", "null"] {
        let options = ApiOptions { origins: vec![bad.to_owned()] };
        let refused = Api::open(&desk.console, None, options).await.err().expect("no origin");
        assert_eq!(refused.code, "INVALID_FIELD", "{bad}");
    }
}
