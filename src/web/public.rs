//! A public page as the API and the pages show it: one answer for every address that leads nowhere, in the same time, and decided once
//! more right before it leaves.

use std::time::Duration;

use super::problem::Problem;
use super::quantum::until_quantum;
use crate::clock::Mark;
use crate::ids::Pairwise;
use crate::service::{App, PublicPageView, ServiceError};

/// What stands on the page with this address.
///
/// # Errors
/// The same for an address that was never one as for a page that is gone.
pub(crate) async fn shown(app: &App, address: &str) -> Result<PublicPageView, Problem> {
    let begun = Mark::now();
    // What is no address is asked about like one that leads nowhere.
    let page = address.parse().unwrap_or(Pairwise::new([0; 16]));
    let shown = app.public_page(&page).await;
    until_quantum(begun, Duration::from_millis(app.config.quantum_millis)).await;
    // What was taken back while this waited is not shown any more (guarantee G5).
    let still = app.still_public(&page).await?;
    let mut view = shown.and_then(|view| if still.page { Ok(view) } else { Err(ServiceError::NotFound("page")) })?;
    if !still.names {
        view.names.clear();
    }
    Ok(view)
}
