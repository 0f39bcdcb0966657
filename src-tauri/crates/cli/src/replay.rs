//! `guitai callback replay`: kept deliveries sent again, and what came back.

use crate::Context;
use crate::callback::VerdictArg;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Out, Tone, visible};
use crate::stop::Stop;
use crate::text::{Language, both};
use clap::{Args, ValueEnum};
use guitai_console::wire::{CallbackFilter, Verdict};
use guitai_console::{
    Console, Replay, ReplayAnswer, ReplayBatch, ReplayForecast, ReplayInput, ReplayStep, ReplaySummary,
};
use serde::Serialize;
use std::path::PathBuf;

/// What `guitai callback replay` takes.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The deliveries' ids, sent in this order; or choose them with --verdict and --out-trade-no
    #[arg(value_name = "ID", required_unless_present_any = ["verdict", "out_trade_no"])]
    id: Vec<String>,
    /// Where it is sent: an http or https address
    #[arg(long, value_name = "URL")]
    to: String,
    /// As it was received, or signed anew with the sandbox's key [default: received; resigned for an edit or a fault that needs it]
    #[arg(long = "as", value_enum, value_name = "WAY")]
    way: Option<Way>,
    /// Decrypted content, a JSON object (- is stdin), to go out in place of what came: sealed and signed anew
    #[arg(long, value_name = "FILE")]
    edit: Option<PathBuf>,
    /// What is wrong with it on purpose
    #[arg(long, value_enum, value_name = "F")]
    fault: Option<FaultArg>,
    /// All deliveries of this verdict, oldest first
    #[arg(long, value_enum, value_name = "V", conflicts_with = "id")]
    verdict: Option<VerdictArg>,
    /// All deliveries of one order, oldest first
    #[arg(long, value_name = "N", conflicts_with = "id", allow_hyphen_values = true)]
    out_trade_no: Option<String>,
    /// Each so many times; 10,000 requests at most in all
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    times: u32,
    /// At the same moment (64 at most) instead of one after the other
    #[arg(long)]
    at_once: bool,
    /// Out of order
    #[arg(long)]
    shuffle: bool,
    /// The order of --shuffle: the same seed shuffles the same way
    #[arg(long, value_name = "N", requires = "shuffle")]
    seed: Option<u32>,
    /// Only say how many requests it would be, to where
    #[arg(long)]
    dry_run: bool,
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
    fn batch(self) -> Result<ReplayBatch, Failure> {
        let signs = |fault| !matches!(fault, FaultArg::Duplicate);
        if self.edit.is_some() && self.way == Some(Way::Received) {
            return Err(Failure::usage(
                both("改过内容的回调不能按原样重放。", "An edited delivery can't be sent as received."),
                both("去掉 --as received。", "Leave --as received out."),
            ));
        }
        let resigned = match self.way {
            Some(way) => way == Way::Resigned,
            None => self.fault.is_some_and(signs) || self.sandbox.is_some(),
        };
        let fault = self.fault.and_then(|fault| fault.to_possible_value()).map(|value| value.get_name().to_owned());
        let sandbox = self.sandbox.as_deref().map(files::read_sandbox).transpose()?;
        let edited = self.edit.as_deref().map(files::read_text).transpose()?;
        let filter = (self.verdict.is_some() || self.out_trade_no.is_some()).then(|| CallbackFilter {
            verdicts: self.verdict.map(Verdict::from).into_iter().collect(),
            out_trade_no: self.out_trade_no,
            ..CallbackFilter::default()
        });
        Ok(ReplayBatch {
            ids: self.id,
            filter,
            times: self.times,
            at_once: self.at_once,
            shuffle: self.shuffle,
            seed: self.seed,
            how: ReplayInput { to: self.to, resigned, edited, fault, sandbox, allow_private: self.allow_private },
        })
    }
}

/// Sends it and prints the answer (of several: a summary, with a line each on stderr as they are done); exit 1 where one
/// was not answered, or it was stopped.
pub async fn run(context: &Context, args: ReplayArgs) -> Done {
    let (dry_run, batch) = (args.dry_run, args.batch()?);
    let stop = Stop::watch()?;
    desk::with(context, async |console| send(context, console, batch, dry_run, &stop).await).await
}

