//! Keeps the [`Fence`] as the SQLite database is: what each transaction changes is found by triggers on the connection that writes,
//! whichever statement it was, and read in the transaction itself.

use std::collections::HashMap;

use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{Executor, FromRow, Row, SqliteConnection};

use super::grants::triple;
use super::people::{adult_from, assurance_from};
use super::{StoreError, Tx};
use crate::domain::{Micros, Recipient, Seq, Triple};
use crate::fence::{Change, Column, Fence, Lost, Name};
use crate::gate::Projection;
use crate::ids::Subject;

/// Made on the connection that writes, gone with it. What was there before a change is noted; what is there after it is read.
pub(super) const TRIGGERS: &str = "
CREATE TEMP TABLE touched (what TEXT NOT NULL, subject BLOB, name BLOB, purpose TEXT, source TEXT, recipient TEXT) STRICT;
CREATE TEMP TRIGGER standing_i AFTER INSERT ON main.standing BEGIN INSERT INTO touched (what, subject) VALUES ('person', NEW.subject); END;
CREATE TEMP TRIGGER standing_u AFTER UPDATE ON main.standing BEGIN INSERT INTO touched (what, subject) VALUES ('person', OLD.subject), ('person', NEW.subject); END;
CREATE TEMP TRIGGER standing_d AFTER DELETE ON main.standing BEGIN INSERT INTO touched (what, subject) VALUES ('person', OLD.subject); END;
CREATE TEMP TRIGGER key_i AFTER INSERT ON main.subject_key BEGIN INSERT INTO touched (what, subject) VALUES ('person', NEW.subject); END;
CREATE TEMP TRIGGER key_u AFTER UPDATE OF subject ON main.subject_key BEGIN INSERT INTO touched (what, subject) VALUES ('person', OLD.subject), ('person', NEW.subject); END;
CREATE TEMP TRIGGER key_d AFTER DELETE ON main.subject_key BEGIN INSERT INTO touched (what, subject) VALUES ('person', OLD.subject); END;
CREATE TEMP TRIGGER grant_i AFTER INSERT ON main.live_grant BEGIN INSERT INTO touched (what, subject) VALUES ('person', NEW.subject); END;
CREATE TEMP TRIGGER grant_u AFTER UPDATE ON main.live_grant BEGIN INSERT INTO touched (what, subject, purpose, source, recipient) VALUES ('grant', OLD.subject, OLD.purpose, OLD.source, OLD.recipient), ('person', NEW.subject, NULL, NULL, NULL); END;
CREATE TEMP TRIGGER grant_d AFTER DELETE ON main.live_grant BEGIN INSERT INTO touched (what, subject, purpose, source, recipient) VALUES ('grant', OLD.subject, OLD.purpose, OLD.source, OLD.recipient); END;
CREATE TEMP TRIGGER identifier_i AFTER INSERT ON main.identifier BEGIN INSERT INTO touched (what, subject) VALUES ('person', NEW.subject); END;
CREATE TEMP TRIGGER identifier_u AFTER UPDATE OF subject, blind ON main.identifier BEGIN INSERT INTO touched (what, subject, name) VALUES ('blind', OLD.subject, OLD.blind), ('person', NEW.subject, NULL); END;
CREATE TEMP TRIGGER identifier_d AFTER DELETE ON main.identifier BEGIN INSERT INTO touched (what, subject, name) VALUES ('blind', OLD.subject, OLD.blind); END;
CREATE TEMP TRIGGER pairwise_i AFTER INSERT ON main.pairwise BEGIN INSERT INTO touched (what, subject) VALUES ('person', NEW.subject); END;
CREATE TEMP TRIGGER pairwise_u AFTER UPDATE ON main.pairwise BEGIN INSERT INTO touched (what, subject, name, recipient) VALUES ('pairwise', OLD.subject, OLD.pairwise, OLD.recipient), ('person', NEW.subject, NULL, NULL); END;
CREATE TEMP TRIGGER pairwise_d AFTER DELETE ON main.pairwise BEGIN INSERT INTO touched (what, subject, name, recipient) VALUES ('pairwise', OLD.subject, OLD.pairwise, OLD.recipient); END;
CREATE TEMP TRIGGER notice_i AFTER INSERT ON main.notice BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER notice_u AFTER UPDATE ON main.notice BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER notice_d AFTER DELETE ON main.notice BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER client_i AFTER INSERT ON main.client BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER client_u AFTER UPDATE ON main.client BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER client_d AFTER DELETE ON main.client BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER house_i AFTER INSERT ON main.house_rules BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER house_u AFTER UPDATE ON main.house_rules BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER house_d AFTER DELETE ON main.house_rules BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
CREATE TEMP TRIGGER adopted_i AFTER INSERT ON main.event WHEN NEW.kind = 'policy_adopted' BEGIN INSERT INTO touched (what) VALUES ('rules'); END;
";

