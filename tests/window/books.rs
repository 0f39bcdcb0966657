//! The books in the window: a backup, an order that the restore loses, the bill that still names it, and the way to have it
//! back; then what leaves the window as a file.

use crate::driver::{System, Window};

impl Window {
    /// Takes an order from the form to paid.
    async fn take(&self, amount: &str, shown: &str) {
        self.make_order(amount, "拿铁 Latte").await;
        self.pay_on_the_phone(shown).await;
        self.attribute_when("order-state", "data-state", "SUCCESS").await;
        self.click("phone-close").await;
    }

    /// A date field takes no typing that is the same in every language.
    pub async fn set_date(&self, testid: &str, date: &str) {
        self.find(testid).await;
        let script = format!(
            "const it = document.querySelector('[data-testid={testid}]'); it.value = '{date}'; \
             it.dispatchEvent(new Event('input', {{ bubbles: true }})); return it.value"
        );
        assert_eq!(self.script(&script).await, date);
    }

    /// Shows the page as it goes to the printer, or as it is on the screen again.
    pub async fn as_printed(&self, printed: bool) {
        let script = "const [printed] = arguments;
            const walk = (rules) => [...rules].flatMap((rule) =>
                rule instanceof CSSMediaRule && rule.media.mediaText === 'print' ? [rule] : walk(rule.cssRules ?? []));
            window.printing ??= [...document.styleSheets].flatMap((sheet) => walk(sheet.cssRules));
            for (const rule of window.printing) rule.media.mediaText = printed ? 'all' : 'print';";
        self.client.execute(script, vec![serde_json::json!(printed)]).await.expect("a page with styles");
    }
}

#[tokio::test]
async fn what_a_restore_lost_is_found_by_the_bill() {
    let window = Window::open(System::English).await;
    window.take("12.50", "12.50").await;
    window.click("nav-settings").await;
    window.click("backup-now").await;
    window.find("backup-row").await;
    window.take("8", "8.00").await;
    assert_eq!(window.attributes("order-row", "data-id").await.len(), 2);

    // one that is cut is refused, and the store stays as it was
    let backups = std::fs::read_dir(window.data_dir().join("backups/daily")).expect("backups/daily");
    let files = backups
        .map(|entry| entry.expect("an entry").path())
        .filter(|file| file.extension().is_some_and(|it| it == "db"));
    let backup = files.max_by_key(|file| file.metadata().and_then(|it| it.modified()).ok()).expect("a backup");
    let whole = std::fs::read(&backup).expect("bytes");
    std::fs::write(&backup, &whole[..20_000]).expect("cut");
    window.click("nav-settings").await;
    window.click("backup-restore").await;
    window.click("question-yes").await;
    window.text_when("backup-problem", |text| text.contains("BACKUP_UNUSABLE")).await;
    window.click("nav-orders").await;
    assert_eq!(window.attributes("order-row", "data-id").await.len(), 2, "nothing was lost");
    std::fs::write(&backup, whole).expect("whole again");

    window.click("nav-settings").await;
    window.click("backup-restore").await;
    window.click("question-yes").await;
    window.click("store-check").await;
    window.attribute_when("store-report", "data-ok", "true").await;
    window.click("nav-orders").await;
    window.find("order-row").await;
    assert_eq!(window.attributes("order-row", "data-id").await.len(), 1, "the second is lost");

    window.click("nav-sandbox").await;
    window.click("advance-86400").await;
    window.click("advance-86400").await;
    window.click("nav-orders").await;
    window.click("tab-reconcile").await;
    let today = wechatpay::time::beijing_date(jiff::Timestamp::now());
    window.set_date("bill-date", &today).await;
    window.click("bill-fetch").await;
    window.attribute_when("bill-found", "data-found", "1").await;
    assert_eq!(window.attribute("difference", "data-kind").await, "missing_here");
    window.text_when("bill-totals", |text| text.contains("20.50") && text.contains("12.50")).await;
    window.click("mend").await;
    // It is back, by a query: its callback went with the store that was replaced.
    window.attribute_when("difference", "data-kind", "no_callback").await;
    assert_eq!(window.attribute("bill-row", "data-date").await, today);

    window.click("tab-orders").await;
    window.click("order-row").await;
    window.click("order-receipt").await;
    window.text_when("receipt", |text| text.contains("¥")).await;
    // on paper: the slip, and nothing else
    window.as_printed(true).await;
    let seen = "const shown = (it) => getComputedStyle(it).visibility === 'visible';
        const slip = [...document.querySelectorAll('[data-testid=receipt] .slip span')];
        return slip.length > 4 && slip.every(shown) && !shown(document.querySelector('[data-testid=receipt-print]'))";
    assert_eq!(window.script(seen).await, true);
    window.as_printed(false).await;
    window.click("receipt-save").await;
    window.click("receipt-close").await;
    window.click("order-dossier").await;
    window.click("export-csv").await;
    window.text_when("toasts", |text| text.contains("orders-")).await;
    let exports = std::fs::read_dir(window.data_dir().join("exports")).expect("exports/");
    let names: Vec<String> =
        exports.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    for stem in ["receipt-", "dossier-", "orders-"] {
        assert!(names.iter().any(|name| name.starts_with(stem)), "no {stem} in {names:?}");
    }
    window.close().await;
}
