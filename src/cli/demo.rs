//! stub
use clap::Args;
use super::CliError;
#[derive(Debug, Args)]
pub(super) struct Demo {}
impl Demo { pub(super) async fn run(self) -> Result<(), CliError> { Ok(()) } }
