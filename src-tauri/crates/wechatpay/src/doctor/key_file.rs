//! Key files as people have them: read when they are what they should be, named when they are not.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::cause::Cause;
use crate::keys::{Certificate, PrivateKey, PublicKey};

/// The file that shows whose signature it should be.
#[derive(Debug, Clone, Copy)]
pub enum KeyFile<'a> {
    /// The merchant certificate: gives the key and the serial.
    Certificate(&'a [u8]),
    /// The private key: only its public half is used.
    PrivateKey(&'a [u8]),
}

/// What a good key file gives.
pub(super) struct Material {
    pub(super) key: PublicKey,
    pub(super) certificate: Option<Certificate>,
}

impl KeyFile<'_> {
    /// # Errors
    /// `key_file_wrong_kind` or `key_file_mangled`.
    pub(super) fn read(self) -> Result<Material, Cause> {
        let (bytes, labels): (_, &[&str]) = match self {
            KeyFile::Certificate(bytes) => (bytes, &["CERTIFICATE"]),
            KeyFile::PrivateKey(bytes) => (bytes, &["PRIVATE KEY", "RSA PRIVATE KEY"]),
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            // DER and PKCS#12 are no text.
            return Err(Cause::KeyFileWrongKind);
        };
        // Sealed with a pass phrase, in the form of RFC 1421 (RFC 5958 says so in the label).
        if text.contains("Proc-Type:") && text.contains("ENCRYPTED") {
            return Err(Cause::KeyFileWrongKind);
        }
        let blocks = blocks(text);
        let Some((label, der)) = blocks.iter().find(|(label, _)| labels.contains(&label.as_str())) else {
            let other = !blocks.is_empty() || label_within(text).is_some_and(|label| !labels.contains(&label));
            return Err(if other { Cause::KeyFileWrongKind } else { Cause::KeyFileMangled });
        };
        let read = match self {
            KeyFile::Certificate(_) => Certificate::from_der(der)
                .map(|certificate| Material { key: certificate.public_key().clone(), certificate: Some(certificate) }),
            KeyFile::PrivateKey(_) => PrivateKey::from_pem(wrap(label, der).as_bytes())
                .map(|key| Material { key: key.public_key(), certificate: None }),
        };
        // Whole DER that is no RSA key of the right size is a file of another kind; half of one is damage.
        read.map_err(|_| if is_whole(der) { Cause::KeyFileWrongKind } else { Cause::KeyFileMangled })
    }
}

/// The well-formed PEM blocks: label lines of their own, base64 lines between them.
fn blocks(text: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----")) {
            open = Some((label.to_owned(), String::new()));
        } else if let Some(label) = line.strip_prefix("-----END ").and_then(|l| l.strip_suffix("-----")) {
            if let Some((begun, base64)) = open.take()
                && begun == label
                && let Ok(der) = STANDARD.decode(base64)
            {
                found.push((begun, der));
            }
        } else if let Some((_, base64)) = &mut open {
            base64.push_str(line);
        }
    }
    found
}

fn wrap(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// A label somewhere in a file that is no PEM as it stands.
fn label_within(text: &str) -> Option<&str> {
    text.split_once("-----BEGIN ")?.1.split_once("-----").map(|(label, _)| label)
}

/// Whether the bytes are one DER sequence of exactly the length that it says.
fn is_whole(der: &[u8]) -> bool {
    let [0x30, length, rest @ ..] = der else { return false };
    if *length < 0x80 {
        return rest.len() == usize::from(*length);
    }
    let count = usize::from(*length & 0x7f);
    match rest.split_at_checked(count) {
        Some((size, content)) if count <= 4 => {
            content.len() == size.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte))
        }
        _ => false,
    }
}
