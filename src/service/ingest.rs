//! Taking in activities. Both ends are looked up in memory; unless both said yes for this source nothing is written, not
//! even that there was a line (guarantee G4). Taking back always works, whatever the standing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::epochs::Digests;
use super::{App, ClientCaller, ServiceError};
use crate::crypto::{Blind, SubjectKey};
use crate::domain::{ATTENTION_SCORE, Micros, ResponseKind, SAYSO, Seq, Source, Standing, Topic, Triple};
use crate::gate::{Action, Asker, Question, Rules, decide};
use crate::ident::Identifier;
use crate::ids::Subject;
use crate::ingest::{Activity, Doing, Drop, Format, Item, Items, Topics};
use crate::limits;
use crate::mutant;
use crate::store::{ActivityRow, EdgeKey, FoundBy, Known, ObjectRow, StoreError, Tx};

/// Items of one transaction: small, because it keeps the standings of everybody in it as they are.
const CHUNK: usize = 250;

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ingested {
    /// How many were taken.
    pub accepted: u64,
    /// How many were dropped, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
}

impl Ingested {
    /// Adds another batch.
    pub fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        for (reason, times) in other.dropped {
            *self.dropped.entry(reason).or_default() += times;
        }
    }

    fn count(&mut self, outcome: Result<(), Drop>) {
        match outcome {
            Ok(()) => self.accepted += 1,
            Err(reason) => *self.dropped.entry(reason.as_str()).or_default() += 1,
        }
    }
}

/// Each name with what it may be found by.
type Names<'i> = HashMap<&'i str, Digests>;

/// Somebody whom a line names, and who is known.
struct Somebody {
    subject: Subject,
    key: SubjectKey,
    /// The grant that lets this source be collected now.
    lineage: Option<Seq>,
}

/// One transaction's view of the people in it.
struct Batch<'a> {
    app: &'a App,
    source: &'a Source,
    triple: &'a Triple,
    rules: Rules,
    now: Micros,
    names: &'a Names<'a>,
    people: HashMap<[u8; 32], Somebody>,
}

type Outcome = Result<Result<(), Drop>, ServiceError>;

impl App {
    /// Reads a batch. All of it is read before any of it is taken.
    ///
    /// # Errors
    /// Names the line and the field of the first thing that cannot be read; too many activities.
    pub fn read_items(&self, bytes: &[u8], format: Format, source: &Source) -> Result<Vec<Item>, ServiceError> {
        let items = Items::new(bytes, format, source, &self.topics).collect::<Result<Vec<_>, _>>()?;
        if items.len() > limits::ACTIVITIES_MAX {
            return Err(ServiceError::invalid("body", "at most 1,000 activities at once"));
        }
        Ok(items)
    }

    /// The topic list, for reading a file piece by piece.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// Takes in what a collector brings from a source that it is registered for.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] for another source, and for the database.
    pub async fn ingest_from(
        &self,
        collector: &ClientCaller,
        source: &Source,
        items: Vec<Item>,
    ) -> Result<Ingested, ServiceError> {
        if !collector.sources.contains(source) {
            return Err(ServiceError::Forbidden);
        }
        self.ingest(source, items).await
    }

    /// Takes in items from a source. Each chunk is one transaction; running the same items again counts nothing twice.
    ///
    /// # Errors
    /// For a source that is not registered, and for the database.
    pub async fn ingest(&self, source: &Source, items: Vec<Item>) -> Result<Ingested, ServiceError> {
        if !self.registry.source.iter().any(|entry| entry.name == *source) {
            return Err(ServiceError::invalid("source", "a registered source"));
        }
        let mut all = Ingested::default();
        let (triple, names) = (collecting(source)?, self.names_in(source, &items));
        for chunk in items.chunks(CHUNK) {
            let strangers = self.strangers(&triple, chunk, &names);
            let of_a_stranger = |item: &&Item| matches!(item, Item::Activity(one) if one.adds() && strangers.contains(one.actor.as_str()));
            let (dropped, others): (Vec<&Item>, Vec<&Item>) = chunk.iter().partition(of_a_stranger);
            for _ in dropped {
                all.count(Err(Drop::NoConsent));
            }
            if !others.is_empty() {
                let input = (self, source, (&triple, others.as_slice(), &names));
                let taken = self.store.run_tx(&input, |tx, (app, source, read)| Box::pin(app.take(tx, source, *read)));
                all.add(taken.await?);
            }
        }
        Ok(all)
    }

