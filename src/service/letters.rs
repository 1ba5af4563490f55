//! What mails say. Whoever asks for a mail gets it in the language of the page or the call that asked; a mail that its owner did not ask
//! for says the same in every language, because which one they read is stored nowhere.

use super::codes::CodeFor;
use crate::domain::{Event, Micros, Whom};
use crate::words::Lang;

/// The words of a mail.
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
}

impl Letter {
    fn new(subject: &str, paragraphs: &[&str]) -> Self {
        Self { subject: subject.to_owned(), text: format!("{}\r\n", paragraphs.join("\r\n\r\n")) }
    }

    fn in_every_language(one: impl Fn(Lang) -> Self) -> Self {
        let all = Lang::ALL.map(one);
        Self {
            subject: all.each_ref().map(|letter| letter.subject.as_str()).join(" / "),
            text: all.map(|letter| letter.text).join("\r\n"),
        }
    }
}

/// A code, and what it is for.
pub(super) fn code(lang: Lang, what: CodeFor, code: &str) -> Letter {
    let (subject, first) = match what {
        CodeFor::Register => ("mail.code_subject", "mail.register"),
        CodeFor::RegisterMinor => ("mail.minor_subject", "mail.register_minor"),
        CodeFor::Login => ("mail.code_subject", "mail.login"),
        CodeFor::Access => ("mail.code_subject", "mail.access"),
        CodeFor::Erasure => ("mail.code_subject", "mail.erasure"),
        CodeFor::Status => ("mail.code_subject", "mail.status"),
    };
    let code = lang.say("mail.code", &[("code", code)]);
    Letter::new(lang.t(subject), &[lang.t(first), &code, lang.t("mail.code_counts")])
}

/// Somebody asked to log in to an account that there is not.
pub(super) fn no_account(lang: Lang) -> Letter {
    Letter::new(lang.t("mail.no_account_subject"), &[lang.t("mail.no_account")])
}

/// Somebody wants an account and does not say whether they are of age.
pub(super) fn age_unknown(lang: Lang) -> Letter {
    Letter::new(lang.t("mail.no_account_subject"), &[lang.t("mail.age_unknown")])
}

/// Somebody opted the owner of the address out.
pub(super) fn opted_out(whom: Whom) -> Letter {
    let (what, what_to_do) = match whom {
        Whom::Oneself => ("mail.opted_out", "mail.opted_out_lift"),
        Whom::Child => ("mail.opted_out_child", "mail.opted_out_child_lift"),
    };
    Letter::in_every_language(|lang| Letter::new(lang.t("mail.paused_subject"), &[lang.t(what), lang.t(what_to_do)]))
}

/// The opt-out becomes an erasure soon.
pub(super) fn about_to_be_erased(due: Micros, latched: bool) -> Letter {
    let what_to_do = if latched { "mail.keep_child" } else { "mail.keep" };
    Letter::in_every_language(|lang| {
        let what = lang.say("mail.erased_soon", &[("day", &due.day().text())]);
        Letter::new(lang.t("mail.erased_soon_subject"), &[&what, lang.t(what_to_do)])
    })
}

/// A receipt of one's own. The subject shows on locked screens, so it does not say of what.
pub(super) fn receipt(lang: Lang, event: &Event) -> Letter {
    let (act, time) = (lang.named("act", event.act.kind()), lang.time(event.at));
    let what = lang.say("mail.receipt", &[("act", &act), ("time", &time)]);
    Letter::new(lang.t("mail.receipt_subject"), &[&what, lang.t("mail.receipt_check"), lang.t("mail.receipt_not_you")])
}
