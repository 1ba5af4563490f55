//! Many people in one question: what is known of those a caller names, as far as one triple goes.
//!
//! One statement for all of them, in which somebody unknown costs the same work as a member (guarantee G12).

use std::collections::HashMap;

use sqlx::QueryBuilder;

use super::people::{StandingColumns, standing};
use super::{StoreError, Tx, WrappedKey, on};
use crate::domain::{Grant, Micros, Seq, Standing, Triple};
use crate::ids::Subject;
use crate::mutant;

/// How a caller names people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// By the blind index of an identifier.
    Blind,
    /// By the id that this recipient was given.
    Pairwise,
    /// By the address of a public page.
    Page,
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

type KnownColumns =
    ((Option<Vec<u8>>, Vec<u8>, Vec<u8>, i64), StandingColumns, (Option<i64>, Option<i64>, Option<i64>));

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
        let (table, column) = match by {
            FoundBy::Blind => ("identifier", "blind"),
            FoundBy::Pairwise => ("pairwise", "pairwise"),
            FoundBy::Page => ("public_page", "page"),
            FoundBy::Subject => ("standing", "subject"),
        };
        let lock = keep && matches!(self, Self::Postgres(_));
        let rows: Vec<KnownColumns> = on!(self, c => {
            // In place of somebody unknown stands a person who is there, so that as much is looked up and read; the first column says so.
            let mut query = QueryBuilder::new(if keep { "" } else { "WITH v (name) AS (VALUES (" });
            if !keep {
                let mut list = query.separated("), (");
                for name in names {
                    list.push_bind(name.clone());
                }
                query.push(")) ");
            }
            let name = if keep { format!("n.{column}") } else { String::from("CASE WHEN n.subject IS NULL THEN NULL ELSE v.name END") };
            query.push(format!(
                "SELECT {name}, s.subject, k.wrapped, s.epoch, s.erased, s.held, s.suppressed, s.latched, s.adult, \
                 s.assurance, s.erase_due_us, g.lineage, g.notice_version, g.valid_until_us, k.ring_epoch "
            ));
            let of_recipient = |query: &mut QueryBuilder<_>, before: &str| {
                if by == FoundBy::Pairwise {
                    query.push(before).push("n.recipient = ").push_bind(triple.recipient.as_str().to_owned());
                }
            };
            if keep {
                query.push(format!("FROM {table} n JOIN standing s ON s.subject = n.subject "));
            } else {
                query.push(format!("FROM v LEFT JOIN {table} n ON n.{column} = v.name "));
                of_recipient(&mut query, "AND ");
                query.push(" JOIN standing s ON s.subject = coalesce(n.subject, (SELECT subject FROM standing ORDER BY subject LIMIT 1)) ");
            }
            query.push("JOIN subject_key k ON k.subject = s.subject LEFT JOIN live_grant g ON g.subject = s.subject AND g.purpose = ");
            query.push_bind(triple.purpose.as_str().to_owned()).push(" AND g.source = ");
            query.push_bind(triple.source.as_str().to_owned()).push(" AND g.recipient = ");
            query.push_bind(triple.recipient.as_str().to_owned());
            if keep {
                query.push(format!(" WHERE n.{column} IN ("));
                let mut list = query.separated(", ");
                for name in names {
                    list.push_bind(name.clone());
                }
                query.push(")");
                of_recipient(&mut query, " AND ");
            }
            query.push(" ORDER BY s.subject");
            if lock {
                // Whoever waits to change a person comes before whoever asks later to keep them as they are; sharing, these would come first.
                query.push(if mutant::on("collectors_overtake") { " FOR SHARE OF s" } else { " FOR NO KEY UPDATE OF s" });
            }
            let mut rows = Vec::new();
            for row in query.build().fetch_all(c).await? {
                rows.push(columns!(row));
            }
            rows
        });
        let known = rows.into_iter().map(|row| known(row, triple)).collect::<Result<Vec<_>, _>>()?;
        Ok(known.into_iter().flatten().collect())
    }
}

/// Names in one statement.
const NAMES_AT_ONCE: usize = 500;

impl Tx {
    /// Who those are that a recipient asked about, of whoever has one of these names.
    pub async fn owners(
        &mut self,
        names: &[&[u8]],
        by: FoundBy,
        recipient: &str,
    ) -> Result<HashMap<Vec<u8>, Subject>, StoreError> {
        let start = match by {
            FoundBy::Blind => "SELECT blind, subject FROM identifier WHERE blind IN (",
            FoundBy::Pairwise => "SELECT pairwise, subject FROM pairwise WHERE pairwise IN (",
            FoundBy::Page => "SELECT page, subject FROM public_page WHERE page IN (",
            FoundBy::Subject => "SELECT subject, subject FROM standing WHERE subject IN (",
        };
        let mut owners = HashMap::with_capacity(names.len());
        for some in names.chunks(NAMES_AT_ONCE) {
            let rows: Vec<(Vec<u8>, Vec<u8>)> = on!(self, c => {
                let mut query = QueryBuilder::new(start);
                let mut list = query.separated(", ");
                for name in some {
                    list.push_bind(name.to_vec());
                }
                query.push(")");
                if by == FoundBy::Pairwise {
                    query.push(" AND recipient = ").push_bind(recipient.to_owned());
                }
                query.build_query_as().fetch_all(c).await
            })?;
            for (name, subject) in rows {
                owners.insert(name, subject.try_into().map_err(|_| StoreError::Corrupt("standing"))?);
            }
        }
        Ok(owners)
    }
}

/// Read as a whole before it is looked at whether somebody was found.
fn known(
    ((name, subject, bytes, epoch), row, grant): KnownColumns,
    triple: &Triple,
) -> Result<Option<Known>, StoreError> {
    let subject = subject.try_into().map_err(|_| StoreError::Corrupt("standing"))?;
    let mut standing = standing(row)?;
    if let (Some(lineage), Some(notice_version), Some(until)) = grant {
        let grant = Grant { lineage: Seq(lineage), notice_version, valid_until: Micros(until) };
        standing.grants.insert(triple.clone(), grant);
    }
    Ok(name.map(|name| Known { name, subject, standing, wrapped_key: WrappedKey { epoch, bytes } }))
}
