//! The causes that the doctor tells apart. A slug is a promise: never renamed, only added to.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! causes {
    ($($name:ident = $slug:literal,)*) => {
        /// What was done wrong. [`slug`](Cause::slug) names it for programs, the diagnosis explains it for people.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is explained in texts.rs")]
        pub enum Cause {
            $($name,)*
        }

        impl Cause {
            /// All of them.
            pub const ALL: &'static [Cause] = &[$(Cause::$name,)*];

            /// Its name in JSON.
            pub fn slug(self) -> &'static str {
                match self {
                    $(Cause::$name => $slug,)*
                }
            }
        }
    };
}

causes! {
    FinalNewlineMissing = "final_newline_missing",
    BodyLineMissing = "body_line_missing",
    LineEndingsCrlf = "line_endings_crlf",
    LiteralBackslashN = "literal_backslash_n",
    FieldOrderWrong = "field_order_wrong",
    MethodDiffers = "method_differs",
    UrlFullSigned = "url_full_signed",
    UrlSlashesDiffer = "url_slashes_differ",
    UrlVersionPrefixMissing = "url_version_prefix_missing",
    QueryMissing = "query_missing",
    QueryOrderDiffers = "query_order_differs",
    UrlEncodingDiffers = "url_encoding_differs",
    PathPlaceholderSigned = "path_placeholder_signed",
    TimestampDiffers = "timestamp_differs",
    TimestampMilliseconds = "timestamp_milliseconds",
    TimestampStale = "timestamp_stale",
    NonceMalformed = "nonce_malformed",
    BodySignedEmpty = "body_signed_empty",
    GetSignedWithBody = "get_signed_with_body",
    BodyJsonSpacing = "body_json_spacing",
    BodyJsonKeyOrder = "body_json_key_order",
    BodyJsonNumberForm = "body_json_number_form",
    BodyJsonUnicodeEscapes = "body_json_unicode_escapes",
    BodyJsonSlashEscapes = "body_json_slash_escapes",
    BodyObjectString = "body_object_string",
    BodyOuterWhitespace = "body_outer_whitespace",
    BodyBom = "body_bom",
    BodyCharsetWrong = "body_charset_wrong",
    UploadMultipartSigned = "upload_multipart_signed",
    UploadMetaHashWrong = "upload_meta_hash_wrong",
    AuthorizationSchemeWrong = "authorization_scheme_wrong",
    AuthorizationFormatWrong = "authorization_format_wrong",
    AuthorizationFieldMissing = "authorization_field_missing",
    FieldWhitespace = "field_whitespace",
    SignatureHex = "signature_hex",
    SignatureBase64url = "signature_base64url",
    SignatureLineBreaks = "signature_line_breaks",
    SignatureUrlEncoded = "signature_url_encoded",
    SignatureTruncated = "signature_truncated",
    SymmetricSignature = "symmetric_signature",
    PaddingPss = "padding_pss",
    DigestWrong = "digest_wrong",
    DigestMisapplied = "digest_misapplied",
    SerialFormatWrong = "serial_format_wrong",
    SerialIsPublicKeyId = "serial_is_public_key_id",
    SerialMismatch = "serial_mismatch",
    CertificateExpired = "certificate_expired",
    MchidMismatch = "mchid_mismatch",
    KeyFileWrongKind = "key_file_wrong_kind",
    KeyFileMangled = "key_file_mangled",
    KeyMismatch = "key_mismatch",
    SignStringUnexplained = "sign_string_unexplained",
    BodyV2Xml = "body_v2_xml",
    HeaderMissing = "header_missing",
    HeadersMixedUp = "headers_mixed_up",
    SignatureProbe = "signature_probe",
    MerchantCertificateUsed = "merchant_certificate_used",
    PublicKeyModeMismatch = "public_key_mode_mismatch",
    PublicKeyIdWrong = "public_key_id_wrong",
    SerialUnknown = "serial_unknown",
    BodyEmpty = "body_empty",
    BodyTruncated = "body_truncated",
    BodyKeysRenamed = "body_keys_renamed",
    BodyLogEscaped = "body_log_escaped",
    ApiV3KeyMalformed = "api_v3_key_malformed",
    ResourceMalformed = "resource_malformed",
    ResourceAadWrong = "resource_aad_wrong",
    ApiV3KeyWrong = "api_v3_key_wrong",
    PrepayPrefixWrong = "prepay_prefix_wrong",
    PackageWrong = "package_wrong",
    AppidDiffers = "appid_differs",
    SignTypeWrong = "sign_type_wrong",
    TimestampTypeWrong = "timestamp_type_wrong",
    ParamMissing = "param_missing",
    V2StyleString = "v2_style_string",
}

impl Cause {
    /// The cause with this slug.
    pub fn from_slug(slug: &str) -> Option<Cause> {
        Cause::ALL.iter().copied().find(|cause| cause.slug() == slug)
    }

