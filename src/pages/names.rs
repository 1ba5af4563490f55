//! What somebody typed as the name of a person: an e-mail address, or an account elsewhere as they see it in their browser.

use crate::service::{Identifier, IdentifierKind, ServiceError};
use crate::web::problem::Problem;

/// Whose pages are of which source; of any other host it is a server of the fediverse.
const HOSTS: [(&str, &str); 5] = [
    ("github.com", "github"),
    ("x.com", "x"),
    ("twitter.com", "x"),
    ("bsky.app", "bluesky"),
    ("www.github.com", "github"),
];

/// Reads an address or an account.
///
/// # Errors
/// For what is neither, naming the field.
pub(super) fn identifier(text: &str) -> Result<Identifier, Problem> {
    let (kind, text) = read(text.trim());
    Ok(Identifier::parse(kind, &text).map_err(ServiceError::from)?)
}

fn read(text: &str) -> (IdentifierKind, String) {
    let web = text.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"));
    if let Some((_, rest)) = web {
        let host = rest.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let source = HOSTS.iter().find(|(known, _)| *known == host).map_or("activitypub", |(_, source)| source);
        return (IdentifierKind::Handle, format!("{source}:{text}"));
    }
    if let Some((name, host)) = text.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
        return (IdentifierKind::Handle, format!("activitypub:https://{host}/@{name}"));
    }
    let has_source = text.split_once(':').is_some_and(|(source, _)| !source.contains(['@', ' ']));
    if has_source { (IdentifierKind::Handle, text.to_owned()) } else { (IdentifierKind::Email, text.to_owned()) }
}

/// An e-mail address: a code can be mailed to nothing else.
///
/// # Errors
/// For anything else, naming the field.
pub(super) fn address(text: &str) -> Result<Identifier, Problem> {
    Ok(Identifier::parse(IdentifierKind::Email, text.trim()).map_err(ServiceError::from)?)
}
