//! How a command ends when it doesn't end well: the exit status, and the problem that people and programs are told.

use crate::text::both;
use guitai_console::wire::{Bilingual, Problem};
use std::path::Path;
use wechatpay::error::FieldError;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub enum Failure {
    /// The arguments are wrong: exit 2.
    Usage(Problem),
    /// It did not work: exit 1.
    Refused(Problem),
    /// What was looked at is not valid, and the answer that says so is printed already: exit 1.
    NotValid,
}

/// What every command ends with.
pub type Done = Result<(), Failure>;

/// The code of a field rule that the caller's own words broke, in the whole desk.
pub const INVALID_FIELD: &str = "INVALID_FIELD";

impl Failure {
    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Refused(_) | Failure::NotValid => 1,
        }
    }

    /// Arguments that clash or lack something, which the parser could not see.
    pub fn usage(message: Bilingual, hint: Bilingual) -> Self {
        Failure::Usage(problem("USAGE", message, hint))
    }

    /// Something that did not work, with a code of the command's own.
    pub fn refused(code: &str, message: Bilingual, hint: Bilingual) -> Self {
        Failure::Refused(problem(code, message, hint))
    }

    /// A file that can't be used as what it was given for.
    pub fn file(path: &Path, reason: &dyn std::fmt::Display) -> Self {
        let path = path.display();
        Failure::refused(
            "FILE_UNUSABLE",
            both(format!("无法使用文件 {path}：{reason}"), format!("The file {path} can't be used: {reason}")),
            both("检查路径、权限和文件内容。", "Check the path, the permissions and what is in the file."),
        )
    }
}

/// A problem without further circumstances.
pub fn problem(code: &str, message: Bilingual, hint: Bilingual) -> Problem {
    Problem { code: code.to_owned(), message, why: None, hint, field: None, gateway: None }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        if problem.code == INVALID_FIELD { Failure::Usage(problem) } else { Failure::Refused(problem) }
    }
}

impl From<FieldError> for Failure {
    fn from(error: FieldError) -> Self {
        let mut problem = problem(
            INVALID_FIELD,
            both(
                format!("{} {}（收到：{}）", error.field, error.zh, error.value),
                format!("{} {} (got {:?})", error.field, error.en, error.value),
            ),
            both(
                "改正后再试；什么都没有发出，也没有保存。",
                "Mend it and try again; nothing was sent and nothing was kept.",
            ),
        );
        problem.field = Some(error.field);
        Failure::Usage(problem)
    }
}
