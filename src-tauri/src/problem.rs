//! What can go wrong in the host itself, in words for people. Everything else comes from the desk in its own words.

use guitai_console::wire::{Bilingual, Problem};

/// The window is on its way out.
pub(crate) fn closing() -> Problem {
    problem("CLOSING", ("柜台正在关闭", "Guitai is closing"), None, ("重新打开后再试", "Open it again and try again"))
}

/// `GUITAI_PASSPHRASE_FILE` names something that can't be read.
pub(crate) fn passphrase_unreadable(why: &str) -> Problem {
    problem(
        "PASSPHRASE_UNREADABLE",
        ("无法读取口令文件", "The passphrase file can't be read"),
        Some((why, why)),
        ("检查 GUITAI_PASSPHRASE_FILE 指向的文件", "Look at the file that GUITAI_PASSPHRASE_FILE names"),
    )
}

/// Nobody wants it, or it is gone.
pub(crate) fn sandbox_off() -> Problem {
    problem(
        "SANDBOX_OFF",
        ("内置沙箱没有运行", "The embedded sandbox isn't running"),
        None,
        ("不带 --without-sandbox 重新打开", "Open the window again without --without-sandbox"),
    )
}

/// It could not be started.
pub(crate) fn sandbox_failed(why: &str) -> Problem {
    problem(
        "SANDBOX_FAILED",
        ("内置沙箱无法启动", "The embedded sandbox could not be started"),
        Some((why, why)),
        (
            "关闭使用同一数据目录的另一个沙箱，再重新打开",
            "End another sandbox that uses the same data folder, then open the window again",
        ),
    )
}

/// A problem of the host's own.
pub(crate) fn problem(code: &str, message: (&str, &str), why: Option<(&str, &str)>, hint: (&str, &str)) -> Problem {
    let both = |(zh, en): (&str, &str)| Bilingual { zh: zh.to_owned(), en: en.to_owned() };
    Problem {
        code: code.to_owned(),
        message: both(message),
        why: why.map(both),
        hint: both(hint),
        field: None,
        gateway: None,
    }
}
