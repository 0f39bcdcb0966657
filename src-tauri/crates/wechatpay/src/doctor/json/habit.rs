//! The habits in which serialisers differ, each applied to a JSON text for itself.

use super::{Document, Item, Member, Node, reorder, scalars, strings};
use crate::doctor::cause::Cause;

/// A serialiser's blanks.
#[derive(Debug, Clone, Copy)]
pub(in crate::doctor) struct Spacing {
    comma: &'static str,
    colon: &'static str,
    /// `None`: all on one line.
    indent: Option<&'static str>,
    line: &'static str,
}

impl Spacing {
    pub(in crate::doctor) const COMPACT: Spacing = Spacing { comma: ",", colon: ":", indent: None, line: "\n" };
    const ALL: [Spacing; 13] = [
        Spacing::COMPACT,
        Spacing { comma: ", ", colon: ": ", ..Spacing::COMPACT },
        Spacing { comma: ",", colon: ": ", ..Spacing::COMPACT },
        Spacing { comma: ", ", colon: ":", ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("  "), ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("    "), ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("\t"), ..Spacing::COMPACT },
        Spacing { colon: " : ", indent: Some("  "), ..Spacing::COMPACT },
        Spacing { colon: ":", indent: Some("  "), ..Spacing::COMPACT },
        Spacing { colon: ":", indent: Some("\t"), ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("  "), line: "\r\n", ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("    "), line: "\r\n", ..Spacing::COMPACT },
        Spacing { colon: ": ", indent: Some("\t"), line: "\r\n", ..Spacing::COMPACT },
    ];

    fn lay(&self, node: &Node, depth: usize) -> Node {
        let newline = |depth: usize| match self.indent {
            Some(indent) => format!("{}{}", self.line, indent.repeat(depth)),
            None => String::new(),
        };
        let (before_colon, after_colon) = self.colon.split_once(':').unwrap_or_default();
        // What comes before an item: the newline, or the blanks of the comma before it.
        let before = |at: usize| match (self.indent, at) {
            (Some(_), _) => newline(depth + 1),
            (None, 0) => String::new(),
            (None, _) => self.comma.trim_start_matches(',').to_owned(),
        };
        let after = |at: usize, count: usize| if at + 1 == count { newline(depth) } else { String::new() };
        match node {
            Node::Scalar(raw) => Node::Scalar(raw.clone()),
            Node::Object(members, _) => {
                let lay = |(at, m): (usize, &Member)| Member {
                    before: before(at),
                    key: m.key.clone(),
                    before_colon: before_colon.to_owned(),
                    after_colon: after_colon.to_owned(),
                    value: self.lay(&m.value, depth + 1),
                    after: after(at, members.len()),
                };
                Node::Object(members.iter().enumerate().map(lay).collect(), String::new())
            }
            Node::Array(items, _) => {
                let lay = |(at, item): (usize, &Item)| Item {
                    before: before(at),
                    value: self.lay(&item.value, depth + 1),
                    after: after(at, items.len()),
                };
                Node::Array(items.iter().enumerate().map(lay).collect(), String::new())
            }
        }
    }
}

