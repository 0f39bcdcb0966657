//! The optional fields of a prepay on the command line: one file with any of them, and an option for those that are often
//! needed. An option counts where the file says something else.

use crate::failure::Failure;
use crate::files;
use clap::Args;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use wechatpay::api::fields::PrepayFields;
use wechatpay::error::FieldError;

/// What an order may say when it is made.
#[derive(Debug, Args)]
pub struct OrderFields {
    /// JSON object with any other field of a prepay under WeChat Pay's names: detail, scene_info, …; `-` is stdin
    #[arg(long, value_name = "FILE.json")]
    fields: Option<PathBuf>,
    /// Deadline for paying, RFC 3339
    #[arg(long, value_name = "T")]
    time_expire: Option<String>,
    /// Coupon tag, at most 32 characters
    #[arg(long, value_name = "TAG", allow_hyphen_values = true)]
    goods_tag: Option<String>,
    /// Ways of paying that are not taken (no_balance, no_credit, no_debit) or balance_only; may be given several times
    #[arg(long, value_name = "WAY")]
    limit_pay: Vec<String>,
    /// Offer the payer an electronic invoice
    #[arg(long)]
    support_fapiao: bool,
    /// Freeze the money for profit sharing
    #[arg(long)]
    profit_sharing: bool,
}

/// What a combined order may say of the whole.
#[derive(Debug, Args)]
pub struct WholeFields {
    /// JSON object with time_expire and scene_info of the whole; `-` is stdin
    #[arg(long, value_name = "FILE.json")]
    fields: Option<PathBuf>,
    /// Deadline for paying, RFC 3339
    #[arg(long, value_name = "T")]
    time_expire: Option<String>,
}

/// What is known of the payer at the prepay.
#[derive(Debug, Args)]
pub struct SceneFields {
    /// JSON object with any other field of a prepay under WeChat Pay's names: detail, scene_info, …; `-` is stdin
    #[arg(long, value_name = "FILE.json")]
    fields: Option<PathBuf>,
    /// The payer's own IPv4 or IPv6 address (needed for H5, but for a sandbox's merchant)
    #[arg(long, value_name = "IP")]
    payer_client_ip: Option<String>,
    /// The shop's or device's number
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    device_id: Option<String>,
    /// What the H5 page runs on: Wap, iOS or Android [default: Wap]
    #[arg(long, value_name = "TYPE")]
    h5_type: Option<String>,
}

impl OrderFields {
    /// The fields as one object; none where nothing is said.
    pub fn read(self) -> Result<Option<Value>, Failure> {
        let mut said = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                said.insert(name.to_owned(), value);
            }
        };
        say("time_expire", self.time_expire.map(Value::from));
        say("goods_tag", self.goods_tag.map(Value::from));
        say("limit_pay", Some(Value::from(self.limit_pay.clone())).filter(|_| !self.limit_pay.is_empty()));
        say("support_fapiao", self.support_fapiao.then_some(Value::Bool(true)));
        say("settle_info", self.profit_sharing.then(|| json!({ "profit_sharing": true })));
        joined(self.fields.as_deref(), said)
    }
}

impl WholeFields {
    /// The fields as one object; none where nothing is said.
    pub fn read(self) -> Result<Option<Value>, Failure> {
        let mut said = Map::new();
        if let Some(at) = self.time_expire {
            said.insert("time_expire".to_owned(), at.into());
        }
        joined(self.fields.as_deref(), said)
    }
}

impl SceneFields {
    /// The fields as one object; none where nothing is said.
    pub fn read(self) -> Result<Option<Value>, Failure> {
        let mut scene = Map::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                scene.insert(name.to_owned(), value);
            }
        };
        say("payer_client_ip", self.payer_client_ip.map(Value::from));
        say("device_id", self.device_id.map(Value::from));
        say("h5_info", self.h5_type.map(|kind| json!({ "type": kind })));
        let mut said = Map::new();
        if !scene.is_empty() {
            said.insert("scene_info".to_owned(), Value::Object(scene));
        }
        joined(self.fields.as_deref(), said)
    }
}

/// What the file says, joined by what the options say.
fn joined(file: Option<&Path>, said: Map<String, Value>) -> Result<Option<Value>, Failure> {
    let of_file = match file {
        Some(path) => {
            let value = wechatpay::json::strict(&files::read(path)?).map_err(|error| {
                let why = format!("{}: {error}", path.display());
                FieldError::new(
                    "fields",
                    "json",
                    "",
                    format!("are not sound JSON: {why}"),
                    format!("不是合法的 JSON：{why}"),
                )
            })?;
            PrepayFields::parse(value)?
        }
        None => PrepayFields::default(),
    };
    let all = of_file.with(PrepayFields::parse(Value::Object(said))?);
    if all.is_empty() {
        return Ok(None);
    }
    serde_json::to_value(all)
        .map(Some)
        .map_err(|error| FieldError::new("fields", "json", "", error.to_string(), error.to_string()).into())
}
