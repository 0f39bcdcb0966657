//! `guitai scenario`: a file of steps played against a sandbox, for CI. `format` reads it, `run` plays it, `junit` reports it.

mod format;
#[cfg(test)]
mod fuzz;
mod junit;
mod run;

use crate::Context;
use crate::failure::{Done, Failure};
use crate::files;
use crate::out::{Out, Tone, visible};
use crate::stop::Stop;
use crate::text::{Language, both};
use clap::Args;
use format::Scenario;
use run::{Ended, Stand, StepEnd, StepResult};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Scenarios that come with the command, by name.
const SHIPPED: [(&str, &str); 5] = [
    ("happy-path", include_str!("../../../../../tests/scenarios/happy-path.json")),
    ("lost-callback", include_str!("../../../../../tests/scenarios/lost-callback.json")),
    ("retried-callback", include_str!("../../../../../tests/scenarios/retried-callback.json")),
    ("gateway-trouble", include_str!("../../../../../tests/scenarios/gateway-trouble.json")),
    ("forged-and-altered", include_str!("../../../../../tests/scenarios/forged-and-altered.json")),
];

/// The file, for people who write one; tests/scenarios/README.md says the same with more words.
pub const FORMAT: &str = "\
The file is JSON: {\"name\", \"description\"?, \"steps\": [{KIND: {FIELDS}}, …]}. What is not known is an error that \
names line, step and field. Amounts are yuan in quotes (\"12.50\"). \"order\" is \"order\" unless given. Kinds:

  order               amount, description, as?, payer?          an order, called by the name in `as`
  prepay              via (native|jsapi|app|h5), expect_error?  ask the gateway for a prepay
  pay                 outcome (SUCCESS|CANCEL|PAYERROR),        play the payer; with notify false
                      notify?                                   the callback is lost
  query, close        expect_error?                             ask for its state; close it
  refund              amount?, reason?, expect_error?           refund it, or what remains of it
  redeliver           event_type?, fault?                       its notification once more
  replay              as? (received|resigned), edit?, times?, at_once?, fault?, to?, expect_status?
  fault               api?, callback?                           as /_sandbox/faults, callback-faults
  advance             seconds                                   business time: retries, expiry
  wait                seconds                                   real time
  expect_callback     verdict?, event_type?, fields?, count?, within_s?
  expect_no_callback  for_s?
  assert_order        state?, found_by?, amount?, refunded?, callbacks?, within_s?
  assert_refund       status, amount?, within_s?

Example:
  guitai scenario --list
  guitai scenario lost-callback
  guitai scenario --show lost-callback > mine.json
  guitai scenario mine.json --report junit.xml
  guitai scenario mine.json --forward-to http://127.0.0.1:8080/notify

Exit status: 0 every step passed, 1 one did not, 2 a file or an argument is wrong.";

/// What `guitai scenario` takes.
#[derive(Debug, Args)]
pub struct ScenarioArgs {
    /// Files, or names of shipped scenarios; each is played on a desk of its own
    #[arg(value_name = "FILE", required_unless_present_any = ["list", "show"])]
    file: Vec<String>,
    /// List the shipped scenarios
    #[arg(long, conflicts_with_all = ["file", "show"])]
    list: bool,
    /// Print a shipped scenario, to write one of your own from it
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    show: Option<String>,
    /// Ready line of a running sandbox [default: one of its own]
    #[arg(long, value_name = "FILE")]
    sandbox: Option<PathBuf>,
    /// Pass what the listener accepts on to this backend: the one that is tested
    #[arg(long, value_name = "URL")]
    forward_to: Vec<String>,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE.xml")]
    report: Option<PathBuf>,
}

/// Plays them one after the other; exit 1 where a step failed.
pub async fn run(context: &Context, args: ScenarioArgs) -> Done {
    let out = &context.out;
    if args.list {
        return list(out);
    }
    if let Some(name) = &args.show {
        let (_, text) = shipped(name).ok_or_else(|| unknown(name))?;
        out.document(&serde_json::from_str::<Value>(text).unwrap_or(Value::Null), || text.to_owned());
        return Ok(());
    }
    // all are read before the first is played
    let scenarios = args.file.iter().map(|file| read(file)).collect::<Result<Vec<_>, _>>()?;
    let ready = args.sandbox.as_deref().map(files::read_sandbox).transpose()?;
    let mut stop = Stop::watch()?;
    let mut all: Vec<Ended> = Vec::new();
    for scenario in &scenarios {
        let ended = tokio::select! {
            ended = play(out, scenario, ready.clone(), &args.forward_to) => ended?,
            () = stop.asked() => {
                return Err(Failure::refused(
                    "INTERRUPTED",
                    both("剧本被中断。", "The scenario was interrupted."),
                    both("重新运行即可；什么都没有留下。", "Run it again; nothing is left behind."),
                ));
            }
        };
        all.push(ended);
    }
    if let Some(path) = &args.report {
        std::fs::write(path, junit::junit(&all)).map_err(|error| Failure::file(path, &error))?;
    }
    let ok = all.iter().all(|ended| ended.ok);
    out.document(&json!({ "ok": ok, "scenarios": all }), || all.iter().map(|ended| told(out, ended)).collect());
    if ok { Ok(()) } else { Err(Failure::NotValid) }
}

