//! Notices: what people are shown before they decide, by version, with the digest that a decision names.

use serde::Serialize;

use super::act::Idempotency;
use super::{App, Done, ServiceError};
use crate::crypto::sha256;
use crate::domain::{Act, Purpose, Source};
use crate::store::{NoticeRow, Tx};

const TEXT_BYTES_MAX: usize = 20_000;

/// A notice, to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its version.
    pub version: i64,
    /// Its language (BCP 47).
    pub locale: String,
    /// Digest of the text, in hexadecimal.
    pub sha256: String,
    /// Whether older grants stopped counting with it.
    pub material: bool,
    /// The text (Markdown).
    pub text: String,
}

/// A notice to publish.
#[derive(Debug, Clone)]
pub struct NewNotice {
    /// Its purpose.
    pub purpose: Purpose,
    /// The text.
    pub text: String,
    /// Its language.
    pub locale: String,
    /// Whether people must decide anew.
    pub material: bool,
}

impl App {
    /// Every purpose of the registry, with its title.
    pub fn registered_purposes(&self) -> Vec<(Purpose, String)> {
        self.registry.purpose.iter().map(|entry| (entry.name.clone(), entry.title.clone())).collect()
    }

    /// Every source of the registry.
    pub fn registered_sources(&self) -> Vec<Source> {
        self.registry.source.iter().map(|entry| entry.name.clone()).collect()
    }

    /// The newest notice of each purpose.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn notices(&self) -> Result<Vec<NoticeView>, ServiceError> {
        let rows = self.store.read_one(&(), |tx, ()| Box::pin(tx.notices())).await?;
        Ok(rows.into_iter().map(view).collect())
    }

    /// Publishes the next version. A material one ends the effect of every older grant at this moment, until people decide
    /// anew.
    ///
    /// # Errors
    /// For a purpose that is not registered, and an empty or overlong text.
    pub async fn publish_notice(
        &self,
        notice: &NewNotice,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        if !self.registry.purpose.iter().any(|entry| entry.name == notice.purpose) {
            return Err(ServiceError::invalid("purpose", "a registered purpose"));
        }
        let text = &notice.text;
        if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX || text.contains('\0') {
            return Err(ServiceError::invalid("text", "1 to 20,000 bytes without a null character"));
        }
        let locale = &notice.locale;
        if locale.is_empty() || locale.len() > 35 || !locale.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(ServiceError::invalid("locale", "a language tag such as `en` or `de-CH`"));
        }
        self.act(idempotency, &(self, notice), |tx, (app, notice)| {
            Box::pin(async move { Ok((publish(app, tx, notice).await?, None)) })
        })
        .await
    }
}

async fn publish(app: &App, tx: &mut Tx, notice: &NewNotice) -> Result<Done, ServiceError> {
    let head = app.head(tx).await?;
    let newest = tx.notices().await?.into_iter().find(|row| row.purpose == notice.purpose);
    let row = NoticeRow {
        purpose: notice.purpose.clone(),
        version: newest.map_or(1, |row| row.version + 1),
        locale: notice.locale.clone(),
        sha256: hex::encode(sha256(notice.text.as_bytes())),
        material: notice.material,
        text: notice.text.clone(),
    };
    tx.insert_notice(&row).await?;
    let act =
        Act::NoticePublished { purpose: row.purpose, version: row.version, sha256: row.sha256, material: row.material };
    app.record_own(tx, head, act).await
}

/// The notice that the program comes with, on the very first start.
pub(super) async fn publish_first(app: &App, purpose: Purpose, text: &str) -> Result<(), ServiceError> {
    let notice = NewNotice { purpose, text: text.into(), locale: "en".into(), material: true };
    app.publish_notice(&notice, None).await.map(drop)
}

fn view(row: NoticeRow) -> NoticeView {
    NoticeView {
        purpose: row.purpose,
        version: row.version,
        locale: row.locale,
        sha256: row.sha256,
        material: row.material,
        text: row.text,
    }
}
