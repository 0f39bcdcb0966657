//! Asks a person outside the page before real money moves or a live key changes: a page that was taken over can call
//! commands, but it can't press the button of a native dialog. A sandbox's merchant is never asked about.

use crate::problem::problem;
use crate::tray::yuan;
use guitai_console::wire::{Merchant, Problem, RefundInput};
use guitai_console::{Console, TunnelOptions, TunnelPreset};
use tauri::AppHandle;
use tauri_plugin_dialog::{DialogExt, MessageDialogButtons, MessageDialogKind};
use wechatpay::money::Fen;

/// Asks before money is given back.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no; or the order isn't there.
pub async fn confirm_refund(
    app: &AppHandle,
    console: &Console,
    m: Option<&str>,
    out_trade_no: &str,
    input: &RefundInput,
) -> Result<(), Problem> {
    let merchant = console.merchant_show(m).await?;
    if merchant.sandbox {
        return Ok(());
    }
    let order = console.order_show(m, out_trade_no).await?.order;
    let amount = yuan(input.amount.map_or(order.amount.total - order.refunded, Fen::get));
    ask(
        app,
        &merchant,
        &format!("真实退款 {amount}，订单 {out_trade_no}？"),
        &format!("Refund {amount} of real money, order {out_trade_no}?"),
    )
    .await
}

/// Asks before a profile changes or goes.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no; or the profile isn't there.
pub async fn confirm_change(app: &AppHandle, console: &Console, name: &str) -> Result<(), Problem> {
    let merchant = console.merchant_show(Some(name)).await?;
    if merchant.sandbox {
        return Ok(());
    }
    ask(
        app,
        &merchant,
        "更改或删除这个真实商户的资料和密钥？",
        "Change or remove this live merchant's profile and keys?",
    )
    .await
}

/// Asks before commands run on this machine: only a person at the native dialog can want that, never the page alone.
/// Nothing is asked where there is none.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no.
pub async fn confirm_commands(app: &AppHandle, commands: &[Option<&str>]) -> Result<(), Problem> {
    let given: Vec<&str> = commands.iter().flatten().map(|it| it.trim()).filter(|it| !it.is_empty()).collect();
    if given.is_empty() {
        return Ok(());
    }
    let asked =
        "体检会在这台电脑上运行这些命令，继续吗？\nThe examination runs these commands on this computer. Go on?";
    show(app, "Guitai 柜台", &format!("{asked}\n\n{}", given.join("\n"))).await
}

/// Asks before a tunnel runs more than a known program with its own arguments, and before it gives a live merchant
/// another `notify_url`.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no; or the profile isn't there.
pub async fn confirm_tunnel(
    app: &AppHandle,
    console: &Console,
    m: Option<&str>,
    options: &TunnelOptions,
) -> Result<(), Problem> {
    let merchant = console.merchant_show(m).await?;
    if let Some(program) = runs_more(options) {
        let asked = "隧道会在这台电脑上运行这个程序，继续吗？\nThe tunnel runs this program on this computer. Go on?";
        show(app, "Guitai 柜台", &format!("{asked}\n\n{program}")).await?;
    }
    if merchant.sandbox || options.keep_notify_url {
        return Ok(());
    }
    ask(
        app,
        &merchant,
        "隧道的公网地址会成为这个真实商户的 notify_url，关闭隧道后恢复。继续吗？",
        "The tunnel's address becomes this live merchant's notify_url until the tunnel ends. Go on?",
    )
    .await
}

/// What would be run beyond a known program: commands of one's own, further arguments, a configuration file.
fn runs_more(options: &TunnelOptions) -> Option<String> {
    let words = match options.preset {
        TunnelPreset::Custom => vec![options.command.clone().unwrap_or_default()],
        TunnelPreset::Frpc => vec!["frpc -c".to_owned(), options.config.clone().unwrap_or_default()],
        preset if !options.arguments.is_empty() => vec![format!("{preset:?}").to_lowercase()],
        _ => return None,
    };
    Some(words.into_iter().chain(options.arguments.iter().cloned()).collect::<Vec<_>>().join(" "))
}

/// Asks before an abnormal refund's money is sent to the merchant's own account instead of the payer's.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no; or the profile isn't there.
pub async fn confirm_to_account(app: &AppHandle, console: &Console, m: Option<&str>, no: &str) -> Result<(), Problem> {
    let merchant = console.merchant_show(m).await?;
    if merchant.sandbox {
        return Ok(());
    }
    let zh = format!("把异常退款 {no} 的款项退到商户结算账户？之后须由你另行退给顾客。");
    let en = format!(
        "Send the money of the abnormal refund {no} to the merchant's own account? You give it to the payer another way."
    );
    ask(app, &merchant, &zh, &en).await
}

/// Asks before the store is replaced, if a live merchant is in it.
///
/// # Errors
/// `NOT_CONFIRMED` when the person said no; or the store's.
pub async fn confirm_restore(app: &AppHandle, console: &Console, name: &str) -> Result<(), Problem> {
    let Some(live) = console.merchant_list().await?.into_iter().find(|merchant| !merchant.sandbox) else {
        return Ok(());
    };
    ask(
        app,
        &live,
        &format!("用备份 {name} 替换现有的全部数据？原来的数据会另存一旁。"),
        &format!("Replace the whole store by the backup {name}? What is there now is kept aside."),
    )
    .await
}

async fn ask(app: &AppHandle, merchant: &Merchant, zh: &str, en: &str) -> Result<(), Problem> {
    let text = format!("{zh}\n{en}\n\n{} · mchid {}", merchant.name, merchant.mchid);
    show(app, "Guitai 柜台 · LIVE", &text).await
}

async fn show(app: &AppHandle, title: &str, text: &str) -> Result<(), Problem> {
    let (sender, answer) = tokio::sync::oneshot::channel();
    app.dialog()
        .message(text)
        .title(title)
        .kind(MessageDialogKind::Warning)
        .buttons(MessageDialogButtons::OkCancel)
        .show(move |yes| _ = sender.send(yes));
    if answer.await.unwrap_or(false) { Ok(()) } else { Err(not_confirmed()) }
}

fn not_confirmed() -> Problem {
    problem(
        "NOT_CONFIRMED",
        ("没有执行：未确认", "Not done: it was not confirmed"),
        None,
        ("需要时再操作一次，并在对话框中确认", "Do it again when you want it, and confirm in the dialog"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_known_program_with_its_own_arguments_runs_unasked() {
        let options = |preset| TunnelOptions { preset, port: 8787, ..TunnelOptions::default() };
        let ssh = TunnelOptions { ssh_to: Some("me@server.example".into()), ..options(TunnelPreset::Ssh) };
        let proxied = TunnelOptions { arguments: vec!["-o".into(), "ProxyCommand=x".into()], ..ssh.clone() };
        let frpc = TunnelOptions { config: Some("frpc.toml".into()), ..options(TunnelPreset::Frpc) };
        let custom = TunnelOptions { command: Some("sh run.sh".into()), ..options(TunnelPreset::Custom) };
        for (options, asked) in [
            (options(TunnelPreset::Cloudflared), None),
            (options(TunnelPreset::Ngrok), None),
            (ssh, None),
            (proxied, Some("ssh -o ProxyCommand=x")),
            (frpc, Some("frpc -c frpc.toml")),
            (custom, Some("sh run.sh")),
        ] {
            assert_eq!(runs_more(&options).as_deref(), asked, "{options:?}");
        }
    }
}
