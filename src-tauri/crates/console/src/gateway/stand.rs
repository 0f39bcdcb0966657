//! A gateway for tests: real HTTP on loopback, answers signed with the fixture keys in whatever way a test tells it,
//! and a desk that talks to it.

use super::{Gateway, Patience};
use crate::merchants::{MerchantInput, MerchantPatch, Merchants, Profile};
use crate::outside::Outside;
use crate::secret::Secret;
use crate::store::Store;
use crate::trust::Trust;
use crate::vault::Vault;
use base64::Engine as _;
use guitai_door::{Answer, Door, Keep, Limits, Request};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wechatpay::keys::{ApiV3Key, Certificate, PrivateKey};
use wechatpay::time::Timestamp;
use wechatpay::{message, seal};

/// A file of `tests/keys`.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/keys/", $name)).as_slice()
    };
}
pub(crate) use fixture;

pub(crate) const MCHID: &str = "1900000001";
pub(crate) const APPID: &str = "wxd678efh567hg6787";
pub(crate) const APP_SECRET_TEXT: &str = "canary00app11secret22canary33app4";
pub(crate) const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
pub(crate) const OTHER_API_V3_KEY: &str = "canary-another-api-v3-key-32-chr";

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Platform,
    Platform2,
    PublicKey,
    /// The platform certificate's serial with another key.
    Forger,
}

impl By {
    fn key(self) -> PrivateKey {
        let pem = match self {
            By::Platform => fixture!("platform_key.pem"),
            By::Platform2 => fixture!("platform2_key.pem"),
            By::PublicKey => fixture!("pub_key_private.pem"),
            By::Forger => fixture!("other_key.pem"),
        };
        PrivateKey::from_pem(pem).expect("a fixture key")
    }

    pub(crate) fn pem(self) -> &'static [u8] {
        if self == By::Platform2 { fixture!("platform2_cert.pem") } else { fixture!("platform_cert.pem") }
    }

    pub(crate) fn serial(self) -> String {
        if self == By::PublicKey {
            return PUBLIC_KEY_ID.to_owned();
        }
        Certificate::from_pem(self.pem()).expect("a fixture certificate").serial().as_str().to_owned()
    }
}

pub(crate) fn api_v3_key() -> String {
    String::from_utf8_lossy(fixture!("apiv3.key")).trim().to_owned()
}

/// An answer signed now over exactly this body.
pub(crate) fn signed(outside: &Outside, by: By, status: u16, body: &str) -> Answer {
    signed_at(outside.now().as_second(), by, status, body)
}

/// An answer signed at another time.
pub(crate) fn signed_at(second: i64, by: By, status: u16, body: &str) -> Answer {
    let nonce = "5c5e5e5a5b5c5d5e5f5a5b5c5d5e5f5a";
    let signature = by.key().sign(&message::answer(&second.to_string(), nonce, body.as_bytes()));
    with_headers(
        status,
        body,
        &[
            ("Wechatpay-Timestamp", &second.to_string()),
            ("Wechatpay-Nonce", nonce),
            ("Wechatpay-Signature", &signature),
            ("Wechatpay-Serial", &by.serial()),
            ("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048"),
            ("Request-ID", "08A8AAAB-0"),
        ],
    )
}

pub(crate) fn with_headers(status: u16, body: &str, headers: &[(&str, &str)]) -> Answer {
    let mut all = vec![("Content-Type".to_owned(), "application/json; charset=utf-8".to_owned())];
    all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Answer::Full { status, headers: all, body: body.to_owned().into() }
}

/// `/v3/certificates`: these certificates, sealed with this key, signed by one of them.
pub(crate) fn certificate_list(outside: &Outside, by: By, list: &[By], api_v3_key: &str) -> Answer {
    let key = ApiV3Key::parse(api_v3_key).expect("a key");
    let entries: Vec<_> = list
        .iter()
        .map(|one| {
            serde_json::json!({
                "serial_no": one.serial(), "effective_time": "2026-11-24T10:34:56+08:00", "expire_time": "2036-11-24T10:34:56+08:00",
                "encrypt_certificate": {"algorithm": "AEAD_AES_256_GCM", "nonce": "61f9c719728a", "associated_data": "certificate",
                    "ciphertext": seal::seal(&key, b"61f9c719728a", b"certificate", one.pem())},
            })
        })
        .collect();
    signed(outside, by, 200, &serde_json::json!({ "data": entries }).to_string())
}

