//! Text that strangers choose, in the real window: through genuine callbacks, orders, refunds, the merchant's own forms
//! and the program's commands. Nothing of it runs, nothing of it is asked for over the network, all of it is seen as text,
//! and what would hide or turn text round is shown as what it is.

use crate::driver::{System, Window};
use guitai_tests::command::{http, post};
use guitai_tests::house::{notification_body, read_key, signed_headers};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use wechatpay::keys::PrivateKey;

/// `CANARY` becomes the address of a server that nobody may ask.
const STRINGS: [&str; 68] = [
    "<script>window.ran=1</script>",
    "<script src=http://CANARY/a.js></script>",
    "<SCRIPT/XSS SRC=\"http://CANARY/b.js\"></SCRIPT>",
    "<<script>window.ran=1//<</script>",
    "</script><script>window.ran=1</script>",
    "</title><script>window.ran=1</script>",
    "</textarea><img src=x onerror=window.ran=1>",
    "<img src=x onerror=\"window.ran=1\">",
    "<img src=http://CANARY/c.png>",
    "<IMG SRC=`javascript:window.ran=1`>",
    "<img src=\"data:image/svg+xml,<svg onload=window.ran=1>\">",
    "<svg onload=window.ran=1>",
    "<svg><script>window.ran=1</script></svg>",
    "<svg><animate onbegin=window.ran=1 attributeName=x dur=1s>",
    "<svg><a xlink:href=\"javascript:window.ran=1\"><text y=20>x</text></a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=window.ran=1>",
    "<iframe src=\"javascript:window.ran=1\"></iframe>",
    "<iframe srcdoc=\"<script>parent.ran=1</script>\"></iframe>",
    "<iframe src=http://CANARY/d></iframe>",
    "<object data=http://CANARY/e></object>",
    "<embed src=http://CANARY/f>",
    "<link rel=stylesheet href=http://CANARY/g.css>",
    "<style>@import 'http://CANARY/h.css';</style>",
    "<style>*{background:url(http://CANARY/i)}</style>",
    "<div style=\"background:url(http://CANARY/j)\">x</div>",
    "<meta http-equiv=refresh content=\"0;url=http://CANARY/k\">",
    "<base href=http://CANARY/l/>",
    "<form action=http://CANARY/m><button autofocus onfocus=window.ran=1>x</button></form>",
    "<input autofocus onfocus=window.ran=1>",
    "<details open ontoggle=window.ran=1><summary>x</summary></details>",
    "<video src=http://CANARY/n onerror=window.ran=1></video>",
    "<audio src=x onerror=window.ran=1></audio>",
    "<body onload=window.ran=1>",
    "<marquee onstart=window.ran=1>x</marquee>",
    "<template><script>window.ran=1</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=window.ran=1>\">",
    "<a href=\"javascript:window.ran=1\">click</a>",
    "javascript:window.ran=1",
    "JaVaScRiPt:window.ran=1//",
    "data:text/html,<script>window.ran=1</script>",
    "vbscript:msgbox(1)",
    "\" onmouseover=\"window.ran=1",
    "' onfocus='window.ran=1' autofocus='",
    "\"><img src=x onerror=window.ran=1>",
    "`-window.ran=1-`",
    "${window.ran=1}",
    "{{constructor.constructor('window.ran=1')()}}",
    "{@html '<img src=x onerror=window.ran=1>'}",
    "<%= window.ran=1 %>",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "&#60;img src=x onerror=window.ran=1&#62;",
    "\\u003cscript\\u003ewindow.ran=1\\u003c/script\\u003e",
    "__proto__",
    "{\"__proto__\":{\"ran\":1}}",
    "constructor",
    "=HYPERLINK(\"http://CANARY/o\",\"x\")",
    "+cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "'; DROP TABLE orders; --",
    "../../../../etc/passwd",
    "\u{202e}FDP.elif\u{202c} paid",
    "\u{2066}\u{2069}\u{200b}zero\u{200b}width\u{feff}",
    "tag \u{e0041}\u{e0042} hidden \u{3164}",
    "\u{1b}[31mred\u{1b}[0m \u{9b}2J",
    "line one\nline two\r\nSet-Cookie: a=b",
    "NUL \0 BEL \u{7}",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🧋",
    "z\u{335}\u{321}\u{322}\u{327}\u{328}a\u{335}\u{321}\u{322}\u{327}\u{328}l\u{335}\u{321}\u{322}g\u{335}o",
];

