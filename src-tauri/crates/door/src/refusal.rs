//! The reasons for which a request never reaches a handler, and the status each gets.

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the slugs below say each")]
pub enum Refusal {
    RequestLine,
    Target,
    TargetTooLong,
    LineEnd,
    ControlByte,
    HeaderSyntax,
    HeadTooLarge,
    TooManyHeaders,
    Host,
    ContentLength,
    TransferEncoding,
    TransferCodingUnknown,
    BothFramings,
    Chunk,
    BodyTooLarge,
    Expectation,
    Method,
    Version,
    Deadline,
    CutShort,
}

impl Refusal {
    /// Every reason, in the order of the enum.
    pub const ALL: [Refusal; 20] = [
        Refusal::RequestLine,
        Refusal::Target,
        Refusal::TargetTooLong,
        Refusal::LineEnd,
        Refusal::ControlByte,
        Refusal::HeaderSyntax,
        Refusal::HeadTooLarge,
        Refusal::TooManyHeaders,
        Refusal::Host,
        Refusal::ContentLength,
        Refusal::TransferEncoding,
        Refusal::TransferCodingUnknown,
        Refusal::BothFramings,
        Refusal::Chunk,
        Refusal::BodyTooLarge,
        Refusal::Expectation,
        Refusal::Method,
        Refusal::Version,
        Refusal::Deadline,
        Refusal::CutShort,
    ];

    /// The status code of the answer.
    pub fn status(self) -> u16 {
        match self {
            Refusal::TargetTooLong => 414,
            Refusal::HeadTooLarge | Refusal::TooManyHeaders => 431,
            Refusal::TransferCodingUnknown => 501,
            Refusal::BodyTooLarge => 413,
            Refusal::Expectation => 417,
            Refusal::Method => 405,
            Refusal::Version => 505,
            Refusal::Deadline => 408,
            _ => 400,
        }
    }

    /// The counter's name.
    pub fn slug(self) -> &'static str {
        match self {
            Refusal::RequestLine => "request_line",
            Refusal::Target => "target",
            Refusal::TargetTooLong => "target_too_long",
            Refusal::LineEnd => "line_end",
            Refusal::ControlByte => "control_byte",
            Refusal::HeaderSyntax => "header_syntax",
            Refusal::HeadTooLarge => "head_too_large",
            Refusal::TooManyHeaders => "too_many_headers",
            Refusal::Host => "host",
            Refusal::ContentLength => "content_length",
            Refusal::TransferEncoding => "transfer_encoding",
            Refusal::TransferCodingUnknown => "transfer_coding_unknown",
            Refusal::BothFramings => "both_framings",
            Refusal::Chunk => "chunk",
            Refusal::BodyTooLarge => "body_too_large",
            Refusal::Expectation => "expectation",
            Refusal::Method => "method",
            Refusal::Version => "version",
            Refusal::Deadline => "deadline",
            Refusal::CutShort => "cut_short",
        }
    }

    /// The reason phrase of the status line.
    pub(crate) fn phrase(self) -> &'static str {
        match self.status() {
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            413 => "Content Too Large",
            414 => "URI Too Long",
            417 => "Expectation Failed",
            431 => "Request Header Fields Too Large",
            501 => "Not Implemented",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        }
    }
}
