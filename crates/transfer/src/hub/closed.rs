//! Why a hub does not let a caller in, and what to do about it.

use reqwest::header::HeaderMap;

/// Where the hub says why not: a word for programs, and a sentence.
pub(super) const ERROR_CODE: &str = "x-error-code";
const ERROR_MESSAGE: &str = "x-error-message";

/// The reason behind an answer of 401 or 403, as it continues "hf_model owner/name cannot be used: …". A hub says
/// "unauthorized" of what does not exist, too, so that nobody learns the names of private models.
pub(super) fn closed(headers: &HeaderMap, has_token: bool) -> &'static str {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text(ERROR_CODE), text(ERROR_MESSAGE)) {
        (_, Some("Access to this resource is disabled.")) => "the hub has closed it to everyone; choose another model",
        (Some("GatedRepo"), _) if has_token => {
            "hf_token has no access to it; accept its terms on the model's page first"
        }
        (Some("GatedRepo"), _) => "it asks for acceptance of its terms; accept them on its page and give hf_token",
        (_, Some("Invalid credentials in Authorization header")) => {
            "the hub does not know this hf_token; make a new access token that may read, and give it as hf_token"
        }
        _ if has_token => "it does not exist, or hf_token may not read it; check the name and the token",
        _ => "it does not exist or is private; check the name, and give hf_token if it is private",
    }
}
