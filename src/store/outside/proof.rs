//! The proof of a declaration: a row under an id that is nobody's is written, found as an export finds it, deleted as an erasure deletes
//! it, and read back; then every table of that database that can be read is searched for the id, so that a copy which somebody's trigger
//! made elsewhere is noticed.
//!
//! The search is bounded: it takes the small tables first (where the database knows sizes), looks for the id as text, as hexadecimal bytes
//! and written as a UUID, and ends after ten seconds. What it did not reach is named. A copy under a digest of the id is not seen.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::live::{Live, full, lie, tables};
use super::{Link, OutsideError, OutsideStore, each, in_time, keyed, quoted, quoted_whole, refused, told};
use crate::clock::Mark;
use crate::ids::Pairwise;
use crate::policy::{DeclaredTable, IdForm, Literal};

const SEARCH: Duration = Duration::from_secs(10);

impl OutsideStore {
    /// Proves the declaration with a row under `canary`, which must be nobody's and the same at every proof: what one that was killed
    /// left behind the next one removes. Returns the tables that were not searched.
    ///
    /// # Errors
    /// [`OutsideError::Lies`] names table and column; [`OutsideError::Down`] says nothing about the declaration.
    pub async fn prove(&self, canary: &Pairwise) -> Result<Vec<String>, OutsideError> {
        let there = in_time(async { tables(&mut self.connect().await?).await }).await?;
        self.check(&there)?;
        self.remove(canary).await?;
        in_time(self.ids_have_their_form()).await?;
        let planted = self.plant_all(canary).await;
        let found = match planted {
            Ok(()) => self.found(canary).await,
            lie => lie,
        };
        let removed = self.remove(canary).await;
        found.and(removed)?;
        let unsearched = self.search(&there, canary).await?;
        self.is_gone(canary).await?;
        Ok(unsearched)
    }

    /// The row that proves a declaration is written as declared, so it says nothing about how the others are. When none of the first
    /// thousand ids has the declared form, nobody would ever be found in that table.
    async fn ids_have_their_form(&self) -> Result<(), OutsideError> {
        let mut link = self.connect().await?;
        for table in &self.declared.table {
            let sql = AssertSqlSafe(link.forms_of(table));
            let seen: Result<(i64, i64), _> = each!(&mut link, c => sqlx::query_as(sql).fetch_one(c).await);
            let (ids, fitting) = seen.map_err(|e| refused(&e, table))?;
            if ids > 0 && fitting == 0 {
                let what = format!(
                    "holds no id in its column `{}` that is {}: store the ids as the API gives them, or mend `id` and `id_form`",
                    table.id,
                    said(table.id_form)
                );
                return Err(lie(table, &what));
            }
        }
        link.close().await;
        Ok(())
    }

    /// What points at another table is deleted before it, and written after it.
    async fn plant_all(&self, canary: &Pairwise) -> Result<(), OutsideError> {
        for table in self.declared.table.iter().rev() {
            in_time(self.plant(table, canary)).await?;
        }
        Ok(())
    }

    async fn plant(&self, table: &DeclaredTable, canary: &Pairwise) -> Result<(), OutsideError> {
        let mut link = self.connect().await?;
        let (mut names, mut values) = (vec![quoted(&table.id)], vec![String::from("$1")]);
        for (name, value) in &table.canary {
            names.push(quoted(name));
            values.push(literal(value));
        }
        let (names, values) = (names.join(", "), values.join(", "));
        let sql = AssertSqlSafe(format!("INSERT INTO {} ({names}) VALUES ({values})", quoted(&table.name)));
        let done = each!(&mut link, c => keyed!(sqlx::query(sql), table, canary).execute(c).await.map(drop));
        link.close().await;
        done.map_err(|error| match told(&error, "") {
            OutsideError::Lies(_) => {
                let why = error.as_database_error().map(|e| e.message().to_owned()).unwrap_or_default();
                lie(table, &format!("does not take the row that proves it ({why}): give it what it needs in `canary`"))
            }
            passes => passes,
        })
    }

    async fn found(&self, canary: &Pairwise) -> Result<(), OutsideError> {
        let counts = self.count(canary).await?;
        for table in &self.declared.table {
            let mut rows = 0;
            self.rows::<OutsideError>(table, canary, &mut |_| {
                rows += 1;
                Ok(())
            })
            .await?;
            if rows != 1 || counts.get(&table.name) != Some(&1) {
                return Err(lie(
                    table,
                    &format!("does not show, under `{}`, the row that was written there", table.id),
                ));
            }
        }
        Ok(())
    }

    async fn remove(&self, canary: &Pairwise) -> Result<(), OutsideError> {
        self.delete(canary).await?;
        self.is_gone(canary).await
    }

    async fn is_gone(&self, canary: &Pairwise) -> Result<(), OutsideError> {
        let counts = self.count(canary).await?;
        match self.declared.table.iter().find(|table| counts.get(&table.name) != Some(&0)) {
            Some(table) => Err(lie(table, &format!("keeps a row that was deleted by its column `{}`", table.id))),
            None => Ok(()),
        }
    }

