//! What else than the sent target may have been signed as the URL.

use super::cause::Cause;
use super::search::Variant;

/// The URL of a request as it was sent.
pub(super) struct Sent {
    /// `https://host`, when the URL was absolute.
    origin: Option<String>,
    /// Path and query: the right line.
    pub(super) target: String,
}

/// The hosts that a bare path was sent to.
const HOSTS: [&str; 2] = ["api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"];
/// The ids that stand in paths, as people name their placeholders.
const PLACEHOLDERS: [&str; 4] = ["out_trade_no", "transaction_id", "out_refund_no", "refund_id"];
/// What stands before an id in the paths that have one.
const ID_FOLLOWS: [&str; 3] = ["out-trade-no", "id", "refunds"];

impl Sent {
    /// Take `url` apart: absolute, or path with query; a fragment is cut off.
    pub(super) fn parse(url: &str) -> Sent {
        let url = url.trim();
        let url = url.split_once('#').map_or(url, |(before, _)| before);
        let Some((scheme, rest)) =
            url.split_once("://").filter(|(scheme, _)| scheme.bytes().all(|b| b.is_ascii_alphabetic()))
        else {
            return Sent { origin: None, target: url.to_owned() };
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Sent { origin: Some(format!("{scheme}://{host}")), target }
    }

    pub(super) fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    pub(super) fn query(&self) -> Option<&str> {
        self.target.split_once('?').map(|(_, query)| query)
    }

    /// Everything else that is signed in place of the target.
    pub(super) fn variants(&self) -> Vec<Variant> {
        let mut found = Vec::new();
        let mut add = |cause: Cause, line: String| {
            if line != self.target {
                found.push(Variant::new(cause, line.into_bytes()));
            }
        };
        for line in self.with_hosts() {
            add(Cause::UrlFullSigned, line);
        }
        for line in self.with_slashes() {
            add(Cause::UrlSlashesDiffer, line);
        }
        if let Some(rest) = self.target.strip_prefix("/v3")
            && rest.starts_with('/')
        {
            add(Cause::UrlVersionPrefixMissing, rest.to_owned());
        }
        if self.query().is_some() {
            add(Cause::QueryMissing, self.path().to_owned());
        }
        for query in self.query().map(orders).unwrap_or_default() {
            add(Cause::QueryOrderDiffers, format!("{}?{query}", self.path()));
        }
        for line in self.with_encodings() {
            add(Cause::UrlEncodingDiffers, line);
        }
        for line in self.with_placeholders() {
            add(Cause::PathPlaceholderSigned, line);
        }
        found
    }

    fn with_hosts(&self) -> Vec<String> {
        let mut origins: Vec<(&str, &str)> = Vec::new();
        if let Some((scheme, host)) = self.origin.as_deref().and_then(|o| o.split_once("://")) {
            origins.push((scheme, host));
            if let Some((name, _port)) = host.rsplit_once(':') {
                origins.push((scheme, name));
            }
        }
        origins.extend(HOSTS.map(|host| ("https", host)));
        let mut lines = Vec::new();
        for (scheme, host) in origins {
            for start in [
                format!("{scheme}://{host}"),
                host.to_owned(),
                format!("//{host}"),
                format!("https://{host}"),
                format!("http://{host}"),
            ] {
                lines.push(format!("{start}{}", self.target));
            }
            for default_port in ["443", "80"] {
                lines.push(format!("{scheme}://{host}:{default_port}{}", self.target));
                lines.push(format!("{host}:{default_port}{}", self.target));
            }
            lines.extend([host.to_owned(), format!("{scheme}://{host}"), format!("{scheme}://{host}/")]);
        }
        lines
    }

    fn with_slashes(&self) -> Vec<String> {
        let path = self.path();
        let query = self.query().map(|q| format!("?{q}")).unwrap_or_default();
        let mut paths = vec![format!("/{path}"), format!("{path}/"), path.replace("//", "/")];
        paths.extend(path.strip_prefix('/').map(str::to_owned));
        paths.extend(path.strip_suffix('/').map(str::to_owned));
        for (at, _) in path.match_indices('/') {
            if let Some((before, after)) = path.split_at_checked(at) {
                paths.push(format!("{before}/{after}"));
                if let Some(rest) = after.strip_prefix("//") {
                    paths.push(format!("{before}/{rest}"));
                }
            }
        }
        paths.sort();
        paths.dedup();
        paths.into_iter().map(|path| path + &query).collect()
    }

    fn with_encodings(&self) -> Vec<String> {
        let path = self.path();
        let mut lines = Vec::new();
        // Another way of writing is applied to the path, to the query, or to both.
        let mut whole = |paths: &dyn Fn(&str) -> String, queries: &dyn Fn(&str) -> String| {
            let written = |path: String, query: Option<String>| query.map_or(path.clone(), |q| format!("{path}?{q}"));
            lines.push(written(paths(path), self.query().map(queries)));
            lines.push(written(path.to_owned(), self.query().map(queries)));
            lines.push(written(paths(path), self.query().map(str::to_owned)));
        };
        for plus in [false, true] {
            let decode = |text: &str| String::from_utf8_lossy(&percent_decode(text.as_bytes(), plus)).into_owned();
            whole(&|text| decode_path(text), &decode);
        }
        for keep in KEPT {
            for lower in [false, true] {
                for space in [Space::Percent, Space::Plus] {
                    for plus in [false, true] {
                        let each = |text: &str| encode(&percent_decode(text.as_bytes(), plus), keep, space, lower);
                        whole(&|text| encode_path(text, keep, lower), &|text| pieces(text, &each));
                    }
                }
            }
        }
        // The whole query through an encoder, separators included; and all that is a whole URL through one.
        for keep in KEPT {
            whole(&|text| encode_path(text, keep, false), &|text| encode(text.as_bytes(), keep, Space::Percent, false));
        }
        whole(&|text| text.replace('%', "%25"), &|text| text.replace('%', "%25"));
        whole(&|text| text.to_owned(), &|text| text.replace("%20", "+"));
        whole(&|text| text.to_owned(), &|text| text.replace('+', "%20"));
        whole(&|text| text.to_owned(), &|text| text.replace('+', "%2B"));
        whole(&hex_case(false), &hex_case(false));
        whole(&hex_case(true), &hex_case(true));
        // One kind of character alone: its escape put on, or taken off.
        for character in loose(self.query().unwrap_or_default()) {
            let escape = encode(character.to_string().as_bytes(), "", Space::Percent, false);
            whole(&|text| text.to_owned(), &|text| text.replace(character, &escape));
            whole(&|text| text.to_owned(), &|text| text.replace(character, &escape.to_ascii_lowercase()));
        }
        lines.extend(escapes(&self.target).iter().map(|(escape, c)| self.target.replace(escape, c)));
        lines.push(encode_path(&self.target, KEPT[0], false));
        lines.push(encode(self.target.as_bytes(), KEPT[0], Space::Percent, false));
        lines.sort();
        lines.dedup();
        lines
    }

    fn with_placeholders(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let query = self.query().map(|q| format!("?{q}")).unwrap_or_default();
        let segments: Vec<&str> = self.path().split('/').collect();
        for (at, pair) in segments.windows(2).enumerate() {
            let [before, id] = pair else { continue };
            if !ID_FOLLOWS.contains(before) || id.is_empty() {
                continue;
            }
            for name in PLACEHOLDERS.iter().flat_map(|name| [(*name).to_owned(), camel(name)]) {
                for text in [
                    format!("{{{name}}}"),
                    format!(":{name}"),
                    format!("%7B{name}%7D"),
                    format!("%7b{name}%7d"),
                    format!("${{{name}}}"),
                    format!("<{name}>"),
                ] {
                    let mut path = segments.clone();
                    if let Some(slot) = path.get_mut(at + 1) {
                        *slot = &text;
                    }
                    let path = path.join("/");
                    lines.push(format!("{path}{query}"));
                    if !query.is_empty() {
                        lines.push(path);
                    }
                }
            }
        }
        // Without the query it would be two mistakes, so those go.
        lines.retain(|line| query.is_empty() || line.ends_with(&query));
        lines
    }
}

fn camel(name: &str) -> String {
    let mut upper = false;
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '_' => upper = true,
            c if upper => {
                text.push(c.to_ascii_uppercase());
                upper = false;
            }
            c => text.push(c),
        }
    }
    text
}

