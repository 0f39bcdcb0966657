//! A day's bill with planted differences: another system takes money with the same keys, callbacks get lost, queries fail,
//! the bill says something else. Each difference names its cause and its way out, and the way out works.

use crate::driver::{System, Window};
use crate::shots::DRESSES;
use guitai_tests::command::{Guitai, Serving, post};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A sandbox of its own, the window's merchant on it, and a second desk with the same keys.
struct Trade {
    window: Window,
    sandbox: Serving,
    elsewhere: Guitai,
    today: String,
}

impl Trade {
    async fn open(system: System) -> Trade {
        let elsewhere = Guitai::new();
        let (sandbox, file) = elsewhere.sandbox();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data").to_str().expect("UTF-8").to_owned();
        let add = ["merchant", "add", "shop", "--from-sandbox", &file];
        // what is paid elsewhere is told to nobody here
        let _ = elsewhere.json(&[&add[..], &["--notify-url", "http://127.0.0.1:9/notify"]].concat());
        let _ = elsewhere.json(&[&add[..], &["--data-dir", &data]].concat());
        let _ = elsewhere.json(&["merchant", "use", "shop", "--data-dir", &data]);
        let window = Window::open_in(system, folder).await;
        let whose = "return document.querySelector('[data-testid=merchant-menu]').textContent.trim()";
        assert_eq!(window.script(whose).await, "shop");
        let today = wechatpay::time::beijing_date(jiff::Timestamp::now());
        Trade { window, sandbox, elsewhere, today }
    }

    async fn control(&self, name: &str, body: Value) {
        let url = format!("{}/_sandbox/{name}", self.sandbox.ready["base_url"].as_str().expect("an address"));
        let (status, answer) = post(&url, &body).await;
        assert_eq!(status, 200, "{name}: {answer}");
    }

    async fn pay(&self, no: &str, notify: bool) {
        self.control("payments", json!({ "out_trade_no": no, "outcome": "SUCCESS", "notify": notify })).await;
    }

    /// An order by the window's form, as Native; its number.
    async fn order(&self, amount: &str, description: &str) -> String {
        self.window.order_by_keys(amount, description).await;
        self.window.attribute("order-detail", "data-id").await
    }

    /// An order that another system takes with the same keys; its number.
    fn order_elsewhere(&self, amount: &str, more: &[&str]) -> String {
        let create = ["order", "create", "--amount", amount, "--description", "另一家店"];
        let order = self.elsewhere.json(&[&create[..], more].concat());
        let no = order["out_trade_no"].as_str().expect("a number").to_owned();
        let _ = self.elsewhere.json(&["order", "prepay", &no, "--via", "native"]);
        no
    }

    /// Plants every difference, and lets the day end.
    async fn plant(&self) {
        let window = &self.window;
        window.click("nav-orders").await;
        // agrees on both sides: paid, told, shown
        let known = self.order("12.50", "双方一致").await;
        self.pay(&known, true).await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
        // paid and told, but the bill will lack it
        let extra = self.order("7", "账单没有").await;
        self.pay(&extra, true).await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
        // a refund of which the bill will have another amount
        let back = self.order("20", "退款不同").await;
        self.pay(&back, true).await;
        window.attribute_when("order-state", "data-state", "SUCCESS").await;
        let other = window.refund_in_part("2").await;
        window.attribute_when("refund-row", "data-state", "SUCCESS").await;
        // … and one whose notification gets lost, as does every answer about it
        let silent =
            json!({ "match": { "method": "GET", "path": "/v3/refund/domestic/refunds/*" }, "fault": "SYSTEM_ERROR" });
        self.control("faults", json!([silent])).await;
        self.control("callback-faults", json!([{ "fault": "lost", "out_trade_no": back }])).await;
        assert_ne!(window.refund_in_part("3").await, other);
        // paid, but its callback is lost and nobody can ask about it
        let lost = self.order("3", "回调丢了").await;
        let deaf = json!({ "match": { "method": "GET", "out_trade_no": lost }, "fault": "SYSTEM_ERROR" });
        self.control("faults", json!([silent, deaf])).await;
        self.pay(&lost, false).await;
        // a number that two systems used, with two amounts
        window.press("n").await;
        window.fill("new-order-amount", "10").await;
        window.fill("new-order-description", "同号不同价").await;
        window.fill("new-order-out-trade-no", "CLASH-0001").await;
        window.click("new-order-via-later").await;
        window.click("new-order-submit").await;
        window.attribute_when("order-detail", "data-id", "CLASH-0001").await;
        let clash = self.order_elsewhere("12", &["--out-trade-no", "CLASH-0001"]);
        self.pay(&clash, false).await;
        // taken and refunded by another system
        let theirs = self.order_elsewhere("8", &[]);
        self.pay(&theirs, false).await;
        let _ = self.elsewhere.json(&["order", "query", &theirs]);
        let _ = self.elsewhere.json(&["order", "refund", &theirs, "--amount", "0.50"]);
        self.control("clock", json!({ "advance_seconds": 35 * 3_600 })).await;
        self.control(
            "bill-faults",
            json!([{ "fault": "missing", "number": extra }, { "fault": "amount", "number": other, "amount": 150 }]),
        )
        .await;
        window.click("tab-reconcile").await;
        window.set_date("bill-date", &self.today).await;
    }
}

