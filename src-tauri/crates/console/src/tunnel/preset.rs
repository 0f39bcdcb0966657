//! The tunnel programs that Guitai knows: how each is started, and how its output says the public address. Pure: nothing is
//! started here.

use crate::wire::Problem;
use serde::{Deserialize, Serialize};
use specta::Type;
use std::ffi::OsString;
use url::Url;
use wechatpay::error::FieldError;

/// A tunnel program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
pub enum TunnelPreset {
    /// Cloudflare's quick tunnel: no account, another address each time.
    #[default]
    Cloudflared,
    /// ngrok with the account that it is logged in to.
    Ngrok,
    /// frp's client with its own configuration file.
    Frpc,
    /// `ssh -R` to a server that forwards a port, or that publishes it.
    Ssh,
    /// Any other command.
    Custom,
}

/// How to reach the listener from the internet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
pub struct TunnelOptions {
    /// Which program.
    pub preset: TunnelPreset,
    /// The listener's port on 127.0.0.1.
    pub port: u16,
    /// The public address, where the program doesn't say it: a server of one's own in front of `ssh -R` or frp.
    #[serde(default)]
    pub public_url: Option<String>,
    /// `ssh`: where to, such as `me@server.example`.
    #[serde(default)]
    pub ssh_to: Option<String>,
    /// `ssh`: the port at the server that is forwarded here; 0 lets the server choose.
    #[serde(default)]
    pub remote_port: u16,
    /// `frpc`: its configuration file.
    #[serde(default)]
    pub config: Option<String>,
    /// `custom`: a command line; `{port}` in it becomes the listener's port.
    #[serde(default)]
    pub command: Option<String>,
    /// More arguments for the program, before the preset's own.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Trust this root certificate (PEM) too when the tunnel is proved: an HTTPS proxy with an authority of one's own.
    #[serde(default)]
    pub ca_certificate: Option<String>,
    /// Don't write the address into the merchant's `notify_url`.
    #[serde(default)]
    pub keep_notify_url: bool,
    /// Keep what the merchant's `notify_url` was, for [`Console::tunnel_put_back`](crate::Console::tunnel_put_back). Whoever
    /// starts the tunnel decides, not who fills in the form.
    #[serde(skip)]
    pub for_now: bool,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CommandLine {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
}

impl TunnelOptions {
    /// The command line that opens the tunnel.
    ///
    /// # Errors
    /// `INVALID_FIELD` for what the preset needs and doesn't have, or must not have.
    pub(super) fn command_line(&self) -> Result<CommandLine, Problem> {
        if self.port == 0 {
            return Err(missing("port", "must be the listener's port", "须为监听端口"));
        }
        let local = format!("127.0.0.1:{}", self.port);
        let (program, own): (&str, Vec<String>) = match self.preset {
            TunnelPreset::Cloudflared => (
                "cloudflared",
                vec!["tunnel".into(), "--no-autoupdate".into(), "--url".into(), format!("http://{local}")],
            ),
            TunnelPreset::Ngrok => {
                let log = ["--log", "stdout", "--log-format", "json"].map(str::to_owned);
                ("ngrok", ["http".to_owned(), local].into_iter().chain(log).collect())
            }
            TunnelPreset::Frpc => {
                let config = self.config.as_deref().filter(|config| !config.starts_with('-'));
                let Some(config) = config else {
                    return Err(missing("config", "must be frpc's configuration file", "须为 frpc 的配置文件"));
                };
                if self.public_url.is_none() {
                    return Err(missing(
                        "public_url",
                        "must be given: frpc doesn't say its public address",
                        "必须填写：frpc 不会输出公网地址",
                    ));
                }
                ("frpc", vec!["-c".into(), config.into()])
            }
            TunnelPreset::Ssh => {
                let to = self.ssh_to.as_deref().filter(|to| !to.is_empty() && !to.starts_with('-') && !has_blank(to));
                let Some(to) = to else {
                    return Err(missing("ssh_to", "must be like me@server.example", "须形如 me@server.example"));
                };
                // without a terminal nobody can answer ssh's questions, and a forward that the server refuses is no tunnel
                let set =
                    ["BatchMode=yes", "ExitOnForwardFailure=yes", "ServerAliveInterval=15", "ServerAliveCountMax=3"];
                let set = set.into_iter().flat_map(|option| ["-o".to_owned(), option.to_owned()]);
                let forward = [format!("{}:{local}", self.remote_port), to.to_owned()];
                let own =
                    ["-N".to_owned(), "-T".to_owned()].into_iter().chain(set).chain(["-R".to_owned()]).chain(forward);
                ("ssh", own.collect())
            }
            TunnelPreset::Custom => return self.custom(),
        };
        let arguments = self.arguments.iter().cloned().chain(own).map(OsString::from).collect();
        Ok(CommandLine { program: program.into(), arguments })
    }

