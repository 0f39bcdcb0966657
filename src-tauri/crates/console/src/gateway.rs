//! The only place that sends to WeChat Pay.