    /// Everybody who is named, with what they may be found by: worked out once for each, however often they are named.
    fn names_in<'i>(&self, source: &Source, items: &'i [Item]) -> Names<'i> {
        let mut names = Names::new();
        for name in items.iter().flat_map(names_of) {
            if let Entry::Vacant(new) = names.entry(name)
                && let Ok(identifier) = Identifier::handle(source, name)
            {
                new.insert(self.blinds(&identifier));
            }
        }
        names
    }

    /// Those who do something in this chunk, and of whom memory knows that they gave nothing: the database is not asked about them. Nobody
    /// while anybody changes, because whoever changes is away from memory until it is done.
    fn strangers<'i>(&self, triple: &Triple, chunk: &'i [Item], names: &Names<'i>) -> HashSet<&'i str> {
        let Some(fence) = self.store.fence() else { return HashSet::new() };
        let (before, column) = (fence.changes(), fence.column(triple, false));
        let actors = chunk.iter().filter_map(|item| match item {
            Item::Activity(activity) => Some(activity.actor.as_str()),
            Item::Dropped(_) => None,
        });
        let is_stranger = |actor: &&str| {
            names.get(actor).into_iter().flatten().all(|blind| fence.find(&column, blind).grant.is_none())
        };
        let strangers = actors.filter(is_stranger).collect();
        let is_still = before.is_some() && fence.changes() == before;
        if is_still || mutant::on("strangers_of_a_moment") { strangers } else { HashSet::new() }
    }

    async fn take(
        &self,
        tx: &mut Tx,
        source: &Source,
        (triple, items, names): (&Triple, &[&Item], &Names<'_>),
    ) -> Result<Ingested, ServiceError> {
        tx.hold_rules().await?;
        let rules = self.rules(tx).await?;
        let mut batch = Batch { app: self, source, triple, rules, now: self.now(), names, people: HashMap::new() };
        batch.look_up(tx, items).await?;
        let mut taken = Ingested::default();
        for item in items {
            let outcome = match item {
                Item::Dropped(reason) => Err(*reason),
                Item::Activity(activity) => batch.take(tx, activity).await?,
            };
            taken.count(outcome);
        }
        Ok(taken)
    }
}

/// Who does something, and to whose.
fn names_of(item: &Item) -> impl Iterator<Item = &str> {
    let Item::Activity(activity) = item else { return [None, None].into_iter().flatten() };
    let owner = match &activity.doing {
        Doing::Respond { owner, .. } => owner.as_deref(),
        _ => None,
    };
    [Some(activity.actor.as_str()), owner].into_iter().flatten()
}

/// The grant under which a source is collected for the built-in score.
pub(super) fn collecting(source: &Source) -> Result<Triple, ServiceError> {
    let bad = |_| ServiceError::NotFound("purpose");
    Ok(Triple {
        purpose: ATTENTION_SCORE.parse().map_err(bad)?,
        source: source.clone(),
        recipient: SAYSO.parse().map_err(bad)?,
    })
}