/// Looks what the page is made of, after each step.
const LOOK: &str = r#"
const bad = [];
if (window.ran !== undefined || Object.prototype.ran !== undefined) bad.push('a script ran');
for (const it of window.violations ?? []) bad.push(`the page asked for something: ${it}`);
const made = 'iframe, object, embed, base, form[action], link[href^=http], meta[http-equiv=refresh], video, audio, marquee, math, details > img, img:not([src^="data:"]):not([src^="/"]):not([src^="tauri:"]), body script:not([src^="/"]):not([type=module]), main style';
for (const it of document.querySelectorAll(made)) bad.push(`an element of text: ${it.outerHTML.slice(0, 200)}`);
for (const it of document.querySelectorAll('body *')) {
  for (const { name, value } of it.attributes) {
    if (name.startsWith('on')) bad.push(`a handler: ${it.outerHTML.slice(0, 200)}`);
    if (/^\s*(javascript|vbscript|data:text)/i.test(value) && /^(href|src|action|formaction|xlink:href|data)$/i.test(name)) bad.push(`a link: ${value}`);
  }
}
const hidden = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u3164\u{e0000}-\u{e0fff}]/u;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = walker.nextNode(); node; node = walker.nextNode()) {
  if (hidden.test(node.data)) bad.push(`hidden characters are not shown: ${JSON.stringify(node.data.slice(0, 100))}`);
}
for (const it of document.querySelectorAll('[title], [aria-label]'))
  for (const name of ['title', 'aria-label'])
    if (hidden.test(it.getAttribute(name) ?? '')) bad.push(`hidden characters in ${name}: ${JSON.stringify(it.getAttribute(name).slice(0, 100))}`);
return bad;
"#;

impl Window {
    async fn is_sound(&self, place: &str) {
        let bad = self.script(LOOK).await;
        assert_eq!(bad, json!([]), "{place}");
    }

