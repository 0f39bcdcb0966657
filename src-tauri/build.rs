//! Builds the UI when its sources are newer than what lies in `ui/dist`, and tells Tauri which commands exist, so that each
//! has a permission of its own and a window can call only those that its capability names.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use std::{env, fs};

mod names {
    include!("src/commands/names.rs");
}

/// What a UI build reads; a change in one of them makes a new build.
const UI_INPUTS: [&str; 8] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "svelte.config.js",
    "tsconfig.json",
];

fn main() {
    build_ui();
    println!("cargo:rerun-if-changed=src/commands/names.rs");
    let commands = tauri_build::AppManifest::new().commands(names::COMMANDS);
    tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)).expect("tauri-build");
}

fn build_ui() {
    let ui = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../ui");
    let inputs: Vec<PathBuf> = UI_INPUTS.iter().map(|name| ui.join(name)).filter(|path| path.exists()).collect();
    for path in &inputs {
        // Only what exists: a path that doesn't would run this script on every build.
        println!("cargo:rerun-if-changed={}", path.display());
    }
    let dist = ui.join("dist/index.html");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-env-changed=SKIP_UI_BUILD");

    if env::var_os("SKIP_UI_BUILD").is_some() {
        if !dist.exists() {
            placeholder(&dist);
        }
        return;
    }
    let newest_input = inputs.iter().map(|path| newest(path)).max().unwrap_or(SystemTime::UNIX_EPOCH);
    if modified(&dist) >= newest_input {
        return;
    }
    if modified(&ui.join("node_modules/.package-lock.json")) < modified(&ui.join("package-lock.json")) {
        run(Command::new("npm").args(["install", "--no-audit", "--no-fund"]).current_dir(&ui));
    }
    run(Command::new("npm").args(["run", "build"]).current_dir(&ui));
}

/// `generate_context!` needs the folder even where nobody looks at the page (bindings, lints). The page is dated back so
/// that the next real build doesn't take it for the UI.
fn placeholder(dist: &Path) {
    let folder = dist.parent().expect("dist/index.html has a parent");
    fs::create_dir_all(folder).expect("ui/dist");
    fs::write(dist, "<!doctype html><title>The UI is not built</title>").expect("ui/dist/index.html");
    let file = fs::File::options().write(true).open(dist).expect("ui/dist/index.html");
    file.set_modified(SystemTime::UNIX_EPOCH).expect("date of ui/dist/index.html");
}

fn run(command: &mut Command) {
    let out = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error} (Node.js 20 or newer brings npm: https://nodejs.org)"));
    if !out.status.success() {
        panic!("{command:?}\n{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    }
}

fn modified(path: &Path) -> SystemTime {
    fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn newest(path: &Path) -> SystemTime {
    fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .fold(modified(path), |latest, entry| latest.max(newest(&entry.path())))
}
