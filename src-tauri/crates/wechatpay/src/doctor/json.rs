//! JSON as it was written: a tree that keeps every token's own characters and the blanks between them, so that one
//! habit of a serialiser can be changed while all else stays byte for byte.

use super::cause::Cause;

/// As deep as the real parsers go.
const DEPTH: usize = 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A string with its quotes, a number, or a word; its characters as written.
    Scalar(String),
    /// Blanks when empty; else members.
    Object(Vec<Member>, String),
    Array(Vec<Item>, String),
}

/// An object's member; its key as written, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    before: String,
    pub(super) key: String,
    before_colon: String,
    after_colon: String,
    pub(super) value: Node,
    after: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    before: String,
    pub(super) value: Node,
    after: String,
}

/// A JSON text: one value, the blanks around it included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    before: String,
    pub(super) root: Node,
    after: String,
}

/// Why a text is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotJson {
    /// It ends too early.
    CutOff,
    /// It is something else.
    Other,
}

impl Document {
    pub(super) fn parse(text: &str) -> Result<Document, NotJson> {
        let mut reader = Reader { rest: text };
        let before = reader.blanks();
        let root = reader.value(0)?;
        let after = reader.blanks();
        if reader.rest.is_empty() { Ok(Document { before, root, after }) } else { Err(NotJson::Other) }
    }

    pub(super) fn write(&self) -> String {
        let mut out = self.before.clone();
        write_kept(&self.root, &mut out);
        out.push_str(&self.after);
        out
    }

    fn with(&self, root: Node) -> Document {
        Document { before: self.before.clone(), root, after: self.after.clone() }
    }

    /// The string of the top-level member of this name, or the digits of the number.
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        self.root.member(name)
    }
}

impl Node {
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        let Node::Object(members, _) = self else { return None };
        members.iter().find(|m| unquote(&m.key).as_deref() == Some(name)).map(|m| &m.value)
    }

    /// A string's content, or any other scalar's characters; `None` for objects, arrays and null.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Node::Scalar(raw) if raw.starts_with('"') => unquote(raw),
            Node::Scalar(raw) if raw != "null" => Some(raw.clone()),
            _ => None,
        }
    }

    pub(super) fn is_string(&self) -> bool {
        matches!(self, Node::Scalar(raw) if raw.starts_with('"'))
    }
}

/// What a JSON string says.
pub(super) fn unquote(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn blanks(&mut self) -> String {
        let end = self.rest.find(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, end: usize) -> String {
        let (taken, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken.to_owned()
    }

    fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn failed(&self) -> NotJson {
        if self.rest.is_empty() { NotJson::CutOff } else { NotJson::Other }
    }

    fn value(&mut self, depth: usize) -> Result<Node, NotJson> {
        if depth > DEPTH {
            return Err(NotJson::Other);
        }
        if self.eat('{') {
            let mut members = Vec::new();
            let mut before = self.blanks();
            if self.eat('}') {
                return Ok(Node::Object(members, before));
            }
            loop {
                let key = self.string()?;
                let before_colon = self.blanks();
                if !self.eat(':') {
                    return Err(self.failed());
                }
                let after_colon = self.blanks();
                let value = self.value(depth + 1)?;
                let after = self.blanks();
                members.push(Member { before, key, before_colon, after_colon, value, after });
                if self.eat('}') {
                    return Ok(Node::Object(members, String::new()));
                }
                if !self.eat(',') {
                    return Err(self.failed());
                }
                before = self.blanks();
            }
        }
        if self.eat('[') {
            let mut items = Vec::new();
            let mut before = self.blanks();
            if self.eat(']') {
                return Ok(Node::Array(items, before));
            }
            loop {
                let value = self.value(depth + 1)?;
                let after = self.blanks();
                items.push(Item { before, value, after });
                if self.eat(']') {
                    return Ok(Node::Array(items, String::new()));
                }
                if !self.eat(',') {
                    return Err(self.failed());
                }
                before = self.blanks();
            }
        }
        if self.rest.starts_with('"') {
            return self.string().map(Node::Scalar);
        }
        let end =
            self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(self.rest.len());
        let whole = end < self.rest.len();
        let word = self.take(end);
        let number =
            word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && serde_json::from_str::<f64>(&word).is_ok();
        if number || ["true", "false", "null"].contains(&word.as_str()) {
            return Ok(Node::Scalar(word));
        }
        let begun =
            ["true", "false", "null"].iter().any(|w| w.starts_with(&word)) || word.ends_with(['-', '.', 'e', 'E', '+']);
        Err(if !whole && begun { NotJson::CutOff } else { NotJson::Other })
    }

    fn string(&mut self) -> Result<String, NotJson> {
        if !self.rest.starts_with('"') {
            return Err(self.failed());
        }
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let raw = self.take(at + 1);
                    return if unquote(&raw).is_some() { Ok(raw) } else { Err(NotJson::Other) };
                }
                c if c < ' ' => return Err(NotJson::Other),
                _ => {}
            }
        }
        self.rest = "";
        Err(NotJson::CutOff)
    }
}

