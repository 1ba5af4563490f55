//! Receipts on pages: to read, to keep as a file, to print.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};

use super::words::Lang;

/// A receipt that is shown once, with the file to keep. The file is in the page itself: nobody can ask for it again.
pub(super) fn kept(lang: Lang, text: &str, name: &str) -> Markup {
    let file = format!("data:text/plain;base64,{}", STANDARD.encode(text));
    html! {
        section class="receipt" {
            h2 { (lang.t("receipt.title")) }
            p { (lang.t("receipt.what")) " " a href="/verify" { (lang.t("verify.title")) } }
            p { a class="button quiet" href=(file) download=(format!("sayso-{name}.tlog-proof")) { (lang.t("receipt.save")) } }
            details { summary { (lang.t("receipt.read")) } pre tabindex="0" { (text) } }
        }
    }
}
