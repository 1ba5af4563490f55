//! What must agree with the log: standings, identifiers, notices, callers, edges, erasures.

use std::collections::BTreeMap;

use super::super::clients::terms_sha256;
use super::super::house::intact;
use super::super::{App, ServiceError};
use super::{PAGE, Walk};
use crate::crypto::sha256;
use crate::domain::{Act, EVERYBODY, Event, Notice, PUBLIC_PAGE, Rulebook, Seq};
use crate::ids::Subject;
use crate::store::{ClientRow, JobStep, LeafRow, StoreError, Tx};

/// Kinds whose opening the service keeps for good.
const OWN: [&str; 5] =
    ["notice_published", "policy_adopted", "client_registered", "client_disabled", "erasure_completed"];

/// What the service's own events say, and what is missing.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) rulebook: Rulebook,
    clients: BTreeMap<String, Said>,
    /// House rules that were adopted: their digest, and whether they came with the program.
    rules: BTreeMap<Seq, (String, bool)>,
    /// Events that certificates say they unlinked, by kind.
    unlinked: BTreeMap<String, u64>,
    /// Events without a body, by kind, with the first of each.
    sealed_off: BTreeMap<String, (u64, Seq)>,
    erasures: u64,
    completed: u64,
}

/// What the log says of a caller.
#[derive(Debug)]
struct Said {
    role: String,
    /// Nothing where it was registered before this was written down.
    terms_sha256: Option<String>,
    disabled: bool,
}

impl Said {
    fn is_of(&self, row: &ClientRow) -> bool {
        let terms = self.terms_sha256.as_ref().is_none_or(|said| *said == terms_sha256(row));
        terms && (self.role.as_str(), self.disabled) == (row.role.as_str(), row.disabled)
    }
}

impl Facts {
    pub(super) fn unkept(&mut self, row: &LeafRow) {
        self.erasures += u64::from(row.kind == "erased");
    }

    pub(super) fn sealed_off(&mut self, row: &LeafRow) {
        self.erasures += u64::from(row.kind == "erased");
        self.sealed_off.entry(row.kind.clone()).or_insert((0, row.seq)).0 += 1;
    }

    /// Takes what an operator or the service did. Says what is wrong with an act that it never does.
    pub(super) fn said(&mut self, seq: Seq, event: &Event) -> Option<&'static str> {
        self.rulebook.apply(&event.act);
        match &event.act {
            Act::ClientRegistered { client, role, terms_sha256 } => {
                let said = Said { role: role.clone(), terms_sha256: terms_sha256.clone(), disabled: false };
                if self.clients.insert(client.to_string(), said).is_some() {
                    return Some("a caller was registered under the name of another: the row of that one was removed");
                }
            }
            Act::PolicyAdopted { sha256, built_in, .. } => {
                let over = *built_in && self.rules.last_key_value().is_some_and(|(_, (_, built_in))| !built_in);
                self.rules.insert(seq, (sha256.clone(), *built_in));
                if over {
                    return Some("the rules of the program were put in place of an operator's without an operator");
                }
            }
            Act::ClientDisabled { client } => {
                if let Some(said) = self.clients.get_mut(client.as_str()) {
                    said.disabled = true;
                }
            }
            Act::ErasureCompleted { unlinked, .. } => {
                self.completed += 1;
                for (kind, times) in unlinked {
                    *self.unlinked.entry(kind.clone()).or_default() += times;
                }
            }
            _ => {}
        }
        None
    }
}