/// Every order of up to five parameters; of more, the sorted ones.
fn orders(query: &str) -> Vec<String> {
    let parts: Vec<&str> = query.split('&').collect();
    if parts.len() < 2 {
        return Vec::new();
    }
    if parts.len() <= 5 {
        return permutations(parts.len())
            .iter()
            .map(|order| order.iter().filter_map(|i| parts.get(*i).copied()).collect::<Vec<_>>().join("&"))
            .collect();
    }
    let name = |part: &str| part.split_once('=').map_or(part, |(name, _)| name).to_owned();
    let mut by_part = parts.clone();
    by_part.sort_unstable();
    let mut by_name = parts.clone();
    by_name.sort_by_key(|part| name(part));
    let mut ignoring_case = parts;
    ignoring_case.sort_by_key(|part| name(part).to_ascii_lowercase());
    vec![by_part.join("&"), by_name.join("&"), ignoring_case.join("&")]
}

/// All orders of `0..n`, the given one first. Small `n` only: the count is the factorial.
pub(super) fn permutations(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for _ in 0..n {
        all = all
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..n)
                    .filter(|i| !order.contains(i))
                    .map(|i| order.iter().copied().chain([i]).collect())
                    .collect::<Vec<_>>()
            })
            .collect();
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    Percent,
    Plus,
}

