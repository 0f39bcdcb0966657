//! What can go wrong with the store, told apart by what somebody can do about it.

use crate::wire::{Bilingual, Problem};
use std::path::PathBuf;

/// A failure of the store. Nothing of the failed work was kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreError {
    /// More work waits than the queue holds (8,192 jobs): come again later.
    #[error("the store's queue is full")]
    Busy,
    /// Another process kept the store locked for longer than we may wait.
    #[error("the store is locked by another process")]
    Locked,
    /// No room left on the disk.
    #[error("the disk is full")]
    DiskFull,
    /// The data folder or the file can't be written.
    #[error("{} can't be written: {reason}", path.display())]
    NotWritable {
        /// Folder or file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A newer version of the program wrote this file; it was not touched.
    #[error("the store has schema version {found}, this program knows {known}")]
    Newer {
        /// `user_version` of the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The file is a database of something else, or no database at all.
    #[error("{} is not a store of this program", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// A uniqueness rule refused a row.
    #[error("such a row exists already: {0}")]
    Exists(String),
    /// Anything else SQLite said.
    #[error("the store failed: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode as Code;
        match &error {
            rusqlite::Error::SqliteFailure(failure, message) => {
                let said = message.clone().unwrap_or_else(|| failure.to_string());
                // SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE
                if matches!(failure.extended_code, 1555 | 2067) {
                    return StoreError::Exists(said);
                }
                match failure.code {
                    Code::DatabaseBusy | Code::DatabaseLocked => StoreError::Locked,
                    Code::DiskFull => StoreError::DiskFull,
                    Code::ReadOnly | Code::PermissionDenied | Code::CannotOpen => {
                        StoreError::NotWritable { path: PathBuf::new(), reason: said }
                    }
                    Code::DatabaseCorrupt | Code::NotADatabase => StoreError::Damaged(said),
                    _ => StoreError::Other(said),
                }
            }
            _ => StoreError::Other(error.to_string()),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let text = |zh: &str, en: &str| Bilingual { zh: zh.to_owned(), en: en.to_owned() };
        let (code, message, why, hint) = match &error {
            StoreError::Busy => (
                "STORE_BUSY",
                text("数据正在写入，排队已满，这次没有保存。", "The store is busy; this was not saved."),
                None,
                text("请稍后再试。", "Try again in a moment."),
            ),
            StoreError::Locked => (
                "STORE_LOCKED",
                text(
                    "数据文件正被另一个程序占用，这次没有保存。",
                    "Another process keeps the store locked; this was not saved.",
                ),
                None,
                text(
                    "等另一个窗口或命令完成后再试。",
                    "Wait for the other window or command to finish, then try again.",
                ),
            ),
            StoreError::DiskFull => (
                "DISK_FULL",
                text("磁盘已满，这次没有保存。", "The disk is full; this was not saved."),
                Some(text("数据文件所在的磁盘没有剩余空间。", "There is no room left where the store lives.")),
                text(
                    "腾出磁盘空间后再试；微信支付会重新发送未应答的回调。",
                    "Free some space and try again; WeChat Pay sends unanswered callbacks again.",
                ),
            ),
            StoreError::NotWritable { path, reason } => {
                let place = path.display();
                (
                    "DATA_DIR_NOT_WRITABLE",
                    text(&format!("无法写入数据目录 {place}。"), &format!("The data folder {place} can't be written.")),
                    Some(text(&format!("系统返回：{reason}"), &format!("The system says: {reason}"))),
                    text(
                        "检查目录的权限和所有者，或用 --data-dir 换一个目录。",
                        "Check the folder's permissions and owner, or choose another with --data-dir.",
                    ),
                )
            }
            StoreError::Newer { found, known } => (
                "STORE_NEWER",
                text(
                    &format!("数据文件由更新版本的程序写入（版本 {found}，本程序最高支持 {known}），未作任何改动。"),
                    &format!(
                        "A newer version of the program wrote this store (schema {found}, this one knows {known}); it was not touched."
                    ),
                ),
                None,
                text(
                    "请升级程序，或用 --data-dir 换一个目录。",
                    "Update the program, or choose another folder with --data-dir.",
                ),
            ),
            StoreError::Foreign { path } => (
                "STORE_FOREIGN",
                text(
                    &format!("{} 不是本程序的数据文件，未作任何改动。", path.display()),
                    &format!("{} is not a store of this program; it was not touched.", path.display()),
                ),
                None,
                text(
                    "移走该文件，或用 --data-dir 换一个目录。",
                    "Move that file away, or choose another folder with --data-dir.",
                ),
            ),
            StoreError::Damaged(said) => (
                "STORE_DAMAGED",
                text("数据文件已损坏。", "The store is damaged."),
                Some(text(&format!("SQLite 返回：{said}"), &format!("SQLite says: {said}"))),
                text(
                    "保留该文件不要删除，用最近的备份恢复，再查询未完成的订单。",
                    "Keep the file, restore the newest backup, then query the open orders.",
                ),
            ),
            StoreError::Closed => (
                "STORE_CLOSED",
                text("程序正在退出，这次没有保存。", "The desk is closing; this was not saved."),
                None,
                text("重新打开程序后再试。", "Open it again and retry."),
            ),
            StoreError::Exists(_) => (
                "ALREADY_EXISTS",
                text("相同编号的记录已存在。", "A record with this number exists already."),
                None,
                text("换一个编号，或打开已有的记录。", "Use another number, or open the one that is there."),
            ),
            StoreError::Other(said) => (
                "STORE_FAILED",
                text("读写数据文件失败，这次没有保存。", "Reading or writing the store failed; this was not saved."),
                Some(text(&format!("SQLite 返回：{said}"), &format!("SQLite says: {said}"))),
                text(
                    "请重试；若反复出现，请检查磁盘并保留数据文件。",
                    "Try again; if it comes back, check the disk and keep the data file.",
                ),
            ),
        };
        Problem { code: code.to_owned(), message, why, hint, field: None, gateway: None }
    }
}
