//! The chunked transfer coding, taken off within a limit.

use bytes::{Buf, Bytes, BytesMut};

use super::head;
use crate::refusal::Refusal;

/// The longest size line with its extensions.
const SIZE_LINE: usize = 256;

pub(super) struct Chunked {
    at: At,
    body: BytesMut,
    body_limit: usize,
    /// What extensions and trailers may still cost.
    spare: usize,
}

enum At {
    Size,
    Data(usize),
    DataEnd,
    Trailers,
}

impl Chunked {
    pub(super) fn new(body_limit: usize, spare: usize) -> Self {
        Chunked { at: At::Size, body: BytesMut::new(), body_limit, spare }
    }

    /// Bytes of the body so far.
    pub(super) fn held(&self) -> usize {
        self.body.len()
    }

    /// Take what is there; `Some` is the whole body.
    pub(super) fn advance(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Refusal> {
        loop {
            match self.at {
                At::Size => {
                    let Some(line) = take_line(buffer, SIZE_LINE, Refusal::Chunk)? else {
                        return Ok(None);
                    };
                    let (size, extension) = size(&line)?;
                    self.spend(extension)?;
                    if size > self.body_limit.saturating_sub(self.body.len()) as u64 {
                        return Err(Refusal::BodyTooLarge);
                    }
                    let size = usize::try_from(size).map_err(|_| Refusal::BodyTooLarge)?;
                    self.at = if size == 0 { At::Trailers } else { At::Data(size) };
                }
                At::Data(left) => {
                    let n = left.min(buffer.len());
                    self.body.extend_from_slice(&buffer.split_to(n));
                    if n < left {
                        self.at = At::Data(left - n);
                        return Ok(None);
                    }
                    self.at = At::DataEnd;
                }
                At::DataEnd => match buffer.as_ref() {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        self.at = At::Size;
                    }
                    [] | [b'\r'] => return Ok(None),
                    _ => return Err(Refusal::Chunk),
                },
                At::Trailers => {
                    let Some(line) = take_line(buffer, self.spare, Refusal::HeadTooLarge)? else {
                        return Ok(None);
                    };
                    if line.is_empty() {
                        return Ok(Some(std::mem::take(&mut self.body).freeze()));
                    }
                    self.spend(line.len() + 2)?;
                    // Checked and dropped: nobody here reads trailers, and none may pass for a header.
                    head::header(&line)?;
                }
            }
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.spare = self.spare.checked_sub(bytes).ok_or(Refusal::HeadTooLarge)?;
        Ok(())
    }
}

/// The next line without its end, or `None` while it isn't whole.
fn take_line(buffer: &mut BytesMut, limit: usize, too_long: Refusal) -> Result<Option<BytesMut>, Refusal> {
    for (at, byte) in buffer.iter().enumerate() {
        let after_cr = at > 0 && buffer.get(at - 1) == Some(&b'\r');
        match byte {
            b'\n' if after_cr => {
                let mut line = buffer.split_to(at + 1);
                line.truncate(at - 1);
                return Ok(Some(line));
            }
            b'\n' => return Err(Refusal::LineEnd),
            _ if after_cr => return Err(Refusal::LineEnd),
            b'\r' | b'\t' => {}
            0..=0x1f | 0x7f => return Err(Refusal::ControlByte),
            _ => {}
        }
        if at > limit {
            return Err(too_long);
        }
    }
    Ok(None)
}

/// The size and how many bytes of extension follow it.
fn size(line: &[u8]) -> Result<(u64, usize), Refusal> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (hex, extension) = line.split_at_checked(digits).ok_or(Refusal::Chunk)?;
    if !(1..=16).contains(&digits) || !(extension.is_empty() || extension.starts_with(b";")) {
        return Err(Refusal::Chunk);
    }
    let hex = std::str::from_utf8(hex).map_err(|_| Refusal::Chunk)?;
    let size = u64::from_str_radix(hex, 16).map_err(|_| Refusal::Chunk)?;
    Ok((size, extension.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> Result<Option<Bytes>, Refusal> {
        Chunked::new(16, 64).advance(&mut BytesMut::from(text))
    }

    #[test]
    fn bodies_come_off_or_are_refused() {
        for (text, expected) in [
            ("0\r\n\r\n", Ok(Some(""))),
            ("3\r\nabc\r\n0\r\n\r\n", Ok(Some("abc"))),
            ("00003;a=b\r\nabc\r\n00\r\nT: 1\r\n\r\n", Ok(Some("abc"))),
            ("a\r\n0123456789\r\n6\r\n012345\r\n0\r\n\r\n", Ok(Some("0123456789012345"))),
            ("a\r\n0123456789\r\n7\r\n", Err(Refusal::BodyTooLarge)),
            ("11\r\n", Err(Refusal::BodyTooLarge)),
            ("ffffffffffffffff\r\n", Err(Refusal::BodyTooLarge)),
            ("10000000000000000\r\n", Err(Refusal::Chunk)),
            ("\r\n", Err(Refusal::Chunk)),
            ("-1\r\n", Err(Refusal::Chunk)),
            ("0x3\r\nabc\r\n", Err(Refusal::Chunk)),
            ("3 \r\nabc\r\n", Err(Refusal::Chunk)),
            (" 3\r\nabc\r\n", Err(Refusal::Chunk)),
            ("3\nabc\r\n", Err(Refusal::LineEnd)),
            ("3\r\nabcd\r\n", Err(Refusal::Chunk)),
            ("3\r\nabc\n0\r\n\r\n", Err(Refusal::Chunk)),
            ("3;\u{0}\r\nabc\r\n", Err(Refusal::ControlByte)),
            ("3;a\rb\r\n", Err(Refusal::LineEnd)),
            ("0\r\nbad trailer\r\n\r\n", Err(Refusal::HeaderSyntax)),
            ("0\r\nA: 1\nB: 2\r\n\r\n", Err(Refusal::LineEnd)),
            ("3\r\nab", Ok(None)),
            ("0\r\n", Ok(None)),
        ] {
            assert_eq!(decode(text), expected.map(|body| body.map(|b| Bytes::from_static(b.as_bytes()))), "{text:?}");
        }
        let long = format!("0\r\nT: {}\r\n\r\n", "x".repeat(100));
        assert_eq!(decode(&long), Err(Refusal::HeadTooLarge));
        let extension = format!("1;{}\r\n", "x".repeat(100));
        assert_eq!(decode(&extension), Err(Refusal::HeadTooLarge));
    }
}
