//! The tray: the day's takings at a glance, and a way back to the window; and the bell for a payment that was verified.
//! A convenience on top of the window: where the desktop has no tray or no notifications, nothing is lost.

use guitai_console::wire::{Event, Overview};
use tauri::menu::{Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager, Wry};
use tauri_plugin_notification::NotificationExt;

/// The parts of the tray that change.
pub struct Tray {
    icon: TrayIcon<Wry>,
    takings: MenuItem<Wry>,
    open: MenuItem<Wry>,
    quit: MenuItem<Wry>,
}

/// The language of texts outside the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// `zh…` is Chinese, anything else English.
    #[must_use]
    pub fn of(tag: &str) -> Self {
        if tag.to_lowercase().starts_with("zh") { Self::Zh } else { Self::En }
    }

    fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }
}

impl Tray {
    /// Puts the icon into the tray.
    ///
    /// # Errors
    /// Where the desktop has no tray; the window goes on without.
    pub fn new(app: &AppHandle, language: Language) -> tauri::Result<Self> {
        let takings = MenuItem::with_id(app, "takings", takings_line(language, 0, 0), false, None::<&str>)?;
        let open = MenuItem::with_id(app, "open", language.pick("打开柜台", "Open Guitai"), true, None::<&str>)?;
        let quit = MenuItem::with_id(app, "quit", language.pick("退出", "Quit"), true, None::<&str>)?;
        let menu = Menu::with_items(app, &[&takings, &PredefinedMenuItem::separator(app)?, &open, &quit])?;
        let mut builder =
            TrayIconBuilder::with_id("main").menu(&menu).tooltip("Guitai 柜台").on_menu_event(|app, event| match event
                .id()
                .as_ref()
            {
                "open" => show_window(app),
                "quit" => app.exit(0),
                _ => {}
            });
        if let Some(icon) = app.default_window_icon() {
            builder = builder.icon(icon.clone());
        }
        Ok(Self { icon: builder.build(app)?, takings, open, quit })
    }

    /// Shows what was taken today. A tray that can't be written to is no reason to stop anything.
    pub fn show(&self, language: Language, overview: &Overview) {
        let line = takings_line(language, overview.taken_today, overview.payments_today);
        let _ = self.icon.set_title(Some(yuan(overview.taken_today)));
        let _ = self.icon.set_tooltip(Some(&line));
        let _ = self.takings.set_text(line);
        let _ = self.open.set_text(language.pick("打开柜台", "Open Guitai"));
        let _ = self.quit.set_text(language.pick("退出", "Quit"));
    }
}

/// Brings the window to the front; a second start of the program does the same.
pub fn show_window(app: &AppHandle) {
    if let Some(window) = app.get_webview_window("main") {
        let _ = window.unminimize();
        let _ = window.show();
        let _ = window.set_focus();
    }
}

/// Rings once for all payments of a batch. Only `PaymentReceived` counts: it is sent for verified payments alone.
pub fn ring(app: &AppHandle, language: Language, events: &[Event]) {
    if let Some((title, body)) = bell(language, events) {
        let _ = app.notification().builder().title(title).body(body).show();
    }
}

fn bell(language: Language, events: &[Event]) -> Option<(String, String)> {
    let payments = events.iter().filter_map(|event| match event {
        Event::PaymentReceived { out_trade_no, amount, .. } => Some((out_trade_no, *amount)),
        _ => None,
    });
    let (count, sum, last) = payments.fold((0_u32, 0_i64, None), |(count, sum, _), (number, amount)| {
        (count + 1, sum.saturating_add(amount), Some(number))
    });
    let title = format!("{} {}", language.pick("收款", "Received"), yuan(sum));
    match (count, last) {
        (1, Some(number)) => Some((title, format!("{} {number}", language.pick("订单", "Order")))),
        (2.., _) => Some((title, language.pick("共 {} 笔", "{} payments").replace("{}", &count.to_string()))),
        _ => None,
    }
}

fn takings_line(language: Language, taken: i64, payments: u32) -> String {
    match language {
        Language::Zh => format!("今日收款 {}（{payments} 笔）", yuan(taken)),
        Language::En => format!("Taken today {} ({payments})", yuan(taken)),
    }
}

/// `¥1,234.50` from fen.
pub(crate) fn yuan(fen: i64) -> String {
    let (sign, fen) = (if fen < 0 { "-" } else { "" }, fen.unsigned_abs());
    let digits = (fen / 100).to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}¥{}.{:02}", groups.join(","), fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use guitai_console::wire::FoundBy;

    #[test]
    fn money() {
        for (fen, text) in [
            (0, "¥0.00"),
            (5, "¥0.05"),
            (123_450, "¥1,234.50"),
            (10_000_000_000, "¥100,000,000.00"),
            (-1, "-¥0.01"),
            (i64::MIN, "-¥92,233,720,368,547,758.08"),
        ] {
            assert_eq!(yuan(fen), text);
        }
    }

    #[test]
    fn the_bell_rings_for_verified_payments_only() {
        let paid = |number: &str, amount| Event::PaymentReceived {
            merchant: "shop".into(),
            out_trade_no: number.into(),
            amount,
            found_by: FoundBy::Callback,
        };
        assert_eq!(bell(Language::Zh, &[Event::MerchantsChanged, Event::ListenerChanged]), None);
        assert_eq!(bell(Language::Zh, &[paid("A1", 1250)]), Some(("收款 ¥12.50".into(), "订单 A1".into())));
        assert_eq!(
            bell(Language::En, &[paid("A1", 1), Event::MerchantsChanged, paid("A2", 2)]),
            Some(("Received ¥0.03".into(), "2 payments".into()))
        );
    }
}
