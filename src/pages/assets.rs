//! The style sheet and the script: one file each, under a name that changes with what is in it, so that browsers keep them.

use std::sync::OnceLock;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::web::path::Path;
use crate::web::problem::Problem;

const STYLE: &str = include_str!("files/style.css");
const SCRIPT: &str = include_str!("files/script.js");
const ICON: &str = include_str!("files/icon.svg");

/// The path of the style sheet.
pub(super) fn style() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| path(STYLE, "css"))
}

/// The path of the script.
pub(super) fn script() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| path(SCRIPT, "js"))
}

/// The path of the icon.
pub(super) fn icon() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| path(ICON, "svg"))
}

fn path(text: &str, ending: &str) -> String {
    let digest = hex::encode(Sha256::digest(text));
    format!("/assets/{}.{ending}", digest.chars().take(12).collect::<String>())
}

pub(super) async fn file(Path(name): Path<String>) -> Result<Response, Problem> {
    let asked = format!("/assets/{name}");
    let files = [
        (style(), "text/css; charset=utf-8", STYLE),
        (script(), "text/javascript; charset=utf-8", SCRIPT),
        (icon(), "image/svg+xml", ICON),
    ];
    let found = files.into_iter().find(|(path, ..)| *path == asked);
    let nothing = || Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this path");
    let (_, media_type, text) = found.ok_or_else(nothing)?;
    let forever = "public, max-age=31536000, immutable";
    Ok(([(header::CONTENT_TYPE, media_type), (header::CACHE_CONTROL, forever)], text).into_response())
}
