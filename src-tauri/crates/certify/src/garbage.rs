//! What is thrown at a backend that must survive it: nothing here is signed, and nothing of it may be accepted.

/// A name for the report, the method, the content type and the body.
pub(crate) fn garbage() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>)> {
    let deep = [b"[".repeat(20_000), b"]".repeat(20_000)].concat();
    vec![
        ("not JSON", "POST", "application/json", b"this is not json".to_vec()),
        ("an empty body", "POST", "application/json", Vec::new()),
        ("1 MiB", "POST", "application/json", vec![b'a'; 1024 * 1024]),
        ("20,000 nested arrays", "POST", "application/json", deep),
        ("bytes that are no UTF-8", "POST", "application/json", vec![0xff, 0xfe, 0x00, 0x80, b'{']),
        ("a number where an object is expected", "POST", "application/json", b"42".to_vec()),
        ("null fields", "POST", "application/json", br#"{"id":null,"event_type":null,"resource":null}"#.to_vec()),
        (
            "XML under another content type",
            "POST",
            "text/xml",
            b"<xml><return_code>SUCCESS</return_code></xml>".to_vec(),
        ),
        ("a form", "POST", "application/x-www-form-urlencoded", b"out_trade_no=1&paid=1".to_vec()),
        ("GET", "GET", "", Vec::new()),
    ]
}