/// One habit in which two serialisers differ.
#[derive(Debug, Clone, Copy)]
pub(in crate::doctor) enum Habit {
    Spacing(Spacing),
    /// Names sorted at every level.
    Sorted,
    /// Names in WeChat Pay's own order.
    Canonical,
    Numbers(Numbers),
    Unicode(Unicode),
    /// `/` as `\/`, or the other way round.
    Slashes {
        escaped: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Numbers {
    /// `100` as `100.0`: all, or the one of this number among the scalars that can be.
    Fraction(&'static str, Option<usize>),
    /// `100.0` as `100`.
    Whole(Option<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::doctor) enum Unicode {
    /// Characters as `\uXXXX`.
    Escape { not_ascii: bool, html: &'static str, upper: bool },
    /// `\uXXXX` as characters: those that are not ASCII, those that are, or both.
    Unescape { not_ascii: bool, ascii: bool },
    /// The escapes that are there, in the other letter case.
    HexCase { upper: bool },
}

/// What Go and Gson escape for the sake of HTML.
const GO_HTML: &str = "<>&\u{2028}\u{2029}";
const GSON_HTML: &str = "<>&='\u{2028}\u{2029}";
/// How many single numbers are tried one by one.
const SINGLE_NUMBERS: usize = 8;

impl Habit {
    pub(in crate::doctor) fn cause(self) -> Cause {
        match self {
            Habit::Spacing(_) => Cause::BodyJsonSpacing,
            Habit::Sorted | Habit::Canonical => Cause::BodyJsonKeyOrder,
            Habit::Numbers(_) => Cause::BodyJsonNumberForm,
            Habit::Unicode(_) => Cause::BodyJsonUnicodeEscapes,
            Habit::Slashes { .. } => Cause::BodyJsonSlashEscapes,
        }
    }

    /// All that a merchant's serialiser may have done when signing.
    pub(in crate::doctor) fn of_merchants() -> Vec<Habit> {
        let mut all: Vec<Habit> = Spacing::ALL.into_iter().map(Habit::Spacing).collect();
        all.push(Habit::Sorted);
        for which in std::iter::once(None).chain((0..SINGLE_NUMBERS).map(Some)) {
            all.push(Habit::Numbers(Numbers::Fraction(".0", which)));
            all.push(Habit::Numbers(Numbers::Whole(which)));
        }
        all.push(Habit::Numbers(Numbers::Fraction(".00", None)));
        for upper in [false, true] {
            for (not_ascii, html) in [
                (true, ""),
                (false, GO_HTML),
                (false, GSON_HTML),
                (false, "<>&"),
                (true, GO_HTML),
                (true, GSON_HTML),
                (true, "<>&'\"+"),
            ] {
                all.push(Habit::Unicode(Unicode::Escape { not_ascii, html, upper }));
            }
            all.push(Habit::Unicode(Unicode::HexCase { upper }));
        }
        for (not_ascii, ascii) in [(true, true), (true, false), (false, true)] {
            all.push(Habit::Unicode(Unicode::Unescape { not_ascii, ascii }));
        }
        all.extend([Habit::Slashes { escaped: true }, Habit::Slashes { escaped: false }]);
        all
    }

    /// What leads back to the form in which WeChat Pay writes.
    pub(in crate::doctor) fn back_to_wechat_pay() -> Vec<Habit> {
        vec![
            Habit::Spacing(Spacing::COMPACT),
            Habit::Canonical,
            Habit::Unicode(Unicode::Unescape { not_ascii: true, ascii: true }),
            Habit::Slashes { escaped: false },
        ]
    }

    /// `document` as this habit writes it; the same if it makes no difference.
    pub(in crate::doctor) fn apply(self, document: &Document) -> Document {
        let root = &document.root;
        match self {
            Habit::Spacing(spacing) => document.with(spacing.lay(root, 0)),
            Habit::Sorted => document.with(reorder(root, &|names| {
                let mut order: Vec<usize> = (0..names.len()).collect();
                order.sort_by(|a, b| names.get(*a).cmp(&names.get(*b)));
                order
            })),
            Habit::Canonical => document.with(reorder(root, &canonical)),
            Habit::Numbers(numbers) => {
                let mut seen = 0;
                document.with(scalars(root, &mut |raw| number(raw, numbers, &mut seen)))
            }
            Habit::Unicode(unicode) => document.with(strings(root, &|raw| unicode.rewrite(raw))),
            Habit::Slashes { escaped } => document.with(strings(root, &|raw| slashes(raw, escaped))),
        }
    }
}

/// The names of a notification (reference 8.1), resource and outer together since none is in both.
const CANONICAL: [&str; 11] = [
    "id",
    "create_time",
    "resource_type",
    "event_type",
    "summary",
    "resource",
    "original_type",
    "algorithm",
    "ciphertext",
    "associated_data",
    "nonce",
];

fn canonical(names: &[String]) -> Vec<usize> {
    let place = |name: &String| CANONICAL.iter().position(|known| known == name).unwrap_or(CANONICAL.len());
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by_key(|at| names.get(*at).map(place));
    order
}

fn number(raw: &str, numbers: Numbers, seen: &mut usize) -> String {
    let digits = |text: &str| {
        let bare = text.strip_prefix('-').unwrap_or(text);
        !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit())
    };
    let (new, which) = match numbers {
        Numbers::Fraction(zeros, which) if digits(raw) => (format!("{raw}{zeros}"), which),
        Numbers::Whole(which) => match raw.split_once('.') {
            Some((whole, zeros)) if digits(whole) && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => {
                (whole.to_owned(), which)
            }
            _ => return raw.to_owned(),
        },
        Numbers::Fraction(..) => return raw.to_owned(),
    };
    let mine = *seen;
    *seen += 1;
    if which.is_none_or(|which| which == mine) { new } else { raw.to_owned() }
}

fn slashes(raw: &str, escaped: bool) -> String {
    let bare = pieces(raw).map(|piece| if piece == "\\/" { "/" } else { piece });
    bare.map(|piece| if escaped && piece == "/" { "\\/" } else { piece }).collect()
}

/// A string's characters and escapes, one by one, the quotes among them.
fn pieces(raw: &str) -> impl Iterator<Item = &str> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let length = match (first, rest.chars().nth(1)) {
            ('\\', Some('u')) => 6,
            ('\\', Some(next)) => 1 + next.len_utf8(),
            (c, _) => c.len_utf8(),
        };
        let (piece, tail) = rest.split_at_checked(length).unwrap_or((rest, ""));
        rest = tail;
        Some(piece)
    })
}

impl Unicode {
    fn rewrite(self, raw: &str) -> String {
        let mut out = String::with_capacity(raw.len());
        let mut high: Option<(&str, u32)> = None;
        for piece in pieces(raw) {
            let unit = piece.strip_prefix("\\u").and_then(|hex| u32::from_str_radix(hex, 16).ok());
            if let Some((first, lead)) = high.take() {
                match unit {
                    Some(trail @ 0xdc00..=0xdfff) => {
                        let character = char::from_u32(0x10000 + ((lead - 0xd800) << 10) + (trail - 0xdc00));
                        let escaped = format!("{first}{piece}");
                        self.put(&mut out, character, &escaped);
                        continue;
                    }
                    _ => out.push_str(first),
                }
            }
            match unit {
                Some(lead @ 0xd800..=0xdbff) => high = Some((piece, lead)),
                Some(code) => self.put(&mut out, char::from_u32(code), piece),
                None => self.put_plain(&mut out, piece),
            }
        }
        if let Some((first, _)) = high {
            out.push_str(first);
        }
        out
    }

