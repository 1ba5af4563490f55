//! E-mail addresses and handles in one form, so that one person's spelling finds what was kept under another.
//!
//! Local parts and user names follow PRECIS `UsernameCaseMapped` (RFC 8265), domains strict UTS 46 (non-transitional).
//! What those refuse is refused here too, with the reason: quoted local parts, spaces, address literals, emoji. No
//! provider's own rules are applied (dots, `+tag`): two addresses are one only where every mail server agrees, but for
//! the case of letters. Each accepted form is its own normal form. The blind index and the digests of opted-out people
//! are made from these forms, so a change here needs a new version of both.

use std::fmt;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::domain::Source;
use crate::limits::IDENTIFIER_BYTES_MAX;

/// Longest e-mail address and longest local part, in bytes (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
/// The AT Protocol's source: its handles are domain names and DIDs.
const BLUESKY: &str = "bluesky";
/// Where a source shows the page of a user. A handle that is such an address is the name at its end.
const PROFILES: [(&str, &str); 3] =
    [("github", "https://github.com/"), ("x", "https://x.com/"), (BLUESKY, "https://bsky.app/profile/")];

/// What sort of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierKind {
    /// An e-mail address.
    Email,
    /// An account elsewhere, as `source:name`.
    Handle,
}

impl IdentifierKind {
    /// Every kind, in the order of their names on the wire.
    pub const ALL: [Self; 2] = [Self::Email, Self::Handle];

    /// The name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Handle => "handle",
        }
    }
    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Why a text is no identifier. Says nothing of the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentifier {
    /// More bytes than any real one has.
    #[error(
        "the identifier is too long: an e-mail address has at most 254 bytes, 64 of them before the `@`, a handle 512"
    )]
    TooLong,
    /// Not `local@domain`.
    #[error("an e-mail address must read `name@domain`; write it without spaces, quotes, comments or a display name")]
    Email,
    /// Not a domain name.
    #[error("the domain is not valid: expected letters, digits and hyphens between single dots, and no IP address")]
    Domain,
    /// No source in front.
    #[error("a handle must read `source:name`, such as `github:octocat` or `activitypub:https://example.org/users/me`")]
    Handle,
    /// The name is none that an account can have.
    #[error("the user name is not valid: expected letters and digits without spaces, symbols or mixed directions")]
    Name,
    /// The address of the account is none.
    #[error("the address of the account is not valid: expected `https://host/path` without a user name or password")]
    Url,
}

/// An e-mail address or handle in its normal form. Personal data: it can be read, but not printed by accident.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    kind: IdentifierKind,
    text: String,
}

impl Identifier {
    /// Normalises what somebody wrote.
    pub fn parse(kind: IdentifierKind, text: &str) -> Result<Self, BadIdentifier> {
        if text.len() > IDENTIFIER_BYTES_MAX {
            return Err(BadIdentifier::TooLong);
        }
        match kind {
            IdentifierKind::Email => email(text).map(|text| Self { kind, text }),
            IdentifierKind::Handle => {
                let (source, name) = text.split_once(':').ok_or(BadIdentifier::Handle)?;
                let source = source.to_ascii_lowercase().parse().map_err(|_| BadIdentifier::Handle)?;
                Self::handle(&source, name)
            }
        }
    }
    /// The handle of an account as a source names it: an address, a user name, a DID.
    pub fn handle(source: &Source, actor: &str) -> Result<Self, BadIdentifier> {
        if actor.len() > IDENTIFIER_BYTES_MAX {
            return Err(BadIdentifier::TooLong);
        }
        let text = format!("{source}:{}", account(source.as_str(), actor)?);
        let fits = text.len() <= IDENTIFIER_BYTES_MAX;
        if fits { Ok(Self { kind: IdentifierKind::Handle, text }) } else { Err(BadIdentifier::TooLong) }
    }
    /// What sort it is.
    pub fn kind(&self) -> IdentifierKind {
        self.kind
    }
    /// The normal form.
    pub fn as_str(&self) -> &str {
        &self.text
    }
    /// The page that only the holder of this handle can change, where there is one that we know.
    pub fn page_url(&self) -> Option<String> {
        let (source, name) = self.text.split_once(':').filter(|_| self.kind == IdentifierKind::Handle)?;
        if is_web(name) {
            return Some(name.to_owned());
        }
        let (_, profile) = PROFILES.iter().find(|(known, _)| *known == source)?;
        is_one_segment(name).then(|| format!("{profile}{name}"))
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identifier(..)")
    }
}

