//! The signature doctor's word on a request whose signature was refused.

use guitai_door::Request;

use crate::gateway::Refused;
use crate::office::Office;

/// The slug of what the doctor found, if the request was refused for its signature.
pub(crate) fn of(_office: &Office, _request: &Request, _refused: &Refused) -> Option<String> {
    None
}
