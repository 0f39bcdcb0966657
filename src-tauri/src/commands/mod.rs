//! One Tauri command a verb, by noun. A command takes the host, calls the verb and hands on what comes back: nothing is
//! decided here, and nothing that the page sends is a path, a URL or a query.

use tauri_specta::{Builder, collect_commands, collect_events};

pub mod api;
pub mod app;
pub mod bills;
pub mod callbacks;
pub mod certify;
pub mod combine;
pub mod exchanges;
pub mod forward;
pub mod lab;
pub mod listener;
pub mod merchants;
/// The list of commands, shared with the build script.
pub mod names;
pub mod orders;
pub mod papers;
pub mod phone;
pub mod refunds;
pub mod replay;
pub mod sandbox;
pub mod store;
pub mod tunnel;

/// All commands and events, typed; the source of `ui/src/backend/bindings.ts`.
#[must_use]
pub fn builder() -> Builder<tauri::Wry> {
    Builder::<tauri::Wry>::new()
        .commands(collect_commands![
            api::api_document,
            api::api_set,
            api::catalog_add,
            api::catalog_list,
            api::catalog_remove,
            app::app_state,
            app::copy_text,
            app::settings_set,
            app::voice_try,
            bills::bill_fetch,
            bills::bill_list,
            bills::bill_reconcile,
            bills::bill_record,
            callbacks::callback_apply,
            callbacks::callback_causes,
            callbacks::callback_export,
            callbacks::callback_lanes,
            callbacks::callback_list,
            callbacks::callback_show,
            certify::certify_past,
            certify::certify_save,
            certify::certify_start,
            certify::certify_state,
            certify::certify_stop,
            combine::combine_close,
            combine::combine_create,
            combine::combine_prepay,
            combine::combine_query,
            combine::combine_show,
            exchanges::exchange_list,
            exchanges::exchange_show,
            forward::forward_list,
            forward::forward_recover,
            forward::forward_target_add,
            forward::forward_target_list,
            forward::forward_target_pause,
            forward::forward_target_remove,
            lab::doctor_notification,
            lab::doctor_pay_params,
            lab::doctor_request,
            lab::exchange_find,
            lab::key_register,
            lab::merchant_rehearse,
            lab::verify_text,
            listener::listener_start,
            listener::listener_stop,
            merchants::merchant_add,
            merchants::merchant_add_from_sandbox,
            merchants::merchant_check,
            merchants::merchant_files,
            merchants::merchant_list,
            merchants::merchant_remove,
            merchants::merchant_show,
            merchants::merchant_update,
            merchants::merchant_use,
            merchants::vault_status,
            orders::order_close,
            orders::order_create,
            orders::order_look,
            orders::order_prepay,
            orders::order_query,
            orders::order_show,
            orders::order_totals,
            orders::overview,
            orders::pay_params,
            orders::test_order,
            papers::order_dossier_save,
            papers::order_export,
            papers::order_receipt,
            papers::order_receipt_save,
            phone::phone_pay,
            phone::phone_scan,
            refunds::order_refund,
            refunds::refund_query,
            refunds::refund_to_account,
            replay::callback_replays,
            replay::replay_count,
            replay::replay_start,
            replay::replay_state,
            replay::replay_stop,
            sandbox::sandbox_advance,
            sandbox::sandbox_callback_faults,
            sandbox::sandbox_clock,
            sandbox::sandbox_pace,
            sandbox::sandbox_faults,
            sandbox::sandbox_notifications,
            sandbox::sandbox_redeliver,
            sandbox::sandbox_requests,
            sandbox::sandbox_reset,
            sandbox::sandbox_set_callback_faults,
            sandbox::sandbox_set_faults,
            sandbox::sandbox_set_switches,
            sandbox::sandbox_switches,
            store::backup_list,
            store::backup_now,
            store::backup_restore,
            store::backup_status,
            store::health,
            store::log_folder_open,
            store::log_lines,
            store::store_doctor,
            tunnel::notify_url_check,
            tunnel::tunnel_start,
            tunnel::tunnel_state,
            tunnel::tunnel_stop,
        ])
        // JSON from outside (a decrypted resource, a bill) may hold any integer, and JSON.parse makes a number of it anyway;
        // our own amounts stay far below 2^53 fen.
        .dangerously_cast_bigints_to_number()
        .disable_serde_phases()
        .events(collect_events![crate::news::AppChanged, crate::news::DeskNews, crate::news::SandboxNews])
}

