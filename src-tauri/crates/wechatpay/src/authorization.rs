//! The `Authorization` header taken apart, as the gateway does: any order of the five items, nothing else (reference 2.4).

use crate::sign::SCHEME;

/// The five items of the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Merchant number.
    pub mchid: String,
    /// At most 32 characters.
    pub nonce_str: String,
    /// Base64.
    pub signature: String,
    /// Unix seconds, in digits.
    pub timestamp: String,
    /// Serial of the merchant certificate.
    pub serial_no: String,
}

/// Why a header can't be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizationError {
    /// Another scheme, or none.
    #[error("the scheme is not WECHATPAY2-SHA256-RSA2048")]
    Scheme,
    /// Not five items `name="value"` separated by commas.
    #[error("the header is not five items name=\"value\" separated by commas")]
    Format,
    /// One of the five is missing, or twice there.
    #[error("an item is missing, doubled or unknown")]
    Items,
}

impl Authorization {
    /// Reads the header's value.
    ///
    /// # Errors
    /// Scheme, format, or one of the five items.
    pub fn parse(value: &str) -> Result<Self, AuthorizationError> {
        let rest = value.strip_prefix(SCHEME).ok_or(AuthorizationError::Scheme)?;
        let items = rest.strip_prefix(' ').ok_or(AuthorizationError::Format)?;
        let mut found: [Option<String>; 5] = Default::default();
        const NAMES: [&str; 5] = ["mchid", "nonce_str", "signature", "timestamp", "serial_no"];
        for item in items.split(',') {
            let (name, quoted) = item.split_once('=').ok_or(AuthorizationError::Format)?;
            let text = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).ok_or(AuthorizationError::Format)?;
            if text.contains('"') {
                return Err(AuthorizationError::Format);
            }
            let place = NAMES.iter().position(|n| *n == name.trim_start()).ok_or(AuthorizationError::Items)?;
            match found.get_mut(place) {
                Some(slot @ None) => *slot = Some(text.to_owned()),
                _ => return Err(AuthorizationError::Items),
            }
        }
        let [Some(mchid), Some(nonce_str), Some(signature), Some(timestamp), Some(serial_no)] = found else {
            return Err(AuthorizationError::Items);
        };
        Ok(Authorization { mchid, nonce_str, signature, timestamp, serial_no })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_is_read_and_nothing_else() {
        let orders = [
            "mchid=\"1\",nonce_str=\"n\",timestamp=\"2\",serial_no=\"AB\",signature=\"a+/=\"",
            "mchid=\"1\",serial_no=\"AB\",timestamp=\"2\",nonce_str=\"n\",signature=\"a+/=\"",
            "mchid=\"1\",nonce_str=\"n\",signature=\"a+/=\",timestamp=\"2\",serial_no=\"AB\"",
        ];
        for items in orders {
            let read = Authorization::parse(&format!("{SCHEME} {items}")).unwrap();
            assert_eq!((read.signature.as_str(), read.serial_no.as_str()), ("a+/=", "AB"));
        }
    }

    #[test]
    fn what_is_malformed_is_told_apart() {
        let good = "mchid=\"1\",nonce_str=\"n\",signature=\"s\",timestamp=\"2\",serial_no=\"AB\"";
        for (value, error) in [
            (format!("Bearer {good}"), AuthorizationError::Scheme),
            (String::new(), AuthorizationError::Scheme),
            (format!("{SCHEME}{good}"), AuthorizationError::Format),
            (format!("{SCHEME} {}", good.replace('"', "'")), AuthorizationError::Format),
            (format!("{SCHEME} {}", good.replace("mchid", "mch_id")), AuthorizationError::Items),
            (format!("{SCHEME} {good},mchid=\"2\""), AuthorizationError::Items),
            (format!("{SCHEME} mchid=\"1\""), AuthorizationError::Items),
        ] {
            assert_eq!(Authorization::parse(&value), Err(error), "{value}");
        }
    }
}
