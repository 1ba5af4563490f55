//! Notices, by version, each with its text in other languages. One statement reads both, so that no version is seen without them.

use super::{StoreError, Tx, on, sql};
use crate::domain::{Purpose, Recipient};

/// A version of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its purpose.
    pub purpose: Purpose,
    /// From 1.
    pub version: i64,
    /// The language of its first text (BCP 47).
    pub locale: String,
    /// Digest of that text, in hexadecimal.
    pub sha256: String,
    /// Whether older grants stop counting.
    pub material: bool,
    /// What people were shown.
    pub text: String,
    /// The same in other languages.
    pub translations: Vec<NoticeText>,
}

/// A version of a notice in another language.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct NoticeText {
    /// The language (BCP 47).
    pub locale: String,
    /// Digest of the text, in hexadecimal.
    pub sha256: String,
    /// What people were shown.
    pub text: String,
}

/// What a yes would stand on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The newest version of the notice with the digest of each of its texts, in whichever order; empty for a purpose without one.
    pub newest: Vec<(i64, String)>,
    /// To whom; nothing for who is not registered.
    pub recipient: Option<Offered>,
}

/// To whom a yes would be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// As what it is registered.
    pub role: String,
    /// Whether an operator switched it off.
    pub disabled: bool,
    /// For which purposes, separated by spaces.
    pub purposes: String,
    /// For which sources.
    pub sources: String,
}

/// Which versions: the newest of each purpose, one, or all of every purpose. A translation stands behind the version that it is of.
macro_rules! notices {
    ($which:literal) => {
        concat!(
            "SELECT n.purpose, n.version, CAST(0 AS BIGINT), n.locale, n.sha256, n.material, n.text FROM notice n WHERE ",
            $which,
            " UNION ALL SELECT n.purpose, n.version, CAST(1 AS BIGINT), n.locale, n.sha256, CAST(0 AS BIGINT), n.text FROM notice_translation n WHERE ",
            $which,
            " ORDER BY 1, 2, 3, 4"
        )
    };
}

sql! {
    INSERT_NOTICE(6) = "INSERT INTO notice (purpose, version, locale, sha256, material, text) VALUES ($1, $2, $3, $4, $5, $6)";
    INSERT_TRANSLATION(5) = "INSERT INTO notice_translation (purpose, version, locale, sha256, text) VALUES ($1, $2, $3, $4, $5)";
    READ_NOTICES(0) = notices!("n.version = (SELECT max(m.version) FROM notice m WHERE m.purpose = n.purpose)");
    NOTICE_AT(2) = notices!("n.purpose = $1 AND n.version = $2");
    OFFER(2) = "SELECT n.version, n.sha256, c.role, c.disabled, c.purposes, c.sources FROM (SELECT version, sha256 FROM notice WHERE purpose = $1 UNION ALL SELECT version, sha256 FROM notice_translation WHERE purpose = $1) n LEFT JOIN client c ON c.id = $2 WHERE n.version = (SELECT max(m.version) FROM notice m WHERE m.purpose = $1)";
    NOTICE_VERSIONS(1) = "SELECT version, material FROM notice WHERE purpose = $1 ORDER BY version";
    ALL_NOTICES(0) = notices!("1 = 1");
    COUNT_TRANSLATIONS(0) = "SELECT count(*) FROM notice_translation";
}

type OfferColumns = (i64, String, Option<String>, Option<i64>, Option<String>, Option<String>);

/// The third says whether it is a translation.
type NoticeColumns = (String, i64, i64, String, String, i64, String);

/// Whether a version is material: nothing but these two numbers says so, so that no two readers take another for different things.
fn is_material(stored: i64) -> Result<bool, StoreError> {
    match stored {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(StoreError::Corrupt("notice")),
    }
}

