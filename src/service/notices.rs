//! Notices: what people are shown before they decide, by version, with the digest that a decision names.
//!
//! What is consented to is a version. It can be written in several languages, which are published together, in one event, or not at all: so
//! nobody decides on a text that others could not read, and a change of one language is a version of its own. Each text has its own digest,
//! all of them in that event, and a decision names the digest of the text that was shown; so the log itself says in which language somebody
//! decided, without a word more about them. No two texts of a version are the same. Who reads no other language than the first finds it
//! where it always was.

use serde::{Deserialize, Serialize};

use super::act::Idempotency;
use super::{App, Done, ServiceError};
use crate::crypto::sha256;
use crate::domain::{Act, Purpose, Source};
use crate::store::{NoticeRow, NoticeText, Tx};

const TEXT_BYTES_MAX: usize = 20_000;
/// A version is shown and edited on pages: so much of it, in all languages, fits one, in bytes as it stands there.
const VERSION_BYTES_MAX: usize = 26_000;
const TRANSLATIONS_MAX: usize = 20;
const LOCALE_BYTES_MAX: usize = 35;

/// A version of a notice, to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeView {
    /// The same in other languages, each with the digest that a decision on it names.
    pub translations: Vec<NoticeText>,
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

/// A notice in one of its languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The language (BCP 47).
    pub locale: &'a str,
    /// Digest of the text, in hexadecimal.
    pub sha256: &'a str,
    /// The text (Markdown).
    pub text: &'a str,
}

impl NoticeView {
    /// In each of its languages, the first one first.
    pub fn texts(&self) -> impl Iterator<Item = Shown<'_>> {
        let first = Shown { locale: &self.locale, sha256: &self.sha256, text: &self.text };
        let others = self.translations.iter();
        let others = others.map(|one| Shown { locale: &one.locale, sha256: &one.sha256, text: &one.text });
        std::iter::once(first).chain(others)
    }

    /// For somebody who reads this language; in the first one, where it is not in theirs.
    pub fn in_language(&self, tag: &str) -> Shown<'_> {
        let first = Shown { locale: &self.locale, sha256: &self.sha256, text: &self.text };
        self.texts().find(|text| main_tag(text.locale) == main_tag(tag)).unwrap_or(first)
    }

    /// The text with this digest.
    pub fn with_digest(&self, sha256: &str) -> Option<Shown<'_>> {
        self.texts().find(|text| text.sha256 == sha256)
    }
}

/// The language itself, without where it is spoken.
fn main_tag(tag: &str) -> String {
    tag.split('-').next().unwrap_or_default().to_ascii_lowercase()
}

/// A notice in another language, to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// The language (BCP 47).
    pub locale: String,
    /// The text.
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
    /// The same in other languages.
    pub translations: Vec<Translation>,
    /// The version that it was written over, 0 for none: published only while that is the newest. Nothing where nobody asks for that.
    pub over: Option<i64>,
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

    /// One version of the notice of a purpose.
    ///
    /// # Errors
    /// When there is none.
    pub async fn notice(&self, purpose: &Purpose, version: i64) -> Result<NoticeView, ServiceError> {
        let which = (purpose, version);
        let row = self.store.read_one(&which, |tx, (purpose, version)| Box::pin(tx.notice(purpose, *version))).await?;
        row.map(view).ok_or(ServiceError::NotFound("version of this notice"))
    }

    /// Which versions of the notice of a purpose there are, the oldest first, and whether each is material.
    ///
    /// # Errors
    /// Only for the database.
    pub async fn notice_versions(&self, purpose: &Purpose) -> Result<Vec<(i64, bool)>, ServiceError> {
        Ok(self.store.read_one(purpose, |tx, purpose| Box::pin(tx.notice_versions(purpose))).await?)
    }

    /// Publishes the next version. A material one ends the effect of every older grant at this moment, until people decide
    /// anew.
    ///
    /// # Errors
    /// For a purpose that is not registered, an empty or overlong text, more text than fits a page, what is no language or stands twice,
    /// and when another version was published after the one that it was written over.
    pub async fn publish_notice(
        &self,
        notice: &NewNotice,
        idempotency: Option<&Idempotency>,
    ) -> Result<Done, ServiceError> {
        if !self.registry.purpose.iter().any(|entry| entry.name == notice.purpose) {
            return Err(ServiceError::invalid("purpose", "a registered purpose"));
        }
        if !is_text(&notice.text) {
            return Err(ServiceError::invalid("text", "1 to 20,000 bytes without a null character"));
        }
        if !is_locale(&notice.locale) {
            return Err(ServiceError::invalid("locale", "a language tag such as `en` or `de-CH`"));
        }
        check_translations(notice)?;
        let texts = notice.translations.iter().map(|one| &one.text).chain([&notice.text]);
        if texts.map(|text| in_a_page(text)).sum::<usize>() > VERSION_BYTES_MAX {
            let expected = "at most 26,000 bytes in all languages together as they stand in a page, where `&`, `<`, `>` and `\"` have \
                            up to six and each paragraph seven more";
            return Err(ServiceError::invalid("texts", expected));
        }
        self.act(idempotency, &(self, notice), |tx, (app, notice)| {
            Box::pin(async move { Ok((publish(app, tx, notice).await?, None)) })
        })
        .await
    }
}

