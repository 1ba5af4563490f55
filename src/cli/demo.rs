//! stub
use super::CliError;
use clap::Args;
#[derive(Debug, Args)]
pub(super) struct Demo {}
impl Demo {
    pub(super) async fn run(self) -> Result<(), CliError> {
        Ok(())
    }
}
