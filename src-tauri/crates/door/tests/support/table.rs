//! Hostile requests and what each gets, for a door by itself and for the real listener and sandbox.

#![allow(dead_code, reason = "each test binary uses its part")]

pub const GOOD: &[u8] = b"POST /good HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// What a door has to say.
#[derive(Clone, Copy)]
pub enum Expected {
    /// This, whatever the door.
    Always(u16),
    /// This where the door takes few methods; one with more hands it to its handler.
    FewMethods(u16),
    /// This where bodies end at 64 KiB; a door that takes larger ones reads on.
    SmallBodies(u16),
}

pub struct Case {
    pub name: String,
    pub bytes: Vec<u8>,
    pub expected: Expected,
    /// The client sends no more after this, and closes its side: the request can't become whole.
    pub cut: bool,
}

fn case(name: impl Into<String>, bytes: impl Into<Vec<u8>>, status: u16) -> Case {
    let (cut, status) = (status == CUT, if status == CUT { 400 } else { status });
    let expected = match status {
        405 => Expected::FewMethods(405),
        413 => Expected::SmallBodies(413),
        status => Expected::Always(status),
    };
    Case { name: name.into(), bytes: bytes.into(), expected, cut }
}

/// Refused with 400 once the client has closed its side.
const CUT: u16 = 0;

/// A request with these header lines besides Host, and this after the head.
fn with(headers: &str, rest: &str) -> Vec<u8> {
    format!("POST /n HTTP/1.1\r\nHost: a\r\n{headers}\r\n{rest}").into_bytes()
}

fn line(request_line: &str) -> Vec<u8> {
    format!("{request_line}\r\nHost: a\r\n\r\n").into_bytes()
}

