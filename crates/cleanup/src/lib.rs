//! The worker `cleanup`: removes one year's files from the data dir, and nothing else.

use anyhow::Result;
use clap::Parser;
use serde::Serialize;
use task::{Common, Worker};

/// Remove the year's files from the data dir
#[derive(Parser, Debug)]
#[command(version, after_help = "Example: cleanup --year 2013 --data-dir data")]
pub struct Args {
    #[command(flatten)]
    common: Common,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The names of the files that were removed.
    removed: Vec<String>,
    bytes: u64,
}

impl Worker for Args {
    const NAME: &'static str = "cleanup";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let removed = handoff::remove_year(&self.common.data_dir, self.common.year)?;
        for file in &removed {
            log::info!("removed {file}");
        }
        if removed.is_empty() {
            log::info!("nothing to remove for {}", self.common.year);
        }
        let bytes = removed.iter().map(|file| file.bytes).sum();
        Ok(Summary {
            removed: removed.into_iter().map(|file| file.name).collect(),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }
}
