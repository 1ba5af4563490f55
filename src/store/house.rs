//! House rules as they were adopted. None is ever changed or removed: whoever holds a decision can look up by what it was decided. In
//! force are those that the last event of this kind names; a row that no event names is nothing.

use std::collections::BTreeMap;

use super::{StoreError, Tx, on, sql};
use crate::domain::{Purpose, Seq};

/// House rules, adopted once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseRow {
    /// The event that says so.
    pub seq: Seq,
    /// The digest of the registry and the rules, in hexadecimal.
    pub sha256: String,
    /// The digest of the registry alone.
    pub registry_sha256: String,
    /// Whether they came with the program, and go with the next one.
    pub built_in: bool,
    /// The rule files by name, as JSON.
    pub files: String,
}

/// What holds for everybody at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RulesInForce {
    /// For each purpose the oldest notice that still counts: the last material one.
    pub oldest_notices: BTreeMap<Purpose, i64>,
    /// The digest of the house rules, if any were adopted.
    pub policy_sha256: Option<String>,
}

sql! {
    INSERT_RULES(5) = "INSERT INTO house_rules (seq, sha256, registry_sha256, built_in, files) VALUES ($1, $2, $3, $4, $5)";
    NEWEST_RULES(0) = "SELECT seq, sha256, registry_sha256, built_in, files FROM house_rules WHERE seq = (SELECT max(e.seq) FROM event e WHERE e.kind = 'policy_adopted')";
    ALL_RULES(0) = "SELECT seq, sha256, registry_sha256, built_in, files FROM house_rules ORDER BY seq";
    IN_FORCE(0) = "SELECT n.purpose, max(n.version), (SELECT h.sha256 FROM house_rules h WHERE h.seq = (SELECT max(e.seq) FROM event e WHERE e.kind = 'policy_adopted')) FROM notice n WHERE n.material <> 0 GROUP BY n.purpose";
}

/// Names the lock below on PostgreSQL: "rules" in ASCII.
const RULES_LOCK: i64 = 0x72_75_6c_65_73;
const HOLD: &str = "SELECT pg_advisory_xact_lock_shared($1)";
const WAIT: &str = "SELECT pg_advisory_xact_lock($1)";

type HouseColumns = (i64, String, String, i64, String);

fn house_row((seq, sha256, registry_sha256, built_in, files): HouseColumns) -> HouseRow {
    HouseRow { seq: Seq(seq), sha256, registry_sha256, built_in: built_in != 0, files }
}

impl Tx {
    /// Until the transaction ends no other rules are adopted: for what is stored by them without the head row. On SQLite there is one
    /// writer anyway.
    pub async fn hold_rules(&mut self) -> Result<(), StoreError> {
        self.lock_rules(HOLD).await
    }

    /// Waits until nothing is being stored by the rules in force. Comes before the head row.
    pub async fn wait_for_rules(&mut self) -> Result<(), StoreError> {
        self.lock_rules(WAIT).await
    }

    async fn lock_rules(&mut self, lock: &'static str) -> Result<(), StoreError> {
        if let Self::Postgres(tx) = self {
            sqlx::query(lock).bind(RULES_LOCK).execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// Keeps rules that were adopted.
    pub async fn insert_house_rules(&mut self, row: &HouseRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_RULES).bind(row.seq.0).bind(row.sha256.as_str())
            .bind(row.registry_sha256.as_str())
            .bind(i64::from(row.built_in)).bind(row.files.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }

    /// The rules that were adopted last.
    pub async fn house_rules(&mut self) -> Result<Option<HouseRow>, StoreError> {
        let row: Option<HouseColumns> = on!(self, c => sqlx::query_as(NEWEST_RULES).fetch_optional(c).await)?;
        Ok(row.map(house_row))
    }

    /// Every rules that were adopted, and whatever else stands there, in order; for verification.
    pub async fn all_house_rules(&mut self) -> Result<Vec<HouseRow>, StoreError> {
        let rows: Vec<HouseColumns> = on!(self, c => sqlx::query_as(ALL_RULES).fetch_all(c).await)?;
        Ok(rows.into_iter().map(house_row).collect())
    }

    /// What holds for everybody now.
    pub async fn rules_in_force(&mut self) -> Result<RulesInForce, StoreError> {
        let rows: Vec<(String, i64, Option<String>)> = on!(self, c => sqlx::query_as(IN_FORCE).fetch_all(c).await)?;
        let mut rules = RulesInForce::default();
        for (purpose, version, policy_sha256) in rows {
            rules.oldest_notices.insert(purpose.try_into().map_err(|_| StoreError::Corrupt("notice"))?, version);
            rules.policy_sha256 = policy_sha256;
        }
        Ok(rules)
    }
}
