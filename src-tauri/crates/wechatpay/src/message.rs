//! The text that is signed: lines that are each ended by LF, the last one too (reference 2.1, 3.2, 5.6).

fn lines(parts: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::with_capacity(parts.iter().map(|p| p.len() + 1).sum());
    for part in parts {
        text.extend_from_slice(part);
        text.push(b'\n');
    }
    text
}

/// A request: method (upper case), target (path and query, byte for byte as sent), Unix seconds, nonce, body bytes
/// (empty for GET).
pub fn request(method: &str, target: &str, timestamp: i64, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&[method.as_bytes(), target.as_bytes(), timestamp.to_string().as_bytes(), nonce.as_bytes(), body])
}

/// An answer or a notification: the two header values as received, and the raw body (empty for 204).
pub fn answer(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&[timestamp.as_bytes(), nonce.as_bytes(), body])
}

/// Pay params of JSAPI and mini-program; `package` is the whole value, `prepay_id=…`.
pub fn jsapi(appid: &str, timestamp: &str, nonce: &str, package: &str) -> Vec<u8> {
    lines(&[appid.as_bytes(), timestamp.as_bytes(), nonce.as_bytes(), package.as_bytes()])
}

/// Pay params of App; the bare prepay_id, without a prefix.
pub fn app(appid: &str, timestamp: &str, nonce: &str, prepay_id: &str) -> Vec<u8> {
    lines(&[appid.as_bytes(), timestamp.as_bytes(), nonce.as_bytes(), prepay_id.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handy_check_of_the_reference() {
        let text = request("GET", "/v3/certificates", 1_554_208_460, "593BEC0C930BF1AFEB40B4A08C8FB242", b"");
        assert_eq!(text.len(), 66);
        assert!(text.ends_with(b"\n\n"));
    }

    #[test]
    fn a_body_that_ends_with_a_line_end_gets_another() {
        assert!(answer("1", "n", b"{}\n").ends_with(b"{}\n\n"));
        assert_eq!(answer("1", "n", b""), b"1\nn\n\n");
    }
}
