//! What came of scenarios, for CI: a test suite each, a test case a step.

use super::run::{Ended, StepEnd};

/// JUnit XML of all of them.
pub fn junit(all: &[Ended]) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for ended in all {
        let failed = ended.steps.iter().filter(|step| step.end == StepEnd::Failed).count();
        let skipped = ended.steps.iter().filter(|step| step.end == StepEnd::Skipped).count();
        out += &format!(
            "<testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\" time=\"{}\">\n",
            escaped(&ended.name),
            ended.steps.len(),
            seconds(ended.elapsed_ms)
        );
        for (place, step) in ended.steps.iter().enumerate() {
            out += &format!(
                "<testcase classname=\"guitai.scenario.{}\" name=\"{:02} {}\" time=\"{}\"",
                escaped(&ended.name),
                place + 1,
                escaped(step.step),
                seconds(step.elapsed_ms)
            );
            let said = escaped(step.message.as_deref().unwrap_or_default());
            out += &match step.end {
                StepEnd::Passed => "/>\n".to_owned(),
                StepEnd::Failed => format!("><failure message=\"{said}\">{said}</failure></testcase>\n"),
                StepEnd::Skipped => "><skipped message=\"an earlier step failed\"/></testcase>\n".to_owned(),
            };
        }
        out += "</testsuite>\n";
    }
    out + "</testsuites>\n"
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

/// As XML text or attribute; what XML 1.0 can't hold is shown as U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            other if other.is_control() => out.push('\u{FFFD}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::run::StepResult;
    use super::*;

    #[test]
    fn a_failure_is_told_and_nothing_of_it_is_markup() {
        let step = |step, end, message: Option<&str>| StepResult {
            step,
            end,
            elapsed_ms: 1_234,
            message: message.map(str::to_owned),
        };
        let ended = Ended {
            name: "a<b".to_owned(),
            ok: false,
            elapsed_ms: 5,
            steps: vec![
                step("order", StepEnd::Passed, None),
                step("pay", StepEnd::Failed, Some("no \"<x>\" & \u{1}")),
                step("wait", StepEnd::Skipped, None),
            ],
        };
        let xml = junit(&[ended]);
        for part in [
            "<testsuite name=\"a&lt;b\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\" time=\"0.005\">",
            "name=\"01 order\" time=\"1.234\"/>",
            "<failure message=\"no &quot;&lt;x&gt;&quot; &amp; \u{FFFD}\">",
            "<skipped ",
        ] {
            assert!(xml.contains(part), "{part} in {xml}");
        }
    }
}
