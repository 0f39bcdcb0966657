//! A delivery copied out: as a cURL command, an HTTP archive, the raw request, or a fixture for a test.

use super::fail_body;
use crate::console::Console;
use crate::listener::{LISTENER_BY_DEFAULT, LISTENER_SETTING};
use crate::orders::{callback_id, shown_time};
use crate::store::{CallbackRaw, CallbackRow};
use crate::wire::{CallbackCopy, CallbackForm, Problem};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wechatpay::error::FieldError;

/// What curl or the connection itself sets, so that a kept one would stand there twice or lie.
const OF_THE_CONNECTION: [&str; 8] =
    ["host", "content-length", "connection", "transfer-encoding", "keep-alive", "te", "upgrade", "expect"];
/// What curl adds by itself unless told not to.
const ADDED_BY_CURL: [&str; 3] = ["Accept", "Content-Type", "User-Agent"];

impl Console {
    /// A delivery in another form. `to` is where the cURL command sends it (and whose URL the archive names); left out, it is
    /// this desk's own listener. Nothing in it is secret: keys never are part of a delivery.
    ///
    /// # Errors
    /// `CALLBACK_NOT_FOUND`, `CALLBACK_DAMAGED`; `INVALID_FIELD` for a `to` that is no http(s) URL; the store's.
    pub async fn callback_export(
        &self,
        id: &str,
        form: CallbackForm,
        to: Option<&str>,
    ) -> Result<CallbackCopy, Problem> {
        let (row, raw) = self.kept_raw(id).await?;
        let url = match to {
            Some(to) => checked(to)?,
            None => {
                let place = self.settings_get().await?.remove(LISTENER_SETTING);
                format!("{}{}", place.as_deref().unwrap_or(LISTENER_BY_DEFAULT), raw.target)
            }
        };
        let id = callback_id(row.id);
        let (bytes, ending, media_type) = match form {
            CallbackForm::Curl => (curl(&raw, &url).into_bytes(), "sh", "text/x-shellscript"),
            CallbackForm::Har => (pretty(&har(&row, &raw, &url)), "har", "application/json"),
            CallbackForm::Http => (http(&raw), "http", "message/http"),
            CallbackForm::Fixture => (pretty(&fixture(&row, &raw)), "json", "application/json"),
        };
        Ok(CallbackCopy {
            file_name: format!("{id}.{ending}"),
            media_type: media_type.to_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            base64: STANDARD.encode(&bytes),
        })
    }
}

fn checked(to: &str) -> Result<String, Problem> {
    let sound = url::Url::parse(to).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let sound = sound.filter(|url| url.username().is_empty() && url.password().is_none());
    sound.map(String::from).ok_or_else(|| {
        FieldError::new(
            "to",
            "url",
            to,
            "must be an http or https URL without a user in it",
            "须为不含用户名的 http 或 https 地址",
        )
        .into()
    })
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// In single quotes, where a POSIX shell obeys nothing.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Headers as they came, but those of the connection.
fn carried(raw: &CallbackRaw) -> impl Iterator<Item = (&str, &str)> {
    raw.headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| is_token(name) && !OF_THE_CONNECTION.iter().any(|own| own.eq_ignore_ascii_case(name)))
}

fn curl(raw: &CallbackRaw, url: &str) -> String {
    let mut lines = vec![format!("curl -sS -i -X POST {}", quoted(url))];
    for (name, value) in carried(raw) {
        // curl drops a header that has no value, unless it is written so
        let line = if value.is_empty() { format!("{name};") } else { format!("{name}: {value}") };
        lines.push(format!("-H {}", quoted(&line)));
    }
    for name in ADDED_BY_CURL {
        if !carried(raw).any(|(given, _)| given.eq_ignore_ascii_case(name)) {
            lines.push(format!("-H {}", quoted(&format!("{name}:"))));
        }
    }
    lines.push(format!("-H {}", quoted("Expect:")));
    match std::str::from_utf8(&raw.body) {
        // a body that begins with @ would be taken for a file's name
        Ok(body) if !body.contains('\0') && !body.starts_with('@') => {
            lines.push(format!("--data-binary {}", quoted(body)));
            lines.join(" \\\n  ") + "\n"
        }
        _ => {
            lines.push("--data-binary @-".to_owned());
            let body = quoted(&STANDARD.encode(&raw.body));
            format!("printf %s {body} | base64 -d | \\\n") + &lines.join(" \\\n  ") + "\n"
        }
    }
}

fn http(raw: &CallbackRaw) -> Vec<u8> {
    let mut head = format!("POST {} HTTP/1.1\r\n", raw.target);
    for (name, value) in &raw.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&raw.body);
    bytes
}