    /// An escape that says `character`.
    fn put(self, out: &mut String, character: Option<char>, escaped: &str) {
        match (self, character) {
            (Unicode::Unescape { not_ascii, ascii }, Some(c))
                if !c.is_control() && !matches!(c, '"' | '\\') && (if c.is_ascii() { ascii } else { not_ascii }) =>
            {
                out.push(c);
            }
            (Unicode::HexCase { upper }, _) => {
                for piece in pieces(escaped) {
                    let hex = piece.get(2..).unwrap_or_default();
                    out.push_str("\\u");
                    out.push_str(&if upper { hex.to_ascii_uppercase() } else { hex.to_ascii_lowercase() });
                }
            }
            _ => out.push_str(escaped),
        }
    }

    /// A bare character, or an escape that is not of the form `\uXXXX`.
    fn put_plain(self, out: &mut String, piece: &str) {
        let mut chars = piece.chars();
        match (self, chars.next(), chars.next()) {
            (Unicode::Escape { not_ascii, html, upper }, Some(c), None)
                if (not_ascii && !c.is_ascii()) || (c != '"' && html.contains(c)) =>
            {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") });
                }
            }
            _ => out.push_str(piece),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "{\"b\": \"中/<\\u4e2D\\ud83d\\ude00>\", \"a\" : [1, 2.0,{ }], \"c\":null}";

    fn apply(text: &str, habit: Habit) -> String {
        habit.apply(&Document::parse(text).expect("JSON")).write()
    }

    #[test]
    fn each_habit_changes_its_own_matter_only() {
        for (text, habit, expected) in [
            (
                BODY,
                Habit::Spacing(Spacing::COMPACT),
                "{\"b\":\"中/<\\u4e2D\\ud83d\\ude00>\",\"a\":[1,2.0,{}],\"c\":null}",
            ),
            (
                "{\"a\":[1,{}],\"b\":{\"c\":2}}",
                Habit::Spacing(Spacing::ALL[4]),
                "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": 2\n  }\n}",
            ),
            ("{\"a\":[1,2],\"b\":3}", Habit::Spacing(Spacing::ALL[1]), "{\"a\": [1, 2], \"b\": 3}"),
            ("{ \"b\":1,\n\"a\":{\"d\":1,\"c\":2} }", Habit::Sorted, "{ \"a\":{\"c\":2,\"d\":1},\n\"b\":1 }"),
            (
                "{\"a\":1,\"b\":-2,\"c\":\"3\",\"d\":1.5}",
                Habit::Numbers(Numbers::Fraction(".0", None)),
                "{\"a\":1.0,\"b\":-2.0,\"c\":\"3\",\"d\":1.5}",
            ),
            ("{\"a\":1,\"b\":2}", Habit::Numbers(Numbers::Fraction(".0", Some(1))), "{\"a\":1,\"b\":2.0}"),
            ("[1.0,2.50,3.00]", Habit::Numbers(Numbers::Whole(None)), "[1,2.50,3]"),
            (
                "\"中\\n😀<\"",
                Habit::Unicode(Unicode::Escape { not_ascii: true, html: "", upper: false }),
                "\"\\u4e2d\\n\\ud83d\\ude00<\"",
            ),
            (
                "\"中<&='\"",
                Habit::Unicode(Unicode::Escape { not_ascii: false, html: GSON_HTML, upper: false }),
                "\"中\\u003c\\u0026\\u003d\\u0027\"",
            ),
            (
                "\"\\u4E2D\\ud83d\\ude00\\u003c\\u0022\\u000a\"",
                Habit::Unicode(Unicode::Unescape { not_ascii: true, ascii: true }),
                "\"中😀<\\u0022\\u000a\"",
            ),
            (
                "\"\\u4E2D\\u003c\"",
                Habit::Unicode(Unicode::Unescape { not_ascii: true, ascii: false }),
                "\"中\\u003c\"",
            ),
            (
                "\"\\u4E2D\\ud83D\\ude00\"",
                Habit::Unicode(Unicode::HexCase { upper: true }),
                "\"\\u4E2D\\uD83D\\uDE00\"",
            ),
            ("{\"a/b\":\"c/d\\/e\"}", Habit::Slashes { escaped: true }, "{\"a\\/b\":\"c\\/d\\/e\"}"),
            ("\"c\\/d\\\\/\"", Habit::Slashes { escaped: false }, "\"c/d\\\\/\""),
            (
                "{\"resource\":{\"nonce\":1,\"algorithm\":2},\"summary\":3,\"id\":4,\"x\":5}",
                Habit::Canonical,
                "{\"id\":4,\"summary\":3,\"resource\":{\"algorithm\":2,\"nonce\":1},\"x\":5}",
            ),
        ] {
            assert_eq!(apply(text, habit), expected, "{habit:?} on {text}");
        }
    }
}
