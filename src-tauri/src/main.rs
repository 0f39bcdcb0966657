//! The window's process: what has to hold before GTK is touched, then the shell. No logic lives here.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use guitai_desktop::{launch, shell};
use std::process::ExitCode;

fn main() -> ExitCode {
    guitai_console::without_core_dumps();
    let options = match launch::parse(std::env::args_os().skip(1)) {
        Ok(launch::Launch::Open(options)) => options,
        Ok(launch::Launch::Say(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(sentence) => return refuse(&sentence),
    };
    if !launch::has_display() {
        return refuse("no display: start it from a desktop session, or run the command instead: guitai demo");
    }
    launch::mend_locale();
    shell::run(options)
}

/// One sentence for a person, and the exit status of wrong arguments.
fn refuse(sentence: &str) -> ExitCode {
    eprintln!("guitai-desktop: {sentence}");
    ExitCode::from(2)
}
