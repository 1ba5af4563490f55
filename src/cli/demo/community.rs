//! A community made up from a seed: who is in it, and what they did to each other's posts in the last twenty-six weeks.
//!
//! Everybody acts, whether or not they said yes, because that is what a collector sees. Six people have a part in the
//! story; the others are there so that the numbers are about a crowd.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::domain::{Micros, WINDOW_WEEKS, Week};

const HOST: &str = "town.example";
const HOUR: i64 = 3600;
const WEEK_HOURS: usize = 168;
/// Pairs of hashtags that mean one topic of the topic list.
const HASHTAGS: [[&str; 2]; 8] = [
    ["cycling", "biketooter"],
    ["gardening", "bloomscrolling"],
    ["astronomy", "nightsky"],
    ["chess", "schach"],
    ["cooking", "sourdough"],
    ["birds", "birdwatching"],
    ["maps", "openstreetmap"],
    ["photography", "streetphotography"],
];
const SYLLABLES: [&str; 12] = ["an", "bel", "cor", "dal", "em", "fin", "gar", "hol", "is", "jun", "kel", "lor"];

/// What somebody wants of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Registers and says yes to being scored.
    Consents,
    /// Registers and says nothing.
    Silent,
    /// Never heard of the service.
    Stranger,
    /// Registers as under 18.
    Minor,
}

/// Somebody.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) part: Part,
    interests: [usize; 2],
    popularity: u64,
    responses: usize,
}

impl Person {
    pub(super) fn address(&self) -> String {
        format!("{}@{HOST}", self.name)
    }

    /// The handle as activities name it.
    pub(super) fn actor(&self) -> String {
        format!("https://{HOST}/@{}", self.name)
    }

    /// The handle as the service takes it.
    pub(super) fn handle(&self) -> String {
        format!("activitypub:{}", self.actor())
    }
}

/// Everybody.
pub(super) struct Community {
    pub(super) ada: Person,
    pub(super) ben: Person,
    pub(super) cleo: Person,
    pub(super) dan: Person,
    pub(super) eve: Person,
    pub(super) finn: Person,
    pub(super) others: Vec<Person>,
}

struct Post {
    author: usize,
    topic: usize,
    tag: &'static str,
    at: i64,
    id: String,
}

/// Everybody's acts, with their times, before they are put in order.
struct Acts<'a> {
    rng: StdRng,
    people: Vec<&'a Person>,
    now: i64,
    lines: Vec<(i64, String)>,
}

impl Community {
    pub(super) fn new(people: usize, seed: u64) -> Self {
        use Part::{Consents, Minor, Stranger};
        let mut rng = StdRng::seed_from_u64(seed);
        let named = |name: &str, part, popularity, responses| Person {
            name: name.into(),
            part,
            interests: [0, 1],
            popularity,
            responses,
        };
        let others = (6..people).map(|number| somebody(&mut rng, number)).collect();
        Self {
            ada: named("ada", Consents, 60, 2),
            ben: named("ben", Consents, 6, 2),
            cleo: named("cleo", Consents, 6, 2),
            dan: named("dan", Minor, 3, 2),
            eve: named("eve", Stranger, 3, 3),
            finn: named("finn", Consents, 40, 2),
            others,
        }
    }

    pub(super) fn everybody(&self) -> Vec<&Person> {
        let cast = [&self.ada, &self.ben, &self.cleo, &self.dan, &self.eve, &self.finn];
        cast.into_iter().chain(&self.others).collect()
    }

    /// What a collector sees of the last twenty-six weeks, oldest first: ActivityStreams 2.0, one a line.
    pub(super) fn activities(&self, now: Micros, seed: u64) -> Vec<String> {
        let rng = StdRng::seed_from_u64(seed.wrapping_add(1));
        let mut acts = Acts { rng, people: self.everybody(), now: now.0 / 1_000_000, lines: Vec::new() };
        for week in 0..WINDOW_WEEKS {
            acts.week(Week(now.week().0 - WINDOW_WEEKS + 1 + week), week);
        }
        acts.lines.sort();
        acts.lines.into_iter().map(|(_, line)| line).collect()
    }
}

/// Four in five are adults who register; of a hundred, three like nearly everything.
fn somebody(rng: &mut StdRng, number: usize) -> Person {
    let syllable = |place: usize| SYLLABLES.get(place % SYLLABLES.len()).copied().unwrap_or_default();
    let part = match rng.random_range(0..100) {
        0..72 => Part::Consents,
        72..82 => Part::Silent,
        82..94 => Part::Stranger,
        _ => Part::Minor,
    };
    let likes_everything = rng.random_range(0..100) < 3;
    Person {
        name: format!("{}{}{number}", syllable(rng.random_range(0..12)), syllable(rng.random_range(0..12))),
        part,
        interests: [rng.random_range(0..HASHTAGS.len()), rng.random_range(0..HASHTAGS.len())],
        popularity: 60 / rng.random_range(1..30),
        responses: if likes_everything { 30 } else { rng.random_range(1..4) },
    }
}

