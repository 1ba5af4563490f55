//! Topics: an allow-list of harmless words. A hashtag that is not on it leaves nothing behind, and a list that names a special
//! category of data (design section 1, G9) does not load.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

use super::value;
use crate::domain::Topic;

const BUILT_IN: &str = include_str!("../../policies/topics.toml");
const GENERAL: &str = "general";

/// Parts of words that would tell health, religion, politics, sexuality, ethnicity or union membership. No topic and no hashtag of a
/// list may hold one. This cannot know every word; it keeps an innocent edit from opening a door.
const SPECIAL: &str = "abort addict adhd allah anarch antifa atheis autis bibel bible bisexu black buddh cancer catholi christ church \
    communis conservativ covid demokrat democrat depress diabet diagnos disab disorder ethni faith fascis feminis \
    fertil gender genetic gewerkschaft health hindu homosex illness immigra indigen islam jesus jewish judais \
    koran labour lesbian lgbt liberal medic migra muslim nationalis pagan palestin parliament partei patient \
    politic politik prayer pregnan queer quran racis religi republican sexual socialis syndrome therap transg \
    vegan zion";
/// The same, for words too short to be looked for inside of others.
const SPECIAL_WORDS: &str = "aids blm election elections ethnic gay god gop gott hiv jew jews kink maga nsfw race roma sex strike trans \
    tory trump union vote";

/// The list does not load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicsError {
    /// It is not `[topics]` with a list of hashtags for each name.
    #[error("expected a table `topics` with a list of hashtags for each topic, in TOML")]
    Shape,
    /// A topic's name is no name.
    #[error("expected a name of `a-z`, `0-9`, `_`, `-` that is not `general`, found `{0}`")]
    Name(String),
    /// A hashtag is empty or has a space in it.
    #[error("expected a hashtag without spaces under `{0}`")]
    Hashtag(String),
    /// Two topics claim one hashtag.
    #[error("the hashtag `{0}` is listed twice")]
    Twice(String),
    /// A word would tell a special category.
    #[error(
        "`{0}` may tell a special category of personal data; sayso keeps no topic about health, religion, politics, sexuality, ethnicity or unions"
    )]
    Special(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    topics: BTreeMap<String, Vec<String>>,
}

/// The list.
#[derive(Debug, Clone)]
pub struct Topics {
    by_hashtag: HashMap<String, Topic>,
    general: Topic,
}

impl Topics {
    /// Reads a list in TOML.
    ///
    /// # Errors
    /// The list is not in form, ambiguous, or names what must not be a topic.
    pub fn load(text: &str) -> Result<Self, TopicsError> {
        let file: File = toml::from_str(text).map_err(|_| TopicsError::Shape)?;
        let general = GENERAL.parse().map_err(|_| TopicsError::Name(GENERAL.to_owned()))?;
        let mut by_hashtag = HashMap::new();
        for (name, hashtags) in file.topics {
            let topic: Topic = name.parse().map_err(|_| TopicsError::Name(name.clone()))?;
            if name == GENERAL {
                return Err(TopicsError::Name(name));
            }
            for hashtag in [&name].into_iter().chain(&hashtags) {
                add(&mut by_hashtag, hashtag, &topic)?;
            }
        }
        Ok(Self { by_hashtag, general })
    }
    /// The list that comes with sayso.
    ///
    /// # Errors
    /// Never; a test loads it.
    pub fn built_in() -> Result<Self, TopicsError> {
        Self::load(BUILT_IN)
    }
    /// The topic of a hashtag, with or without its `#`, whatever its case.
    pub fn of(&self, hashtag: &str) -> Option<Topic> {
        self.by_hashtag.get(&folded(hashtag)).cloned()
    }
    /// Whether something can count for a topic.
    pub fn is_known(&self, topic: &Topic) -> bool {
        *topic == self.general || self.by_hashtag.values().any(|known| known == topic)
    }
    /// The one topic that something about these counts for, so that nothing counts twice: the first, or `general`.
    pub fn counted<'a>(&'a self, topics: &'a [Topic]) -> &'a Topic {
        topics.first().unwrap_or(&self.general)
    }
    /// What counts for no topic of its own.
    pub fn general(&self) -> &Topic {
        &self.general
    }
    /// The topics of an object's hashtags, each once, in the order of the tags.
    pub(super) fn in_tags(&self, object: &Value) -> Vec<Topic> {
        let is_hashtag = |tag: &&Value| value::types(tag).any(|name| name == "Hashtag");
        let tags = object.get("tag").into_iter().flat_map(value::each).filter(is_hashtag);
        let mut found = Vec::new();
        for topic in tags.filter_map(|tag| self.of(tag.get("name")?.as_str()?)) {
            if !found.contains(&topic) {
                found.push(topic);
            }
        }
        found
    }
}

fn add(by_hashtag: &mut HashMap<String, Topic>, hashtag: &str, topic: &Topic) -> Result<(), TopicsError> {
    let key = folded(hashtag);
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(TopicsError::Hashtag(topic.to_string()));
    }
    if is_special(&key) {
        return Err(TopicsError::Special(key));
    }
    match by_hashtag.insert(key, topic.clone()) {
        Some(_) => Err(TopicsError::Twice(folded(hashtag))),
        None => Ok(()),
    }
}

fn is_special(hashtag: &str) -> bool {
    let is_word = |word: &str| SPECIAL_WORDS.split(' ').any(|special| special == word);
    SPECIAL.split(' ').any(|part| hashtag.contains(part)) || hashtag.split(['-', '_']).any(is_word)
}

fn folded(hashtag: &str) -> String {
    hashtag.trim().trim_start_matches(['#', '＃']).to_lowercase()
}
