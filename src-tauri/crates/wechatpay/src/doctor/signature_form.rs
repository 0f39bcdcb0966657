//! From the characters of a signature to its bytes, through every disguise that it is met in.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use super::cause::Cause;

/// What the characters amount to.
pub(super) enum Form {
    /// As many bytes as the key has, once these disguises are taken off.
    Bytes { bytes: Vec<u8>, faults: Vec<Cause> },
    /// Fewer: cut off.
    Truncated,
    /// An MD5 or HMAC-SHA256 value.
    Symmetric(Vec<u8>),
    /// No signature at all.
    Garbage,
}

/// Base64 that forgives missing padding and odd last bits.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Read `text` as a signature of `size` bytes.
pub(super) fn read(text: &str, size: usize) -> Form {
    if let Ok(bytes) = STANDARD.decode(text)
        && bytes.len() == size
    {
        return Form::Bytes { bytes, faults: Vec::new() };
    }
    let mut faults = Vec::new();
    if text.trim() != text {
        faults.push(Cause::SignatureLineBreaks);
    }
    let mut text = text.trim().to_owned();
    while text.contains('%') {
        let Some(decoded) = percent_decoded(&text) else { break };
        faults.push(Cause::SignatureUrlEncoded);
        text = decoded;
    }
    if let Some(bytes) = symmetric(&text) {
        return Form::Symmetric(bytes);
    }
    if text.contains(['\r', '\n', '\t']) || text.contains("\\n") || text.contains("\\r") {
        faults.push(Cause::SignatureLineBreaks);
        text = text.replace("\\r", "").replace("\\n", "");
        text.retain(|c| !matches!(c, '\r' | '\n' | '\t'));
    }
    if text.contains(' ') {
        // Blanks in the middle were plus signs, unless the rest has the whole length without them.
        let bare = text.replace(' ', "");
        if decode(&bare).is_some_and(|bytes| bytes.len() == size) || is_hex(&bare, size) {
            faults.push(Cause::SignatureLineBreaks);
            text = bare;
        } else {
            faults.push(Cause::SignatureUrlEncoded);
            text = text.replace(' ', "+");
        }
    }
    if is_hex(&text, size)
        && let Some(bytes) = unhex(&text)
    {
        faults.push(Cause::SignatureHex);
        return whole(bytes, faults);
    }
    // Hex is base64 of more bytes than it says.
    if text.len() > 64 && text.len() < size * 2 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Form::Truncated;
    }
    if text.contains(['-', '_']) || !text.len().is_multiple_of(4) {
        faults.push(Cause::SignatureBase64url);
    }
    match decode(&text) {
        Some(bytes) if bytes.len() == size => {
            if text.len() != size.div_ceil(3) * 4 {
                faults.push(Cause::SignatureBase64url);
            }
            // Nothing to mend, and yet the strict reader refused it: damaged.
            if faults.is_empty() { Form::Garbage } else { whole(bytes, faults) }
        }
        Some(bytes) if bytes.len() < size && !bytes.is_empty() => Form::Truncated,
        _ => Form::Garbage,
    }
}

fn whole(bytes: Vec<u8>, mut faults: Vec<Cause>) -> Form {
    faults.sort();
    faults.dedup();
    Form::Bytes { bytes, faults }
}

/// Base64 in either alphabet, whole or cut anywhere.
fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.replace('-', "+").replace('_', "/");
    let bare = text.trim_end_matches('=');
    // A single character beyond a group of four carries no byte.
    let bare = if bare.len() % 4 == 1 { bare.get(..bare.len() - 1)? } else { bare };
    LENIENT.decode(bare).ok()
}

fn is_hex(text: &str, size: usize) -> bool {
    text.len() == size * 2 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The bytes of hex digits, an even number of them.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().and_then(|p| u8::from_str_radix(p, 16).ok()))
        .collect()
}

/// 32 or 64 hex digits, or base64 of 32 bytes.
fn symmetric(text: &str) -> Option<Vec<u8>> {
    if [32, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return unhex(text);
    }
    STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

/// Percent escapes taken off once; `None` when there are none or they are broken.
fn percent_decoded(text: &str) -> Option<String> {
    let decoded = super::url::percent_decode(text.as_bytes(), false);
    if decoded == text.as_bytes() { None } else { String::from_utf8(decoded).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_disguise_comes_off_and_is_named() {
        let bytes: Vec<u8> = (0..=255).map(|i: u8| i.wrapping_mul(251)).collect();
        let plain = STANDARD.encode(&bytes);
        let url = plain.replace('+', "-").replace('/', "_");
        let wrapped = plain.as_bytes().chunks(64).map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>();
        let hex = super::super::opened::hex(&bytes);
        assert!(plain.contains('+') && plain.contains('/'));
        for (text, expected) in [
            (plain.clone(), vec![]),
            (hex.clone(), vec![Cause::SignatureHex]),
            (hex.to_uppercase(), vec![Cause::SignatureHex]),
            (url.clone(), vec![Cause::SignatureBase64url]),
            (url.trim_end_matches('=').to_owned(), vec![Cause::SignatureBase64url]),
            (plain.trim_end_matches('=').to_owned(), vec![Cause::SignatureBase64url]),
            (wrapped.join("\n"), vec![Cause::SignatureLineBreaks]),
            (wrapped.join("\r\n") + "\r\n", vec![Cause::SignatureLineBreaks]),
            (wrapped.join(" "), vec![Cause::SignatureLineBreaks]),
            (format!("{plain}\n"), vec![Cause::SignatureLineBreaks]),
            (format!(" {plain}"), vec![Cause::SignatureLineBreaks]),
            (plain.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"), vec![Cause::SignatureUrlEncoded]),
            (plain.replace('+', "%2b"), vec![Cause::SignatureUrlEncoded]),
            (plain.replace('+', " "), vec![Cause::SignatureUrlEncoded]),
            (wrapped.join("%0A").replace('+', "%2B"), vec![Cause::SignatureLineBreaks, Cause::SignatureUrlEncoded]),
        ] {
            match read(&text, 256) {
                Form::Bytes { bytes: got, faults } => assert_eq!((got, faults), (bytes.clone(), expected), "{text}"),
                _ => panic!("not read: {text}"),
            }
        }
        for cut in 100..340 {
            assert!(matches!(read(&plain[..cut], 256), Form::Truncated), "cut at {cut}");
            assert!(matches!(read(&hex[..cut + 160], 256), Form::Truncated), "hex cut at {cut}");
        }
        for text in ["5d41402abc4b2a76b9719d911017c592", &hex[..64], &STANDARD.encode([7_u8; 32])] {
            assert!(matches!(read(text, 256), Form::Symmetric(_)), "{text}");
        }
        // The last character says more bits than there are bytes.
        let loose =
            plain.replace("==", "").chars().rev().skip(1).collect::<Vec<_>>().into_iter().rev().collect::<String>();
        assert!(matches!(read(&format!("{loose}/=="), 256), Form::Garbage));
        assert!(matches!(read("***", 256), Form::Garbage));
    }
}