    /// In the order in which `doctor request` names them.
    pub(super) const REQUEST: &'static [Cause] = &[
        Cause::FinalNewlineMissing,
        Cause::BodyLineMissing,
        Cause::LineEndingsCrlf,
        Cause::LiteralBackslashN,
        Cause::FieldOrderWrong,
        Cause::MethodDiffers,
        Cause::UrlFullSigned,
        Cause::UrlSlashesDiffer,
        Cause::UrlVersionPrefixMissing,
        Cause::QueryMissing,
        Cause::QueryOrderDiffers,
        Cause::UrlEncodingDiffers,
        Cause::PathPlaceholderSigned,
        Cause::TimestampDiffers,
        Cause::TimestampMilliseconds,
        Cause::TimestampStale,
        Cause::NonceMalformed,
        Cause::BodySignedEmpty,
        Cause::GetSignedWithBody,
        Cause::BodyJsonSpacing,
        Cause::BodyJsonKeyOrder,
        Cause::BodyJsonNumberForm,
        Cause::BodyJsonUnicodeEscapes,
        Cause::BodyJsonSlashEscapes,
        Cause::BodyObjectString,
        Cause::BodyOuterWhitespace,
        Cause::BodyBom,
        Cause::BodyCharsetWrong,
        Cause::UploadMultipartSigned,
        Cause::UploadMetaHashWrong,
        Cause::AuthorizationSchemeWrong,
        Cause::AuthorizationFormatWrong,
        Cause::AuthorizationFieldMissing,
        Cause::FieldWhitespace,
        Cause::SignatureHex,
        Cause::SignatureBase64url,
        Cause::SignatureLineBreaks,
        Cause::SignatureUrlEncoded,
        Cause::SignatureTruncated,
        Cause::SymmetricSignature,
        Cause::PaddingPss,
        Cause::DigestWrong,
        Cause::DigestMisapplied,
        Cause::SerialFormatWrong,
        Cause::SerialIsPublicKeyId,
        Cause::SerialMismatch,
        Cause::CertificateExpired,
        Cause::MchidMismatch,
        Cause::KeyFileWrongKind,
        Cause::KeyFileMangled,
        Cause::KeyMismatch,
        Cause::SignStringUnexplained,
    ];

    /// In the order in which `doctor notification` names them.
    pub(super) const NOTIFICATION: &'static [Cause] = &[
        Cause::BodyV2Xml,
        Cause::HeaderMissing,
        Cause::HeadersMixedUp,
        Cause::SignatureProbe,
        Cause::TimestampStale,
        Cause::MerchantCertificateUsed,
        Cause::PublicKeyModeMismatch,
        Cause::PublicKeyIdWrong,
        Cause::SerialUnknown,
        Cause::SerialMismatch,
        Cause::CertificateExpired,
        Cause::BodyEmpty,
        Cause::BodyTruncated,
        Cause::BodyJsonSpacing,
        Cause::BodyJsonKeyOrder,
        Cause::BodyJsonUnicodeEscapes,
        Cause::BodyJsonSlashEscapes,
        Cause::BodyObjectString,
        Cause::BodyOuterWhitespace,
        Cause::BodyBom,
        Cause::BodyCharsetWrong,
        Cause::BodyKeysRenamed,
        Cause::BodyLogEscaped,
        Cause::SignatureUrlEncoded,
        Cause::SignatureTruncated,
        Cause::KeyMismatch,
        Cause::SignStringUnexplained,
        Cause::ApiV3KeyMalformed,
        Cause::ResourceMalformed,
        Cause::ResourceAadWrong,
        Cause::ApiV3KeyWrong,
    ];

    /// In the order in which `doctor pay-params` names them.
    pub(super) const PAY_PARAMS: &'static [Cause] = &[
        Cause::FinalNewlineMissing,
        Cause::LineEndingsCrlf,
        Cause::LiteralBackslashN,
        Cause::FieldOrderWrong,
        Cause::PrepayPrefixWrong,
        Cause::PackageWrong,
        Cause::AppidDiffers,
        Cause::SignTypeWrong,
        Cause::TimestampTypeWrong,
        Cause::TimestampDiffers,
        Cause::TimestampMilliseconds,
        Cause::ParamMissing,
        Cause::V2StyleString,
        Cause::SignatureHex,
        Cause::SignatureBase64url,
        Cause::SignatureLineBreaks,
        Cause::SignatureUrlEncoded,
        Cause::SignatureTruncated,
        Cause::SymmetricSignature,
        Cause::PaddingPss,
        Cause::DigestWrong,
        Cause::DigestMisapplied,
        Cause::KeyFileWrongKind,
        Cause::KeyFileMangled,
        Cause::KeyMismatch,
        Cause::SignStringUnexplained,
    ];
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}
