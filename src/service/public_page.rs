//! Public pages: a score that is shown to everybody, because the person said so, at an address that names nobody.
//!
//! Everybody is a recipient like any other: a grant of its own, its class in the house rules, the same gate, the same record of each
//! telling, the same day's share of new values. It differs in three things. Its purposes are its own (`public_page`, and `public_name` for
//! naming the person there), so that each has a notice of its own: a yes to one recipient is never a yes to all. The name by which it knows
//! a person is made for each grant, not for each person: pages from two sources lead to nobody in common, and a new yes is a new page. And
//! where there is too little data it is told so, rather than that there is nothing: the page is there because the person wanted it.
//!
//! How often a page was looked at is counted by day, like any other question; what it showed stands in one event for each value and day.
//! An address that leads nowhere, whatever the reason, has one answer. Names are shown only beside a value, and never an e-mail address.

use serde::Serialize;

use super::disclose::{Hearer, Tellable};
use super::score::first_week;
use super::score_views::{NOT_SUITABLE_FOR, POPULATION};
use super::{App, PersonCaller, ServiceError};
use crate::domain::{
    Act, Day, EVERYBODY, Ended, Micros, PUBLIC_NAME, PUBLIC_PAGE, Purpose, RecipientClass, SAYSO, Seq, Source, Triple,
};
use crate::gate::Asker;
use crate::ids::{Pairwise, Subject};
use crate::mutant;
use crate::store::{FoundBy, Tx};

/// What a public page shows, to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicPageView {
    /// `scored`, or `insufficient_data`, which is no low score.
    pub state: &'static str,
    /// 1 to 100.
    pub value: Option<u8>,
    /// The accounts at this source that the person wants to be named by; none where they want to be named by none.
    pub names: Vec<String>,
    /// The formula.
    pub version: &'static str,
    /// Made from activity from here alone.
    pub source: Source,
    /// First day of the window, in days since 1970.
    pub window_from_day: Day,
    /// Last day of the window.
    pub window_to_day: Day,
    /// Among whom.
    pub population: &'static str,
    /// What for it must not be used.
    pub not_suitable_for: [&'static str; 6],
    /// Ask again after this, in microseconds since 1970.
    pub use_by_us: Micros,
    /// The event that says that this was told; of too little data, the last one when that was found.
    pub seq: Seq,
    /// The digest of the policies that it was decided by.
    pub policy_sha256: String,
    /// The person contests it, and no human has answered yet.
    pub contested: bool,
}

/// What may be shown of a page at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StillPublic {
    /// The page.
    pub page: bool,
    /// The names on it.
    pub names: bool,
}

/// A public page, to its owner.
#[derive(Debug, Clone, Serialize)]
pub struct OwnPage {
    /// The score from where it shows.
    pub source: Source,
    /// Where it is.
    pub page: Pairwise,
    /// Where that is, in full.
    pub address: String,
    /// Whether it is shown now: not while everything is paused, nor without the yes that the score is worked out under.
    pub shown: bool,
    /// Whether it names the person's accounts.
    pub named: bool,
}

impl App {
    /// What stands on the page with this address.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] for whatever stands in the way.
    pub async fn public_page(&self, page: &Pairwise) -> Result<PublicPageView, ServiceError> {
        let (class, source) = (class()?, self.source_of_page(page).await?);
        let hearer = everybody(page, (&source, PUBLIC_PAGE), &class)?;
        let (found, told) = self.tell(&hearer).await?;
        self.count_telling(&hearer, &found, told.is_some());
        let told = told.ok_or(ServiceError::NotFound("page"))?;
        let names = self.names_on(page, (&source, &class), &told).await?;
        Ok(view(source, told, names))
    }