    /// The user's own words go to the system's shell, as typed there.
    fn custom(&self) -> Result<CommandLine, Problem> {
        let command = self.command.as_deref().map(str::trim).filter(|command| !command.is_empty());
        let Some(command) = command else {
            return Err(missing("command", "must be a command line", "须为一条命令"));
        };
        let command = command.replace("{port}", &self.port.to_string());
        let (program, arguments) = shell(&command);
        Ok(CommandLine { program: program.into(), arguments: arguments.into_iter().map(OsString::from).collect() })
    }

    /// The public address that was given by hand, in its one spelling.
    ///
    /// # Errors
    /// `INVALID_FIELD`.
    pub(super) fn given_address(&self) -> Result<Option<String>, Problem> {
        let Some(text) = self.public_url.as_deref().map(str::trim).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        match address(text) {
            Some(address) if !text.contains(['?', '#']) => Ok(Some(address)),
            _ => Err(FieldError::new(
                "public_url",
                "origin",
                text,
                "must be like https://pay.shop.example, without a query",
                "须形如 https://pay.shop.example，不带查询参数",
            )
            .into()),
        }
    }

    /// The public address in a line of the program's output.
    pub(super) fn address_in(&self, line: &str) -> Option<String> {
        match self.preset {
            TunnelPreset::Frpc => None,
            // its address ends so; links to its documentation don't
            TunnelPreset::Cloudflared => urls(line).find(|url| url.ends_with(".trycloudflare.com")),
            TunnelPreset::Ngrok => {
                let said: serde_json::Value = serde_json::from_str(line).ok()?;
                let started = said.get("msg").and_then(serde_json::Value::as_str) == Some("started tunnel");
                said.get("url").and_then(serde_json::Value::as_str).filter(|_| started).and_then(address)
            }
            TunnelPreset::Ssh | TunnelPreset::Custom => urls(line).find(|url| url.starts_with("https://")),
        }
    }
}

#[cfg(not(windows))]
fn shell(command: &str) -> (&'static str, Vec<String>) {
    // exec, so that ending the shell ends the program
    ("sh", vec!["-c".into(), format!("exec {command}")])
}

#[cfg(windows)]
fn shell(command: &str) -> (&'static str, Vec<String>) {
    ("cmd", vec!["/C".into(), command.into()])
}

fn has_blank(text: &str) -> bool {
    text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn missing(field: &str, en: &str, zh: &str) -> Problem {
    FieldError::new(field, "required", "", en, zh).into()
}

/// Scheme, host, port and path of a web address, without a slash at the end.
fn address(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let sound = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    url.host().filter(|_| sound)?;
    Some(format!("{}{}", url.origin().ascii_serialization(), url.path().trim_end_matches('/')))
}

/// The web addresses in a line, wherever they stand.
fn urls(line: &str) -> impl Iterator<Item = String> + '_ {
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '|' | '<' | '>' | '(' | ')' | ',');
    line.match_indices("http").filter_map(move |(at, _)| {
        let rest = line.get(at..)?;
        let text = rest.split(ends).next()?.trim_end_matches(['.', ';', ':']);
        address(text).filter(|_| text.len() <= 255)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(preset: TunnelPreset) -> TunnelOptions {
        TunnelOptions { preset, port: 8787, ..TunnelOptions::default() }
    }

    #[test]
    fn command_lines() {
        let ssh = TunnelOptions {
            ssh_to: Some("me@server.example".into()),
            remote_port: 18_787,
            arguments: vec!["-p".into(), "2222".into()],
            ..options(TunnelPreset::Ssh)
        };
        let frpc = TunnelOptions {
            config: Some("frpc.toml".into()),
            public_url: Some("https://pay.shop.example".into()),
            ..options(TunnelPreset::Frpc)
        };
        for (options, expected) in [
            (options(TunnelPreset::Cloudflared), "cloudflared tunnel --no-autoupdate --url http://127.0.0.1:8787"),
            (options(TunnelPreset::Ngrok), "ngrok http 127.0.0.1:8787 --log stdout --log-format json"),
            (frpc, "frpc -c frpc.toml"),
            (
                ssh,
                "ssh -p 2222 -N -T -o BatchMode=yes -o ExitOnForwardFailure=yes -o ServerAliveInterval=15 \
                 -o ServerAliveCountMax=3 -R 18787:127.0.0.1:8787 me@server.example",
            ),
        ] {
            let line = options.command_line().expect("a command line");
            let words: Vec<_> = std::iter::once(line.program).chain(line.arguments).collect();
            let text = words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (options, field) in [
            (TunnelOptions { port: 0, ..options(TunnelPreset::Cloudflared) }, "port"),
            (options(TunnelPreset::Ssh), "ssh_to"),
            (TunnelOptions { ssh_to: Some("-oProxyCommand=x".into()), ..options(TunnelPreset::Ssh) }, "ssh_to"),
            (TunnelOptions { ssh_to: Some("a b".into()), ..options(TunnelPreset::Ssh) }, "ssh_to"),
            (options(TunnelPreset::Frpc), "config"),
            (TunnelOptions { config: Some("--help".into()), ..options(TunnelPreset::Frpc) }, "config"),
            (TunnelOptions { config: Some("frpc.toml".into()), ..options(TunnelPreset::Frpc) }, "public_url"),
            (options(TunnelPreset::Custom), "command"),
            (TunnelOptions { command: Some(" ".into()), ..options(TunnelPreset::Custom) }, "command"),
        ] {
            let problem = options.command_line().expect_err("refused");
            assert_eq!(
                (problem.code.as_str(), problem.field.as_deref()),
                ("INVALID_FIELD", Some(field)),
                "{options:?}"
            );
        }
    }

    #[test]
    fn addresses_in_output() {
        use TunnelPreset::{Cloudflared, Custom, Frpc, Ngrok, Ssh};
        for (preset, line, expected) in [
            (
                Cloudflared,
                "2026-11-24T10:00:00Z INF |  https://brave-tea-shop.trycloudflare.com                |",
                Some("https://brave-tea-shop.trycloudflare.com"),
            ),
            (Cloudflared, "INF Read https://developers.cloudflare.com/cloudflare-one/ for more", None),
            (
                Ngrok,
                r#"{"addr":"http://127.0.0.1:8787","lvl":"info","msg":"started tunnel","url":"https://ab12.ngrok-free.app"}"#,
                Some("https://ab12.ngrok-free.app"),
            ),
            (Ngrok, r#"{"lvl":"info","msg":"open config file","url":"https://ngrok.com"}"#, None),
            (Ngrok, "https://ab12.ngrok-free.app", None),
            (Ssh, "ab12.lhr.life tunneled with tls termination, https://ab12.lhr.life", Some("https://ab12.lhr.life")),
            (Ssh, "Allocated port 40123 for remote forward to 127.0.0.1:8787", None),
            (
                Custom,
                "\u{1b}[32mForwarding\u{1b}[0m https://Shop.example:8443/pay/ -> 127",
                Some("https://shop.example:8443/pay"),
            ),
            (Custom, "see http://shop.example", None),
            (Custom, "https://user:pw@shop.example", None),
            (Frpc, "https://pay.shop.example", None),
        ] {
            assert_eq!(options(preset).address_in(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_given_address() {
        for (given, expected) in [
            (None, Ok(None)),
            (Some(" "), Ok(None)),
            (Some("https://pay.shop.example/"), Ok(Some("https://pay.shop.example"))),
            (Some("https://pay.shop.example/a/"), Ok(Some("https://pay.shop.example/a"))),
            (Some("https://pay.shop.example/?a=1"), Err(())),
            (Some("pay.shop.example"), Err(())),
            (Some("ftp://pay.shop.example"), Err(())),
        ] {
            let options = TunnelOptions { public_url: given.map(str::to_owned), ..TunnelOptions::default() };
            let found = options.given_address().map_err(|_| ());
            assert_eq!(found, expected.map(|address| address.map(str::to_owned)), "{given:?}");
        }
    }
}