/// One line of a stranger's or anybody's like of somebody's post, now.
pub(super) fn like(actor: &Person, owner: &Person, number: usize, at: Micros) -> String {
    let object = json!({ "id": format!("{}/posts/1", owner.actor()), "type": "Note", "attributedTo": owner.actor() });
    activity("Like", actor, &format!("extra/{number}"), at.0 / 1_000_000, &object)
}

fn activity(kind: &str, actor: &Person, id: &str, at: i64, object: &Value) -> String {
    let published = OffsetDateTime::from_unix_timestamp(at).ok().and_then(|time| time.format(&Rfc3339).ok());
    let document = json!({
        "@context": "https://www.w3.org/ns/activitystreams",
        "type": kind,
        "id": format!("{}/{id}", actor.actor()),
        "actor": actor.actor(),
        "published": published,
        "to": "https://www.w3.org/ns/activitystreams#Public",
        "object": object,
    });
    format!("{document}\n")
}

impl Acts<'_> {
    fn week(&mut self, week: Week, number: i64) {
        let monday = week.monday().start().0 / 1_000_000;
        let posts = self.posts(monday, number);
        let reach: Vec<u64> =
            posts.iter().map(|post| self.people.get(post.author).map_or(0, |p| p.popularity)).collect();
        for (place, person) in self.people.clone().into_iter().enumerate() {
            let liked = person.interests;
            let mine: Vec<u64> = posts
                .iter()
                .zip(&reach)
                .map(|(post, reach)| {
                    let taste = if liked.contains(&post.topic) { 4 } else { 1 };
                    reach * taste * u64::from(post.author != place)
                })
                .collect();
            self.responses(place, &posts, &mine, number);
        }
    }

    /// Ada and Finn post every week, the others every other week.
    fn posts(&mut self, monday: i64, number: i64) -> Vec<Post> {
        let mut posts = Vec::new();
        for (author, person) in self.people.clone().into_iter().enumerate() {
            let always = matches!(author, 0 | 5);
            if !always && self.rng.random_range(0..2) == 0 {
                continue;
            }
            let hour = if always { 6 } else { self.rng.random_range(0..WEEK_HOURS) };
            let at = monday + i64::try_from(hour).unwrap_or(0) * HOUR + self.rng.random_range(0..HOUR);
            let [first, second] = person.interests;
            let topic = if self.rng.random_range(0..3) == 0 { second } else { first };
            let spellings = HASHTAGS.get(topic).copied().unwrap_or_default();
            let tag = spellings.get(self.rng.random_range(0..2)).copied().unwrap_or_default();
            let id = format!("posts/{}", number + 1);
            let post = Post { author, topic, tag, at, id: format!("{}/{id}", person.actor()) };
            self.line(at, || note(person, &post, &id));
            posts.push(post);
        }
        posts
    }

    /// The first thing that Ben does every week is to reshare Ada's post.
    fn responses(&mut self, place: usize, posts: &[Post], reach: &[u64], number: i64) {
        let Some(person) = self.people.get(place).copied() else { return };
        let mut done = BTreeSet::new();
        for turn in 0..person.responses {
            let for_ada = place == 1 && turn == 0;
            let chosen = if for_ada { posts.iter().position(|post| post.author == 0) } else { self.weighted(reach) };
            let kind = match self.rng.random_range(0..10) {
                _ if for_ada => "Announce",
                0 | 1 => "Announce",
                2 => "Reply",
                _ => "Like",
            };
            let Some((choice, post)) = chosen.and_then(|choice| Some((choice, posts.get(choice)?))) else { continue };
            if !done.insert((choice, kind)) {
                continue;
            }
            let at = post.at + self.rng.random_range(600..36 * HOUR);
            let id = format!("acts/{number}-{turn}");
            self.line(at, || match kind {
                "Reply" => reply(person, post, &id, at),
                _ => activity(kind, person, &id, at, &post.id.as_str().into()),
            });
        }
    }

    /// What lies ahead did not happen.
    fn line(&mut self, at: i64, text: impl FnOnce() -> String) {
        if at < self.now {
            self.lines.push((at, text()));
        }
    }

    /// A place with a chance that is its share of the sum.
    fn weighted(&mut self, weights: &[u64]) -> Option<usize> {
        let sum: u64 = weights.iter().sum();
        if sum == 0 {
            return None;
        }
        let mut rest = self.rng.random_range(0..sum);
        weights.iter().position(|weight| {
            let here = rest < *weight;
            rest = rest.saturating_sub(*weight);
            here
        })
    }
}

fn note(person: &Person, post: &Post, id: &str) -> String {
    let tag = post.tag;
    let note = json!({
        "id": post.id,
        "type": "Note",
        "attributedTo": person.actor(),
        "content": format!("Something about #{tag}"),
        "tag": [{ "type": "Hashtag", "name": format!("#{tag}") }],
    });
    activity("Create", person, &format!("made/{id}"), post.at, &note)
}

fn reply(person: &Person, post: &Post, id: &str, at: i64) -> String {
    let note = json!({
        "id": format!("{}/replies/{id}", person.actor()),
        "type": "Note",
        "attributedTo": person.actor(),
        "content": "How true",
        "inReplyTo": post.id,
    });
    activity("Create", person, id, at, &note)
}
