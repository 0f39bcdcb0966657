//! `guitai callback replay`: one kept delivery sent again, and what came back.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Out, Tone, visible};
use clap::{Args, ValueEnum};
use guitai_console::{Replay, ReplayAnswer, ReplayInput};
use std::path::PathBuf;

/// What `guitai callback replay` takes.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The delivery's id
    #[arg(value_name = "ID")]
    id: String,
    /// Where it is sent: an http or https address
    #[arg(long, value_name = "URL")]
    to: String,
    /// As it was received, or signed anew with the sandbox's key [default: received; resigned for a fault that needs it]
    #[arg(long = "as", value_enum, value_name = "WAY")]
    way: Option<Way>,
    /// What is wrong with it on purpose
    #[arg(long, value_enum, value_name = "F")]
    fault: Option<FaultArg>,
    /// Ready line of the sandbox whose key signs [default: the one that the merchant was added from]
    #[arg(long, value_name = "FILE")]
    sandbox: Option<PathBuf>,
    /// Let the address be private or link-local: it is your own backend
    #[arg(long)]
    allow_private: bool,
}

/// How a delivery is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Way {
    /// The bytes and headers that came
    Received,
    /// Fresh time, nonce and signature
    Resigned,
}

/// The faults, as they are written on the command line and by the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FaultArg {
    /// A signature that doesn't fit
    BadSignature,
    /// Validly signed, ten minutes old
    StaleTimestamp,
    /// The ciphertext changed, then validly signed
    TamperedCiphertext,
    /// A serial that nobody knows
    WrongSerial,
    /// WeChat Pay's own test of whether signatures are checked
    SignatureProbe,
    /// Twice at the same moment
    Duplicate,
}

impl ReplayArgs {
    fn input(self) -> Result<(String, ReplayInput), Failure> {
        let signs = |fault| !matches!(fault, FaultArg::Duplicate);
        let resigned = match self.way {
            Some(way) => way == Way::Resigned,
            None => self.fault.is_some_and(signs) || self.sandbox.is_some(),
        };
        let fault = self.fault.and_then(|fault| fault.to_possible_value()).map(|value| value.get_name().to_owned());
        let sandbox = self.sandbox.as_deref().map(files::read_sandbox).transpose()?;
        Ok((self.id, ReplayInput { to: self.to, resigned, fault, sandbox, allow_private: self.allow_private }))
    }
}

/// Sends it and prints the answer; exit 1 where there was none.
pub async fn run(context: &Context, args: ReplayArgs) -> Done {
    let out = &context.out;
    let (id, input) = args.input()?;
    let as_received = !input.resigned;
    let answer = desk::with(context, async |console| Ok(console.callback_replay(&id, input).await?)).await?;
    if as_received {
        out.note(out.pick(
            "按原样重放：时间戳是当初的，超过 300 秒后，正确的后端会拒绝它。",
            "Sent as received: its time stamp is that of its day, and a right backend refuses it after 300 s.",
        ));
    }
    out.document(&answer, || text(out, &answer));
    if answer.status.is_some() { Ok(()) } else { Err(Failure::NotValid) }
}

fn text(out: &Out, answer: &ReplayAnswer) -> String {
    let mut text = line(out, answer);
    for (name, value) in &answer.response_headers {
        text += &format!("  {}: {}\n", visible(name), visible(value));
    }
    if !answer.response_body.is_empty() {
        text += &format!("\n{}\n", answer.response_body.lines().map(visible).collect::<Vec<_>>().join("\n"));
    }
    if answer.cut {
        text += out.pick("（应答不完整）\n", "(the answer is not whole)\n");
    }
    text
}

fn line(out: &Out, answer: &ReplayAnswer) -> String {
    let said = match answer.status {
        Some(status @ 200..=299) => out.paint(Tone::Good, &status.to_string()),
        Some(status) => out.paint(Tone::Warn, &status.to_string()),
        None => out.paint(Tone::Bad, out.pick("没有应答", "no answer")),
    };
    let why = answer.error.as_deref().map(|error| format!("  {}", visible(error))).unwrap_or_default();
    format!("{said}  {} ms{why}\n", answer.latency_ms)
}

/// The replays of a delivery, a line each.
pub fn lines(out: &Out, replays: &[Replay]) -> String {
    let way = |replay: &Replay| match (&replay.fault, replay.resigned) {
        (Some(fault), _) => fault.clone(),
        (None, true) => "resigned".to_owned(),
        (None, false) => "received".to_owned(),
    };
    let one = |replay: &Replay| {
        let at = crate::out::time(&replay.at);
        format!("  {at}  {}  {}  {}", visible(&replay.to), visible(&way(replay)), line(out, &replay.answer))
    };
    replays.iter().map(one).collect()
}