/// A desk with one merchant `shop` on a gateway that answers as told. The closure gets the number of the call (from 0)
/// among those of the same path, and the request.
pub(crate) struct Stand {
    pub(crate) outside: Outside,
    pub(crate) merchants: Merchants,
    pub(crate) trust: Trust,
    pub(crate) gateway: Gateway,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
    _door: Door,
}

/// A moment at which the fixture certificates are valid.
pub(crate) fn then() -> Timestamp {
    "2026-12-01T04:00:00Z".parse().expect("an instant")
}

impl Stand {
    pub(crate) async fn open(answer: impl Fn(usize, &Request, &Outside) -> Answer + Send + Sync + 'static) -> Stand {
        Self::open_at(then(), answer).await
    }

    pub(crate) async fn open_at(
        now: Timestamp,
        answer: impl Fn(usize, &Request, &Outside) -> Answer + Send + Sync + 'static,
    ) -> Stand {
        let outside = Outside::fixed(now, 11);
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (answer, calls, clock) = (Arc::new(answer), seen.clone(), outside.clone());
        let limits = Limits { keep: Keep::Always, ..Limits::listener() };
        let door = Door::open(SocketAddr::from(([127, 0, 0, 1], 0)), limits, move |request: Request| {
            let number = {
                let mut calls = calls.lock().expect("calls");
                let number = calls.iter().filter(|call| call.path() == request.path()).count();
                calls.push(request.clone());
                number
            };
            let (answer, clock) = (answer.clone(), clock.clone());
            async move { answer(number, &request, &clock) }
        })
        .expect("a door");
        let url = format!("http://{}", door.addr());
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path()).expect("a store");
        let vault = Vault::new(store.clone(), folder.path().to_owned(), None, false, outside.clone());
        let merchants = Merchants::new(store.clone(), vault, outside.clone());
        let patience = Patience {
            connect: Duration::from_secs(2),
            attempt: Duration::from_millis(700),
            budget: Duration::from_secs(20),
            attempts: 3,
            pause: Duration::from_millis(1),
        };
        let trust = Trust::with_patience(store.clone(), merchants.clone(), outside.clone(), patience);
        let gateway = Gateway::new(trust.clone());
        let stand = Stand { outside, merchants, trust, gateway, folder, url, seen, _door: door };
        stand.merchants.add(stand.input("shop")).await.expect("a merchant");
        stand
    }

    /// A sound merchant of this gateway, with one platform certificate.
    pub(crate) fn input(&self, name: &str) -> MerchantInput {
        MerchantInput { base_url: Some(self.url.clone()), ..sound(name) }
    }

    pub(crate) async fn profile(&self) -> Arc<Profile> {
        self.merchants.get(None).await.expect("the merchant")
    }

    pub(crate) async fn change(&self, patch: MerchantPatch) -> Arc<Profile> {
        self.merchants.update("shop", patch).await.expect("changed");
        self.profile().await
    }

    /// The requests to a path, oldest first.
    pub(crate) fn calls(&self, path: &str) -> Vec<Request> {
        self.seen.lock().expect("calls").iter().filter(|call| call.path() == path).cloned().collect()
    }
}

/// A merchant that passes every check.
pub(crate) fn sound(name: &str) -> MerchantInput {
    MerchantInput {
        name: name.to_owned(),
        mchid: MCHID.to_owned(),
        appid: APPID.to_owned(),
        private_key: Secret::from_bytes(fixture!("merchant_key.pem").to_vec()),
        certificate: Some(text(fixture!("merchant_cert.pem"))),
        api_v3_key: Secret::from(api_v3_key() + "\n"),
        app_secret: Some(Secret::from(APP_SECRET_TEXT.to_owned())),
        platform_certificates: vec![text(By::Platform.pem())],
        base_url: Some("http://127.0.0.1:9".to_owned()),
        ..MerchantInput::default()
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
