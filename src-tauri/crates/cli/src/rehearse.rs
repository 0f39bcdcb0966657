//! `guitai merchant rehearse`: the change to the WeChat Pay public key, played at the sandbox. Here: how it looks.

use crate::Context;
use crate::desk;
use crate::failure::{Done, Failure};
use crate::out::{Out, Tone};
use guitai_console::wire::Bilingual;
use guitai_console::{KeySetup, MigrationStep, Rehearsal, RehearsedSetup};

/// Rehearses and prints what breaks; exit 1 where the merchant's own set-up does.
pub async fn run(context: &Context, name: Option<&str>) -> Done {
    let played = desk::with(context, async |console| Ok(console.merchant_rehearse(name).await?)).await?;
    context.out.document(&played, || people(&context.out, &played));
    if played.ok { Ok(()) } else { Err(Failure::NotValid) }
}

fn people(out: &Out, played: &Rehearsal) -> String {
    let say = |text: &Bilingual| out.pick(&text.zh, &text.en).to_owned();
    let mut text = String::new();
    for (at, step) in played.steps.iter().enumerate() {
        let name = match step.step {
            MigrationStep::Apply => out.pick("申请", "apply"),
            MigrationStep::Switch => out.pick("切换", "switch"),
            MigrationStep::Mixed => out.pick("灰度", "mixed"),
            MigrationStep::Retire => out.pick("停用", "retire"),
        };
        text += &format!("{}. {name}: {}\n", at + 1, say(&step.what));
        let told =
            [(out.pick("之前要做", "before it"), say(&step.before)), (out.pick("回退", "way back"), say(&step.back))];
        text += &out.facts(&told);
        for setup in &step.setups {
            text += &line(out, setup);
            for check in setup.checks.iter().filter(|check| !check.ok) {
                let why = check.why.as_ref().map(say).unwrap_or_default();
                text += &format!("      {} {}: {why}\n", out.paint(Tone::Bad, "✗"), check.name);
            }
        }
        text.push('\n');
    }
    text
}

fn line(out: &Out, setup: &RehearsedSetup) -> String {
    let name = match setup.setup {
        KeySetup::Certificates => out.pick("只有平台证书", "certificates only"),
        KeySetup::Both => out.pick("平台证书和公钥", "certificates and public key"),
        KeySetup::PublicKey => out.pick("只有公钥", "public key only"),
    };
    let mark = if setup.ok { out.paint(Tone::Good, "✓") } else { out.paint(Tone::Bad, "✗") };
    let yours = if setup.yours { out.pick("（你的配置）", " (your set-up)") } else { "" };
    format!("  {mark} {name}{yours}\n")
}
