//! Callers that an operator registered, and counts of decisions.

use sqlx::QueryBuilder;

use super::{StoreError, Tx, on, sql};
use crate::domain::{Day, Micros, Recipient, Stretch};
use crate::ids::{Subject, TokenId};

/// A registered caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRow {
    /// Its name.
    pub id: String,
    /// Its role.
    pub role: String,
    /// SHA-256 of its secret, which is 256 random bits.
    pub secret_hash: [u8; 32],
    /// The class of a recipient.
    pub class: String,
    /// What a recipient may ask for, separated by spaces.
    pub purposes: String,
    /// From where, separated by spaces.
    pub sources: String,
    /// Switched off.
    pub disabled: bool,
    /// Where a recipient is told that something no longer holds.
    pub webhook: Option<String>,
    /// Its server answered that there is nobody to tell any more.
    pub webhook_gone: bool,
    /// What a recipient may ask the gate for, separated by spaces.
    pub scopes: String,
    /// How often a recipient may ask in one minute.
    pub calls_per_minute: u32,
    /// About how many people it may ask in one day.
    pub people_per_day: u32,
    /// The key under which it signs for its tokens.
    pub public_key: Option<[u8; 32]>,
}

/// What a caller asked about a member on one day, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Counted {
    /// When.
    pub day: Day,
    /// Who asked.
    pub caller: String,
    /// Why.
    pub purpose: String,
    /// From where.
    pub source: String,
    /// For what.
    pub action: String,
    /// The digest of the house rules that it was decided by, in hexadecimal. Empty where none could be read, and in rows older than this column.
    pub policy_sha256: String,
    /// The answer.
    pub allowed: bool,
}

/// The same, and how often.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DecisionTally {
    /// What.
    #[serde(flatten)]
    pub counted: Counted,
    /// How often.
    pub times: i64,
}

const COUNT_THEM: &str = ", v.times FROM v JOIN standing s ON s.subject = v.subject AND s.erased = 0 WHERE true \
    ON CONFLICT (subject, day, caller, purpose, source, action, policy_sha256, allowed) DO UPDATE SET times = decision_count.times + excluded.times";
/// People in one statement that counts.
const COUNTED_AT_ONCE: usize = 500;

sql! {
    INSERT_CLIENT(11) = "INSERT INTO client (id, role, secret_hash, class, purposes, sources, disabled, webhook, scopes, calls_per_minute, people_per_day, public_key) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, $10, $11)";
    READ_CLIENT(1) = "SELECT id, role, secret_hash, class, purposes, sources, disabled, webhook, webhook_gone, scopes, calls_per_minute, people_per_day, public_key FROM client WHERE id = $1";
    ALL_CLIENTS(0) = "SELECT id, role, secret_hash, class, purposes, sources, disabled, webhook, webhook_gone, scopes, calls_per_minute, people_per_day, public_key FROM client ORDER BY id";
    NEXT_CLIENTS(2) = "SELECT id, role, secret_hash, class, purposes, sources, disabled, webhook, webhook_gone, scopes, calls_per_minute, people_per_day, public_key FROM client WHERE id > $1 ORDER BY id LIMIT $2";
    EARLIER_CLIENTS(2) = "SELECT id, role, secret_hash, class, purposes, sources, disabled, webhook, webhook_gone, scopes, calls_per_minute, people_per_day, public_key FROM client WHERE id < $1 ORDER BY id DESC LIMIT $2";
    DISABLE_CLIENT(1) = "UPDATE client SET disabled = 1 WHERE id = $1 AND disabled = 0";
    WEBHOOK_GONE(1) = "UPDATE client SET webhook_gone = 1 WHERE id = $1";
    USE_ASSERTION(2) = "INSERT INTO client_assertion (digest, expires_us) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING";
    END_TOKEN(2) = "INSERT INTO ended_token (id, expires_us) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    TOKEN_ENDED(1) = "SELECT count(*) FROM ended_token WHERE id = $1";
    COUNT_UNKNOWN(3) = "INSERT INTO unknown_count (caller, day, times) VALUES ($1, $2, $3) ON CONFLICT (caller, day) DO UPDATE SET times = unknown_count.times + excluded.times";
    ASKED_COUNTS(2) = "SELECT day, caller, allowed, CAST(sum(times) AS BIGINT) FROM decision_count WHERE day >= $1 AND day <= $2 GROUP BY day, caller, allowed UNION ALL SELECT day, caller, 0, times FROM unknown_count WHERE day >= $1 AND day <= $2";
    READ_DECISIONS(1) = "SELECT day, caller, purpose, source, action, policy_sha256, allowed, times FROM decision_count WHERE subject = $1 ORDER BY day DESC, caller, purpose, source, action, policy_sha256, allowed";
}