    /// Everything that is shown on the page now.
    async fn shown(&self) -> String {
        self.script("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }
}

/// Sends a body to the listener, signed now; the HTTP status.
async fn send(url: &str, body: &str, key: &PrivateKey, serial: &str) -> u16 {
    let mut request = http().post(url);
    for (name, value) in signed_headers(body, key, serial) {
        request = request.header(name, value);
    }
    request.body(body.to_owned()).send().await.expect("an answer").status().as_u16()
}

/// A server that counts who asks.
fn canary() -> (String, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("bound").to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for _ in listener.incoming() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (place, asked)
}

/// The embedded sandbox's merchant: its description and folder.
pub fn merchant(window: &Window) -> (Value, PathBuf) {
    let keys = window.data_dir().join("sandbox/keys");
    let folder = std::fs::read_dir(keys)
        .expect("the sandbox's keys")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.join("merchant.json").exists())
        .expect("a merchant");
    let text = std::fs::read(folder.join("merchant.json")).expect("its description");
    (serde_json::from_slice(&text).expect("JSON"), folder)
}

#[tokio::test]
async fn hostile_text_is_text_everywhere() {
    let (place, asked) = canary();
    let strings: Vec<String> = STRINGS.iter().map(|text| text.replace("CANARY", &place)).collect();
    let window = Window::open(System::English).await;
    window
        .script(
            "window.violations = []; document.addEventListener('securitypolicyviolation', (it) => \
             window.violations.push(`${it.violatedDirective} ${it.blockedURI}`)); return 1",
        )
        .await;
    let state = window.invoke("app_state", json!({})).await["ok"].clone();
    let listener = state["listener"]["url"].as_str().expect("a listener").to_owned();
    let base = state["sandbox"]["base_url"].as_str().expect("a sandbox").to_owned();
    let (known, folder) = merchant(&window);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let platform = read_key(&folder.join(text(&known["platforms"][0]["key"])));
    let serial = text(&known["platforms"][0]["serial"]);
    let url = format!("{listener}/notify/sandbox");

    // Orders of the merchant with such goods and attach; what its own rules refuse is told as an error that shows it.
    let mut numbers = Vec::new();
    for hostile in &strings {
        let input =
            json!({ "amount": 100, "description": hostile, "attach": hostile, "openid": state["sandbox"]["openid"] });
        let made = window.invoke("order_create", json!({ "m": null, "input": input })).await;
        if let Some(no) = made["ok"]["out_trade_no"].as_str() {
            numbers.push(no.to_owned());
        }
    }
    assert!(numbers.len() >= 60, "{} of {} orders could be made", numbers.len(), strings.len());
    // Some are paid, so that real notifications, refunds and a bill carry it on.
    for (n, no) in numbers.iter().enumerate() {
        let prepaid = window.invoke("order_prepay", json!({ "m": null, "outTradeNo": no, "via": "jsapi" })).await;
        assert!(prepaid.get("ok").is_some(), "{prepaid}");
        if n % 8 == 0 {
            let paid = window.invoke("phone_pay", json!({ "outTradeNo": no, "outcome": "SUCCESS" })).await;
            assert!(paid.get("ok").is_some(), "{paid}");
            let input = json!({ "amount": 1, "reason": strings[n].chars().filter(|c| !c.is_control()).take(40).collect::<String>() });
            let _ = window.invoke("order_refund", json!({ "m": null, "outTradeNo": no, "input": input })).await;
        }
        // Paid, and nobody told us: a bill names it.
        if n % 8 == 1 {
            let body = json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": false });
            assert_eq!(post(&format!("{base}/_sandbox/payments"), &body).await.0, 200);
        }
    }
    // Genuine notifications that say such things in every field which a payer, a bank or a shop chooses.
    for (n, hostile) in strings.iter().enumerate() {
        let content = json!({ "mchid": known["mchid"], "appid": known["appid"], "out_trade_no": hostile,
            "transaction_id": format!("4200000000{n:018}"), "trade_type": "JSAPI", "trade_state": "SUCCESS",
            "trade_state_desc": hostile, "bank_type": hostile, "attach": hostile, "payer": { "openid": hostile },
            "success_time": "2026-09-21T12:00:00+08:00", hostile.as_str(): hostile,
            "amount": { "total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": hostile } });
        let body =
            notification_body(&text(&known["api_v3_key"]), &format!("hostile-{n}"), "TRANSACTION.SUCCESS", &content);
        assert_eq!(send(&url, &body, &platform, &serial).await, 204, "{hostile}");
        // What is refused shows its headers and body, too.
        if n % 4 == 0 {
            assert_eq!(send(&url, hostile, &platform, "FF").await, 401);
        }
    }

    let shots = std::env::var_os("GUITAI_SHOTS").map(PathBuf::from);
    for (screen, tabs) in [
        ("overview", &[][..]),
        ("orders", &["tab-orders", "tab-reconcile"]),
        ("callbacks", &["view-lanes", "view-causes", "view-list"]),
        ("signatures", &["tab-exchanges"]),
        ("sandbox", &["tab-board", "tab-requests", "tab-notifications"]),
        ("settings", &[]),
    ] {
        window.click(&format!("nav-{screen}")).await;
        window.find(&format!("screen-{screen}")).await;
        for step in std::iter::once(None).chain(tabs.iter().map(Some)) {
            if let Some(tab) = step {
                if !window.has(tab).await {
                    continue;
                }
                window.click(tab).await;
            }
            window.settled().await;
            window.is_sound(&format!("{screen} {step:?}")).await;
            if let Some(folder) = &shots {
                window.shot(&folder.join(format!("hostile-{screen}-{}.png", step.copied().unwrap_or("first")))).await;
            }
        }
    }

    // Every order and every callback by itself, opened as a search would.
    window.click("nav-orders").await;
    window.click("tab-orders").await;
    for (n, no) in numbers.iter().enumerate().step_by(3) {
        let script = format!(
            "const row = document.querySelector('[data-testid=order-row][data-id=\"{no}\"]'); if (row) row.click(); return row !== null"
        );
        if window.script(&script).await == json!(true) {
            window.settled().await;
            window.is_sound(&format!("order {n}")).await;
        }
    }
    if let Some(folder) = &shots {
        window.shot(&folder.join("hostile-order.png")).await;
    }
    window.click("nav-callbacks").await;
    window.find("callback-row").await;
    let ids = window.attributes("callback-row", "data-id").await;
    assert!(ids.len() >= 20, "{}", ids.len());
    let mut seen = String::new();
    for (n, id) in ids.iter().enumerate() {
        let script =
            format!("document.querySelector('[data-testid=callback-row][data-id=\"{id}\"]')?.click(); return 1");
        window.script(&script).await;
        window.attribute_when("callback-detail", "data-id", id).await;
        for tab in ["tab-raw", "tab-signed", "tab-checks"] {
            window.click(tab).await;
            window.is_sound(&format!("callback {n} {tab}")).await;
        }
        seen.push_str(&window.shown().await);
        if let Some(folder) = shots.as_ref().filter(|_| n % 10 == 0) {
            window.shot(&folder.join(format!("hostile-callback-{n}.png"))).await;
        }
    }
    // It is text: letter by letter on the page, or with stand-ins for what can't be seen.
    let flat = |text: &str| text.split_whitespace().collect::<String>();
    let seen = flat(&seen);
    let literal = strings.iter().filter(|text| seen.contains(&flat(text))).count();
    assert!(literal >= 15, "only {literal} of them are read on the page");
    if ids.len() >= strings.len() {
        assert!(seen.contains("⟦RLO⟧"), "direction marks are shown");
    }

    // Forms and searches that repeat what was typed, and errors that do.
    for hostile in ["<img src=x onerror=window.ran=1>", "\" onfocus=window.ran=1 autofocus x=\""] {
        window.press_with_control('k').await;
        window.fill("palette-input", hostile).await;
        window.is_sound("palette").await;
        window.press_escape().await;
    }
    commands_stand(&window).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0, "something was asked for over the network");
    assert_eq!(
        window.script("return location.origin + document.title.includes('<')").await,
        json!("tauri://localhostfalse")
    );
    window.close().await;
}

