//! Purposes that no configuration can change.

use super::Purpose;

/// The purpose of the built-in score.
pub const ATTENTION_SCORE: &str = "attention_score";
/// The purpose of joining two personas.
pub const LINK: &str = "link";
/// The purpose of showing a score on a page that anybody can open, which names nobody.
pub const PUBLIC_PAGE: &str = "public_page";
/// The purpose of naming the person on that page.
pub const PUBLIC_NAME: &str = "public_name";
/// The recipient of the built-in score.
pub const SAYSO: &str = "sayso";
/// The recipient who is nobody in particular: whoever opens a public page. Also its class in house rules.
pub const EVERYBODY: &str = "everybody";

/// Decisions about people that no consent and no registry can open (guarantee G9).
pub const PROHIBITED: [&str; 14] = [
    "admission",
    "benefits",
    "contract_award",
    "credit",
    "education",
    "employment",
    "hiring",
    "housing",
    "insurance",
    "law_enforcement",
    "priority_of_service",
    "promotion",
    "special_category",
    "tenancy",
];

/// Whether a purpose is one of those.
pub fn prohibited(purpose: &Purpose) -> bool {
    PROHIBITED.contains(&purpose.as_str())
}

/// Whether a purpose is allowed to everybody, and to nobody else. It has notices of its own: what a recipient is told can be followed up,
/// what everybody sees cannot.
pub fn for_everybody(purpose: &Purpose) -> bool {
    [PUBLIC_PAGE, PUBLIC_NAME].contains(&purpose.as_str())
}