impl Window {
    /// Refunds a part of the open order; the refund's number.
    async fn refund_in_part(&self, amount: &str) -> String {
        let before = self.attributes("refund-row", "data-id").await;
        self.click("order-refund").await;
        self.fill("refund-amount", amount).await;
        self.click("refund-submit").await;
        self.find("refund-row").await;
        self.count_when("refund-row", before.len() + 1).await;
        let rows = self.attributes("refund-row", "data-id").await;
        rows.into_iter().find(|row| !before.contains(row)).expect("a new one")
    }

    /// Presses the button that mends the difference of this kind.
    async fn mend(&self, kind: &str) {
        let row = format!("[data-testid=difference][data-kind={kind}]");
        let button = format!("{row} [data-testid=mend]:enabled");
        let found = self.client.wait().for_element(fantoccini::Locator::Css(&button)).await;
        found.unwrap_or_else(|error| panic!("{kind} has nothing to mend it: {error}"));
        self.script(&format!("document.querySelector('{button}').click()")).await;
    }

    /// What is shown of a difference.
    async fn difference(&self, kind: &str) -> String {
        let row = format!("document.querySelector('[data-testid=difference][data-kind={kind}]')");
        let shown = self.script(&format!("return {row}?.innerText ?? ''")).await;
        shown.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until these kinds of difference are listed, and no others.
    async fn differences_when(&self, wanted: &[&str]) {
        let deadline = Instant::now() + Duration::from_secs(40);
        loop {
            let mut kinds = self.attributes("difference", "data-kind").await;
            kinds.sort_unstable();
            if kinds == wanted {
                return;
            }
            assert!(Instant::now() < deadline, "{kinds:?}, not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn planted_differences_are_named_and_mended() {
    let trade = Trade::open(System::Chinese).await;
    trade.plant().await;
    let window = &trade.window;
    window.click("bill-fetch").await;
    window
        .differences_when(&[
            "amount",
            "missing_here",
            "missing_there",
            "refund_amount",
            "refund_missing_here",
            "refund_state",
            "state",
        ])
        .await;
    for (kind, cause, way_out, amounts) in [
        ("missing_here", "另一个系统", "补记", &["8.00"][..]),
        ("missing_there", "另一天的账单", "查询", &["7.00"]),
        ("amount", "两个系统", "联系微信支付", &["10.00", "12.00"]),
        ("state", "回调没有到", "查询", &["3.00"]),
        ("refund_missing_here", "另一个系统里退的款", "补记", &["0.50"]),
        ("refund_amount", "金额不同", "联系微信支付", &["2.00", "1.50"]),
        ("refund_state", "通知还没有到", "查询退款", &["3.00"]),
    ] {
        let shown = window.difference(kind).await;
        for part in [cause, way_out].iter().chain(amounts) {
            assert!(shown.contains(part), "{part} is not in {kind}: {shown}");
        }
    }
    // a query that fails says so, and changes nothing
    window.mend("state").await;
    window.find("mend-problem").await;
    trade.control("faults", json!([])).await;
    window.mend("state").await;
    let left = ["amount", "missing_here", "missing_there", "no_callback", "refund_amount", "refund_missing_here"];
    window.differences_when(&[&left[..], &["refund_state"]].concat()).await;
    window.mend("refund_state").await;
    window.differences_when(&left).await;
    window.mend("missing_here").await;
    window
        .differences_when(&[
            "amount",
            "missing_there",
            "no_callback",
            "no_callback",
            "refund_amount",
            "refund_missing_here",
        ])
        .await;
    window.mend("refund_missing_here").await;
    window.differences_when(&["amount", "missing_there", "no_callback", "no_callback", "refund_amount"]).await;
    // what only people can settle: the number is copied, to be asked about
    window.mend("refund_amount").await;
    window.text_when("toasts", |text| text.contains("复制")).await;
    window.mend("missing_there").await;
    window.text_when("toasts", |text| text.contains("重新核对")).await;
    // the bill of WeChat Pay's was wrong, and is right now
    trade.control("bill-faults", json!([])).await;
    window.click("bill-again").await;
    window.differences_when(&["amount", "no_callback", "no_callback"]).await;
    window.text_when("bill-totals", |text| text.matches("62.50").count() == 1 && text.contains("50.50")).await;

    // what was recorded is an order like the others
    window.click("tab-orders").await;
    window.fill("order-search", "另一家店").await;
    window.count_when("order-row", 1).await;
    window.text_when("order-row", |text| text.contains("8.00") && text.contains("0.50")).await;

    // what a developer is handed of it has nobody's name and no secret in it
    window.click("order-row").await;
    window.click("order-dossier").await;
    window.text_when("toasts", |text| text.contains("dossier-")).await;
    let shown = "const done = arguments[0]; const invoke = window.__TAURI_INTERNALS__.invoke; (async () => { \
        const { items } = await invoke('order_look', { m: null, filter: { search: '另一家店' } }); \
        return items[0].payer.openid; })().then(done, (error) => done(JSON.stringify(error)))";
    let openid = window.client.execute_async(shown, vec![]).await.expect("a script");
    let exports = std::fs::read_dir(window.data_dir().join("exports")).expect("exports/");
    let dossier = exports.map(|entry| entry.expect("an entry").path()).next().expect("a dossier");
    let dossier = std::fs::read_to_string(dossier).expect("a text");
    assert!(dossier.contains("/v3/refund/domestic/refunds") && dossier.contains("另一家店"), "{dossier}");
    let ready = |name: &str| trade.sandbox.ready[name].as_str().expect("a text").to_owned();
    let key = std::fs::read_to_string(ready("merchant_private_key")).expect("the key");
    let mut secrets = vec![openid.as_str().expect("who paid").to_owned(), ready("api_v3_key"), ready("appsecret")];
    secrets.extend(key.lines().filter(|line| line.len() > 32).map(str::to_owned));
    for secret in secrets {
        assert!(secret.len() > 16 && !dossier.contains(&secret), "{secret} is in the dossier");
    }
    trade.window.close().await;
}

#[tokio::test]
async fn a_bill_that_cannot_be_believed_leaves_nothing_behind() {
    let trade = Trade::open(System::English).await;
    let window = &trade.window;
    window.click("nav-orders").await;
    let no = trade.order("12.50", "Latte").await;
    trade.pay(&no, true).await;
    window.attribute_when("order-state", "data-state", "SUCCESS").await;
    trade.control("clock", json!({ "advance_seconds": 35 * 3_600 })).await;
    window.click("tab-reconcile").await;
    window.set_date("bill-date", &trade.today).await;
    for (fault, said) in [("cut", "altered"), ("altered", "SHA-1"), ("bomb", "more than is allowed")] {
        trade.control("bill-faults", json!([{ "fault": fault }])).await;
        window.click("bill-fetch").await;
        window.text_when("bill-problem", |text| text.contains(said) && text.contains("othing was kept")).await;
        assert!(!window.has("bill-row").await && !window.has("difference").await, "{fault}: something was kept");
        window.click("problem-dismiss").await;
    }
    trade.control("bill-faults", json!([])).await;
    window.click("bill-fetch").await;
    window.attribute_when("bill-found", "data-found", "0").await;
    assert_eq!(window.attribute("bill-row", "data-date").await, trade.today);
    trade.window.close().await;
}

/// Pictures of the differences, for people to look at.
pub async fn shots(folder: &Path) {
    let trade = Trade::open(System::Chinese).await;
    trade.plant().await;
    let window = &trade.window;
    window.click("bill-fetch").await;
    for (language, theme) in DRESSES {
        window.dress(language, theme).await;
        window.click("nav-orders").await;
        window.find("difference").await;
        window.picture(folder, "reconcile", language, theme).await;
    }
    trade.window.close().await;
}
