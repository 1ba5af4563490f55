//! Bodies of bounded size, and headers that may come once.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};

use super::problem::Problem;
use crate::words::Lang;

/// Reads a body of bounded size.
pub(crate) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    to_bytes(body, bytes_max).await.map_err(|error| {
        let too_large = std::error::Error::source(&error).is_some_and(|e| e.to_string().contains("length limit"));
        if too_large {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", format!("send at most {bytes_max} bytes at once"))
        } else {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "the body ended early: send it again")
        }
    })
}

/// Refuses a body of another media type, and returns the one it is.
pub(crate) fn media_type(headers: &HeaderMap, expected: &[&'static str]) -> Result<&'static str, Problem> {
    let given = only(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    expected.iter().copied().find(|one| *one == essence).ok_or_else(|| {
        let detail = format!("send `Content-Type: {}`", expected.join("` or `"));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail)
    })
}

/// A header that may come once (N23).
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let refused = |what: &str| Problem::field(StatusCode::BAD_REQUEST, "invalid-header", name.as_str(), what);
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused("expected once, it came several times"));
    }
    first.to_str().map(Some).map_err(|_| refused("expected printable ASCII"))
}

/// Which of our languages a browser or program likes best.
pub(crate) fn language(headers: &HeaderMap) -> Lang {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    Lang::accepted(accepted.unwrap_or_default())
}

/// `Sec-GPC: 1` (<https://w3c.github.io/gpc>). Of several one is enough; anything else than exactly that is nothing.
pub(crate) fn says_no_sharing(headers: &HeaderMap) -> bool {
    headers.get_all("sec-gpc").iter().any(|value| value.as_bytes() == b"1")
}
