//! Purposes that no configuration can change.

use super::Purpose;

/// The purpose of the built-in score.
pub const ATTENTION_SCORE: &str = "attention_score";
/// The purpose of joining two personas.
pub const LINK: &str = "link";
/// The recipient of the built-in score.
pub const SAYSO: &str = "sayso";

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
