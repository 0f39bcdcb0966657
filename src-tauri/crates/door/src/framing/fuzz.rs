//! Fuzzing of the head reader and the chunked coding: no input panics, none is read differently in other pieces, and a
//! request that comes out obeys every limit.

#[path = "../../../../../tests/fuzz/mutator.rs"]
mod mutator;

use super::*;

/// What comes out of a stream, fed in pieces of this size.
fn read(bytes: &[u8], piece: usize, limits: &Arc<Limits>) -> Vec<String> {
    let mut framer = Framer::new(Arc::clone(limits));
    let mut seen = Vec::new();
    for part in bytes.chunks(piece.max(1)) {
        framer.push(part);
        loop {
            match framer.advance() {
                Ok(Step::More) => break,
                Ok(Step::Continue) => {}
                Ok(Step::Whole(head, body)) => {
                    assert!(limits.methods.contains(&head.method.as_str()) && head.target.len() <= limits.target_bytes);
                    assert!(head.headers.len() <= limits.header_count && body.len() <= limits.body_bytes);
                    assert!(head.target.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", head.target);
                    let clean = |text: &str| !text.bytes().any(|byte| byte < 0x20 && byte != b'\t' || byte == 0x7f);
                    assert!(head.headers.iter().all(|(name, value)| clean(name) && clean(value)));
                    seen.push(format!("{} {:?} {} {}", head.method, head.body, head.headers.len(), body.len()));
                }
                Err(refusal) => {
                    seen.push(refusal.slug().to_owned());
                    return seen;
                }
            }
        }
        assert!(framer.held() <= limits.head_bytes + limits.body_bytes + piece, "{} bytes held", framer.held());
    }
    seen
}

#[test]
fn fuzz_heads_and_bodies() {
    let limits = Arc::new(Limits::listener());
    let words = [
        "GET / HTTP/1.1\r\n",
        "Host: a\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "Expect: 100-continue\r\n",
        "Connection: close\r\n",
        "HTTP/1.0",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        "ffffffffffffffff\r\n",
    ];
    mutator::fuzz("head", &words, |bytes| {
        let whole = read(bytes, 4096, &limits);
        let piece = bytes.iter().fold(1, |sum, byte| (sum + usize::from(*byte)) % 61);
        assert_eq!(read(bytes, piece.max(1), &limits), whole, "in pieces of {piece}");
        whole
    });
}