/// What [`granted`] reads.
macro_rules! granted_columns {
    () => {
        "g.subject, g.purpose, g.source, g.recipient, g.notice_version, g.valid_until_us, s.erased, s.held, s.suppressed, s.latched, s.adult, s.assurance"
    };
}

macro_rules! granted_people {
    () => {
        "JOIN standing s ON s.subject = g.subject JOIN subject_key k ON k.subject = g.subject"
    };
}

/// What was touched, the names and the grants of those people as they now are, and all of it forgotten: in one message.
const TOUCHED: &str = concat!(
    "SELECT h.seq, t.what, t.subject, t.name, t.purpose, t.source, t.recipient FROM (SELECT coalesce(max(seq), 0) AS seq FROM main.log_head) h LEFT JOIN temp.touched t; ",
    "SELECT subject, NULL, blind FROM identifier WHERE subject IN (SELECT subject FROM temp.touched) UNION ALL SELECT subject, recipient, pairwise FROM pairwise WHERE subject IN (SELECT subject FROM temp.touched); ",
    "SELECT ",
    granted_columns!(),
    " FROM live_grant g ",
    granted_people!(),
    " WHERE g.subject IN (SELECT subject FROM temp.touched); DELETE FROM temp.touched"
);
const TOUCH: &str = "INSERT INTO touched (what, subject) VALUES ('person', $1)";
/// Everybody with a grant, by every name: what [`granted_columns`] says in few columns, because each costs.
const EVERYBODY: &str = concat!(
    "SELECT g.purpose || ' ' || g.source || ' ' || g.recipient, s.adult || ' ' || s.assurance, s.erased + 2 * s.held + 4 * s.suppressed + 8 * s.latched, g.notice_version, g.valid_until_us, p.pairwise, i.blind FROM live_grant g ",
    granted_people!(),
    " LEFT JOIN pairwise p ON p.subject = g.subject AND p.recipient = g.recipient LEFT JOIN identifier i ON i.subject = g.subject"
);

type Texts = (Option<String>, Option<String>, Option<String>);
type TouchedColumns =
    (i64, Option<String>, Option<Vec<u8>>, Option<Vec<u8>>, Option<String>, Option<String>, Option<String>);

fn subject(bytes: Vec<u8>) -> Result<Subject, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Corrupt("subject"))
}

fn recipient(text: String) -> Result<Recipient, StoreError> {
    text.try_into().map_err(|_| StoreError::Corrupt("recipient"))
}

/// What the transaction on this connection changed so far, and whoever was lost before it.
async fn change(connection: &mut SqliteConnection, lost: Lost) -> Result<Change, StoreError> {
    for subject in &lost.subjects {
        sqlx::query(TOUCH).bind(subject.as_bytes().as_slice()).execute(&mut *connection).await?;
    }
    let mut change = Change { rules: lost.rules, ..Change::default() };
    let mut statement = 0;
    let mut answers = connection.fetch_many(sqlx::query(TOUCHED));
    while let Some(answer) = answers.try_next().await? {
        match (answer.right(), statement) {
            (None, _) => statement += 1,
            (Some(row), 0) => touched(&mut change, FromRow::from_row(&row)?)?,
            (Some(row), 1) => {
                let (of, to, name): (Vec<u8>, Option<String>, Vec<u8>) = FromRow::from_row(&row)?;
                let name = match to {
                    None => Name::Blind(name),
                    Some(to) => Name::Pairwise(recipient(to)?, name),
                };
                change.after.names.entry(subject(of)?).or_default().insert(name);
            }
            (Some(row), _) => {
                let (of, triple, projection) = granted(&row)?;
                change.after.grants.entry(of).or_default().insert(triple, projection);
            }
        }
    }
    Ok(change)
}