fn is_text(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains('\0')
}

/// Bytes of a text as it stands in a page: what is escaped there, and the marks of its paragraphs.
fn in_a_page(text: &str) -> usize {
    let bytes = |c: char| match c {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        '"' => "&quot;".len(),
        other => other.len_utf8(),
    };
    text.chars().map(bytes).sum::<usize>() + "<p></p>".len() * text.matches("\n\n").count()
}

/// A language, then what else a tag may say of it, such as the script or the country (BCP 47).
fn is_locale(locale: &str) -> bool {
    let mut parts = locale.split('-');
    let language = parts.next().unwrap_or_default();
    let fits = |part: &str, each: fn(&u8) -> bool| (2..=8).contains(&part.len()) && part.as_bytes().iter().all(each);
    locale.len() <= LOCALE_BYTES_MAX
        && fits(language, u8::is_ascii_alphabetic)
        && parts.all(|part| fits(part, u8::is_ascii_alphanumeric))
}

/// A digest must say which text was shown, and a language which one to show.
fn check_translations(notice: &NewNotice) -> Result<(), ServiceError> {
    let expected =
        "at most 20 of `{\"locale\", \"text\"}`: each language once, each text another, of 1 to 20,000 bytes";
    let others = &notice.translations;
    let fits =
        others.len() <= TRANSLATIONS_MAX && others.iter().all(|one| is_locale(&one.locale) && is_text(&one.text));
    let first = (notice.locale.to_ascii_lowercase(), notice.text.as_str());
    let mut seen = vec![first];
    for one in others {
        let (locale, text) = (one.locale.to_ascii_lowercase(), one.text.as_str());
        if seen.iter().any(|(language, written)| *language == locale || *written == text) {
            return Err(ServiceError::invalid("translations", expected));
        }
        seen.push((locale, text));
    }
    if fits { Ok(()) } else { Err(ServiceError::invalid("translations", expected)) }
}

async fn publish(app: &App, tx: &mut Tx, notice: &NewNotice) -> Result<Done, ServiceError> {
    let head = app.head(tx).await?;
    let newest = tx.notices().await?.into_iter().find(|row| row.purpose == notice.purpose);
    let newest = newest.map_or(0, |row| row.version);
    if notice.over.is_some_and(|over| over != newest) {
        return Err(ServiceError::NewerNotice(newest));
    }
    let digest = |text: &str| hex::encode(sha256(text.as_bytes()));
    let others = notice.translations.iter().map(|one| NoticeText {
        locale: one.locale.clone(),
        sha256: digest(&one.text),
        text: one.text.clone(),
    });
    let row = NoticeRow {
        purpose: notice.purpose.clone(),
        version: newest + 1,
        locale: notice.locale.clone(),
        sha256: digest(&notice.text),
        material: notice.material,
        text: notice.text.clone(),
        translations: others.collect(),
    };
    tx.insert_notice(&row).await?;
    let act = Act::NoticePublished {
        purpose: row.purpose,
        version: row.version,
        sha256: row.sha256,
        material: row.material,
        locale: Some(row.locale),
        translations: row.translations.into_iter().map(|one| (one.locale, one.sha256)).collect(),
    };
    app.record_own(tx, head, act).await
}

/// The notice that the program comes with, on the very first start: each language with its text.
pub(super) async fn publish_first(app: &App, purpose: Purpose, texts: &[(&str, &str)]) -> Result<(), ServiceError> {
    let Some(((locale, text), others)) = texts.split_first() else { return Ok(()) };
    let translation = |(locale, text): &(&str, &str)| Translation { locale: (*locale).into(), text: (*text).into() };
    let translations = others.iter().map(translation).collect();
    let (text, locale, over) = ((*text).into(), (*locale).into(), None);
    let notice = NewNotice { purpose, text, locale, material: true, translations, over };
    app.publish_notice(&notice, None).await.map(drop)
}

fn view(row: NoticeRow) -> NoticeView {
    NoticeView {
        translations: row.translations,
        purpose: row.purpose,
        version: row.version,
        locale: row.locale,
        sha256: row.sha256,
        material: row.material,
        text: row.text,
    }
}