impl Batch<'_> {
    /// Everybody who is named, in one question, kept as they are until the commit.
    async fn look_up(&mut self, tx: &mut Tx, items: &[&Item]) -> Result<(), ServiceError> {
        let people = items.iter().flat_map(|item| names_of(item)).filter_map(|name| self.names.get(name));
        let mut names: Vec<Vec<u8>> = people.flatten().map(|blind| blind.to_vec()).collect();
        names.sort_unstable();
        names.dedup();
        for some in names.chunks(4 * CHUNK) {
            for known in tx.known(some, FoundBy::Blind, self.triple, true).await? {
                let name = known.name.as_slice().try_into().map_err(|_| StoreError::Corrupt("identifier"))?;
                let somebody = self.somebody(&known)?;
                self.people.insert(name, somebody);
            }
        }
        Ok(())
    }

    fn found(&self, name: &str) -> Option<&Somebody> {
        self.names.get(name)?.iter().find_map(|blind| self.people.get(blind))
    }

    fn somebody(&self, known: &Known) -> Result<Somebody, ServiceError> {
        let key = self.app.unwrap_key(&known.subject, &known.wrapped_key)?;
        Ok(Somebody { subject: known.subject, key, lineage: self.allowed(&known.standing) })
    }

    fn allowed(&self, standing: &Standing) -> Option<Seq> {
        let (asker, action, triple) = (Asker::Ourselves, Action::Collect, self.triple);
        let question = Question { asker, action, triple, other_end: true };
        decide(Some(standing), &question, &self.rules, self.now).ok().map(|allow| allow.lineage)
    }

    async fn take(&self, tx: &mut Tx, activity: &Activity) -> Outcome {
        let Some(actor) = self.found(&activity.actor) else { return Ok(Err(Drop::NoConsent)) };
        let at = activity.published.unwrap_or(self.now);
        match &activity.doing {
            Doing::Undo { activity, response } => self.undo(tx, actor, activity.as_deref(), response.as_ref()).await,
            Doing::Delete { object } => self.retract(tx, actor, object, true).await,
            Doing::Narrow { object } => self.retract(tx, actor, object, false).await,
            _ if at > self.now.plus_seconds(limits::ACTIVITY_AHEAD_SECONDS_MAX) => Ok(Err(Drop::Future)),
            _ if at < self.now.plus_days(-limits::ACTIVITY_AGE_DAYS_MAX) => Ok(Err(Drop::TooOld)),
            Doing::Post { object, topics, .. } => self.post(tx, actor, (object, topics), at).await,
            Doing::Respond { .. } => self.respond(tx, actor, activity, at).await,
        }
    }

    async fn post(&self, tx: &mut Tx, actor: &Somebody, (id, topics): (&str, &[Topic]), at: Micros) -> Outcome {
        let Some(lineage) = actor.lineage else { return Ok(Err(Drop::NoConsent)) };
        let digests = self.objects(id);
        let [digest, _] = digests;
        let row = ObjectRow {
            owner: (actor.subject, lineage),
            digest,
            source: self.source.to_string(),
            topic: self.app.topics.counted(topics).clone(),
            week: at.week(),
            is_public: true,
        };
        if let Some(known) = tx.object(&digests).await? {
            if known.owner.0 != actor.subject {
                return Ok(Err(Drop::NotTheirs));
            }
            self.file_responses(tx, actor, id, &known.topic).await?;
            return Ok(Err(Drop::Duplicate));
        }
        let sealed = self.app.seal_object(&actor.key, &actor.subject, id)?;
        let new = match tx.insert_object(&row, &sealed).await {
            // Somebody else's at the same moment: it is theirs, and known when this runs again.
            Err(StoreError::Duplicate) => return Err(StoreError::Fenced.into()),
            new => new?,
        };
        if !new {
            return Ok(Err(Drop::Duplicate));
        }
        self.file_responses(tx, actor, id, &row.topic).await?;
        Ok(Ok(()))
    }

    /// Responses that came before their post count for its topic.
    async fn file_responses(&self, tx: &mut Tx, actor: &Somebody, id: &str, topic: &Topic) -> Result<(), ServiceError> {
        let general = self.app.topics.general();
        if topic != general {
            tx.file_responses(&actor.subject, &self.digest(&actor.key, id), [general, topic]).await?;
        }
        Ok(())
    }

    async fn respond(&self, tx: &mut Tx, actor: &Somebody, activity: &Activity, at: Micros) -> Outcome {
        let Doing::Respond { kind, object, owner, made, topics, .. } = &activity.doing else {
            return Ok(Err(Drop::UnsupportedType));
        };
        let known = match object {
            Some(id) => tx.object(&self.objects(id)).await?,
            None => None,
        };
        if known.as_ref().is_some_and(|known| !known.is_public) {
            return Ok(Err(Drop::NotPublic));
        }
        let fetched;
        let target = match (&known, owner) {
            (Some(known), _) => {
                fetched = self.owner(tx, &known.owner.0).await?;
                fetched.as_ref()
            }
            (None, Some(owner)) => self.found(owner),
            (None, None) => return Ok(Err(Drop::UnknownObject)),
        };
        let Some(target) = target else { return Ok(Err(Drop::NoConsent)) };
        let (Some(actor_lineage), Some(target_lineage)) = (actor.lineage, target.lineage) else {
            return Ok(Err(Drop::NoConsent));
        };
        if actor.subject == target.subject {
            return Ok(Err(Drop::SelfResponse));
        }
        let topic = match &known {
            Some(known) if topics.is_empty() => known.topic.clone(),
            _ => self.app.topics.counted(topics).clone(),
        };
        let edge = EdgeKey {
            actor: (actor.subject, actor_lineage),
            target: (target.subject, target_lineage),
            source: self.source.to_string(),
            topic,
            week: at.week(),
            kind: *kind,
        };
        let row = ActivityRow {
            edge,
            activity: self.digest(&actor.key, activity.id.as_str()),
            made: made.as_deref().map(|id| self.digest(&actor.key, id)),
            object: object.as_deref().map(|id| self.digest(&actor.key, id)),
            about: object.as_deref().map(|id| self.digest(&target.key, id)),
        };
        if let Some(made) = &row.made
            && tx.has_made(&actor.subject, made).await?
        {
            return Ok(Err(Drop::Duplicate));
        }
        Ok(if tx.add_activity(&row).await? { Ok(()) } else { Err(Drop::Duplicate) })
    }

    /// The owner of a known post, kept as they are like everybody else in the batch.
    async fn owner(&self, tx: &mut Tx, subject: &Subject) -> Result<Option<Somebody>, ServiceError> {
        let name = vec![subject.as_bytes().to_vec()];
        let known = tx.known(&name, FoundBy::Subject, self.triple, true).await?;
        known.first().map(|known| self.somebody(known)).transpose()
    }

    async fn undo(
        &self,
        tx: &mut Tx,
        actor: &Somebody,
        activity: Option<&str>,
        response: Option<&(ResponseKind, String)>,
    ) -> Outcome {
        let mut taken = 0;
        if let Some(id) = activity {
            taken = tx.take_back_activity(&actor.subject, &self.digest(&actor.key, id)).await?;
        }
        if let (0, Some((kind, id))) = (taken, response) {
            taken = tx.take_back_response(&actor.subject, &self.digest(&actor.key, id), *kind).await?;
        }
        Ok(if taken > 0 { Ok(()) } else { Err(Drop::NothingToDo) })
    }

    /// A post or reply that is deleted, or whose audience was narrowed, takes back exactly what it gave: as a reply, what
    /// it gave to others; as a post, what responses to it gave to its owner.
    async fn retract(&self, tx: &mut Tx, actor: &Somebody, id: &str, delete: bool) -> Outcome {
        let digest = self.digest(&actor.key, id);
        let mut taken = tx.take_back_made(&actor.subject, &digest).await?;
        taken += tx.take_back_about(&actor.subject, &digest).await?;
        let object = self.objects(id);
        let known = if delete {
            tx.delete_object(&actor.subject, &object).await?
        } else {
            tx.narrow_object(&actor.subject, &object).await?
        };
        Ok(if known || taken > 0 { Ok(()) } else { Err(Drop::NothingToDo) })
    }

    fn objects(&self, id: &str) -> Digests {
        self.app.object_digests(self.source.as_str(), id)
    }

    fn digest(&self, key: &SubjectKey, id: &str) -> [u8; 32] {
        Blind(&key.digesting).activity(self.source.as_str(), id)
    }
}
