//! The server that ours is compared with: hyper, the same verification and decryption, and a commit for each callback: what
//! one writes first. It keeps less than the desk does (no history, no journal, no sums).

use bytes::Bytes;
use guitai_tests::seed;
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rusqlite::{Connection, params};
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use wechatpay::ids::PublicKeyId;
use wechatpay::keys::{ApiV3Key, PublicKey, TrustedKeys};
use wechatpay::notification::{self, Event, RawCallback};
use wechatpay::time::Timestamp;

struct Shop {
    trusted: TrustedKeys,
    keys: Vec<ApiV3Key>,
    store: Mutex<Connection>,
}

/// Serves until it is killed; its first line says where.
pub fn serve(folder: &Path) {
    let store = Connection::open(folder.join("plain.db")).expect("a store");
    store
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE callbacks (id TEXT PRIMARY KEY, out_trade_no TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL);
             CREATE TABLE orders (out_trade_no TEXT PRIMARY KEY, state TEXT NOT NULL);",
        )
        .expect("tables");
    let mut trusted = TrustedKeys::new();
    let public = std::fs::read(super::signed::key_file("pub_key.pem")).expect("a key file");
    let id = PublicKeyId::parse(seed::PUBLIC_KEY_ID).expect("an id");
    trusted.add_public_key(id, PublicKey::from_pem(&public).expect("a public key"));
    let keys = vec![ApiV3Key::parse(super::signed::API_V3_KEY).expect("32 characters")];
    let shop = Arc::new(Shop { trusted, keys, store: Mutex::new(store) });
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", serde_json::json!({ "listening": listener.local_addr().expect("an address").to_string() }));
        loop {
            let (stream, _) = listener.accept().await.expect("accepts");
            let _ = stream.set_nodelay(true);
            let shop = shop.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| answer(shop.clone(), request));
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
}

async fn answer(shop: Arc<Shop>, request: Request<hyper::body::Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = request.into_body().collect().await.map(|whole| whole.to_bytes().to_vec()).unwrap_or_default();
    let raw = RawCallback { headers, body };
    let opened = notification::open(&raw, &shop.trusted, &shop.keys, Timestamp::now());
    let mut status = 401;
    if let Ok(notification) = opened.result
        && let Event::Payment(paid) = notification.event()
    {
        let (id, number) = (notification.id().to_owned(), paid.out_trade_no.to_string());
        let kept = tokio::task::spawn_blocking(move || keep(&shop, &id, &number, &raw)).await;
        status = if matches!(kept, Ok(Ok(()))) { 204 } else { 500 };
    }
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    Ok(answer)
}

fn keep(shop: &Shop, id: &str, number: &str, raw: &RawCallback) -> rusqlite::Result<()> {
    let mut store = shop.store.lock().unwrap_or_else(PoisonError::into_inner);
    let writing = store.transaction()?;
    let headers = serde_json::to_string(&raw.headers).unwrap_or_default();
    let new = writing
        .prepare_cached("INSERT OR IGNORE INTO callbacks VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, number, headers, raw.body])?;
    if new > 0 {
        writing
            .prepare_cached("INSERT INTO orders VALUES (?1, 'SUCCESS') ON CONFLICT DO UPDATE SET state = 'SUCCESS'")?
            .execute([number])?;
    }
    writing.commit()
}
