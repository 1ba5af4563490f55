//! Many people in one question: what is known of those a caller names, as far as one triple goes.
//!
//! One statement for all of them, so that somebody unknown costs the same work as a member (guarantee G12).

use sqlx::QueryBuilder;

use super::people::{StandingColumns, standing};
use super::{StoreError, Tx, WrappedKey, on};
use crate::domain::{Grant, Micros, Seq, Standing, Triple};
use crate::ids::Subject;

/// How a caller names people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundBy {
    /// By the blind index of an identifier.
    Blind,
    /// By the id that this recipient was given.
    Pairwise,
    /// As the store itself names them.
    Subject,
}

/// Somebody who was found.
#[derive(Debug, Clone)]
pub struct Known {
    /// By what.
    pub name: Vec<u8>,
    /// Who.
    pub subject: Subject,
    /// Their standing, with the grant for the triple alone.
    pub standing: Standing,
    /// Their key.
    pub wrapped_key: WrappedKey,
}

type KnownColumns = ((Vec<u8>, Vec<u8>, Vec<u8>, i64), StandingColumns, (Option<i64>, Option<i64>, Option<i64>));

macro_rules! columns {
    ($row:expr) => {{
        use sqlx::Row;
        let r = &$row;
        (
            (r.try_get(0)?, r.try_get(1)?, r.try_get(2)?, r.try_get(14)?),
            (
                r.try_get(3)?,
                r.try_get(4)?,
                r.try_get(5)?,
                r.try_get(6)?,
                r.try_get(7)?,
                r.try_get(8)?,
                r.try_get(9)?,
                r.try_get(10)?,
            ),
            (r.try_get(11)?, r.try_get(12)?, r.try_get(13)?),
        )
    }};
}
impl Tx {
    /// Those of `names` who are known. With `keep` their standings stay as they are until the transaction ends (the write
    /// fence: every act that restricts a person updates their standing, and so waits); on SQLite there is one writer anyway.
    pub async fn known(
        &mut self,
        names: &[Vec<u8>],
        by: FoundBy,
        triple: &Triple,
        keep: bool,
    ) -> Result<Vec<Known>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let lock = keep && matches!(self, Self::Postgres(_));
        let (table, column) = match by {
            FoundBy::Blind => ("identifier", "blind"),
            FoundBy::Pairwise => ("pairwise", "pairwise"),
            FoundBy::Subject => ("standing", "subject"),
        };
        let rows: Vec<KnownColumns> = on!(self, c => {
            let mut query = QueryBuilder::new(format!(
                "SELECT n.{column}, s.subject, k.wrapped, s.epoch, s.erased, s.held, s.suppressed, s.latched, s.adult, \
                 s.assurance, s.erase_due_us, g.lineage, g.notice_version, g.valid_until_us, k.ring_epoch \
                 FROM {table} n JOIN standing s ON s.subject = n.subject JOIN subject_key k ON k.subject = n.subject \
                 LEFT JOIN live_grant g ON g.subject = n.subject AND g.purpose = "
            ));
            query.push_bind(triple.purpose.as_str().to_owned()).push(" AND g.source = ");
            query.push_bind(triple.source.as_str().to_owned()).push(" AND g.recipient = ");
            query.push_bind(triple.recipient.as_str().to_owned()).push(" WHERE ");
            if by == FoundBy::Pairwise {
                query.push("n.recipient = ").push_bind(triple.recipient.as_str().to_owned()).push(" AND ");
            }
            query.push(format!("n.{column} IN ("));
            let mut list = query.separated(", ");
            for name in names {
                list.push_bind(name.clone());
            }
            query.push(") ORDER BY s.subject");
            if lock {
                query.push(" FOR SHARE OF s");
            }
            let mut rows = Vec::new();
            for row in query.build().fetch_all(c).await? {
                rows.push(columns!(row));
            }
            rows
        });
        rows.into_iter().map(|row| known(row, triple)).collect()
    }
}

fn known(((name, subject, bytes, epoch), row, grant): KnownColumns, triple: &Triple) -> Result<Known, StoreError> {
    let subject = subject.try_into().map_err(|_| StoreError::Corrupt("standing"))?;
    let mut standing = standing(row)?;
    if let (Some(lineage), Some(notice_version), Some(until)) = grant {
        let grant = Grant { lineage: Seq(lineage), notice_version, valid_until: Micros(until) };
        standing.grants.insert(triple.clone(), grant);
    }
    Ok(Known { name, subject, standing, wrapped_key: WrappedKey { epoch, bytes } })
}