#[cfg(test)]
mod tests {
    use super::{builder, names::COMMANDS};
    use serde_json::{Value, json};
    use std::{env, fs};

    /// `make bindings` writes the file; everyone else only compares.
    #[test]
    fn bindings_are_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../ui/src/backend/bindings.ts");
        let exported = exported();
        if env::var_os("UPDATE_BINDINGS").is_some() {
            fs::write(path, &exported).expect("ui/src/backend/bindings.ts");
        }
        assert!(
            fs::read_to_string(path).unwrap_or_default() == exported,
            "ui/src/backend/bindings.ts is stale: make bindings"
        );
    }

    fn exported() -> String {
        let file = env::temp_dir().join(format!(
            "guitai-bindings-{}-{:?}.ts",
            std::process::id(),
            std::thread::current().id()
        ));
        builder()
            .export(specta_typescript::Typescript::default(), &file)
            .expect("every type can be written as TypeScript");
        let text = fs::read_to_string(&file).expect("what was just written");
        let _ = fs::remove_file(&file);
        text
    }

    /// A command that isn't in the list has no permission, and one in the list that isn't registered is a permission for nothing.
    #[test]
    fn the_list_is_what_is_registered() {
        let exported = exported();
        let mut called: Vec<&str> = exported
            .match_indices("__TAURI_INVOKE(")
            .filter_map(|(at, _)| exported[at..].split_once('"')?.1.split_once('"').map(|(name, _)| name))
            .collect();
        called.sort_unstable();
        called.dedup();
        assert_eq!(called, COMMANDS);
        assert!(COMMANDS.is_sorted());
    }

    /// The one capability, word for word: whoever grants more has to change this test and be reviewed.
    #[test]
    fn the_window_may_do_this_and_nothing_else() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/capabilities");
        let files: Vec<_> =
            fs::read_dir(folder).expect("capabilities/").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(files, ["main.json"]);
        let capability: Value =
            serde_json::from_str(&fs::read_to_string(format!("{folder}/main.json")).expect("main.json")).expect("JSON");
        let own = COMMANDS.iter().map(|name| format!("allow-{}", name.replace('_', "-")));
        let permissions: Vec<String> =
            ["core:event:allow-listen", "core:event:allow-unlisten"].map(String::from).into_iter().chain(own).collect();
        assert_eq!(
            capability,
            json!({
                "$schema": "../gen/schemas/desktop-schema.json",
                "identifier": "main",
                "description": capability["description"],
                "local": true,
                "windows": ["main"],
                "permissions": permissions,
            })
        );
    }

    #[test]
    fn the_page_is_locked_in() {
        let text = include_str!("../../tauri.conf.json");
        assert!(!text.contains("dangerous"), "a dangerous… switch is on");
        let config: Value = serde_json::from_str(text).expect("JSON");
        let app = &config["app"];
        assert_eq!(app["withGlobalTauri"], false);
        assert_eq!(app["security"]["freezePrototype"], true);
        assert_eq!(app["windows"].as_array().map(Vec::len), Some(1));
        assert_eq!(app["windows"][0]["create"], false, "the shell makes the window, with its navigation locked");
        let csp = app["security"]["csp"].as_object().expect("a CSP");
        for (directive, allowed) in csp {
            let allowed = allowed.as_str().expect("a text");
            for word in ["unsafe", "*", "https:", "blob:", "http://localhost"] {
                assert!(!allowed.contains(word), "{directive} allows {allowed}");
            }
        }
        for (directive, allowed) in [
            ("default-src", "'self'"),
            ("script-src", "'self'"),
            ("style-src", "'self'"),
            ("object-src", "'none'"),
            ("base-uri", "'none'"),
            ("form-action", "'none'"),
            ("frame-ancestors", "'none'"),
        ] {
            assert_eq!(csp[directive], allowed, "{directive}");
        }
    }

    /// The web inspector is for debug builds, where Tauri switches it on by itself.
    #[test]
    fn no_inspector_in_a_release() {
        for manifest in [include_str!("../../Cargo.toml"), include_str!("../../../Cargo.toml")] {
            assert!(!manifest.contains("devtools"));
        }
    }
}
