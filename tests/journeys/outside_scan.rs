//! The public port as a stranger finds it who comes through the tunnel and tries everything: nothing is there but the notify
//! paths and, where it was asked for, what the OpenAPI document lists. Nothing tells a version, and the controls of the
//! sandbox are elsewhere.

use guitai_tests::house::House;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

const METHODS: [&str; 7] = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Methods that the door doesn't know: refused before any path is looked at.
const ODD_METHODS: [&str; 7] = ["TRACE", "CONNECT", "PROPFIND", "DEBUG", "get", "G-E_T", "POSTX"];
/// What an answer that tells nothing may have.
const SILENT: [&str; 3] = ["connection", "content-length", "date"];

/// Names that scanners ask for.
const NAMES: [&str; 72] = [
    "",
    "admin",
    "administrator",
    "login",
    "logout",
    "console",
    "manager/html",
    "actuator",
    "actuator/env",
    "actuator/heapdump",
    "metrics",
    "health",
    "healthz",
    "ready",
    "status",
    "server-status",
    "server-info",
    "debug",
    "debug/pprof",
    "trace",
    ".git/config",
    ".git/HEAD",
    ".svn/entries",
    ".hg/hgrc",
    ".env",
    ".env.local",
    ".DS_Store",
    ".htaccess",
    ".aws/credentials",
    ".ssh/id_rsa",
    "config.json",
    "config.yml",
    "settings.json",
    "package.json",
    "Cargo.toml",
    "id_rsa",
    "backup.sql",
    "backup.zip",
    "dump.sql",
    "guitai.db",
    "store.db",
    "vault.key",
    "apiclient_key.pem",
    "apiclient_cert.pem",
    "pub_key.pem",
    "sandbox_ca.pem",
    "robots.txt",
    "favicon.ico",
    "sitemap.xml",
    "index.html",
    "index.php",
    "wp-login.php",
    "phpinfo.php",
    "cgi-bin/test",
    "solr/admin",
    "graphql",
    "swagger.json",
    "swagger-ui.html",
    "openapi.json",
    "api-docs",
    "api",
    "api/v1",
    "v1",
    "v2",
    "v3/certificates",
    "v3/pay/transactions/jsapi",
    "_sandbox",
    "_sandbox/payments",
    "_sandbox/clock",
    "_sandbox/notifications",
    "sns/jscode2session",
    "notify",
];

/// The routes that exist, and what a spelling that means the same elsewhere makes of them.
const ROUTES: [&str; 8] = [
    "notify/shop",
    "v1/login",
    "v1/orders",
    "v1/orders/GT000001",
    "v1/orders/GT000001/pay",
    "v1/openapi.json",
    "v1/payment/wx/success",
    "_sandbox/payments",
];

/// About 2,000 paths: each name where scanners look, and each of them spelt as it might be understood by something laxer.
fn paths() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for name in NAMES {
        for prefix in ["/", "/notify/", "/notify/shop/", "/v1/", "/v1/orders/x/", "/_sandbox/", "/api/"] {
            all.insert(format!("{prefix}{name}"));
        }
        all.insert(format!("/{}", name.to_uppercase()));
    }
    for name in NAMES.iter().chain(&ROUTES).filter(|name| !name.is_empty()) {
        let (first, rest) = name.split_at(1);
        let code = first.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
        let twice = code.replace('%', "%25");
        for spelling in [
            format!("//{name}"),
            format!("/./{name}"),
            format!("/x/../{name}"),
            format!("/notify/../{name}"),
            format!("/v1/../{name}"),
            format!("/..;/{name}"),
            format!("/{name}/"),
            format!("/{name}//"),
            format!("/{name}/."),
            format!("/{name}/.."),
            format!("/{name};x=1"),
            format!("/{name};/"),
            format!("/{name}.json"),
            format!("/{name}%00"),
            format!("/{name}%20"),
            format!("/{name}%2f"),
            format!("/{name}%3f"),
            format!("/{name}%0d%0aX-A:b"),
            format!("/{code}{rest}"),
            format!("/{twice}{rest}"),
            format!("/{}", name.replace('/', "%2f")),
            format!("/{}", name.replace('/', "\\")),
            format!("/{}", name.replace('/', "//")),
            format!("/%2e%2e/{name}"),
            format!("/{}", name.to_uppercase()),
        ] {
            all.insert(spelling);
        }
    }
    for name in ROUTES {
        all.insert(format!("/{name}"));
    }
    for merchant in
        ["Shop", "SHOP", "sho", "shopp", "sandbox", "other", "..", "%73hop", "shop%00", "shop/x", "*", "shop|x"]
    {
        all.insert(format!("/notify/{merchant}"));
    }
    all
}