fn har(row: &CallbackRow, raw: &CallbackRaw, url: &str) -> Value {
    let listed = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    let headers: Vec<Value> = raw.headers.iter().map(listed).collect();
    let query: Vec<Value> = url::Url::parse(url)
        .map(|url| url.query_pairs().map(|(name, value)| json!({ "name": name, "value": value })).collect())
        .unwrap_or_default();
    let kind = carried(raw).find(|(name, _)| name.eq_ignore_ascii_case("content-type")).map_or("", |(_, value)| value);
    let post = match std::str::from_utf8(&raw.body) {
        Ok(body) => json!({ "mimeType": kind, "text": body }),
        Err(_) => json!({ "mimeType": kind, "text": STANDARD.encode(&raw.body), "encoding": "base64" }),
    };
    let answer = String::from_utf8_lossy(&fail_body(row.http_status)).into_owned();
    let answer_kind = if answer.is_empty() { "" } else { "application/json" };
    json!({ "log": {
        "version": "1.2",
        "creator": { "name": "Guitai", "version": env!("CARGO_PKG_VERSION") },
        "entries": [{
            "startedDateTime": shown_time(row.received_at),
            "time": row.latency_ms,
            "request": {
                "method": "POST", "url": url, "httpVersion": "HTTP/1.1", "cookies": [], "headers": headers,
                "queryString": query, "postData": post, "headersSize": -1, "bodySize": raw.body.len(),
            },
            "response": {
                "status": row.http_status, "statusText": "", "httpVersion": "HTTP/1.1", "cookies": [], "headers": [],
                "content": { "size": answer.len(), "mimeType": answer_kind, "text": answer },
                "redirectURL": "", "headersSize": -1, "bodySize": answer.len(),
            },
            "cache": {},
            "timings": { "send": 0, "wait": row.latency_ms, "receive": 0 },
            "comment": format!("{} {}", callback_id(row.id), super::history::said(row)),
        }],
    } })
}

fn fixture(row: &CallbackRow, raw: &CallbackRaw) -> Value {
    let decrypted: Option<Value> = raw.decrypted.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    json!({
        "name": callback_id(row.id),
        // its signature is fresh at this instant: a test sets its clock to it
        "received_at": shown_time(row.received_at),
        "request": {
            "method": "POST",
            "target": raw.target,
            "headers": raw.headers,
            "body": std::str::from_utf8(&raw.body).ok(),
            "body_base64": STANDARD.encode(&raw.body),
        },
        "expect": {
            "verdict": row.verdict,
            "reason": row.reason,
            "http_status": row.http_status,
            "event_type": row.event_type,
            "notification_id": row.notification_id,
            "out_trade_no": row.out_trade_no,
            "amount": row.amount,
            "decrypted": decrypted,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn raw(headers: &[(&str, &str)], body: &[u8]) -> CallbackRaw {
        CallbackRaw {
            target: "/notify/shop".to_owned(),
            source: "127.0.0.1".to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.to_vec(),
            decrypted: None,
            intact: true,
        }
    }

    /// What one request of a shell command looks like on the wire.
    async fn sent(command: &str, listener: tokio::net::TcpListener) -> Vec<u8> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut shell = Command::new("sh").arg("-c").arg(command).env_remove("http_proxy").spawn().expect("a shell");
        let (mut socket, _) = listener.accept().await.expect("curl comes");
        let (mut seen, mut chunk) = (Vec::new(), [0_u8; 4_096]);
        loop {
            let count = socket.read(&mut chunk).await.expect("reads");
            seen.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&seen).to_lowercase();
            let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |n| n.trim().parse().expect("a number"));
            if seen.len() >= end + 4 + length {
                break;
            }
        }
        socket.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await.expect("answers");
        drop(socket);
        assert!(shell.wait().expect("ends").success());
        seen
    }

    #[tokio::test]
    async fn the_curl_command_sends_what_came() {
        for body in [
            r#"{"id":"it's","summary":"$(touch /tmp/x) `id` \\ \"q\" 支付成功"}"#.as_bytes().to_vec(),
            b"@/etc/hostname".to_vec(),
            vec![0, 255, b'\'', 10, 13, 128],
            Vec::new(),
        ] {
            let headers = [
                ("Host", "shop.example"),
                ("Content-Length", "1"),
                ("Wechatpay-Nonce", "it's $HOME `id`"),
                ("X-Empty", ""),
                ("Wechatpay-Serial", "5157F09EFDC096DE15EBE81A47057A72"),
            ];
            let kept = raw(&headers, &body);
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let url = format!("http://{}/notify/shop?a=1", listener.local_addr().expect("an address"));
            let seen = sent(
                &format!("NO_PROXY=127.0.0.1 no_proxy=127.0.0.1; export NO_PROXY no_proxy; {}", curl(&kept, &url)),
                listener,
            )
            .await;
            let end = seen.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
            assert_eq!(&seen[end + 4..], body.as_slice());
            let head = String::from_utf8_lossy(&seen[..end]).into_owned();
            let mut lines: Vec<&str> = head.lines().collect();
            assert_eq!(lines.remove(0), "POST /notify/shop?a=1 HTTP/1.1");
            lines.retain(|line| !line.starts_with("Host: ") && !line.starts_with("Content-Length: "));
            assert_eq!(
                lines.iter().map(|line| line.trim_end_matches([' ', ':']).to_owned()).collect::<Vec<_>>(),
                ["Wechatpay-Nonce: it's $HOME `id`", "X-Empty", "Wechatpay-Serial: 5157F09EFDC096DE15EBE81A47057A72"],
            );
        }
    }

    #[test]
    fn a_target_is_a_plain_url() {
        for (to, sound) in [
            ("http://127.0.0.1:8080/notify", true),
            ("https://shop.example/a?b=c", true),
            ("ftp://shop.example/", false),
            ("http://user:word@shop.example/", false),
            ("shop.example", false),
            ("", false),
        ] {
            assert_eq!(checked(to).is_ok(), sound, "{to}");
        }
    }
}
