//! Where an answer names people, and how they are taken out of it.

use serde_json::Value;

use crate::remote::Person;

/// The answer has not the form that the map says: who knows whom it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherForm;

/// A JSON pointer (RFC 6901) in which `*` stands for every element of a list, or every value of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl Pointer {
    /// Reads one; nothing for what is none.
    pub fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let part = |part: &str| {
            let escapes = part.match_indices('~').all(|(at, _)| matches!(part.get(at + 1..at + 2), Some("0" | "1")));
            escapes.then(|| part.replace("~1", "/").replace("~0", "~"))
        };
        text.strip_prefix('/')?.split('/').map(part).collect::<Option<_>>().map(Self)
    }

    fn within<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, part| match value {
            Value::Object(fields) => fields.get(part),
            Value::Array(list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
    }
}

/// Where an answer names people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// What goes when its person may not be named.
    pub item: Pointer,
    /// Where in the item the id is; the item itself, when nothing is said.
    pub id: Option<Pointer>,
    /// The id is the name under which the item stands.
    pub id_is_key: bool,
    /// What kind of id it is.
    pub kind: String,
}

impl People {
    /// Whom an item names; nobody, when it has no id that can be read.
    fn person(&self, key: Option<&str>, item: &Value) -> Option<Person> {
        let id =
            if self.id_is_key { key? } else { self.id.as_ref().map_or(Some(item), |id| id.within(item))?.as_str()? };
        Person::of(&self.kind, id)
    }
}

/// Everybody whom an answer names, in its order; some may come several times.
///
/// # Errors
/// When it has another form than these pointers say.
pub fn named(answer: &mut Value, people: &[People]) -> Result<Vec<Person>, OtherForm> {
    let mut found = Vec::new();
    for one in people {
        visit(answer, &one.item.0, &mut |key, item| {
            found.extend(one.person(key, item));
            true
        })?;
    }
    Ok(found)
}

/// Takes out everybody who is not allowed, and every item that names nobody.
///
/// # Errors
/// When it has another form than these pointers say.
pub fn strip(answer: &mut Value, people: &[People], is_allowed: impl Fn(&Person) -> bool) -> Result<(), OtherForm> {
    for one in people {
        visit(answer, &one.item.0, &mut |key, item| {
            let stays = one.person(key, item).is_some_and(|person| is_allowed(&person));
            stays || crate::mutant::on("proxy_strips_nobody")
        })?;
    }
    Ok(())
}

/// Takes out what would tell how many there were, where it is there.
pub fn remove(answer: &mut Value, pointers: &[Pointer]) {
    for Pointer(parts) in pointers {
        take_out(answer, parts);
    }
}

/// What is missing or of another form in one place keeps nothing in another.
fn take_out(value: &mut Value, parts: &[String]) {
    let Some((part, rest)) = parts.split_first() else { return };
    match (value, part.as_str()) {
        (Value::Array(list), "*") if rest.is_empty() => list.clear(),
        (Value::Array(list), "*") => list.iter_mut().for_each(|item| take_out(item, rest)),
        (Value::Object(fields), "*") if rest.is_empty() => fields.clear(),
        (Value::Object(fields), "*") => fields.values_mut().for_each(|item| take_out(item, rest)),
        (Value::Object(fields), name) if rest.is_empty() => fields.retain(|key, _| key != name),
        (Value::Object(fields), name) => {
            if let Some(item) = fields.get_mut(name) {
                take_out(item, rest);
            }
        }
        _ => {}
    }
}

/// Shows each item to `stays`, with the name that it has in its object, and takes out what does not stay. All parts in front of the last
/// must be there.
fn visit(
    value: &mut Value,
    parts: &[String],
    stays: &mut impl FnMut(Option<&str>, &Value) -> bool,
) -> Result<(), OtherForm> {
    let Some((part, rest)) = parts.split_first() else { return Err(OtherForm) };
    match (value, part.as_str(), rest.is_empty()) {
        (Value::Array(list), "*", true) => list.retain(|item| stays(None, item)),
        (Value::Object(fields), "*", true) => fields.retain(|key, item| stays(Some(key), item)),
        (Value::Array(list), "*", false) => {
            for item in list {
                visit(item, rest, stays)?;
            }
        }
        (Value::Object(fields), "*", false) => {
            for item in fields.values_mut() {
                visit(item, rest, stays)?;
            }
        }
        (Value::Object(fields), name, true) => {
            // Not `remove`, which may put the last field in its place.
            fields.retain(|key, item| key != name || item.is_null() || stays(Some(name), item));
        }
        (Value::Object(fields), name, false) => visit(fields.get_mut(name).ok_or(OtherForm)?, rest, stays)?,
        _ => return Err(OtherForm),
    }
    Ok(())
}