fn request_lines() -> Vec<Case> {
    vec![
        case("fourth token", line("GET /x HTTP/1.1 junk"), 400),
        case("two tokens", line("GET /x"), 400),
        case("one token", line("GET"), 400),
        case("two blanks", line("GET  /x HTTP/1.1"), 400),
        case("tab for a blank", line("GET\t/x HTTP/1.1"), 400),
        case("leading blank", line(" GET /x HTTP/1.1"), 400),
        case("trailing blank", line("GET /x HTTP/1.1 "), 400),
        case("leading empty line", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("only an empty head", b"\r\n\r\n".to_vec(), 400),
        case("version 2.0", line("GET /x HTTP/2.0"), 505),
        case("version 3.0", line("GET /x HTTP/3.0"), 505),
        case("version 1.2", line("GET /x HTTP/1.2"), 505),
        case("version 0.9", line("GET /x HTTP/0.9"), 505),
        case("version 9.9", line("GET /x HTTP/9.9"), 505),
        case("version lower case", line("GET /x http/1.1"), 400),
        case("version of another protocol", line("GET /x ICY/1.1"), 400),
        case("version with more digits", line("GET /x HTTP/1.10"), 400),
        case("version without a dot", line("GET /x HTTP/11"), 400),
        case("no version number", line("GET /x HTTP/"), 400),
        case("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), 505),
        case("0.9 style", b"GET /x\r\n\r\n".to_vec(), 400),
        case("DELETE", line("DELETE /x HTTP/1.1"), 405),
        case("PUT", line("PUT /x HTTP/1.1"), 405),
        case("PATCH", line("PATCH /x HTTP/1.1"), 405),
        case("OPTIONS", line("OPTIONS /x HTTP/1.1"), 405),
        case("TRACE", line("TRACE /x HTTP/1.1"), 405),
        case("CONNECT with a path", line("CONNECT /x HTTP/1.1"), 405),
        case("unknown method", line("FROB /x HTTP/1.1"), 405),
        case("method in lower case", line("post /x HTTP/1.1"), 405),
        case("method of mixed case", line("Get /x HTTP/1.1"), 405),
        case("method with a slash", line("GE/T /x HTTP/1.1"), 400),
        case("method with a colon", line("GET: /x HTTP/1.1"), 400),
        case("method with a bracket", line("GET( /x HTTP/1.1"), 400),
        case("method not ASCII", "GÉT /x HTTP/1.1\r\nHost: a\r\n\r\n".as_bytes().to_vec(), 400),
    ]
}

fn targets() -> Vec<Case> {
    vec![
        case("CONNECT", line("CONNECT a:443 HTTP/1.1"), 400),
        case("absolute form", line("GET http://a/x HTTP/1.1"), 400),
        case("absolute form, https", line("GET https://a/x HTTP/1.1"), 400),
        case("authority form", line("GET a:80 HTTP/1.1"), 400),
        case("asterisk", line("OPTIONS * HTTP/1.1"), 400),
        case("empty target", line("GET  HTTP/1.1"), 400),
        case("no leading slash", line("GET x HTTP/1.1"), 400),
        case("query only", line("GET ?x HTTP/1.1"), 400),
        case("backslash first", line("GET \\x HTTP/1.1"), 400),
        case("UTF-8 target", line("GET /中 HTTP/1.1"), 400),
        case("Latin-1 target", b"GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("DEL in the target", b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("escape in the target", b"GET /\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("CR in the target", b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("tab in the target", b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("target of 2,049 bytes", line(&format!("GET /{} HTTP/1.1", "x".repeat(2048))), 414),
        case("target of 8,000 bytes", line(&format!("GET /{} HTTP/1.1", "x".repeat(8000))), 414),
        case("target without end", format!("GET /{}", "x".repeat(40_000)), 414),
        case("query of 4,000 bytes", line(&format!("GET /?{} HTTP/1.1", "x".repeat(4000))), 414),
    ]
}

fn line_ends() -> Vec<Case> {
    vec![
        case("bare LF everywhere", b"GET / HTTP/1.1\nHost: a\n\n".to_vec(), 400),
        case("bare LF after the request line", b"GET / HTTP/1.1\nHost: a\r\n\r\n".to_vec(), 400),
        case("bare LF after a header", b"GET / HTTP/1.1\r\nHost: a\nX: 1\r\n\r\n".to_vec(), 400),
        case("bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\n".to_vec(), 400),
        case("bare CR as line end", b"GET / HTTP/1.1\rHost: a\r\r".to_vec(), 400),
        case("bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n".to_vec(), 400),
        case("two CRs", b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("smuggling by a bare LF", with("X: 1\nContent-Length: 3\r\n", "abc"), 400),
        case("first byte LF", b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), 400),
        case("SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n\r\n".to_vec(), 400),
        case("zeros", vec![0_u8; 64], 400),
        case("ones", vec![0xff_u8; 64].into_iter().chain(*b"\r\n\r\n").collect::<Vec<_>>(), 400),
        case("redis", b"*1\r\n$4\r\nPING\r\n\r\n".to_vec(), 400),
        case("SOCKS5", b"\x05\x01\x00".to_vec(), 400),
    ]
}

fn header_syntax() -> Vec<Case> {
    let many = |n: usize| (0..n).map(|i| format!("X-{i}: 1\r\n")).collect::<String>();
    vec![
        case("no colon", with("Broken\r\n", ""), 400),
        case("empty name", with(": value\r\n", ""), 400),
        case("blank before the colon", with("X : 1\r\n", ""), 400),
        case("tab before the colon", with("X\t: 1\r\n", ""), 400),
        case("folded by a blank", with("X: 1\r\n 2\r\n", ""), 400),
        case("folded by a tab", with("X: 1\r\n\t2\r\n", ""), 400),
        case("fold before any header", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n".to_vec(), 400),
        case("blank within a name", with("X Y: 1\r\n", ""), 400),
        case("slash within a name", with("X/Y: 1\r\n", ""), 400),
        case("bracket within a name", with("X(Y): 1\r\n", ""), 400),
        case("at sign within a name", with("X@Y: 1\r\n", ""), 400),
        case("quote within a name", with("\"X\": 1\r\n", ""), 400),
        case("name not ASCII", with("Wechatpay‑Nonce: 1\r\n", ""), 400),
        case("NUL in a name", with("X\0: 1\r\n", ""), 400),
        case("NUL in a value", with("X: a\0b\r\n", ""), 400),
        case("BEL in a value", with("X: \x07\r\n", ""), 400),
        case("VT in a value", with("X: a\x0bb\r\n", ""), 400),
        case("FF in a value", with("X: a\x0cb\r\n", ""), 400),
        case("ESC in a value", with("X: \x1b[31m\r\n", ""), 400),
        case("DEL in a value", with("X: \x7f\r\n", ""), 400),
        case("value not UTF-8", [&b"GET / HTTP/1.1\r\nHost: a\r\nX: "[..], &[0xff, 0xfe], b"\r\n\r\n"].concat(), 400),
        case("65 headers", with(&many(64), ""), 431),
        case("1,000 headers", with(&many(1000), ""), 431),
        case("a header of 16 KiB", with(&format!("X: {}\r\n", "y".repeat(16 * 1024)), ""), 431),
        case("a header without end", format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "y".repeat(64 * 1024)), 431),
        case("a name without end", format!("GET / HTTP/1.1\r\nHost: a\r\n{}", "y".repeat(64 * 1024)), 431),
        case("head of many small lines", with(&"A: 1\r\n".repeat(4000), ""), 431),
    ]
}

fn hosts() -> Vec<Case> {
    let get = |headers: &str| format!("GET / HTTP/1.1\r\n{headers}\r\n").into_bytes();
    vec![
        case("no host", get("X: 1\r\n"), 400),
        case("no host in 1.0", b"GET / HTTP/1.0\r\n\r\n".to_vec(), 400),
        case("two hosts", get("Host: a\r\nHost: b\r\n"), 400),
        case("two equal hosts", get("Host: a\r\nhost: a\r\n"), 400),
        case("empty host", get("Host:\r\n"), 400),
        case("blank host", get("Host:   \r\n"), 400),
        case("host with a path", get("Host: a/b\r\n"), 400),
        case("host with user info", get("Host: u@a\r\n"), 400),
        case("host list", get("Host: a, b\r\n"), 400),
        case("host with a backslash", get("Host: a\\b\r\n"), 400),
        case("host with a quote", get("Host: \"a\"\r\n"), 400),
        case("host not ASCII", get("Host: 例子\r\n"), 400),
    ]
}

fn lengths() -> Vec<Case> {
    let length = |value: &str| with(&format!("Content-Length: {value}\r\n"), "abcde");
    vec![
        case("length of letters", length("abc"), 400),
        case("negative length", length("-5"), 400),
        case("length with a plus", length("+5"), 400),
        case("length list", length("5, 5"), 400),
        case("length list without blank", length("5,5"), 400),
        case("hex length", length("0x5"), 400),
        case("length with a fraction", length("5.0"), 400),
        case("length with an exponent", length("5e0"), 400),
        case("empty length", length(""), 400),
        case("length with a blank inside", length("5 5"), 400),
        case("length in other digits", length("５"), 400),
        case("two lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n", "abcdef"), 400),
        case("two equal lengths", with("Content-Length: 5\r\ncontent-length: 5\r\n", "abcde"), 400),
        case("length one too large", with("Content-Length: 65537\r\n", ""), 413),
        case("length of 60 GB", with("Content-Length: 60000000000\r\n", ""), 413),
        case("length of 2^63", with("Content-Length: 9223372036854775808\r\n", ""), 413),
        case("length of 2^64-1", with("Content-Length: 18446744073709551615\r\n", ""), 413),
        case("length of 2^64", with("Content-Length: 18446744073709551616\r\n", ""), 413),
        case("length of forty digits", with(&format!("Content-Length: {}\r\n", "9".repeat(40)), ""), 413),
        case("large body, sent", with("Content-Length: 200000\r\n", &"x".repeat(200_000)), 413),
        case("large body, Expect", with("Content-Length: 200000\r\nExpect: 100-continue\r\n", ""), 413),
        case("body cut short", with("Content-Length: 5\r\n", "abc"), CUT),
        case("another expectation", with("Content-Length: 5\r\nExpect: 200-ok\r\n", "abcde"), 417),
        case("empty expectation", with("Content-Length: 5\r\nExpect: \r\n", "abcde"), 417),
    ]
}

fn codings() -> Vec<Case> {
    let coded = |value: &str, body: &str| with(&format!("Transfer-Encoding: {value}\r\n"), body);
    let chunked = |body: &str| coded("chunked", body);
    vec![
        case("length, then coding", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        case("coding, then length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400),
        case(
            "length and coding in odd case",
            with("tRANSFER-eNCODING: Chunked\r\ncONTENT-lENGTH: 5\r\n", "0\r\n\r\n"),
            400,
        ),
        case("coding and a bad length", with("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", "0\r\n\r\n"), 400),
        case(
            "coding identity with a length",
            with("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "abcde"),
            400,
        ),
        case(
            "coding in 1.0",
            b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
            400,
        ),
        case("coding identity", coded("identity", "0\r\n\r\n"), 501),
        case("coding xchunked", coded("xchunked", "0\r\n\r\n"), 501),
        case("coding gzip", coded("gzip", "0\r\n\r\n"), 501),
        case("coding gzip, chunked", coded("gzip, chunked", "0\r\n\r\n"), 400),
        case("coding chunked, identity", coded("chunked, identity", "0\r\n\r\n"), 400),
        case("coding chunked twice", coded("chunked, chunked", "0\r\n\r\n"), 400),
        case("coding with a parameter", coded("chunked;x=1", "0\r\n\r\n"), 400),
        case("coding quoted", coded("\"chunked\"", "0\r\n\r\n"), 400),
        case("coding empty", coded("", "0\r\n\r\n"), 400),
        case("two codings", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400),
        case(
            "two codings, one identity",
            with("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            400,
        ),
        case("coding with a vertical tab", coded("\x0bchunked", "0\r\n\r\n"), 400),
        case("chunk of letters", chunked("zz\r\n"), 400),
        case("empty chunk size", chunked("\r\n"), 400),
        case("negative chunk", chunked("-1\r\nx"), 400),
        case("chunk 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400),
        case("blank after the size", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400),
        case("blank before the size", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400),
        case("bare LF after the size", chunked("3\nabc\r\n0\r\n\r\n"), 400),
        case("bare LF in an extension", chunked("3;a\nabc\r\n0\r\n\r\n"), 400),
        case("bare CR in an extension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400),
        case("NUL in an extension", chunked("3;\0\r\nabc\r\n0\r\n\r\n"), 400),
        case("chunk longer than said", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400),
        case("chunk without its end", chunked("3\r\nabc0\r\n\r\n"), 400),
        case("chunk ended by LF", chunked("3\r\nabc\n0\r\n\r\n"), 400),
        case("size of seventeen digits", chunked("10000000000000000\r\n"), 400),
        case("size of 2^64-1", chunked("ffffffffffffffff\r\n"), 413),
        case("size of 2^63", chunked("8000000000000000\r\n"), 413),
        case("one chunk too large", chunked("10001\r\n"), 413),
        case(
            "chunks too large together",
            chunked(&format!("{}1\r\nx\r\n", format!("1000\r\n{}\r\n", "x".repeat(4096)).repeat(16))),
            413,
        ),
        case("size line without end", chunked(&"0".repeat(100_000)), 400),
        case("extension without end", chunked(&format!("1;{}", "x".repeat(100_000))), 400),
        case("extensions without number", chunked(&format!("1;{}\r\nx\r\n", "x".repeat(200)).repeat(200)), 431),
        case("trailers without end", chunked(&format!("0\r\n{}", "A: 1\r\n".repeat(10_000))), 431),
        case("broken trailer", chunked("0\r\nno colon\r\n\r\n"), 400),
        case("trailer folded", chunked("0\r\nA: 1\r\n 2\r\n\r\n"), 400),
        case("trailer with a bare LF", chunked("0\r\nA: 1\n\r\n\r\n"), 400),
        case("chunked body cut short", chunked("5\r\nab"), CUT),
        case("no last chunk", chunked("5\r\nabcde\r\n"), CUT),
    ]
}

/// One request as two programs might read it: what a proxy passes and a server takes apart differently.
fn smuggled() -> Vec<Case> {
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let n = inner.len();
    let both = |first: &str, second: &str| with(&format!("{first}\r\n{second}\r\n"), &format!("0\r\n\r\n{inner}"));
    let coded = |line: &str| with(&format!("{line}\r\n"), &format!("0\r\n\r\n{inner}"));
    let length = |line: &str| with(&format!("{line}\r\n"), inner);
    vec![
        case("CL.TE", both(&format!("Content-Length: {}", n + 5), "Transfer-Encoding: chunked"), 400),
        case("TE.CL", both("Transfer-Encoding: chunked", "Content-Length: 4"), 400),
        case("CL.TE with an unknown coding", both("Content-Length: 5", "Transfer-Encoding: xchunked"), 400),
        case("CL.TE, length of zero", both("Content-Length: 0", "Transfer-Encoding: chunked"), 400),
        case("CL.TE, coding first, odd case", both("transfer-encoding: CHUNKED", "CONTENT-LENGTH: 0"), 400),
        case("TE, blank before the colon", coded("Transfer-Encoding : chunked"), 400),
        case("TE, tab before the colon", coded("Transfer-Encoding\t: chunked"), 400),
        case("TE behind a vertical tab", coded("Transfer-Encoding:\x0bchunked"), 400),
        case("TE behind a form feed", coded("Transfer-Encoding:\x0cchunked"), 400),
        case("TE behind a NUL", coded("Transfer-Encoding:\0chunked"), 400),
        case("TE ending in a NUL", coded("Transfer-Encoding: chunked\0"), 400),
        case("TE after a bare CR", coded("X: 1\rTransfer-Encoding: chunked"), 400),
        case("TE after a bare LF", coded("X: 1\nTransfer-Encoding: chunked"), 400),
        case("TE folded", coded("Transfer-Encoding:\r\n chunked"), 400),
        case("TE folded after a value", coded("X: 1\r\n Transfer-Encoding: chunked"), 400),
        case("TE chunked and a comma", coded("Transfer-Encoding: chunked,"), 400),
        case("TE comma and chunked", coded("Transfer-Encoding: ,chunked"), 400),
        case("TE identity, chunked", coded("Transfer-Encoding: identity, chunked"), 400),
        case("TE chunked in single quotes", coded("Transfer-Encoding: 'chunked'"), 501),
        case("TE chunked with a dot", coded("Transfer-Encoding: chunked."), 501),
        case("TE chunke", coded("Transfer-Encoding: chunke"), 501),
        case("TE chunkedx", coded("Transfer-Encoding: chunkedx"), 501),
        case("TE deflate", coded("Transfer-Encoding: deflate"), 501),
        case("TE with a Kelvin sign", coded("Transfer-Encoding: chun\u{212a}ed"), 400),
        case(
            "TE three times",
            coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x"),
            400,
        ),
        case("CL with a leading comma", length(&format!("Content-Length: ,{n}")), 400),
        case("CL with a trailing comma", length(&format!("Content-Length: {n},")), 400),
        case("CL in quotes", length(&format!("Content-Length: \"{n}\"")), 400),
        case("CL with a semicolon", length(&format!("Content-Length: {n};")), 400),
        case("CL with an underscore in it", length("Content-Length: 3_7"), 400),
        case("CL behind a vertical tab", length(&format!("Content-Length:\x0b{n}")), 400),
        case("CL blank before the colon", length(&format!("Content-Length : {n}")), 400),
        case("CL folded", length(&format!("Content-Length:\r\n {n}")), 400),
        case("CL twice, second zero", length(&format!("Content-Length: {n}\r\nContent-Length: 0")), 400),
        case("CL twice, first zero", length(&format!("Content-Length: 0\r\nContent-Length: {n}")), 400),
        case(
            "CL twice, one with zeros before it",
            length(&format!("Content-Length: {n}\r\nContent-Length: 0{n}")),
            400,
        ),
        case("CL three times", length("Content-Length: 1\r\nContent-Length: 1\r\nContent-Length: 1"), 400),
        case("CL minus zero", length("Content-Length: -0"), 400),
        case("CL of infinity", length("Content-Length: inf"), 400),
        case("CL of true", length("Content-Length: true"), 400),
        case("CL octal", length("Content-Length: 0o45"), 400),
        case("chunk size with a plus", coded_chunk("+5\r\nabcde\r\n0\r\n\r\n"), 400),
        case("chunk size with an underscore", coded_chunk("0_5\r\nabcde\r\n0\r\n\r\n"), 400),
        case("chunk size in quotes", coded_chunk("\"5\"\r\nabcde\r\n0\r\n\r\n"), 400),
        case("chunk size with a tab", coded_chunk("5\t\r\nabcde\r\n0\r\n\r\n"), 400),
        case("chunk size with a comma", coded_chunk("5,5\r\nabcde\r\n0\r\n\r\n"), 400),
        case("chunk size then CR CR LF", coded_chunk("5\r\r\nabcde\r\n0\r\n\r\n"), 400),
        case("two line ends after a chunk", coded_chunk("5\r\nabcde\r\n\r\n0\r\n\r\n"), 400),
        case("line end before the first size", coded_chunk("\r\n5\r\nabcde\r\n0\r\n\r\n"), 400),
        case("trailer Content-Length with a NUL", coded_chunk("0\r\nContent-Length: \0\r\n\r\n"), 400),
        case("trailer with a blank in its name", coded_chunk("0\r\nX Y: 1\r\n\r\n"), 400),
        case("trailer without a name", coded_chunk("0\r\n: 1\r\n\r\n"), 400),
        case("last chunk ended by LF LF", coded_chunk("0\n\n"), 400),
        case("a request line as chunk size", coded_chunk(inner), 400),
    ]
}

fn coded_chunk(body: &str) -> Vec<u8> {
    with("Transfer-Encoding: chunked\r\n", body)
}

/// Other protocols, upgrades, and heads that only look like one.
fn foreign() -> Vec<Case> {
    let head = |text: &str| text.as_bytes().to_vec();
    vec![
        case("TLS 1.3 hello, longer", [&b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03"[..], &[7; 64]].concat(), 400),
        case("SMB", b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00".to_vec(), 400),
        case("RDP cookie", b"\x03\x00\x00\x2f\x2a\xe0\x00\x00Cookie: mstshash=a\r\n\r\n".to_vec(), 400),
        case("SMTP", head("EHLO example.com\r\n\r\n"), 400),
        case("FTP", head("USER anonymous\r\n\r\n"), 400),
        case("SIP", head("OPTIONS sip:a@b SIP/2.0\r\nHost: a\r\n\r\n"), 400),
        case("RTSP", head("OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n"), 400),
        case("PROXY protocol 1", head("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        case("PROXY protocol 2", b"\r\n\r\n\x00\r\nQUIT\n".to_vec(), 400),
        case("memcached", head("stats\r\n\r\n"), 400),
        case("a JSON line", head("{\"method\":\"ping\"}\r\n\r\n"), 400),
        case("an XML prolog", head("<?xml version=\"1.0\"?>\r\n\r\n"), 400),
        case("a byte order mark", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 400),
        case("UTF-16", b"G\0E\0T\0 \0/\0".to_vec(), 400),
        case("an answer for a request", head("HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"), 400),
        case("request line after a header", head("Host: a\r\nGET / HTTP/1.1\r\n\r\n"), 400),
        case("two request lines", head("GET / HTTP/1.1\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 400),
        case("a method of 3,000 letters", line(&format!("{} / HTTP/1.1", "A".repeat(3000))), 405),
        case("a method without end", "A".repeat(40_000), 414),
        case("a version without end", format!("GET / HTTP/{}", "1".repeat(40_000)), 414),
        case("blanks without end", " ".repeat(40_000), 414),
        case("empty lines without end", "\r\n".repeat(10_000), 400),
        case("a version with a sign", line("GET / HTTP/+1.1"), 400),
        case("a version with a blank", line("GET / HTTP/1. 1"), 400),
        case("a version in letters", line("GET / HTTP/one.one"), 400),
        case("version 1.1 of HTTPS", line("GET / HTTPS/1.1"), 400),
        case("websocket key without an upgrade line end", head("GET / HTTP/1.1\nUpgrade: websocket\r\n\r\n"), 400),
        case("expectation beside 100-continue", with("Expect: 100-continue, x\r\nContent-Length: 1\r\n", "x"), 417),
        case("expectation with a parameter", with("Expect: 100-continue;q=1\r\nContent-Length: 1\r\n", "x"), 417),
        case("host with a fragment", with_host("a#b"), 400),
        case("host with a query", with_host("a?b"), 400),
        case("host with a blank", with_host("a b"), 400),
        case("host with a caret", with_host("a^b"), 400),
        case("host with a brace", with_host("{a}"), 400),
        case("host of markup", with_host("<script>"), 400),
        case("head cut within the method", b"GE".to_vec(), CUT),
        case("head cut within the target", b"GET /noti".to_vec(), CUT),
        case("head cut within a name", b"GET / HTTP/1.1\r\nHo".to_vec(), CUT),
        case("head cut before the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec(), CUT),
        case("head cut within the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\r".to_vec(), CUT),
        case("body cut before its first byte", with("Content-Length: 9\r\n", ""), CUT),
        case("body cut before its last byte", with("Content-Length: 9\r\n", "12345678"), CUT),
        case("chunk cut within its size line", coded_chunk("5"), CUT),
        case("chunk cut within its line end", coded_chunk("5\r\nabcde\r"), CUT),
        case("trailers cut", coded_chunk("0\r\nA: 1\r\n"), CUT),
    ]
}

fn with_host(host: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}

/// Each control byte by itself, where text belongs.
fn control_bytes() -> Vec<Case> {
    let bytes = (0..0x20_u8).chain([0x7f]).filter(|byte| !b"\t\r\n".contains(byte));
    bytes
        .flat_map(|byte| {
            let (mut value, mut target) = (with("X: a?b\r\n", ""), line("GET /a?b HTTP/1.1"));
            for bytes in [&mut value, &mut target] {
                let at = bytes.iter().position(|it| *it == b'?').expect("its place");
                bytes[at] = byte;
            }
            [
                case(format!("byte {byte:#04x} in a value"), value, 400),
                case(format!("byte {byte:#04x} in the target"), target, 400),
            ]
        })
        .collect()
}

/// Everything that has to be refused.
pub fn hostile() -> Vec<Case> {
    let all = [
        request_lines(),
        targets(),
        line_ends(),
        header_syntax(),
        hosts(),
        lengths(),
        codings(),
        smuggled(),
        foreign(),
        control_bytes(),
    ];
    all.into_iter().flatten().collect()
}

/// Requests that look odd and are fine, so that strictness isn't mistaken for deafness.
pub fn welcome() -> Vec<Case> {
    vec![
        case("plain", GOOD.to_vec(), 200),
        case("1.0", b"GET /x HTTP/1.0\r\nHost: a\r\n\r\n".to_vec(), 200),
        case("HEAD", b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(), 200),
        case("names in odd case", b"POST /x HTTP/1.1\r\nhOST: a\r\ncONTENT-LENGTH: 1\r\n\r\nx".to_vec(), 200),
        case("no blank after the colon", b"GET /x HTTP/1.1\r\nHost:a\r\nX:\r\n\r\n".to_vec(), 200),
        case("UTF-8 value", "GET /x HTTP/1.1\r\nHost: a\r\nX: 归\r\n\r\n".as_bytes().to_vec(), 200),
        case("chunked", with("Transfer-Encoding: chunked\r\n", "2;a=b\r\nok\r\n0\r\nT: 1\r\n\r\n"), 200),
        case("chunked in capitals", with("Transfer-Encoding: CHUNKED\r\n", "A\r\n0123456789\r\n0\r\n\r\n"), 200),
        case("POST without a body", with("", ""), 200),
        case("GET with a body", b"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok".to_vec(), 200),
        case("64 headers", with(&(0..63).map(|i| format!("X-{i}: 1\r\n")).collect::<String>(), ""), 200),
        case("target of 2,048 bytes", line(&format!("GET /{} HTTP/1.1", "x".repeat(2047))), 200),
        case("body at the limit", with("Content-Length: 65536\r\n", &"x".repeat(65_536)), 200),
        case("odd path", line("GET //a/../b;c%2f%00%zz?d#e HTTP/1.1"), 200),
        case("IPv6 host", b"GET / HTTP/1.1\r\nHost: [::1]:8787\r\n\r\n".to_vec(), 200),
        case("a second request after the first", [GOOD, GOOD].concat(), 200),
        case(
            "a smuggled request as body",
            with("Content-Length: 33\r\n", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"),
            200,
        ),
    ]
}
