//! The proxy for backends whose SDK hard-codes WeChat Pay's hosts: `HTTPS_PROXY` points here, and
//! what they send to those hosts reaches the sandbox's own handler over TLS.
//!
//! It only carries streams. It grants `CONNECT` to three names on port 443 and refuses all else, so
//! nothing that a test does can leave the machine through it. Rules of the gateway don't live here.

mod authority;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use guitai_door::{Answer, Door, DoorError, Entrance, Limits, Request, Transport, Tunnel, Wire};
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Clock;
use authority::{Authority, AuthorityError};

/// The names that the proxy answers for.
const NAMES: [&str; 3] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "api.weixin.qq.com"];
/// A client that doesn't finish its handshake by then is let go.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Why the proxy could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// Its port.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// Its certificates: a file can't be read or written, or holds no key.
    #[error("the proxy's certificates: {0}")]
    Certificates(String),
}

/// The open proxy.
pub(crate) struct Proxy {
    door: Door,
    ca_certificate: PathBuf,
}

impl Proxy {
    /// Listen on 127.0.0.1 (`port` 0: any free one) and carry what is sent to WeChat Pay's hosts into
    /// `gateway`. The CA is kept in `keys`, and made there the first time.
    pub(crate) fn open(port: u16, keys: &Path, gateway: Entrance) -> Result<Proxy, ProxyError> {
        let tls = Arc::new(Tls::open(keys).map_err(|e| ProxyError::Certificates(e.to_string()))?);
        let ca_certificate = tls.authority.certificate_path().to_owned();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let door = Door::open(addr, Limits::proxy(), move |request| {
            let (tls, gateway) = (Arc::clone(&tls), gateway.clone());
            async move { admit(request, tls, gateway) }
        })?;
        Ok(Proxy { door, ca_certificate })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// The certificate that clients have to trust.
    pub(crate) fn ca_certificate(&self) -> &Path {
        &self.ca_certificate
    }

    /// Stop taking connections and let requests in flight be answered. Close the gateway's door first:
    /// that ends what is kept alive inside tunnels.
    pub(crate) async fn close(self) {
        self.door.close().await;
    }
}

/// Whether a request that came through the proxy asks for what is not to be had there.
pub(crate) fn out_of_reach(request: &Request) -> bool {
    let path = request.path();
    request.via.is_some() && (path == "/_sandbox" || path.starts_with("/_sandbox/"))
}

fn admit(request: Request, tls: Arc<Tls>, gateway: Entrance) -> Answer {
    let refusal =
        |why: String| Answer::full(403, "text/plain; charset=utf-8", format!("Guitai sandbox proxy: {why}\n"));
    if request.method != "CONNECT" {
        return refusal("only CONNECT is served; plain http is not, WeChat Pay has none".into());
    }
    let Some(host) = known_host(&request.target) else {
        return refusal(format!(
            "only {} on port 443 are served here; this proxy never reaches the network",
            NAMES.join(", ")
        ));
    };
    let peer = request.peer;
    Answer::Tunnel(Tunnel::new(move |wire| async move {
        let acceptor = match tls.acceptor(Clock::wall()) {
            Ok(acceptor) => acceptor,
            Err(error) => return tracing::error!(%error, "the proxy has no certificate to show"),
        };
        match timeout(HANDSHAKE, acceptor.accept(wire)).await {
            Ok(Ok(stream)) => gateway.serve_stream(Secured(stream), peer, Some(format!("https://{host}").into())).await,
            // The usual reason: the client doesn't trust the sandbox's CA.
            Ok(Err(error)) => {
                tracing::warn!(%error, host, "a client broke off the TLS handshake; does it trust ca_certificate?")
            }
            Err(_) => tracing::warn!(host, "a client did not finish the TLS handshake"),
        }
    }))
}

/// The name in `target` if it is one of ours with port 443.
fn known_host(target: &str) -> Option<&'static str> {
    let host = target.strip_suffix(":443")?;
    NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(host))
}

/// The TLS side: the CA, and the present leaf.
struct Tls {
    authority: Authority,
    present: Mutex<Present>,
}

struct Present {
    config: Arc<ServerConfig>,
    renew_at: Timestamp,
}

impl Tls {
    fn open(keys: &Path) -> Result<Self, AuthorityError> {
        let now = Clock::wall();
        let authority = Authority::open(keys, now)?;
        let present = Mutex::new(Present::make(&authority, now)?);
        Ok(Tls { authority, present })
    }

    /// With a leaf that is good for a while yet.
    fn acceptor(&self, now: Timestamp) -> Result<TlsAcceptor, AuthorityError> {
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= present.renew_at {
            *present = Present::make(&self.authority, now)?;
        }
        Ok(TlsAcceptor::from(Arc::clone(&present.config)))
    }
}

impl Present {
    fn make(authority: &Authority, now: Timestamp) -> Result<Self, AuthorityError> {
        let leaf = authority.issue(&NAMES, now)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.certificate], leaf.key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Present { config: Arc::new(config), renew_at: leaf.renew_at })
    }
}

/// A TLS stream inside a tunnel, as the door serves it.
struct Secured(TlsStream<Wire>);

impl Transport for Secured {
    fn reset_on_drop(&self) {
        self.0.get_ref().0.reset_on_drop();
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