/// The characters besides letters and digits that encoders leave alone: RFC 3986, JavaScript's encodeURIComponent,
/// forms, Python's quote, JavaScript's encodeURI, and encoders that spare what queries usually hold.
const KEPT: [&str; 7] = ["-._~", "-_.!~*'()", "-_.*", "-._~/", "-_.!~*'();,/?:@&=+$", "-._~:/,@", "-._~!$'()*,;:@/?"];

/// `%XX` decoded; with `plus`, `+` is a blank.
pub(super) fn percent_decode(text: &[u8], plus: bool) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                at += 2;
            }
            (b'+', ..) if plus => out.push(b' '),
            (other, ..) => out.push(*other),
        }
        at += 1;
    }
    out
}

fn encode(bytes: &[u8], keep: &str, space: Space, lower: bool) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b' ' if space == Space::Plus => out.push('+'),
            b if b.is_ascii_alphanumeric() || keep.as_bytes().contains(b) => out.push(char::from(*b)),
            b if lower => out.push_str(&format!("%{b:02x}")),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Each name and each value of a query for itself.
fn pieces(query: &str, each: &dyn Fn(&str) -> String) -> String {
    let pair = |part: &str| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", each(name), each(value)),
        None => each(part),
    };
    query.split('&').map(pair).collect::<Vec<_>>().join("&")
}

/// The escapes of single ASCII characters in a text, and the characters: some, since more are never met.
fn escapes(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for (at, _) in text.match_indices('%') {
        let Some(escape) = text.get(at..at + 3) else { continue };
        let decoded = percent_decode(escape.as_bytes(), false);
        if let [byte @ 0x20..0x7f] = decoded.as_slice()
            && found.len() < SINGLE_KINDS
            && !found.iter().any(|(known, _)| known == escape)
        {
            found.push((escape.to_owned(), char::from(*byte).to_string()));
        }
    }
    found
}

/// The characters of a query that an encoder may have escaped when it was signed.
fn loose(query: &str) -> Vec<char> {
    let mut found = Vec::new();
    for c in query.chars().filter(|c| !c.is_ascii_alphanumeric() && !matches!(c, '%' | '&' | '=')) {
        if found.len() < SINGLE_KINDS && !found.contains(&c) {
            found.push(c);
        }
    }
    found
}

/// How many kinds of characters are tried one by one.
const SINGLE_KINDS: usize = 8;

