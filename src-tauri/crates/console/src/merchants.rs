//! Merchant profiles: who we are at WeChat Pay.