fn write_kept(node: &Node, out: &mut String) {
    match node {
        Node::Scalar(raw) => out.push_str(raw),
        Node::Object(members, blank) => {
            out.push('{');
            out.push_str(blank);
            for (at, m) in members.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                for part in [&m.before, &m.key, &m.before_colon] {
                    out.push_str(part);
                }
                out.push(':');
                out.push_str(&m.after_colon);
                write_kept(&m.value, out);
                out.push_str(&m.after);
            }
            out.push('}');
        }
        Node::Array(items, blank) => {
            out.push('[');
            out.push_str(blank);
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&item.before);
                write_kept(&item.value, out);
                out.push_str(&item.after);
            }
            out.push(']');
        }
    }
}

/// A serialiser's blanks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spacing {
    comma: &'static str,
    colon: &'static str,
    /// `None`: all on one line.
    indent: Option<&'static str>,
    line: &'static str,
}

impl Spacing {
    pub(super) const COMPACT: Spacing = Spacing { comma: ",", colon: ":", indent: None, line: "\n" };
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
pub(super) enum Habit {
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
pub(super) enum Numbers {
    /// `100` as `100.0`: all, or the one of this number among the scalars that can be.
    Fraction(&'static str, Option<usize>),
    /// `100.0` as `100`.
    Whole(Option<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unicode {
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
    pub(super) fn cause(self) -> Cause {
        match self {
            Habit::Spacing(_) => Cause::BodyJsonSpacing,
            Habit::Sorted | Habit::Canonical => Cause::BodyJsonKeyOrder,
            Habit::Numbers(_) => Cause::BodyJsonNumberForm,
            Habit::Unicode(_) => Cause::BodyJsonUnicodeEscapes,
            Habit::Slashes { .. } => Cause::BodyJsonSlashEscapes,
        }
    }

    /// All that a merchant's serialiser may have done when signing.
    pub(super) fn of_merchants() -> Vec<Habit> {
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
    pub(super) fn back_to_wechat_pay() -> Vec<Habit> {
        vec![
            Habit::Spacing(Spacing::COMPACT),
            Habit::Canonical,
            Habit::Unicode(Unicode::Unescape { not_ascii: true, ascii: true }),
            Habit::Slashes { escaped: false },
        ]
    }

    /// `document` as this habit writes it; the same if it makes no difference.
    pub(super) fn apply(self, document: &Document) -> Document {
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

/// The members of every object in another order; the blanks stay where they were.
fn reorder(node: &Node, order: &dyn Fn(&[String]) -> Vec<usize>) -> Node {
    match node {
        Node::Scalar(raw) => Node::Scalar(raw.clone()),
        Node::Array(items, blank) => Node::Array(
            items.iter().map(|item| Item { value: reorder(&item.value, order), ..item.clone() }).collect(),
            blank.clone(),
        ),
        Node::Object(members, blank) => {
            let names: Vec<String> = members.iter().map(|m| unquote(&m.key).unwrap_or_default()).collect();
            let moved = order(&names).into_iter().filter_map(|from| members.get(from)).zip(members);
            let members = moved
                .map(|(from, slot)| Member {
                    before: slot.before.clone(),
                    key: from.key.clone(),
                    before_colon: from.before_colon.clone(),
                    after_colon: from.after_colon.clone(),
                    value: reorder(&from.value, order),
                    after: slot.after.clone(),
                })
                .collect();
            Node::Object(members, blank.clone())
        }
    }
}

/// Every order of the top-level names, when there are few and all may be.
pub(super) fn top_level_orders(document: &Document) -> Vec<Document> {
    let Node::Object(members, blank) = &document.root else { return Vec::new() };
    if !(2..=5).contains(&members.len()) {
        return Vec::new();
    }
    let place = |order: Vec<usize>| {
        let moved = order.into_iter().filter_map(|from| members.get(from)).zip(members);
        let moved =
            moved.map(|(from, slot)| Member { before: slot.before.clone(), after: slot.after.clone(), ..from.clone() });
        document.with(Node::Object(moved.collect(), blank.clone()))
    };
    super::url::permutations(members.len()).into_iter().skip(1).map(place).collect()
}

/// Every scalar, and every key with `keys`, through `change`.
fn map(node: &Node, keys: &mut dyn FnMut(&str) -> String, values: &mut dyn FnMut(&str) -> String) -> Node {
    match node {
        Node::Scalar(raw) => Node::Scalar(values(raw)),
        Node::Object(members, blank) => {
            let change = |m: &Member| Member { key: keys(&m.key), value: map(&m.value, keys, values), ..m.clone() };
            Node::Object(members.iter().map(change).collect(), blank.clone())
        }
        Node::Array(items, blank) => {
            let change = |item: &Item| Item { value: map(&item.value, keys, values), ..item.clone() };
            Node::Array(items.iter().map(change).collect(), blank.clone())
        }
    }
}

fn scalars(node: &Node, change: &mut dyn FnMut(&str) -> String) -> Node {
    map(node, &mut str::to_owned, change)
}

fn strings(node: &Node, change: &dyn Fn(&str) -> String) -> Node {
    map(node, &mut |raw| change(raw), &mut |raw| if raw.starts_with('"') { change(raw) } else { raw.to_owned() })
}

/// Every name through `change` (its content, not its quotes).
pub(super) fn rename(document: &Document, change: &dyn Fn(&str) -> String) -> Document {
    let key = |raw: &str| unquote(raw).map_or(raw.to_owned(), |name| format!("\"{}\"", change(&name)));
    document.with(map(&document.root, &mut |raw| key(raw), &mut str::to_owned))
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
    fn what_is_read_is_written_back_byte_for_byte() {
        for text in [BODY, " [ ] ", "{\n  \"a\": {}\n}\n", "\"x\"", "-1.5e3", "[[],[[ ]]]"] {
            assert_eq!(Document::parse(text).expect("JSON").write(), text);
        }
        for (text, why) in [
            ("{\"a\":1", NotJson::CutOff),
            ("{\"a\":\"中", NotJson::CutOff),
            ("{\"a\":tr", NotJson::CutOff),
            ("[1,", NotJson::CutOff),
            ("", NotJson::CutOff),
            ("{a:1}", NotJson::Other),
            ("{\"a\":1}}", NotJson::Other),
            ("<xml>", NotJson::Other),
            ("{\"a\":tru}", NotJson::Other),
            ("\"\\x\"", NotJson::Other),
        ] {
            assert_eq!(Document::parse(text), Err(why), "{text}");
        }
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