fn encode_path(path: &str, keep: &str, lower: bool) -> String {
    let segment = |text: &str| encode(&percent_decode(text.as_bytes(), false), keep, Space::Percent, lower);
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn decode_path(path: &str) -> String {
    String::from_utf8_lossy(&percent_decode(path.as_bytes(), false)).into_owned()
}

/// The same escapes with their hex digits in the other letter case.
fn hex_case(lower: bool) -> impl Fn(&str) -> String {
    move |text| {
        let mut out = String::with_capacity(text.len());
        let mut digits = 0;
        for c in text.chars() {
            let digit = digits > 0 && c.is_ascii_hexdigit();
            digits = if c == '%' { 2 } else { digits.max(1) - 1 };
            out.push(match digit {
                true if lower => c.to_ascii_lowercase(),
                true => c.to_ascii_uppercase(),
                false => c,
            });
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(url: &str, cause: Cause) -> Vec<String> {
        let variants = Sent::parse(url).variants();
        variants
            .into_iter()
            .filter(|v| v.causes == [cause])
            .map(|v| String::from_utf8(v.bytes).expect("text"))
            .collect()
    }

    #[test]
    fn urls_come_apart() {
        for (url, target) in [
            ("https://api.mch.weixin.qq.com/v3/a?b=c#d", "/v3/a?b=c"),
            ("/v3/a?u=http://x/", "/v3/a?u=http://x/"),
            ("http://127.0.0.1:80?x", "/?x"),
            ("https://h", "/"),
        ] {
            assert_eq!(Sent::parse(url).target, target, "{url}");
        }
    }

    #[test]
    fn what_people_sign_is_among_the_guesses() {
        for (url, cause, line) in [
            ("/v3/a?b=1", Cause::UrlFullSigned, "https://api2.mch.weixin.qq.com/v3/a?b=1"),
            ("http://127.0.0.1:9/v3/a", Cause::UrlFullSigned, "127.0.0.1:9/v3/a"),
            ("/v3/a", Cause::UrlSlashesDiffer, "v3/a"),
            ("/v3//a", Cause::UrlSlashesDiffer, "/v3/a"),
            ("/v3/a?b=1", Cause::UrlSlashesDiffer, "/v3/a/?b=1"),
            ("/v3/a/?b=1", Cause::UrlSlashesDiffer, "/v3/a?b=1"),
            ("/v3/a/b", Cause::UrlSlashesDiffer, "/v3/a//b"),
            ("/v3/a?b=1", Cause::QueryMissing, "/v3/a"),
            ("/v3/a?b=1&c=2&a=3", Cause::QueryOrderDiffers, "/v3/a?a=3&b=1&c=2"),
            ("/v3/a?f=6&e=5&d=4&c=3&b=2&a=1", Cause::QueryOrderDiffers, "/v3/a?a=1&b=2&c=3&d=4&e=5&f=6"),
            ("/v3/a?b=x%7Cy", Cause::UrlEncodingDiffers, "/v3/a?b=x|y"),
            ("/v3/a?b=x|y", Cause::UrlEncodingDiffers, "/v3/a?b=x%7Cy"),
            ("/v3/a?b=x%20y", Cause::UrlEncodingDiffers, "/v3/a?b=x+y"),
            ("/v3/a?b=x+y", Cause::UrlEncodingDiffers, "/v3/a?b=x%20y"),
            (
                "/v3/a?t=2026-11-24T10:00:00%2B08:00",
                Cause::UrlEncodingDiffers,
                "/v3/a?t=2026-11-24T10%3A00%3A00%2B08%3A00",
            ),
            ("/v3/a?b=%E4%B8%AD", Cause::UrlEncodingDiffers, "/v3/a?b=%e4%b8%ad"),
            ("/v3/a?b=%e4%b8%ad", Cause::UrlEncodingDiffers, "/v3/a?b=中"),
            ("/v3/a?b=%E4%B8%AD", Cause::UrlEncodingDiffers, "/v3/a?b=%25E4%25B8%25AD"),
            ("/v3/a?b=%25E4%25B8%25AD", Cause::UrlEncodingDiffers, "/v3/a?b=%E4%B8%AD"),
            ("/v3/a/x%7Cy", Cause::UrlEncodingDiffers, "/v3/a/x|y"),
            (
                "/v3/pay/transactions/out-trade-no/A1/close",
                Cause::PathPlaceholderSigned,
                "/v3/pay/transactions/out-trade-no/{out_trade_no}/close",
            ),
            (
                "/v3/pay/transactions/id/4200?mchid=1",
                Cause::PathPlaceholderSigned,
                "/v3/pay/transactions/id/:transaction_id?mchid=1",
            ),
            (
                "/v3/refund/domestic/refunds/R1",
                Cause::PathPlaceholderSigned,
                "/v3/refund/domestic/refunds/%7Bout_refund_no%7D",
            ),
            ("/v3/a", Cause::UrlVersionPrefixMissing, "/a"),
        ] {
            assert!(signed(url, cause).iter().any(|l| l == line), "{cause}: {url} signed as {line}");
        }
    }

    #[test]
    fn permutations_are_all_and_begin_with_the_given_order() {
        assert_eq!(permutations(4).len(), 24);
        assert_eq!(permutations(3).first(), Some(&vec![0, 1, 2]));
    }
}
