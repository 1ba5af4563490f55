//! Switches that break one safety mechanism each, for tests that prove a safety test would notice.
//!
//! Without the cargo feature `mutants` every question here is a constant `false`; a release build refuses the feature.

#[cfg(all(feature = "mutants", not(debug_assertions)))]
compile_error!("the feature `mutants` breaks safety on purpose: it is for tests only");

/// Whether the mechanism with this name is broken on purpose in this process.
#[cfg(feature = "mutants")]
pub fn on(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| crate::config::variable("SAYSO_MUTANT").unwrap_or_default()) == name
}

/// Whether the mechanism with this name is broken on purpose: never.
#[cfg(not(feature = "mutants"))]
#[inline]
pub fn on(_name: &str) -> bool {
    false
}