async fn play(out: &Out, scenario: &Scenario, ready: Option<Value>, forward_to: &[String]) -> Result<Ended, Failure> {
    let made = tempfile::Builder::new().prefix("guitai-scenario-").tempdir();
    let folder = made.map_err(|error| Failure::file(&std::env::temp_dir(), &error))?;
    let mut stand = Stand::open(folder.path(), ready, forward_to).await?;
    if !scenario.description.is_empty() {
        out.note(&visible(&format!("{}: {}", scenario.name, scenario.description)));
    }
    let total = scenario.steps.len();
    let ended = stand.play(scenario, |place, step| out.note(&step_line(out, place, total, step))).await;
    stand.close().await;
    Ok(ended)
}

/// A file, or a shipped scenario of that name where there is no such file.
fn read(file: &str) -> Result<Scenario, Failure> {
    let path = Path::new(file);
    let text = match shipped(file) {
        Some((_, text)) if !path.exists() => text.to_owned(),
        _ if !path.exists() && !file.contains(['.', '/', '\\']) => return Err(unknown(file)),
        _ => files::read_text(path)?,
    };
    format::parse(&text).map_err(|mistake| {
        let place = match (mistake.step, mistake.line) {
            (Some(step), line) => format!("第 {line} 行，第 {step} 步"),
            (None, line) => format!("第 {line} 行"),
        };
        let file = visible(file);
        let mut problem = crate::failure::problem(
            "SCENARIO_WRONG",
            both(
                format!("剧本 {file} {place}：{}", visible(&mistake.what)),
                format!("The scenario {file}, {}", visible(&mistake.to_string())),
            ),
            both(
                "改正后再试；guitai scenario --help 说明了格式。",
                "Mend it; guitai scenario --help says what may stand there.",
            ),
        );
        problem.field = Some(format!("line {}", mistake.line));
        Failure::Usage(problem)
    })
}

fn shipped(name: &str) -> Option<(&'static str, &'static str)> {
    SHIPPED.into_iter().find(|(known, _)| *known == name)
}

fn unknown(name: &str) -> Failure {
    let name = visible(name);
    Failure::usage(
        both(
            format!("没有名为 {name} 的剧本，也没有这个文件。"),
            format!("No shipped scenario and no file is called {name}."),
        ),
        both("用 guitai scenario --list 查看自带的剧本。", "See the shipped ones with guitai scenario --list."),
    )
}

fn list(out: &Out) -> Done {
    let all: Vec<Value> = SHIPPED
        .iter()
        .map(|(name, text)| {
            let read: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            let steps = read.get("steps").and_then(Value::as_array).map_or(0, Vec::len);
            json!({ "name": name, "description": read.get("description"), "steps": steps })
        })
        .collect();
    out.document(&json!({ "scenarios": all }), || {
        let line = |it: &Value| {
            let text = |name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{}\n    {}\n", out.paint(Tone::Strong, &text("name")), text("description"))
        };
        all.iter().map(line).collect()
    });
    Ok(())
}

fn step_line(out: &Out, place: usize, total: usize, step: &StepResult) -> String {
    let mark = match step.end {
        StepEnd::Passed => out.paint(Tone::Good, "✓"),
        StepEnd::Failed => out.paint(Tone::Bad, "✕"),
        StepEnd::Skipped => out.paint(Tone::Faint, "–"),
    };
    let message = step.message.as_deref().map(|text| format!("  {text}")).unwrap_or_default();
    format!("  {mark} {}/{total} {}  {} ms{message}", place + 1, step.step, step.elapsed_ms)
}

fn told(out: &Out, ended: &Ended) -> String {
    let passed = ended.steps.iter().filter(|step| step.end == StepEnd::Passed).count();
    let (mark, tone) = if ended.ok { ("✓", Tone::Good) } else { ("✕", Tone::Bad) };
    let name = visible(&ended.name);
    let (count, ms) = (ended.steps.len(), ended.elapsed_ms);
    let text = match out.language() {
        Language::Zh => format!("{mark} {name}：{count} 步中通过 {passed} 步，用时 {ms} 毫秒"),
        Language::En => format!("{mark} {name}: {passed} of {count} steps passed in {ms} ms"),
    };
    let mut text = format!("{}\n", out.paint(tone, &text));
    for step in ended.steps.iter().filter(|step| step.end == StepEnd::Failed) {
        text += &format!("    {}: {}\n", step.step, step.message.as_deref().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_ones_are_sound_and_called_by_their_names() {
        for (name, text) in SHIPPED {
            let scenario = format::parse(text).unwrap_or_else(|mistake| panic!("{name}: {mistake}"));
            assert_eq!(scenario.name, name);
            assert!(!scenario.description.is_empty(), "{name}");
        }
    }
}