type TallyColumns = (i64, String, String, String, String, String, i64, i64);

/// More columns than a tuple takes.
macro_rules! client {
    ($row:expr) => {{
        use sqlx::Row;
        let r = &$row;
        let counted = |number: i64| u32::try_from(number).map_err(|_| StoreError::Corrupt("client"));
        let bytes = |bytes: Vec<u8>| <[u8; 32]>::try_from(bytes).map_err(|_| StoreError::Corrupt("client"));
        ClientRow {
            id: r.try_get(0)?,
            role: r.try_get(1)?,
            secret_hash: bytes(r.try_get(2)?)?,
            class: r.try_get(3)?,
            purposes: r.try_get(4)?,
            sources: r.try_get(5)?,
            disabled: r.try_get::<i64, _>(6)? != 0,
            webhook: r.try_get(7)?,
            webhook_gone: r.try_get::<i64, _>(8)? != 0,
            scopes: r.try_get(9)?,
            calls_per_minute: counted(r.try_get(10)?)?,
            people_per_day: counted(r.try_get(11)?)?,
            public_key: r.try_get::<Option<Vec<u8>>, _>(12)?.map(bytes).transpose()?,
        }
    }};
}

impl Tx {
    /// Stores a caller.
    pub async fn insert_client(&mut self, row: &ClientRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_CLIENT).bind(row.id.as_str()).bind(row.role.as_str())
            .bind(row.secret_hash.as_slice()).bind(row.class.as_str()).bind(row.purposes.as_str())
            .bind(row.sources.as_str()).bind(row.webhook.as_deref()).bind(row.scopes.as_str())
            .bind(i64::from(row.calls_per_minute)).bind(i64::from(row.people_per_day))
            .bind(row.public_key.as_ref().map(<[u8; 32]>::as_slice)).execute(c).await.map(drop))?;
        Ok(())
    }

    /// A recipient's server answered that there is nobody to tell any more.
    pub async fn webhook_is_gone(&mut self, id: &str) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(WEBHOOK_GONE).bind(id).execute(c).await.map(drop))?;
        Ok(())
    }

    /// A caller.
    pub async fn client(&mut self, id: &str) -> Result<Option<ClientRow>, StoreError> {
        on!(self, c => {
            let row = sqlx::query(READ_CLIENT).bind(id).fetch_optional(c).await?;
            Ok(match row {
                Some(row) => Some(client!(row)),
                None => None,
            })
        })
    }

    /// Remembers what a client signed; false when it was used before.
    pub async fn use_assertion(&mut self, digest: &[u8; 32], expires: Micros) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(USE_ASSERTION).bind(digest.as_slice()).bind(expires.0).execute(c).await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Ends a token before its time.
    pub async fn end_token(&mut self, id: &TokenId, expires: Micros) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(END_TOKEN).bind(id.as_bytes().as_slice()).bind(expires.0).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Whether a token was ended.
    pub async fn token_has_ended(&mut self, id: &TokenId) -> Result<bool, StoreError> {
        let rows: i64 =
            on!(self, c => sqlx::query_scalar(TOKEN_ENDED).bind(id.as_bytes().as_slice()).fetch_one(c).await)?;
        Ok(rows > 0)
    }

    /// Every caller.
    pub async fn clients(&mut self) -> Result<Vec<ClientRow>, StoreError> {
        on!(self, c => {
            let mut clients = Vec::new();
            for row in sqlx::query(ALL_CLIENTS).fetch_all(c).await? {
                clients.push(client!(row));
            }
            Ok(clients)
        })
    }

    /// Some callers, in the order of their names.
    pub async fn clients_in(&mut self, stretch: Stretch<String>, limit: i64) -> Result<Vec<ClientRow>, StoreError> {
        let (place, earlier) = stretch.from(String::new());
        let statement = if earlier { EARLIER_CLIENTS } else { NEXT_CLIENTS };
        on!(self, c => {
            let mut clients = Vec::new();
            for row in sqlx::query(statement).bind(place).bind(limit).fetch_all(c).await? {
                clients.push(client!(row));
            }
            Ok(clients)
        })
    }

    /// Switches a caller off; false when it was off or never there.
    pub async fn disable_client(&mut self, id: &Recipient) -> Result<bool, StoreError> {
        let rows = on!(self, c => sqlx::query(DISABLE_CLIENT).bind(id.as_str()).execute(c).await
            .map(|done| done.rows_affected()))?;
        Ok(rows == 1)
    }

    /// Adds to the counts of members who were asked about; nothing for somebody who is gone.
    pub async fn count_decisions(&mut self, counted: &Counted, people: &[(Subject, i64)]) -> Result<(), StoreError> {
        for some in people.chunks(COUNTED_AT_ONCE) {
            on!(self, c => {
                let mut query = QueryBuilder::new("WITH v (subject, times) AS (");
                query.push_values(some, |mut row, (subject, times)| {
                    row.push_bind(subject.as_bytes().to_vec()).push_bind(*times);
                });
                query.push(") INSERT INTO decision_count (subject, day, caller, purpose, source, action, policy_sha256, allowed, times) SELECT s.subject, ");
                let mut columns = query.separated(", ");
                columns.push_bind(counted.day.0);
                for text in [&counted.caller, &counted.purpose, &counted.source, &counted.action, &counted.policy_sha256] {
                    columns.push_bind(text.clone());
                }
                columns.push_bind(i64::from(counted.allowed));
                query.push(COUNT_THEM);
                query.build().execute(c).await?;
            });
        }
        Ok(())
    }

    /// Adds to a caller's count of questions about nobody known.
    pub async fn count_unknown(&mut self, caller: &str, day: Day, times: i64) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(COUNT_UNKNOWN).bind(caller).bind(day.0).bind(times).execute(c).await.map(drop))?;
        Ok(())
    }

    /// How often each caller asked on each day between two, and was answered how; about whom is not in it.
    pub async fn asked_counts(&mut self, days: (Day, Day)) -> Result<Vec<(Day, String, bool, i64)>, StoreError> {
        let rows: Vec<(i64, String, i64, i64)> = on!(self, c =>
            sqlx::query_as(ASKED_COUNTS).bind(days.0.0).bind(days.1.0).fetch_all(c).await)?;
        let count = |(day, caller, allowed, times): (i64, String, i64, i64)| (Day(day), caller, allowed != 0, times);
        Ok(rows.into_iter().map(count).collect())
    }

    /// Who asked about a person, and was answered how.
    pub async fn decisions(&mut self, subject: &Subject) -> Result<Vec<DecisionTally>, StoreError> {
        let rows: Vec<TallyColumns> = on!(self, c =>
            sqlx::query_as(READ_DECISIONS).bind(subject.as_bytes().as_slice()).fetch_all(c).await)?;
        let tally = |(day, caller, purpose, source, action, policy_sha256, allowed, times): TallyColumns| {
            let (day, allowed) = (Day(day), allowed != 0);
            DecisionTally { counted: Counted { day, caller, purpose, source, action, policy_sha256, allowed }, times }
        };
        Ok(rows.into_iter().map(tally).collect())
    }
}
