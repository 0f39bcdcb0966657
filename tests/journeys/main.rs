//! Journeys: a desk and a sandbox over real HTTP, from the order to what the desk believes in the end.
//!
//! Each file is one kind of trouble, or none. What the command prints is tested in `command`.

mod api_rules;
mod backend;
mod callback_lost;
mod every_call;
mod forward;
mod forward_targets;
mod killed_in_a_storm;
mod merchant_api;
mod migration;
mod no_whole_answer;
mod not_genuine;
mod outside_scan;
mod pay_and_be_notified;
mod public_key_mode;
mod refund_after_timeout;
mod replay;
mod replay_many;
mod replay_sdk;
mod replayed_callback;
mod restart;
mod rotated_certificate;
mod sandbox_killed;
mod sdks;
mod several_appids;
mod snippets;
mod tunnel;
mod web_page;
