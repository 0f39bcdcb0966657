//! The request line and the header fields.

use crate::limits::Limits;
use crate::refusal::Refusal;

/// A head that passed every check.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: BodyLength,
    pub(crate) expects_continue: bool,
    pub(crate) http10: bool,
    /// Whether the client lets the connection live on.
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    None,
    Sized(u64),
    Chunked,
}

/// The length of the head with its empty line, once it is all there. `scanned` remembers what was
/// looked at, so that a trickled head costs no more than a whole one.
pub(super) fn find_end(buffer: &[u8], scanned: &mut usize, limits: &Limits) -> Result<Option<usize>, Refusal> {
    let mut at = *scanned;
    while let Some(&byte) = buffer.get(at) {
        if at >= limits.head_bytes {
            // Of what may be a head only: what lies behind it depends on the pieces that it came in.
            let first_line_done = buffer.get(..at).is_some_and(|head| head.contains(&b'\n'));
            return Err(if first_line_done { Refusal::HeadTooLarge } else { Refusal::TargetTooLong });
        }
        match byte {
            b'\n' if at == 0 || buffer.get(at - 1) != Some(&b'\r') => return Err(Refusal::LineEnd),
            b'\n' if at == 1 => return Err(Refusal::RequestLine),
            b'\n' if at >= 3 && buffer.get(at - 3..at) == Some(b"\r\n\r") => {
                *scanned = at + 1;
                return Ok(Some(at + 1));
            }
            b'\r' | b'\n' | b'\t' => {}
            0..=0x1f | 0x7f => return Err(Refusal::ControlByte),
            _ => {}
        }
        if byte != b'\n' && at > 0 && buffer.get(at - 1) == Some(&b'\r') {
            return Err(Refusal::LineEnd);
        }
        at += 1;
    }
    *scanned = at;
    Ok(None)
}

/// Read a head that [`find_end`] delimited.
pub(super) fn parse(raw: &[u8], limits: &Limits) -> Result<Head, Refusal> {
    let mut lines = raw
        .strip_suffix(b"\r\n\r\n")
        .ok_or(Refusal::LineEnd)?
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = RequestLine::parse(lines.next().unwrap_or_default(), limits)?;

    let mut headers = Vec::new();
    for line in lines {
        if headers.len() == limits.header_count {
            return Err(Refusal::TooManyHeaders);
        }
        headers.push(header(line)?);
    }
    let fields = Fields::read(&headers, &line)?;
    if !limits.methods.contains(&line.method) {
        return Err(Refusal::Method);
    }
    Ok(Head {
        method: line.method.to_owned(),
        target: line.target.to_owned(),
        body: fields.body,
        expects_continue: fields.expects_continue,
        http10: line.http10,
        keep: !line.http10 && !fields.close,
        headers,
    })
}

struct RequestLine<'a> {
    method: &'a str,
    target: &'a str,
    http10: bool,
}

impl<'a> RequestLine<'a> {
    fn parse(line: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        let line = std::str::from_utf8(line).map_err(|_| Refusal::RequestLine)?;
        let mut tokens = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (tokens.next(), tokens.next(), tokens.next(), tokens.next())
        else {
            return Err(Refusal::RequestLine);
        };
        if !is_token(method.as_bytes()) {
            return Err(Refusal::RequestLine);
        }
        let http10 = match version {
            "HTTP/1.1" => false,
            "HTTP/1.0" => true,
            _ if is_version(version) => return Err(Refusal::Version),
            _ => return Err(Refusal::RequestLine),
        };
        if target.len() > limits.target_bytes {
            return Err(Refusal::TargetTooLong);
        }
        let printable = !target.is_empty() && target.bytes().all(|b| b.is_ascii_graphic());
        if !printable || !(target.starts_with('/') || limits.takes_connect()) {
            return Err(Refusal::Target);
        }
        Ok(RequestLine { method, target, http10 })
    }
}

/// `HTTP/d.d`, whatever the digits.
fn is_version(text: &str) -> bool {
    matches!(text.strip_prefix("HTTP/").map(str::as_bytes), Some([a, b'.', b]) if a.is_ascii_digit() && b.is_ascii_digit())
}

/// One field line. A line that begins with a blank (a folded header) has no name and falls here too.
pub(super) fn header(line: &[u8]) -> Result<(String, String), Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| Refusal::HeaderSyntax)?;
    let (name, value) = line.split_once(':').ok_or(Refusal::HeaderSyntax)?;
    if !is_token(name.as_bytes()) {
        return Err(Refusal::HeaderSyntax);
    }
    Ok((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
}

/// What the fields that the door itself obeys say together.
struct Fields {
    body: BodyLength,
    expects_continue: bool,
    close: bool,
}

impl Fields {
    fn read(headers: &[(String, String)], line: &RequestLine<'_>) -> Result<Self, Refusal> {
        let http10 = line.http10;
        let all = |name: &'static str| {
            headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
        };

        match (all("host").next(), all("host").nth(1)) {
            (Some(host), None) if is_host(host) => {}
            // Python before 3.12 and OpenSSL send none: the target names the host.
            (None, _) if http10 && line.method == "CONNECT" => {}
            _ => return Err(Refusal::Host),
        }
        let lengths = all("content-length").count();
        let codings = all("transfer-encoding").count();
        if lengths > 0 && codings > 0 {
            return Err(Refusal::BothFramings);
        }
        let body = if codings > 0 {
            match all("transfer-encoding").next() {
                _ if codings > 1 || http10 => return Err(Refusal::TransferEncoding),
                Some(coding) if coding.eq_ignore_ascii_case("chunked") => BodyLength::Chunked,
                Some(coding) if is_token(coding.as_bytes()) => {
                    return Err(Refusal::TransferCodingUnknown);
                }
                _ => return Err(Refusal::TransferEncoding),
            }
        } else {
            match all("content-length").next() {
                None => BodyLength::None,
                Some(digits) if lengths == 1 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                    // Digits beyond 64 bits are a number all the same: one that is too large.
                    BodyLength::Sized(digits.parse().unwrap_or(u64::MAX))
                }
                Some(_) => return Err(Refusal::ContentLength),
            }
        };
        let expects_continue = match all("expect").next() {
            None => false,
            Some(text) if text.eq_ignore_ascii_case("100-continue") => !http10 && body != BodyLength::None,
            Some(_) => return Err(Refusal::Expectation),
        };
        let close = all("connection").flat_map(|v| v.split(',')).any(|v| v.trim().eq_ignore_ascii_case("close"));
        Ok(Fields { body, expects_continue, close })
    }
}

/// The characters of `host[:port]`; which hosts are welcome is the handler's to say.
fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]%!$&'()*+;=".contains(&b))
}

fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}