async fn send(context: &Context, console: &Console, batch: ReplayBatch, dry_run: bool, stop: &Stop) -> Done {
    let out = &context.out;
    let single = batch.ids.len() == 1 && batch.times <= 1;
    let plan = console.replay_plan(context.merchant(), batch).await?;
    let forecast = plan.forecast().clone();
    if dry_run {
        out.document(&forecast, || foretold(out, &forecast));
        return Ok(());
    }
    out.note(out.language().say(&forecast.proves));
    if !single {
        out.note(&foretold(out, &forecast));
    }
    let mut steps = Vec::new();
    let summary = console
        .replay_run(plan, stop.receiver(), |step| {
            if !single {
                out.note(&step_line(out, step));
            }
            steps.push(step.clone());
        })
        .await?;
    if single {
        let Some(step) = steps.into_iter().next() else { return Err(Failure::NotValid) };
        if let Some(problem) = step.problem {
            return Err(problem.into());
        }
        let Some(answer) = step.answer else { return Err(Failure::NotValid) };
        out.document(&answer, || text(out, &answer));
        return if answer.status.is_some() { Ok(()) } else { Err(Failure::NotValid) };
    }
    let whole = summary.sent == summary.requests && summary.unanswered == 0;
    out.document(&Summed { summary: &summary, answers: steps.iter().map(Brief::of).collect() }, || {
        summed(out, &summary)
    });
    if whole { Ok(()) } else { Err(Failure::NotValid) }
}

/// What came of several.
#[derive(Serialize)]
struct Summed<'a> {
    #[serde(flatten)]
    summary: &'a ReplaySummary,
    answers: Vec<Brief<'a>>,
}

/// One of several; the whole answer is kept with its delivery (`callback show`).
#[derive(Serialize)]
struct Brief<'a> {
    id: &'a str,
    status: Option<u16>,
    latency_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> Brief<'a> {
    fn of(step: &'a ReplayStep) -> Self {
        let answer = step.answer.as_ref();
        let refused = step.problem.as_ref().map(|problem| problem.code.as_str());
        Brief {
            id: &step.id,
            status: answer.and_then(|answer| answer.status),
            latency_ms: answer.map(|answer| answer.latency_ms),
            error: answer.and_then(|answer| answer.error.as_deref()).or(refused),
        }
    }
}

fn foretold(out: &Out, forecast: &ReplayForecast) -> String {
    let ReplayForecast { deliveries, requests, .. } = forecast;
    let to = visible(&forecast.to);
    let seed = forecast.seed.map(|seed| format!(" (--shuffle --seed {seed})")).unwrap_or_default();
    match out.language() {
        Language::Zh => format!("{deliveries} 条回调，共 {requests} 个请求，发往 {to}{seed}"),
        Language::En => format!("{deliveries} deliveries, {requests} requests to {to}{seed}"),
    }
}

fn step_line(out: &Out, step: &ReplayStep) -> String {
    let said = match (&step.answer, &step.problem) {
        (Some(answer), _) => line(out, answer).trim_end().to_owned(),
        (None, Some(problem)) => out.paint(Tone::Bad, &visible(out.language().say(&problem.message))),
        (None, None) => String::new(),
    };
    format!("{}/{}  {}  {said}", step.done, step.total, visible(&step.id))
}

fn summed(out: &Out, summary: &ReplaySummary) -> String {
    let ReplaySummary { requests, sent, accepted, refused, unanswered, not_sent, longest_ms, .. } = summary;
    let mut text = match out.language() {
        Language::Zh => format!(
            "已发送 {sent}/{requests}：2xx {accepted}，其他应答 {refused}，没有应答 {unanswered}，未能发送 {not_sent}；最慢 {longest_ms} 毫秒\n"
        ),
        Language::En => format!(
            "{sent} of {requests} sent: {accepted} answered 2xx, {refused} otherwise, {unanswered} not at all, {not_sent} could not be made; the slowest {longest_ms} ms\n"
        ),
    };
    if summary.stopped {
        text += out.pick("已停止，其余没有发送。\n", "Stopped; the rest was not sent.\n");
    }
    text
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
    let way = |replay: &Replay| match (&replay.fault, replay.edited, replay.resigned) {
        (Some(fault), ..) => fault.clone(),
        (None, true, _) => "edited".to_owned(),
        (None, false, true) => "resigned".to_owned(),
        (None, false, false) => "received".to_owned(),
    };
    let one = |replay: &Replay| {
        let at = crate::out::time(&replay.at);
        format!("  {at}  {}  {}  {}", visible(&replay.to), visible(&way(replay)), line(out, &replay.answer))
    };
    replays.iter().map(one).collect()
}
