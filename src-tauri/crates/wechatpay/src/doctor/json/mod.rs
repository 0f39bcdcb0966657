//! JSON as it was written: a tree that keeps every token's own characters and the blanks between them, so that one
//! habit of a serialiser can be changed while all else stays byte for byte.

mod habit;

pub(super) use habit::{Habit, Spacing, Unicode};

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

    pub(super) fn with(&self, root: Node) -> Document {
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

/// The members of every object in another order; the blanks stay where they were.
pub(super) fn reorder(node: &Node, order: &dyn Fn(&[String]) -> Vec<usize>) -> Node {
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

pub(super) fn scalars(node: &Node, change: &mut dyn FnMut(&str) -> String) -> Node {
    map(node, &mut str::to_owned, change)
}

pub(super) fn strings(node: &Node, change: &dyn Fn(&str) -> String) -> Node {
    map(node, &mut |raw| change(raw), &mut |raw| if raw.starts_with('"') { change(raw) } else { raw.to_owned() })
}

/// Every name through `change` (its content, not its quotes).
pub(super) fn rename(document: &Document, change: &dyn Fn(&str) -> String) -> Document {
    let key = |raw: &str| unquote(raw).map_or(raw.to_owned(), |name| format!("\"{}\"", change(&name)));
    document.with(map(&document.root, &mut |raw| key(raw), &mut str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "{\"b\": \"中/<\\u4e2D\\ud83d\\ude00>\", \"a\" : [1, 2.0,{ }], \"c\":null}";

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
}