/// A raw request, and the answer taken apart: status, header names with values, body.
async fn ask(port: u16, method: &str, target: &str, host: &str) -> (u16, BTreeMap<String, String>, Vec<u8>) {
    let head = format!("{method} {target} HTTP/1.1\r\n{host}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}");
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    stream.write_all(head.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {method} {target}"));
    let (head, body) = (String::from_utf8_lossy(&answer[..end]).into_owned(), answer[end + 4..].to_vec());
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    (status.expect("a status"), headers.collect(), body)
}

/// Is it the answer that tells nothing?
fn is_nothing((status, headers, body): &(u16, BTreeMap<String, String>, Vec<u8>)) -> bool {
    *status == 404 && body.is_empty() && headers.keys().all(|name| SILENT.contains(&name.as_str()))
}

/// Does the document, or the notify path, list this?
fn is_listed(document: Option<&Value>, method: &str, path: &str) -> bool {
    if (method, path) == ("POST", "/notify/shop") {
        return true;
    }
    let Some(document) = document else { return false };
    document["paths"].as_object().expect("paths").iter().any(|(template, item)| {
        let same = match template.split_once("{orderNo}") {
            None => template == path,
            Some((before, after)) => {
                path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|no| {
                    !no.is_empty() && no.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-|*".contains(&it))
                })
            }
        };
        same && item.get(method.to_lowercase()).is_some()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_finds_what_is_listed_and_nothing_else() {
    let paths = paths();
    assert!(paths.len() >= 2_000, "{}", paths.len());
    let mut house = House::open().await;
    for api in [false, true] {
        let place = if api { house.serve_api().await } else { house.notify_url().replace("/notify/shop", "") };
        let port: u16 = place.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        let document: Option<Value> = if api {
            let (status, _, body) = ask(port, "GET", "/v1/openapi.json", "Host: x\r\n").await;
            assert_eq!(status, 200);
            Some(serde_json::from_slice(&body).expect("JSON"))
        } else {
            None
        };
        let document = Arc::new(document);

        // every path with GET and POST and one more method in turn; what exists, and its neighbours, with all of them
        let mut asks = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            let near = ROUTES.iter().any(|route| path.trim_matches('/') == *route) || path.starts_with("/notify/");
            let methods: Vec<&str> = if near { METHODS.to_vec() } else { vec!["GET", "POST", METHODS[2 + index % 5]] };
            asks.extend(methods.into_iter().map(|method| (method, path.clone())));
        }
        let (places, mut tasks) = (Arc::new(Semaphore::new(48)), tokio::task::JoinSet::new());
        for (method, path) in asks {
            let (places, document) = (Arc::clone(&places), Arc::clone(&document));
            tasks.spawn(async move {
                let _place = places.acquire_owned().await.expect("open");
                let answer = ask(port, method, &path, "Host: pay.shop.example\r\n").await;
                let listed = is_listed(document.as_ref().as_ref(), method, &path);
                (method, path, listed, answer)
            });
        }
        let mut found = BTreeSet::new();
        while let Some(done) = tasks.join_next().await {
            let (method, path, listed, answer) = done.expect("an answer");
            for told in ["server", "x-powered-by", "via"] {
                assert!(!answer.1.contains_key(told), "{method} {path} tells {told}");
            }
            // a byte that no target may have is refused before any path is looked at
            let refused = answer.0 == 400 && answer.2.starts_with(b"{\"code\":\"FAIL\"");
            let odd = path.contains('\\') || path.contains('|');
            if listed {
                assert!(
                    !is_nothing(&answer) || path.contains("GT") || path.contains("/x"),
                    "{method} {path} is listed"
                );
                found.insert((method, path));
            } else {
                assert!(is_nothing(&answer) || (odd && refused), "{method} {path}: {answer:?}");
            }
        }
        let expected: BTreeSet<(&str, &str)> = if api {
            [
                ("POST", "/notify/shop"),
                ("POST", "/v1/login"),
                ("POST", "/v1/orders"),
                ("GET", "/v1/orders/GT000001"),
                ("POST", "/v1/orders/GT000001/pay"),
                ("GET", "/v1/openapi.json"),
                ("POST", "/v1/payment/wx/success"),
            ]
            .into()
        } else {
            [("POST", "/notify/shop")].into()
        };
        let found: BTreeSet<(&str, &str)> = found.iter().map(|(method, path)| (*method, path.as_str())).collect();
        assert_eq!(found, expected, "with the API {api}");

        // methods that the door doesn't know are told the same whatever is asked for
        for method in ODD_METHODS {
            let mut told = BTreeSet::new();
            for path in ["/", "/notify/shop", "/v1/login", "/v1/orders", "/admin"] {
                let (status, headers, body) = ask(port, method, path, "Host: x\r\n").await;
                assert!(matches!(status, 400 | 405), "{method} {path}: {status}");
                assert!(!headers.contains_key("server"));
                told.insert((status, body));
            }
            assert_eq!(told.len(), 1, "{method}: {told:?}");
        }

        // other forms of a target, and what a Host may say: none opens another door
        for target in [
            "http://127.0.0.1/admin",
            "http://127.0.0.1/notify/other",
            "https://api.mch.weixin.qq.com/v3/certificates",
            "*",
            "admin",
            "127.0.0.1:22",
        ] {
            let answer = ask(port, "GET", target, "Host: x\r\n").await;
            assert!(is_nothing(&answer) || answer.0 == 400, "{target}: {answer:?}");
        }
        for host in
            ["localhost", "127.0.0.1", "169.254.169.254", "admin.internal", "api.mch.weixin.qq.com", "[::1]", "x:99999"]
        {
            for path in ["/", "/admin", "/_sandbox/payments", "/_sandbox/clock", "/v3/certificates"] {
                let answer = ask(port, "GET", path, &format!("Host: {host}\r\n")).await;
                assert!(is_nothing(&answer) || answer.0 == 400, "{host} {path}: {answer:?}");
            }
        }
        for hosts in ["", "Host: a\r\nHost: b\r\n"] {
            assert_eq!(ask(port, "POST", "/notify/shop", hosts).await.0, 400, "{hosts:?}");
        }
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_controls_are_on_another_port_for_this_machine_alone() {
    let house = House::open().await;
    let port = |url: &str| -> u16 {
        let place = url.trim_start_matches("http://").split('/').next().expect("a place");
        let (host, port) = place.rsplit_once(':').expect("a port");
        assert_eq!(host, "127.0.0.1", "{url} is for this machine alone");
        port.parse().expect("a port")
    };
    let (public, controls) = (port(&house.notify_url()), port(house.base_url()));
    assert_ne!(public, controls);
    let here = ask(controls, "GET", "/_sandbox/clock", &format!("Host: 127.0.0.1:{controls}\r\n")).await;
    assert_eq!(here.0, 200);
    for host in
        ["evil.example", "pay.shop.example", "127.0.0.1.evil.example", "169.254.169.254", "api.mch.weixin.qq.com"]
    {
        for (method, path) in [("GET", "/_sandbox/clock"), ("POST", "/_sandbox/reset"), ("POST", "/_sandbox/payments")]
        {
            let (status, _, _) = ask(controls, method, path, &format!("Host: {host}\r\n")).await;
            assert!((400..500).contains(&status), "{method} {path} answers {status} to {host}");
        }
    }
    house.close().await;
}
