//! The proxy over real sockets and real TLS, with a client that trusts the CA file and nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use guitai_door::{Answer, Door, Limits, Request};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::*;

async fn handle(request: Request) -> Answer {
    if out_of_reach(&request) {
        return Answer::empty(404);
    }
    let via = request.via.as_deref().unwrap_or("-").to_owned();
    Answer::full(200, "text/plain", format!("{} {via} {}", request.target, String::from_utf8_lossy(&request.body)))
}

fn gateway() -> Door {
    Door::open(SocketAddr::from(([127, 0, 0, 1], 0)), Limits::sandbox(), handle).expect("a free port")
}

async fn ask(addr: SocketAddr, bytes: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(addr).await.expect("connected");
    stream.write_all(bytes.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    (stream, String::from_utf8_lossy(&head).into_owned())
}

async fn secured(
    proxy: &Proxy,
    host: &'static str,
    version: &'static SupportedProtocolVersion,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(proxy.ca_certificate()).expect("PEM")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (stream, head) = ask(proxy.addr(), &format!("CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(host).expect("a name"), stream).await
}

async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), request: &str) -> String {
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut all = Vec::new();
    loop {
        all.push(stream.read_u8().await.expect("an answer"));
        let text = String::from_utf8_lossy(&all).to_ascii_lowercase();
        let length = text
            .split("content-length: ")
            .nth(1)
            .and_then(|t| t.split("\r\n").next())
            .and_then(|t| t.parse::<usize>().ok());
        if let (Some(at), Some(length)) = (text.find("\r\n\r\n"), length)
            && all.len() >= at + 4 + length
        {
            return String::from_utf8_lossy(&all).into_owned();
        }
    }
}

#[tokio::test]
async fn all_but_three_names_on_443_is_refused() {
    let keys = tempfile::tempdir().expect("a folder");
    let gateway = gateway();
    let proxy = Proxy::open(0, keys.path(), gateway.entrance()).expect("open");
    for (line, status) in [
        ("CONNECT api.mch.weixin.qq.com:443 HTTP/1.1", "200"),
        ("CONNECT API.MCH.weixin.qq.com:443 HTTP/1.1", "200"),
        ("CONNECT api.mch.weixin.qq.com:80 HTTP/1.1", "403"),
        ("CONNECT api.mch.weixin.qq.com:4430 HTTP/1.1", "403"),
        ("CONNECT api.mch.weixin.qq.com HTTP/1.1", "403"),
        ("CONNECT api.mch.weixin.qq.com.:443 HTTP/1.1", "403"),
        ("CONNECT x.api.mch.weixin.qq.com:443 HTTP/1.1", "403"),
        ("CONNECT api.mch.weixin.qq.com.evil.example:443 HTTP/1.1", "403"),
        ("CONNECT user@api.mch.weixin.qq.com:443 HTTP/1.1", "403"),
        ("CONNECT mch.weixin.qq.com:443 HTTP/1.1", "403"),
        ("CONNECT 127.0.0.1:443 HTTP/1.1", "403"),
        ("CONNECT localhost:22 HTTP/1.1", "403"),
        ("CONNECT [::1]:443 HTTP/1.1", "403"),
        ("CONNECT /v3/certificates HTTP/1.1", "403"),
        ("GET http://api.mch.weixin.qq.com/v3/certificates HTTP/1.1", "403"),
        ("GET https://api.mch.weixin.qq.com/v3/certificates HTTP/1.1", "403"),
        ("POST http://example.com/ HTTP/1.1", "403"),
        ("GET /v3/certificates HTTP/1.1", "403"),
        ("GET /_sandbox/clock HTTP/1.1", "403"),
        ("TRACE / HTTP/1.1", "405"),
    ] {
        let (_, head) = ask(proxy.addr(), &format!("{line}\r\nHost: x\r\n\r\n")).await;
        assert_eq!(head.get(9..12), Some(status), "{line}: {head}");
    }
    proxy.close().await;
}

#[tokio::test]
async fn requests_come_through_tls_with_the_origin_the_client_meant() {
    let keys = tempfile::tempdir().expect("a folder");
    let gateway = gateway();
    let proxy = Proxy::open(0, keys.path(), gateway.entrance()).expect("open");
    for host in NAMES {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let mut stream = secured(&proxy, host, version).await.expect("the handshake");
            // Kept alive inside the tunnel.
            for body in ["one", "two"] {
                let text = answer(
                    &mut stream,
                    &format!("POST /v3/x?y HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\n{body}"),
                )
                .await;
                assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
                assert!(text.ends_with(&format!("/v3/x?y https://{host} {body}")), "{text}");
            }
            let text = answer(&mut stream, &format!("GET /_sandbox/clock HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
            assert!(text.starts_with("HTTP/1.1 404 "), "{text}");
        }
    }
    gateway.close().await;
    proxy.close().await;
}

#[tokio::test]
async fn the_authority_outlives_a_restart_and_leaves_are_renewed() {
    let keys = tempfile::tempdir().expect("a folder");
    let now = Clock::wall();
    let first = Authority::open(keys.path(), now).expect("made");
    let pem = std::fs::read(first.certificate_path()).expect("written");
    let again = Authority::open(keys.path(), now).expect("read");
    assert_eq!(std::fs::read(again.certificate_path()).expect("kept"), pem);

    let tls = Tls::open(keys.path()).expect("open");
    let config = |at| Arc::as_ptr(tls.acceptor(at).expect("a leaf").config());
    let present = config(now);
    assert_eq!(config(now + jiff::Span::new().hours(24 * 365)), present);
    assert_ne!(config(now + jiff::Span::new().hours(24 * 367)), present);

    // After a restart old trust still fits: a client with the old file talks to the new proxy.
    let gateway = gateway();
    let proxy = Proxy::open(0, keys.path(), gateway.entrance()).expect("open");
    secured(&proxy, NAMES[0], &rustls::version::TLS13).await.expect("trusted");
    std::fs::write(keys.path().join("sandbox_ca_key.pem"), "garbage").expect("written");
    assert!(matches!(Authority::open(keys.path(), now), Err(AuthorityError::Key { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn the_key_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let keys = tempfile::tempdir().expect("a folder");
    Authority::open(keys.path(), Clock::wall()).expect("made");
    let mode = std::fs::metadata(keys.path().join("sandbox_ca_key.pem")).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