    /// Decides once more, right before an answer that had to wait is sent: the same look-ups wherever the address leads.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn still_public(&self, page: &Pairwise) -> Result<StillPublic, ServiceError> {
        let (class, source) = (class()?, self.source_of_page(page).await?);
        let shown = self.still(&everybody(page, (&source, PUBLIC_PAGE), &class)?).await?;
        let named = self.still(&everybody(page, (&source, PUBLIC_NAME), &class)?).await?;
        Ok(StillPublic { page: shown, names: shown && named })
    }

    /// A person's own pages.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn public_pages(&self, caller: &PersonCaller) -> Result<Vec<OwnPage>, ServiceError> {
        let pages = self.store.read_one(&caller.subject, |tx, subject| Box::pin(tx.pages(subject))).await?;
        let mut own = Vec::with_capacity(pages.len());
        for (source, page) in pages {
            let StillPublic { page: shown, names: named } = self.still_public(&page).await?;
            let address = format!("{}/public/{page}", self.config.public_url);
            own.push(OwnPage { source, page, address, shown, named });
        }
        Ok(own)
    }

    /// Whether somebody else may be told the score for a purpose.
    pub fn tells_score(&self, purpose: &Purpose) -> bool {
        self.registry.purpose.iter().any(|entry| entry.name == *purpose && entry.tells_score)
    }

    /// Takes back every grant by which somebody else is told the person's score. Where there is none, nothing is recorded.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn hide_score(&self, caller: &PersonCaller) -> Result<(), ServiceError> {
        self.act_of_person(&caller.subject, None, &self, |tx, (head, mut person), app| {
            Box::pin(async move {
                let grants =
                    person.history.standing.grants.iter().filter(|(triple, _)| app.tells_score(&triple.purpose));
                let ended: Vec<Ended> =
                    grants.map(|(triple, grant)| Ended { triple: triple.clone(), lineage: grant.lineage }).collect();
                if !ended.is_empty() {
                    app.record(tx, head, &mut person, Act::Withdrawn { ended }).await?;
                }
                Ok(())
            })
        })
        .await
    }

    /// What a recipient calls a person: everybody by the address of a page, which each grant has anew.
    pub(super) async fn name_for(
        &self,
        tx: &mut Tx,
        subject: &Subject,
        (triple, lineage): (&Triple, Seq),
    ) -> Result<Option<Pairwise>, ServiceError> {
        let is_page = triple.purpose.as_str() == PUBLIC_PAGE;
        match triple.recipient.as_str() {
            SAYSO => return Ok(None),
            EVERYBODY if !is_page => return Ok(None),
            _ => {}
        }
        let kept = mutant::on("pages_keep_their_address");
        let new = Pairwise::new(if kept { *subject.as_bytes() } else { self.entropy.bytes()? });
        Ok(Some(if is_page {
            tx.page_of(subject, lineage, &new).await?
        } else {
            tx.pairwise(subject, &triple.recipient, &new).await?
        }))
    }

    /// From which source a page shows a score. An address that leads nowhere is asked about as if it led to one from some source.
    async fn source_of_page(&self, page: &Pairwise) -> Result<Source, ServiceError> {
        let found = self.store.read_one(page, |tx, page| Box::pin(tx.source_of_page(page))).await?;
        let any = self.registry.source.first().map(|entry| entry.name.clone());
        found.or(any).ok_or(ServiceError::NotFound("page"))
    }

    /// The names on a page: only beside a value, and only under a yes of their own. That they were told is recorded like the value.
    async fn names_on(
        &self,
        page: &Pairwise,
        (source, class): (&Source, &RecipientClass),
        told: &Tellable,
    ) -> Result<Vec<String>, ServiceError> {
        if told.value.is_none() {
            return Ok(Vec::new());
        }
        if mutant::on("pages_always_name") {
            return self.accounts_at(&told.subject(), source).await;
        }
        let hearer = everybody(page, (source, PUBLIC_NAME), class)?;
        let (found, named) = self.tell(&hearer).await?;
        let Some(named) = named.filter(|named| named.value.is_some()) else { return Ok(Vec::new()) };
        self.count_telling(&hearer, &found, true);
        self.accounts_at(&named.subject(), source).await
    }

    /// The accounts at a source that a person proved to be theirs.
    async fn accounts_at(&self, subject: &Subject, source: &Source) -> Result<Vec<String>, ServiceError> {
        let all = self
            .store
            .read_tx(&(self, *subject), |tx, (app, subject)| Box::pin(app.identifiers_of(tx, subject)))
            .await?;
        let at_source = |text: &str| Some(text.strip_prefix(source.as_str())?.strip_prefix(':')?.to_owned());
        let handles = all.iter().filter(|(_, one)| one.kind() == crate::ident::IdentifierKind::Handle);
        Ok(handles.filter_map(|(_, one)| at_source(one.as_str())).collect())
    }
}

fn class() -> Result<RecipientClass, ServiceError> {
    EVERYBODY.parse().map_err(|_| ServiceError::NotFound("page"))
}

/// Whoever opens a page.
fn everybody<'a>(
    page: &Pairwise,
    (source, purpose): (&Source, &str),
    class: &'a RecipientClass,
) -> Result<Hearer<'a>, ServiceError> {
    let bad = |_| ServiceError::NotFound("page");
    let (purpose, recipient) = (purpose.parse().map_err(bad)?, EVERYBODY.parse().map_err(bad)?);
    let triple = Triple { purpose, source: source.clone(), recipient };
    Ok(Hearer { name: *page, by: FoundBy::Page, triple, asker: Asker::Recipient(class) })
}

fn view(source: Source, told: Tellable, names: Vec<String>) -> PublicPageView {
    PublicPageView {
        state: if told.value.is_some() { "scored" } else { "insufficient_data" },
        value: told.value,
        names,
        version: told.formula,
        source,
        window_from_day: first_week(told.until.start().week()).monday(),
        window_to_day: told.until,
        population: POPULATION,
        not_suitable_for: NOT_SUITABLE_FOR,
        use_by_us: told.use_by,
        seq: told.seq,
        policy_sha256: told.policy_sha256,
        contested: told.contested,
    }
}
