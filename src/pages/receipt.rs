//! Receipts on pages: to read, to keep as a file, to print.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::words::Lang;

/// A receipt that is shown once, with the file to keep.
pub(super) fn kept(lang: Lang, text: &str, name: &str) -> Markup {
    html! {
        section class="receipt" {
            h2 { (lang.t("receipt.title")) }
            p { (lang.t("receipt.what")) }
            (file(lang, text, name))
        }
    }
}

/// A text as a file to keep. It is in the page itself: nobody has to ask for it again.
pub(super) fn file(lang: Lang, text: &str, name: &str) -> Markup {
    let file = format!("data:text/plain;base64,{}", STANDARD.encode(text));
    html! {
        p { a class="button quiet" href=(file) download=(format!("sayso-{name}.tlog-proof")) { (lang.t("receipt.save")) } }
        details { summary { (lang.t("receipt.read")) } pre tabindex="0" { (text) } }
    }
}