/// A translation of a version that is not there is shown to nobody.
fn notices(rows: Vec<NoticeColumns>) -> Result<Vec<NoticeRow>, StoreError> {
    let mut notices: Vec<NoticeRow> = Vec::new();
    for (purpose, version, translation, locale, sha256, material, text) in rows {
        let purpose: Purpose = purpose.try_into().map_err(|_| StoreError::Corrupt("notice"))?;
        if translation == 0 {
            let (material, translations) = (is_material(material)?, Vec::new());
            notices.push(NoticeRow { purpose, version, locale, sha256, material, text, translations });
            continue;
        }
        let of = notices.last_mut().filter(|notice| notice.purpose == purpose && notice.version == version);
        if let Some(of) = of {
            of.translations.push(NoticeText { locale, sha256, text });
        }
    }
    Ok(notices)
}

impl Tx {
    /// Stores a version of a notice.
    pub async fn insert_notice(&mut self, row: &NoticeRow) -> Result<(), StoreError> {
        on!(self, c => sqlx::query(INSERT_NOTICE).bind(row.purpose.as_str()).bind(row.version)
            .bind(row.locale.as_str()).bind(row.sha256.as_str()).bind(i64::from(row.material)).bind(row.text.as_str())
            .execute(c).await.map(drop))?;
        for one in &row.translations {
            on!(self, c => sqlx::query(INSERT_TRANSLATION).bind(row.purpose.as_str()).bind(row.version)
                .bind(one.locale.as_str()).bind(one.sha256.as_str()).bind(one.text.as_str())
                .execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// The newest notice of each purpose.
    pub async fn notices(&mut self) -> Result<Vec<NoticeRow>, StoreError> {
        notices(on!(self, c => sqlx::query_as(READ_NOTICES).fetch_all(c).await)?)
    }

    /// What a yes for this purpose and recipient would stand on.
    pub async fn offer(&mut self, purpose: &Purpose, recipient: &Recipient) -> Result<Offer, StoreError> {
        let rows: Vec<OfferColumns> = on!(self, c =>
            sqlx::query_as(OFFER).bind(purpose.as_str()).bind(recipient.as_str()).fetch_all(c).await)?;
        let mut offer = Offer { newest: Vec::new(), recipient: None };
        for (version, sha256, role, disabled, purposes, sources) in rows {
            offer.newest.push((version, sha256));
            offer.recipient = match (role, disabled, purposes, sources) {
                (Some(role), Some(disabled), Some(purposes), Some(sources)) => {
                    Some(Offered { role, disabled: disabled != 0, purposes, sources })
                }
                _ => None,
            };
        }
        Ok(offer)
    }

    /// One version of the notice of a purpose.
    pub async fn notice(&mut self, purpose: &Purpose, version: i64) -> Result<Option<NoticeRow>, StoreError> {
        let rows = on!(self, c => sqlx::query_as(NOTICE_AT).bind(purpose.as_str()).bind(version).fetch_all(c).await)?;
        Ok(notices(rows)?.pop())
    }

    /// Which versions of the notice of a purpose there are, the oldest first, and whether each is material; without their texts.
    pub async fn notice_versions(&mut self, purpose: &Purpose) -> Result<Vec<(i64, bool)>, StoreError> {
        let rows: Vec<(i64, i64)> =
            on!(self, c => sqlx::query_as(NOTICE_VERSIONS).bind(purpose.as_str()).fetch_all(c).await)?;
        rows.into_iter().map(|(version, material)| Ok((version, is_material(material)?))).collect()
    }

    /// Every version of every notice.
    pub async fn all_notices(&mut self) -> Result<Vec<NoticeRow>, StoreError> {
        notices(on!(self, c => sqlx::query_as(ALL_NOTICES).fetch_all(c).await)?)
    }

    /// How many translations there are, of whatever version.
    pub async fn count_translations(&mut self) -> Result<i64, StoreError> {
        Ok(on!(self, c => sqlx::query_scalar(COUNT_TRANSLATIONS).fetch_one(c).await)?)
    }
}
