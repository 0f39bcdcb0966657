//! A way in from the internet, all on this machine: an sshd of the test's own that lets one key in, and HTTPS in front of
//! what it forwards, by an authority of the test's own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

const SSHD: &str = "/usr/sbin/sshd";

/// An sshd on a port of its own that lets one key in.
pub struct Sshd {
    child: Child,
}

impl Sshd {
    /// Starts it on `port`; its keys, and an `ssh_config` for whoever comes, lie in `folder`.
    ///
    /// # Panics
    /// Where sshd isn't installed or doesn't start.
    pub fn start(folder: &Path, port: u16) -> Self {
        let key = |name: &str| {
            let file = folder.join(name);
            if !file.exists() {
                let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status();
                assert!(made.expect("ssh-keygen runs").success());
            }
            file.display().to_string()
        };
        let (host, user) = (key("host"), key("user"));
        let config = folder.join("sshd_config");
        let text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {host}\nAuthorizedKeysFile {user}.pub\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nPidFile none\nAllowTcpForwarding yes\n"
        );
        std::fs::write(&config, text).expect("a file");
        let ssh = format!(
            "Host *\n  Port {port}\n  IdentityFile {user}\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
        );
        std::fs::write(folder.join("ssh_config"), ssh).expect("a file");
        // where it drops its rights to; packages make it when their own sshd starts, and it never does here
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sshd (Debian: openssh-server) is installed");
        let mut said = BufReader::new(child.stderr.take().expect("stderr is piped")).lines();
        let listening = said.by_ref().map_while(Result::ok).any(|line| line.contains("Server listening"));
        assert!(listening, "sshd starts");
        std::thread::spawn(move || said.for_each(drop));
        Sshd { child }
    }

    /// Ends it and what it forwards.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // each connection is a process of its own
        let _ = Command::new("pkill").args(["-KILL", "-P", &self.child.id().to_string()]).status();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// HTTPS for `localhost` by an authority of its own, passed on to `port`; its own port, and the authority's certificate.
///
/// # Panics
/// The machine has no port or no memory left.
pub async fn https_to(port: u16, folder: &Path) -> (u16, PathBuf) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    // another name than the certificate's own, or OpenSSL takes that for self-signed
    authority.distinguished_name.push(DnType::CommonName, "the test's authority");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, authority_key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let file = folder.join("authority.pem");
    std::fs::write(&file, authority.pem()).expect("a file");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("TLS");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let own = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(stream).await else { return };
                if let Ok(mut inside) = tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                }
            });
        }
    });
    (own, file)
}

/// A port that nobody listens on.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