    async fn search(&self, there: &[Live], canary: &Pairwise) -> Result<Vec<String>, OutsideError> {
        let begun = Mark::now();
        let mut unsearched = Vec::new();
        for live in there.iter().filter(|live| !live.is_view && !live.is_part()) {
            let left = SEARCH.saturating_sub(begun.elapsed());
            match tokio::time::timeout(left, self.copy_in(live, canary)).await {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(column))) => return Err(copied(live, &column, canary)),
                Ok(Err(_)) | Err(_) => unsearched.push(live.name.clone()),
            }
        }
        Ok(unsearched)
    }

    /// The first column of a table that holds the canary.
    async fn copy_in(&self, live: &Live, canary: &Pairwise) -> Result<Option<String>, OutsideError> {
        let mut link = self.connect().await?;
        let sql = AssertSqlSafe(search_of(&link, live));
        let (hex, uuid) = forms(canary);
        let found: Result<Option<String>, _> = each!(&mut link, c =>
            sqlx::query_scalar(sql).bind(hex).bind(uuid).fetch_optional(c).await);
        link.close().await;
        found.map_err(|e| told(&e, "a search"))
    }
}

/// Says where the copy is. It is left there: a row outside of the declared tables may be one of theirs that was only changed.
fn copied(live: &Live, column: &str, canary: &Pairwise) -> OutsideError {
    OutsideError::Lies(format!(
        "the column `{}` got a copy of what was written to a declared table, and kept it when that was deleted: declare its table too, or \
         take away what copies it; what the proof left there is still there, look for `{canary}`, which is nobody's",
        full(live, column)
    ))
}

impl Link {
    /// Of the first ids of a table: how many there are, and how many have the declared form.
    fn forms_of(&self, table: &DeclaredTable) -> String {
        let fits = match (self, table.id_form) {
            (Self::Postgres(_), IdForm::Text) => "CAST(id AS TEXT) ~ '^[0-9a-f]{32}$'",
            (Self::Postgres(_), IdForm::Bytes) => "octet_length(id) = 16",
            (Self::Sqlite(_), IdForm::Text) => "typeof(id) = 'text' AND length(id) = 32 AND id NOT GLOB '*[^0-9a-f]*'",
            (Self::Sqlite(_), IdForm::Bytes) => "typeof(id) = 'blob' AND length(id) = 16",
        };
        let (id, name) = (quoted(&table.id), quoted(&table.name));
        let first = format!("SELECT {id} AS id FROM {name} WHERE {id} IS NOT NULL LIMIT 1000");
        format!("SELECT count(*), COALESCE(SUM(CASE WHEN {fits} THEN 1 ELSE 0 END), 0) FROM ({first}) AS ids")
    }
}

fn said(form: IdForm) -> &'static str {
    match form {
        IdForm::Text => "32 hexadecimal digits in lower case",
        IdForm::Bytes => "16 bytes",
    }
}

fn literal(value: &Literal) -> String {
    match value {
        Literal::Bool(yes) => if *yes { "TRUE" } else { "FALSE" }.into(),
        Literal::Int(number) => number.to_string(),
        Literal::Float(number) => format!("{number:?}"),
        Literal::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

fn forms(canary: &Pairwise) -> (String, String) {
    let hex = canary.to_string();
    let uuid = hex.char_indices().fold(String::new(), |mut uuid, (place, digit)| {
        if [8, 12, 16, 20].contains(&place) {
            uuid.push('-');
        }
        uuid.push(digit);
        uuid
    });
    (hex, uuid)
}

/// Answers the name of a column that holds `$1` or `$2`. On PostgreSQL a row is read as its text, which shows every type.
fn search_of(link: &Link, live: &Live) -> String {
    let table = quoted(&live.name);
    let names = live.columns.iter().map(|(name, _)| name);
    match link {
        Link::Postgres(_) => format!(
            "SELECT k.key FROM (SELECT to_jsonb(sayso_row) AS whole FROM {table} sayso_row \
             WHERE strpos(lower(CAST(ROW(sayso_row.*) AS TEXT)), $1) > 0 OR strpos(lower(CAST(ROW(sayso_row.*) AS TEXT)), $2) > 0 LIMIT 1) AS w, \
             jsonb_each_text(w.whole) AS k WHERE strpos(lower(k.value), $1) > 0 OR strpos(lower(k.value), $2) > 0 LIMIT 1"
        ),
        Link::Sqlite(_) => {
            let holds = |name: &String| {
                let (column, text) = (quoted_whole(name), format!("lower(CAST({} AS TEXT))", quoted_whole(name)));
                let bytes = format!("typeof({column}) = 'blob' AND instr(lower(hex({column})), $1) > 0");
                let name = name.replace('\'', "''");
                format!("WHEN instr({text}, $1) > 0 OR instr({text}, $2) > 0 OR ({bytes}) THEN '{name}'")
            };
            let cases: Vec<String> = names.map(holds).collect();
            format!("SELECT h FROM (SELECT CASE {} END AS h FROM {table}) WHERE h IS NOT NULL LIMIT 1", cases.join(" "))
        }
    }
}