impl App {
    /// The standings that the gate reads must be the fold of the events, identifiers must be found under their own index, and
    /// every edge must hang on live grants.
    pub(super) async fn check_people(&self, tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
        let mut after = None;
        loop {
            let page = tx.subjects_after(after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            for subject in page {
                let person = self.check_person(tx, walk, &subject).await;
                walk.read(person)?;
            }
        }
        for history in std::mem::take(&mut walk.people).into_values() {
            walk.find(history.seq, "this event's owner has no standing");
        }
        let (edges, stray) = tx.count_edges().await?;
        walk.report.edges = edges;
        if stray != 0 {
            walk.find(None, &format!("{stray} edges hang on no live grant"));
        }
        let stray = tx.stray_scores().await?;
        if stray != 0 {
            walk.find(None, &format!("{stray} scores of engines hang on no live grant"));
        }
        let stray = tx.stray_pages(PUBLIC_PAGE, EVERYBODY).await?;
        if stray != 0 {
            walk.find(None, &format!("{stray} public pages hang on no live grant to everybody"));
        }
        Ok(())
    }

    async fn check_person(&self, tx: &mut Tx, walk: &mut Walk, subject: &Subject) -> Result<(), ServiceError> {
        let stored = tx.standing(subject).await?;
        let folded = walk.people.remove(subject).unwrap_or_default();
        if stored.as_ref() != Some(&folded.standing) {
            walk.find(folded.seq, "the standing of this event's owner is not what their events say");
        }
        walk.facts.erasures += u64::from(folded.standing.erased);
        let topics: BTreeMap<_, _> = tx.topics(subject).await?.into_iter().collect();
        if topics != folded.topics {
            walk.find(folded.seq, "a topic that this event's owner accepted or rejected was changed");
        }
        let found = self.identifiers_of(tx, subject).await;
        let same = |(row, identifier): &(crate::store::IdentifierRow, _)| self.blinds(identifier).contains(&row.blind);
        if !found.is_ok_and(|identifiers| identifiers.iter().all(same)) {
            walk.find(folded.seq, "an identifier of this event's owner was changed");
        }
        walk.report.people += 1;
        Ok(())
    }

    /// The rows beside the log that nobody may change without an event.
    pub(super) async fn check_facts(&self, tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
        let notices = check_notices(tx, walk).await;
        walk.read(notices)?;
        let rules = check_rules(tx, walk).await;
        walk.read(rules)?;
        let clients = check_clients(tx, walk).await;
        walk.read(clients)?;
        let erasures = check_erasures(tx, walk).await;
        walk.read(erasures)
    }
}

async fn check_notices(tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
    let rows = tx.all_notices().await?;
    for row in &rows {
        let (key, name) = ((row.purpose.clone(), row.version), format!("{} {}", row.purpose, row.version));
        let digest = |text: &str| hex::encode(sha256(text.as_bytes()));
        let translations = row.translations.iter().map(|one| (one.locale.clone(), digest(&one.text))).collect();
        let said = walk.facts.rulebook.notices.get(&key);
        // Events of before this was written down say nothing of the language of the first text.
        let locale = said.is_none_or(|said| said.locale.is_some()).then(|| row.locale.clone());
        let stored = Notice { sha256: digest(&row.text), material: row.material, locale, translations };
        let named = row.sha256 == stored.sha256 && row.translations.iter().all(|one| one.sha256 == digest(&one.text));
        if said != Some(&stored) || !named {
            walk.find(None, &format!("the notice `{name}` is not what was published"));
        }
    }
    if rows.len() != walk.facts.rulebook.notices.len() {
        walk.find(None, "a notice that was published is gone");
    }
    let translations: usize = rows.iter().map(|row| row.translations.len()).sum();
    if i64::try_from(translations).ok() != Some(tx.count_translations().await?) {
        walk.find(None, "there is a notice in another language whose version is not there");
    }
    Ok(())
}

/// All rules that were ever adopted are there as they were, and no others: what was decided under them can be looked up.
async fn check_rules(tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
    let mut adopted = std::mem::take(&mut walk.facts.rules);
    for row in tx.all_house_rules().await? {
        if adopted.remove(&row.seq) != Some((row.sha256.clone(), row.built_in)) || intact(&row).is_err() {
            walk.find(Some(row.seq), "the house rules in the database are not those that were adopted");
        }
    }
    if let Some(seq) = adopted.into_keys().next() {
        walk.find(Some(seq), "house rules that were adopted are gone");
    }
    Ok(())
}

async fn check_clients(tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
    let rows = tx.clients().await?;
    for row in &rows {
        if !walk.facts.clients.get(&row.id).is_some_and(|said| said.is_of(row)) {
            walk.find(None, &format!("the caller `{}` is not what an operator registered", row.id));
        }
    }
    if rows.len() != walk.facts.clients.len() {
        walk.find(None, "a caller that was registered is gone");
    }
    Ok(())
}

/// Bodies go only with their person, and every erasure counts what it took.
async fn check_erasures(tx: &mut Tx, walk: &mut Walk) -> Result<(), ServiceError> {
    let jobs = tx.jobs().await?;
    let done = jobs.iter().filter(|job| job.step == JobStep::Done).count() as u64;
    if jobs.len() as u64 != walk.facts.erasures || done != walk.facts.completed {
        walk.find(
            None,
            "erasures were begun or certified that no longer stand in the list of erasures, or the reverse",
        );
    }
    // Of what was fenced everything is still there; of what is done its own event says what it took.
    for job in jobs.iter().filter(|job| job.step == JobStep::Removed) {
        let events: BTreeMap<String, u64> =
            serde_json::from_str(&job.events).map_err(|_| StoreError::Corrupt("erasure_job"))?;
        for (kind, times) in events {
            *walk.facts.unlinked.entry(kind).or_default() += times;
        }
    }
    for (kind, (times, first)) in std::mem::take(&mut walk.facts.sealed_off) {
        let taken = walk.facts.unlinked.get(&kind).copied().unwrap_or_default();
        if OWN.contains(&kind.as_str()) {
            walk.find(Some(first), "what an operator or the service did can no longer be opened: its body was removed");
        } else if times != taken {
            let what = format!(
                "{times} events of the kind `{kind}` have lost their body, the first here, but erasures took {taken}: one was removed without an erasure"
            );
            walk.find(Some(first), &what);
        }
    }
    Ok(())
}
