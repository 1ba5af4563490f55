//! Long lists on short pages: as many entries as leave a page small, and plain links to what comes before and after them.
//!
//! A link names the place that it goes on from: nothing is missed or shown twice when the list grows. Where the name of a place would say
//! something about somebody (a topic), its number stands for it.

use std::str::FromStr;

use maud::{Markup, html};

use super::visit::{Form, wrong};
use super::words::Lang;
use crate::domain::{Day, Micros, Seq, Stretch};
use crate::ids::{DeliveryId, IdentifierId};
use crate::service::{DecisionPlace, DeliveryPlace, IdentifierPlace};
use crate::web::problem::Problem;

/// Entries of one page.
const ENTRIES_MAX: usize = 50;
/// What is read for it: one more tells whether the list goes on.
pub(super) const READ: i64 = 51;
/// Longest name of a place, in bytes.
const PLACE_BYTES_MAX: usize = 120;

/// The stretch of a list that the address of a page, or a form, asks for.
pub(super) fn asked<K>(query: &Form, list: &str, place: impl Fn(&str) -> Option<K>) -> Result<Stretch<K>, Problem> {
    let text = query.get(list);
    let stretch = match text.split_once('-') {
        None if text.is_empty() => Some(Stretch::First),
        Some(("after", name)) => place(name).map(Stretch::After),
        Some(("before", name)) => place(name).map(Stretch::Before),
        _ => None,
    };
    stretch.filter(|_| text.len() <= PLACE_BYTES_MAX).ok_or_else(|| wrong("query"))
}

/// A place in the log.
pub(super) fn seq(name: &str) -> Option<Seq> {
    name.parse().ok().map(Seq)
}

/// The number of an entry, from 1.
pub(super) fn number(name: &str) -> Option<usize> {
    name.parse().ok()
}

/// A registered name.
pub(super) fn name(name: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    name.bytes().all(plain).then(|| name.to_owned())
}

/// Two of them.
pub(super) fn names(text: &str) -> Option<(String, String)> {
    let (one, other) = text.split_once('.')?;
    Some((name(one)?, name(other)?))
}

/// Where something stands that a recipient is told.
pub(super) fn delivery(text: &str) -> Option<DeliveryPlace> {
    let (made, id) = pair::<i64, DeliveryId>(text)?;
    Some((Micros(made), id))
}

/// Where a count of decisions stands.
pub(super) fn decision(text: &str) -> Option<DecisionPlace> {
    let (day, place) = pair(text)?;
    Some((Day(day), place))
}

/// Where an identifier stands.
pub(super) fn identifier(text: &str) -> Option<IdentifierPlace> {
    pair::<String, IdentifierId>(text)
}

fn pair<A: FromStr, B: FromStr>(text: &str) -> Option<(A, B)> {
    let (one, other) = text.split_once('.')?;
    Some((one.parse().ok()?, other.parse().ok()?))
}

/// A list on a page.
pub(super) struct List<'a> {
    /// Its page.
    pub(super) path: &'a str,
    /// Its name in the address of the page.
    pub(super) name: &'static str,
    /// What it is called.
    pub(super) title: &'static str,
    /// How much of the page it may take, in bytes; one entry is shown in any case.
    pub(super) bytes: usize,
    /// Whether it goes back in time.
    pub(super) newest_first: bool,
}

/// What a page shows of a list.
pub(super) struct Shown<T> {
    /// The entries, drawn.
    pub(super) entries: Markup,
    /// The entries themselves, in the order of the list.
    pub(super) these: Vec<T>,
    /// What leads to the entries before these.
    pub(super) before: Option<String>,
    /// What leads to those after these.
    pub(super) after: Option<String>,
    /// Whether this is the beginning of the list.
    first: bool,
}

impl List<'_> {
    /// Takes what was found, the nearest to the place first, while there is room.
    pub(super) fn fill<T, K>(
        &self,
        stretch: &Stretch<K>,
        found: impl IntoIterator<Item = T>,
        place: impl Fn(&T) -> String,
        draw: impl Fn(&T) -> Markup,
    ) -> Shown<T> {
        let (mut these, mut bytes, mut more) = (Vec::new(), 0, false);
        for one in found {
            let drawn = draw(&one);
            bytes += drawn.0.len();
            if these.len() >= ENTRIES_MAX || (bytes > self.bytes && !these.is_empty()) {
                more = true;
                break;
            }
            these.push((one, drawn));
        }
        if stretch.is_backwards() {
            these.reverse();
        }
        let (earlier, later) = match stretch {
            Stretch::First => (false, more),
            Stretch::After(_) => (true, more),
            Stretch::Before(_) => (more, true),
        };
        let beginning = || Some(String::new()).filter(|_| earlier || later);
        let before = these.first().map_or_else(beginning, |(one, _)| earlier.then(|| format!("before-{}", place(one))));
        let after = these.last().and_then(|(one, _)| later.then(|| format!("after-{}", place(one))));
        let entries = html! { @for (_, drawn) in &these { (drawn) } };
        let these = these.into_iter().map(|(one, _)| one).collect();
        Shown { entries, these, before, after, first: matches!(stretch, Stretch::First) }
    }

    /// The links below it.
    pub(super) fn links<T>(&self, lang: Lang, shown: &Shown<T>) -> Markup {
        let (back, on) = self.words(lang);
        let link = |to: &str, rel: &str, word: &str| {
            let address =
                if to.is_empty() { self.path.to_owned() } else { format!("{}?{}={to}", self.path, self.name) };
            html! { li { a rel=(rel) href=(address) { (word) span class="hidden" { ": " (self.title) } } } }
        };
        html! {
            @if shown.before.is_some() || shown.after.is_some() {
                ul class="pages" {
                    @if let Some(to) = &shown.before { (link(to, "prev", back)) }
                    @if let Some(to) = &shown.after { (link(to, "next", on)) }
                }
            }
        }
    }

    /// The same as buttons of a form, for a page that only a form leads to.
    pub(super) fn buttons<T>(&self, lang: Lang, shown: &Shown<T>) -> Markup {
        let (back, on) = self.words(lang);
        html! {
            @for (to, word) in [(&shown.before, back), (&shown.after, on)] {
                @if let Some(to) = to { button class="quiet" name=(self.name) value=(to) { (word) span class="hidden" { ": " (self.title) } } }
            }
        }
    }

    fn words(&self, lang: Lang) -> (&'static str, &'static str) {
        if self.newest_first {
            (lang.t("list.newer"), lang.t("list.older"))
        } else {
            (lang.t("list.previous"), lang.t("list.next"))
        }
    }
}

impl<T> Shown<T> {
    /// What stands in place of no entries: the words for an empty list, or that it goes no further.
    pub(super) fn nothing(&self, lang: Lang, empty: &'static str) -> Option<&'static str> {
        let words = if self.first { empty } else { "list.nothing_more" };
        self.these.is_empty().then(|| lang.t(words))
    }
}
