//! Which requests get through to an engine, what they are for, and where the answers name people.

use serde::Deserialize;

use super::{OtherForm, People, Pointer};
use crate::domain::{Purpose, Source};
use crate::gate::Action;
use crate::ident::{InAddress, in_address};
use crate::remote::{Person, Wanted};

/// Why a map is none.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It is not in the form of a map.
    #[error("the map cannot be read: {0}")]
    Form(#[from] toml::de::Error),
    /// A route that would let something through unasked, or nothing at all.
    #[error("route {0} of the map: {1}")]
    Route(usize, String),
    /// It has none.
    #[error("the map has no `[[route]]`: nothing would get through")]
    Empty,
}

/// A map.
#[derive(Debug)]
pub struct Map(Vec<Route>);

/// Requests of one kind.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// The path, as `{pairwise}`, `{email}` or `{handle}` and a last `*` stand in for parts of it.
    pub(super) path: String,
    pub(super) wanted: Wanted,
    pub(super) people: Vec<People>,
    pub(super) remove: Vec<Pointer>,
}

/// Methods that ask something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Method {
    #[serde(rename = "GET")]
    Get,
    #[serde(rename = "POST")]
    Post,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    route: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    method: Method,
    path: String,
    action: Action,
    purpose: Purpose,
    source: Source,
    #[serde(default)]
    people: Vec<PeopleEntry>,
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeopleEntry {
    item: String,
    id: Option<String>,
    #[serde(default)]
    id_is_key: bool,
    kind: Option<String>,
}

/// A request that the map knows.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    pub(super) route: &'a Route,
    /// Whom the path names.
    pub(super) person: Named,
}

/// Whom a path names.
#[derive(Debug)]
pub(super) enum Named {
    /// Nobody: the route is about many.
    Nobody,
    /// One person.
    One(Person),
    /// What stands in the place of an id is none.
    NoId,
}

impl Map {
    /// Reads a map.
    ///
    /// # Errors
    /// For anything that is not known, and a route through which somebody could be named unasked.
    pub fn read(text: &str) -> Result<Self, MapError> {
        let file: File = toml::from_str(text)?;
        let read = |(number, entry)| route(entry).map_err(|why| MapError::Route(number + 1, why));
        let routes: Vec<Route> = file.route.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        if routes.is_empty() { Err(MapError::Empty) } else { Ok(Self(routes)) }
    }

    /// The first route that fits.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Matched<'_>> {
        self.0.iter().filter(|route| route.method.as_str() == method).find_map(|route| {
            let person = match in_address(&route.path, path)? {
                InAddress::Nobody => Named::Nobody,
                InAddress::Somebody { kind, id } => Person::of(&kind, &id).map_or(Named::NoId, Named::One),
            };
            Some(Matched { route, person })
        })
    }
}

impl Route {
    pub(super) fn method_name(&self) -> &'static str {
        self.method.as_str()
    }
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

fn route(entry: Entry) -> Result<Route, String> {
    let Entry { method, path, action, purpose, source, people, remove } = entry;
    let persons: Vec<&str> = path.split('/').filter(|part| part.starts_with('{') || part.ends_with('}')).collect();
    let known = |part: &&str| matches!(*part, "{pairwise}" | "{email}" | "{handle}");
    if !path.starts_with('/') || persons.len() > 1 || !persons.iter().all(known) {
        return Err("`path` begins with `/` and has at most one `{pairwise}`, `{email}` or `{handle}`".into());
    }
    if action == Action::Link {
        return Err("`action` is `collect`, `score`, `explain` or `disclose`".into());
    }
    if persons.is_empty() && people.is_empty() {
        return Err("nobody would be asked about: name a person in `path`, or say in `[[route.people]]` where the answer names them".into());
    }
    let pointer = |text: &str| Pointer::read(text).ok_or_else(|| format!("`{text}` is no JSON pointer (RFC 6901)"));
    let people = people.into_iter().map(|entry| {
        let PeopleEntry { item, id, id_is_key, kind } = entry;
        let kind = kind.unwrap_or_else(|| "pairwise".into());
        if !matches!(kind.as_str(), "pairwise" | "email" | "handle") {
            return Err("`kind` is `pairwise`, `email` or `handle`".into());
        }
        if item.is_empty() || (id_is_key && (id.is_some() || !item.ends_with("/*"))) {
            return Err(
                "`item` is a part of the answer, and with `id_is_key` every value of an object (`/*`) without `id`"
                    .into(),
            );
        }
        if id.as_ref().is_some_and(|id| id.split('/').any(|part| part == "*")) {
            return Err("`id` is one place in the item: it has no `*`".into());
        }
        let id = id.as_deref().map(pointer).transpose()?;
        Ok(People { item: pointer(&item)?, id, id_is_key, kind })
    });
    let people = people.collect::<Result<_, String>>()?;
    let remove = remove.iter().map(|text| pointer(text)).collect::<Result<_, String>>()?;
    Ok(Route { method, path, wanted: Wanted { action, purpose, source }, people, remove })
}

impl From<OtherForm> for &'static str {
    fn from(_: OtherForm) -> Self {
        "the answer has another form than the map says"
    }
}
