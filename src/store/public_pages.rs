//! Where public pages are. Each address hangs on the grant under which the page shows a score, and goes with it.

use super::{StoreError, Tx, on, sql};
use crate::domain::{Seq, Source};
use crate::ids::{Pairwise, Subject};

sql! {
    INSERT_PAGE(3) = "INSERT INTO public_page (subject, lineage, page) VALUES ($1, $2, $3) ON CONFLICT (subject, lineage) DO NOTHING";
    PAGE_OF(2) = "SELECT page FROM public_page WHERE subject = $1 AND lineage = $2";
    READ_PAGES(1) = "SELECT g.source, p.page FROM public_page p JOIN live_grant g ON g.subject = p.subject AND g.lineage = p.lineage WHERE p.subject = $1 ORDER BY g.source";
    SOURCE_OF_PAGE(1) = "SELECT g.source FROM public_page p JOIN live_grant g ON g.subject = p.subject AND g.lineage = p.lineage WHERE p.page = $1";
    STRAY_PAGES(2) = "SELECT count(*) FROM public_page p WHERE NOT EXISTS (SELECT 1 FROM live_grant g WHERE g.subject = p.subject AND g.lineage = p.lineage AND g.purpose = $1 AND g.recipient = $2)";
}

fn page(bytes: Vec<u8>) -> Result<Pairwise, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("public_page"))
}

fn source(text: String) -> Result<Source, StoreError> {
    text.try_into().map_err(|_| StoreError::Corrupt("live_grant"))
}

impl Tx {
    /// Where the page of a grant is; made once.
    pub async fn page_of(&mut self, subject: &Subject, lineage: Seq, new: &Pairwise) -> Result<Pairwise, StoreError> {
        on!(self, c => sqlx::query(INSERT_PAGE).bind(subject.as_bytes().as_slice()).bind(lineage.0)
            .bind(new.as_bytes().as_slice()).execute(c).await.map(drop))?;
        let row: Vec<u8> = on!(self, c => sqlx::query_scalar(PAGE_OF).bind(subject.as_bytes().as_slice())
            .bind(lineage.0).fetch_one(c).await)?;
        page(row)
    }

    /// Where a person's pages are, and from which source each shows a score.
    pub async fn pages(&mut self, subject: &Subject) -> Result<Vec<(Source, Pairwise)>, StoreError> {
        let rows: Vec<(String, Vec<u8>)> = on!(self, c =>
            sqlx::query_as(READ_PAGES).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        rows.into_iter().map(|(from, at)| Ok((source(from)?, page(at)?))).collect()
    }

    /// From which source a page shows a score.
    pub async fn source_of_page(&mut self, page: &Pairwise) -> Result<Option<Source>, StoreError> {
        let row: Option<String> = on!(self, c =>
            sqlx::query_scalar(SOURCE_OF_PAGE).bind(page.as_bytes().as_slice()).fetch_optional(c).await)?;
        row.map(source).transpose()
    }

    /// How many hang on no live grant for this purpose and recipient: none, unless somebody changed the database.
    pub async fn stray_pages(&mut self, purpose: &str, recipient: &str) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(STRAY_PAGES).bind(purpose).bind(recipient).fetch_one(c).await)?)
    }
}