/// Each command that takes text, with a megabyte of it and with control characters: it answers, and does no harm.
async fn commands_stand(window: &Window) {
    const COMMANDS: [(&str, &str); 28] = [
        ("copy_text", r#"{"text":"@"}"#),
        ("settings_set", r#"{"key":"@","value":"@"}"#),
        ("callback_show", r#"{"id":"@"}"#),
        ("callback_apply", r#"{"id":"@"}"#),
        ("exchange_show", r#"{"id":"@"}"#),
        ("bill_fetch", r#"{"m":"@","date":"@","kind":"trade","again":false}"#),
        ("bill_record", r#"{"m":"@","date":"@","outTradeNo":"@","outRefundNo":"@"}"#),
        ("merchant_use", r#"{"name":"@"}"#),
        ("merchant_show", r#"{"m":"@"}"#),
        ("merchant_check", r#"{"m":"@"}"#),
        ("merchant_remove", r#"{"name":"@"}"#),
        (
            "order_create",
            r#"{"m":null,"input":{"amount":1,"description":"@","attach":"@","openid":"@","out_trade_no":"@"}}"#,
        ),
        ("order_show", r#"{"m":null,"outTradeNo":"@"}"#),
        ("order_query", r#"{"m":"@","outTradeNo":"@"}"#),
        ("order_close", r#"{"m":null,"outTradeNo":"@"}"#),
        ("order_prepay", r#"{"m":null,"outTradeNo":"@","via":"native"}"#),
        ("order_refund", r#"{"m":null,"outTradeNo":"@","input":{"amount":1,"reason":"@"}}"#),
        ("phone_pay", r#"{"outTradeNo":"@","outcome":"SUCCESS"}"#),
        ("forward_target_add", r#"{"input":{"url":"@"}}"#),
        ("sandbox_redeliver", r#"{"id":"@","fault":null}"#),
        ("verify_text", r#"{"m":null,"input":{"text":"@","signature":"@","key":"@","pem":"@"}}"#),
        ("backup_restore", r#"{"name":"@"}"#),
        ("exchange_find", r#"{"m":null,"said":"@"}"#),
        ("refund_query", r#"{"m":null,"outRefundNo":"@"}"#),
        ("pay_params", r#"{"m":null,"outTradeNo":"@"}"#),
        ("forward_target_remove", r#"{"url":"@"}"#),
        ("callback_list", r#"{"m":null,"filter":{"search":"@"}}"#),
        ("order_look", r#"{"m":null,"filter":{"search":"@"}}"#),
    ];
    for text in ["x".repeat(1_000_000), "\u{202e}\u{0}\u{1b}[2J\n../../etc/passwd".to_owned(), "'; --".repeat(10_000)] {
        for (command, arguments) in COMMANDS {
            let mut arguments: Value = serde_json::from_str(arguments).expect("JSON");
            put(&mut arguments, &text);
            let answer = window.invoke(command, arguments).await;
            // They answer that nothing was found, or take it.
            let may_take =
                ["copy_text", "verify_text", "exchange_find", "callback_list", "order_look"].contains(&command);
            assert!(may_take || answer.get("error").is_some(), "{command} took {} bytes: {answer}", text.len());
            // What the plumbing says of a word that is no choice repeats the word; what the program says doesn't.
            let said = if answer["error"].is_string() { String::new() } else { answer.to_string() };
            assert!(said.len() < 20_000, "{command} repeats all of it: {} bytes", said.len());
        }
    }
    let state = window.invoke("app_state", json!({})).await;
    assert_eq!(state["ok"]["listener"]["state"], "running", "{state}");
    window.is_sound("after the commands").await;
}

fn put(value: &mut Value, text: &str) {
    match value {
        Value::String(place) if place == "@" => text.clone_into(place),
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, text)),
        Value::Object(fields) => fields.values_mut().for_each(|field| put(field, text)),
        _ => {}
    }
}