fn touched(change: &mut Change, (seq, what, of, name, purpose, source, to): TouchedColumns) -> Result<(), StoreError> {
    change.seq = Seq(seq);
    let Some(what) = what else { return Ok(()) };
    let Some(of) = of.map(subject).transpose()? else {
        change.rules |= what == "rules";
        return Ok(());
    };
    change.subjects.insert(of);
    let texts: Texts = (purpose, source, to);
    match (what.as_str(), name, texts) {
        ("person", ..) => {}
        ("grant", _, (Some(purpose), Some(source), Some(recipient))) => {
            change.triples.entry(of).or_default().insert(triple(purpose, source, recipient)?);
        }
        ("blind", Some(name), _) => {
            change.names.entry(of).or_default().insert(Name::Blind(name));
        }
        ("pairwise", Some(name), (_, _, Some(to))) => {
            change.names.entry(of).or_default().insert(Name::Pairwise(recipient(to)?, name));
        }
        _ => return Err(StoreError::Corrupt("touched")),
    }
    Ok(())
}

fn granted(row: &SqliteRow) -> Result<(Subject, Triple, Projection), StoreError> {
    let flag = |place: usize| row.try_get::<i64, _>(place).map(|flag| flag != 0);
    let projection = Projection {
        erased: flag(6)?,
        held: flag(7)?,
        suppressed: flag(8)?,
        latched: flag(9)?,
        adult: adult_from(row.try_get(10)?)?,
        assurance: assurance_from(row.try_get(11)?)?,
        grant: Some((row.try_get(4)?, Micros(row.try_get(5)?))),
    };
    Ok((subject(row.try_get(0)?)?, triple(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?)?, projection))
}

/// A triple of [`EVERYBODY`], with where its entries are.
fn columns(fence: &Fence, text: &str) -> Result<[Column; 2], StoreError> {
    let mut names = text.split(' ').map(str::to_owned);
    let mut next = || names.next().unwrap_or_default();
    let triple = triple(next(), next(), next())?;
    Ok([fence.column(&triple, true), fence.column(&triple, false)])
}

/// How somebody of [`EVERYBODY`] stands.
fn projected(row: &SqliteRow) -> Result<Projection, StoreError> {
    let (flags, known): (i64, &str) = (row.try_get(2)?, row.try_get(1)?);
    let (adult, assurance) = known.split_once(' ').ok_or(StoreError::Corrupt("standing"))?;
    Ok(Projection {
        erased: flags & 1 != 0,
        held: flags & 2 != 0,
        suppressed: flags & 4 != 0,
        latched: flags & 8 != 0,
        adult: adult_from(adult)?,
        assurance: assurance_from(assurance)?,
        grant: Some((row.try_get(3)?, Micros(row.try_get(4)?))),
    })
}

impl Tx {
    /// Everybody into an empty fence, read once.
    pub(super) async fn fill(&mut self, fence: &Fence) -> Result<(), StoreError> {
        let Self::Sqlite(tx) = self else { return Ok(()) };
        let mut known: HashMap<String, [Column; 2]> = HashMap::new();
        let mut rows = sqlx::query(EVERYBODY).fetch(&mut **tx);
        while let Some(row) = rows.try_next().await? {
            let triple: &str = row.try_get(0)?;
            let of_triple = match known.get(triple) {
                Some(columns) => *columns,
                None => *known.entry(triple.to_owned()).or_insert(columns(fence, triple)?),
            };
            let person = projected(&row)?;
            for (column, place) in of_triple.iter().zip([5, 6]) {
                if let Some(name) = row.try_get::<Option<&[u8]>, _>(place)? {
                    fence.put_at(column, name, &person);
                }
            }
        }
        drop(rows);
        fence.is_at(self.first_head().await?.map_or(Seq(0), |head| head.seq));
        Ok(())
    }

    /// What was changed so far.
    pub(super) async fn change(&mut self, fence: &Fence) -> Result<Change, StoreError> {
        match self {
            Self::Sqlite(tx) => change(tx, fence.lost()).await,
            Self::Postgres(_) => Ok(Change::default()),
        }
    }
}