fn email(text: &str) -> Result<String, BadIdentifier> {
    let (local, host) = text.rsplit_once('@').ok_or(BadIdentifier::Email)?;
    let local = username(local).map_err(|_| BadIdentifier::Email)?;
    let host = domain(host)?;
    if local.len() > LOCAL_BYTES_MAX || local.len() + 1 + host.len() > EMAIL_BYTES_MAX {
        return Err(BadIdentifier::TooLong);
    }
    let atoms = local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    // What no mail can be written to could never be proved either.
    let reachable = lettre::Address::new(local.as_str(), host.as_str()).is_ok();
    if atoms && reachable { Ok(format!("{local}@{host}")) } else { Err(BadIdentifier::Email) }
}

/// What may stand between the dots of a local part: `atext` of RFC 5322, and of RFC 6531 what PRECIS left.
fn is_atom(c: char) -> bool {
    !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

/// A domain name in ASCII, lower case, without the dot of the root.
fn domain(text: &str) -> Result<String, BadIdentifier> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let ascii = Uts46::new().to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    let ascii = ascii.map_err(|_| BadIdentifier::Domain)?;
    let numeric = ascii.rsplit('.').next().is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()));
    if numeric { Err(BadIdentifier::Domain) } else { Ok(ascii.into_owned()) }
}

/// A user name by RFC 8265, if that has a stable form.
fn username(text: &str) -> Result<String, BadIdentifier> {
    let enforce = |text: &str| UsernameCaseMapped::enforce(text.to_owned()).map(std::borrow::Cow::into_owned);
    let name = enforce(text).map_err(|_| BadIdentifier::Name)?;
    if enforce(&name).as_ref() == Ok(&name) { Ok(name) } else { Err(BadIdentifier::Name) }
}

/// The part of a handle behind its source.
fn account(source: &str, actor: &str) -> Result<String, BadIdentifier> {
    if is_web(actor) {
        let address = web(actor)?;
        let profile = PROFILES.iter().find(|(known, _)| *known == source);
        let name = profile.and_then(|(_, prefix)| address.strip_prefix(prefix)).filter(|name| is_one_segment(name));
        return name.map_or(Ok(address.clone()), |name| plain(source, name));
    }
    plain(source, actor)
}

fn plain(source: &str, actor: &str) -> Result<String, BadIdentifier> {
    let name = actor.strip_prefix('@').unwrap_or(actor);
    if source == BLUESKY {
        return at_identifier(name);
    }
    let name = username(name)?;
    if name.starts_with('@') || name.contains("://") { Err(BadIdentifier::Name) } else { Ok(name) }
}

/// Whether the name is one segment of a path and nothing else, so that it cannot lead to somebody else's page.
fn is_one_segment(name: &str) -> bool {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
    !name.is_empty() && name.bytes().all(safe) && name.bytes().any(|b| b != b'.')
}

fn is_web(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| scheme == "https" || scheme == "http")
}

/// A web address without fragment, default port, the dot of the root and slashes at the end of its path.
fn web(text: &str) -> Result<String, BadIdentifier> {
    let url = Url::parse(text).map_err(|_| BadIdentifier::Url)?;
    let host = match url.host() {
        Some(Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name).to_owned(),
        Some(address) => address.to_string(),
        None => return Err(BadIdentifier::Url),
    };
    if host.split('.').any(str::is_empty) || !url.username().is_empty() || url.password().is_some() {
        return Err(BadIdentifier::Url);
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().filter(|query| !query.is_empty()).map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{}://{host}{port}{}{query}", url.scheme(), url.path().trim_end_matches('/')))
}

/// A handle or DID of the AT Protocol. Handles and the two methods in use (`plc`, `web`) do not tell cases apart.
fn at_identifier(text: &str) -> Result<String, BadIdentifier> {
    let lower = text.to_ascii_lowercase();
    let Some(rest) = text.strip_prefix("did:") else {
        return if is_at_handle(&lower) { Ok(lower) } else { Err(BadIdentifier::Domain) };
    };
    let (method, id) = rest.split_once(':').ok_or(BadIdentifier::Name)?;
    let method_fits = !method.is_empty() && method.bytes().all(|b| b.is_ascii_lowercase());
    let id_fits = id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:%-".contains(&b));
    if !method_fits || !id_fits || id.is_empty() || id.ends_with([':', '%']) {
        return Err(BadIdentifier::Name);
    }
    Ok(if matches!(method, "plc" | "web") { lower } else { text.to_owned() })
}

/// Two labels or more of letters, digits and inner hyphens, the last of which starts with a letter.
fn is_at_handle(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    let fits = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(plain);
    let label = |label: &str| fits(label) && !label.starts_with('-') && !label.ends_with('-');
    let top_fits = text.rsplit_once('.').is_some_and(|(_, top)| top.starts_with(|c: char| c.is_ascii_alphabetic()));
    text.len() <= 253 && top_fits && text.split('.').all(label)
}
