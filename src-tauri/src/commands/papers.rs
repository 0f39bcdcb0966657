//! What leaves the window as a file: exports, receipts, dossiers. They go into `exports/` of the data folder: the page
//! names no path.

use crate::host::Host;
use crate::problem::problem;
use guitai_console::wire::{OrderFilter, Problem};
use guitai_console::{ExportFormat, PaperLanguage};
use std::io::Write as _;
use std::path::PathBuf;
use tauri::State;
use wechatpay::time::{Timestamp, beijing};

/// Writes the orders that `filter` lets through and says where.
#[tauri::command]
#[specta::specta]
pub async fn order_export(
    host: State<'_, Host>,
    m: Option<String>,
    filter: OrderFilter,
    format: ExportFormat,
) -> Result<String, Problem> {
    let console = host.console().await?;
    let path = place(&host, "orders", if format == ExportFormat::Csv { "csv" } else { "jsonl" })?;
    let failed = |error: &std::io::Error| not_written(&path, error);
    let part = path.with_extension("part");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&part).map_err(|error| failed(&error))?);
    let mut broken = None;
    let exported = console
        .order_export(m.as_deref(), filter, format, u32::MAX, |bytes| match file.write_all(bytes) {
            Ok(()) => true,
            Err(error) => {
                broken = Some(error);
                false
            }
        })
        .await;
    let written = match (exported, broken) {
        (Err(problem), _) => Err(problem),
        (_, Some(error)) => Err(failed(&error)),
        (Ok(_), None) => file.flush().and_then(|()| std::fs::rename(&part, &path)).map_err(|error| failed(&error)),
    };
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written.map(|()| path.display().to_string())
}

/// A receipt as text.
#[tauri::command]
#[specta::specta]
pub async fn order_receipt(
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
    language: PaperLanguage,
) -> Result<String, Problem> {
    host.console().await?.order_receipt(m.as_deref(), &out_trade_no, language).await
}

/// Writes the receipt as a page to print and says where.
#[tauri::command]
#[specta::specta]
pub async fn order_receipt_save(
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
    language: PaperLanguage,
) -> Result<String, Problem> {
    let page = host.console().await?.order_receipt_html(m.as_deref(), &out_trade_no, language).await?;
    let path = place(&host, "receipt", "html")?;
    std::fs::write(&path, page).map_err(|error| not_written(&path, &error))?;
    Ok(path.display().to_string())
}

/// Writes everything about an order for a developer, masked, and says where.
#[tauri::command]
#[specta::specta]
pub async fn order_dossier_save(
    host: State<'_, Host>,
    m: Option<String>,
    out_trade_no: String,
) -> Result<String, Problem> {
    let dossier = host.console().await?.order_dossier(m.as_deref(), &out_trade_no).await?;
    let path = place(&host, "dossier", "json")?;
    let text = serde_json::to_string_pretty(&dossier).unwrap_or_default();
    std::fs::write(&path, text).map_err(|error| not_written(&path, &error))?;
    Ok(path.display().to_string())
}

/// A new file's path, named by this second.
fn place(host: &Host, stem: &str, extension: &str) -> Result<PathBuf, Problem> {
    let folder = host.data_dir()?.join("exports");
    std::fs::create_dir_all(&folder).map_err(|error| not_written(&folder, &error))?;
    let second: String = beijing(Timestamp::now()).chars().take(19).filter(char::is_ascii_digit).collect();
    let named = |number: u32| match number {
        0 => folder.join(format!("{stem}-{second}.{extension}")),
        _ => folder.join(format!("{stem}-{second}-{number}.{extension}")),
    };
    Ok((0..1_000).map(named).find(|path| !path.exists()).unwrap_or_else(|| named(0)))
}

fn not_written(path: &std::path::Path, error: &std::io::Error) -> Problem {
    let (zh, en) = (format!("{}：{error}", path.display()), format!("{}: {error}", path.display()));
    problem(
        "EXPORT_NOT_WRITTEN",
        ("文件没有写成", "The file could not be written"),
        Some((&zh, &en)),
        ("检查磁盘空间和数据目录的权限", "Look at the disk's free space and the data folder's permissions"),
    )
}
