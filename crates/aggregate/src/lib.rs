//! The worker `aggregate`: silver to gold, the mean departure delay of each airport and day, and how
//! many flights were scheduled and cancelled, published in the data dir and in the lake.

mod sums;

use anyhow::{Context, Result};
use clap::Parser;
use flights::{gold, name, silver};
use handoff::{Draft, File};
use lake::{Lake, LakeUrl};
use serde::Serialize;
use task::{Common, Worker};

use sums::Sums;

/// Silver to gold: mean departure delay per airport and day
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: aggregate --year 2013 --lake s3://flights --data-dir data"
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Where gold is published: s3://bucket[/prefix], file:///dir or a folder
    #[arg(long, env = "LAKE_URL", hide_env_values = true)]
    lake: LakeUrl,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows_in: u64,
    rows_out: u64,
    airports: u64,
    output: String,
    bytes: u64,
}

impl Worker for Args {
    const NAME: &'static str = "aggregate";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let (year, dir) = (self.common.year, &self.common.data_dir);
        let lake = Lake::open(&self.lake)?;
        let silver = handoff::input(dir, year, File::Silver)?;
        // Before its input is opened: what another run has brought meanwhile is newer.
        let mut draft = Draft::create(dir, year, File::Gold)?;
        let columns = [name::ORIGIN, name::FL_DATE, name::DEP_DELAY];
        lineage::check_lake(dir, year, &lake.id()?)?;
        lineage::check(dir, year, File::Silver)?;
        let (row_groups, cancellations, lineage) = silver::read(&silver, &columns)?;
        let damaged = || {
            let silver = silver.display();
            format!("{silver} was not written by clean: run clean --year {year} again")
        };
        let mut sums = Sums::new(year)?;
        sums.add_cancellations(&cancellations)
            .with_context(damaged)?;
        for group in row_groups {
            sums.add(&group?).with_context(damaged)?;
        }
        let rows_in = sums.flights();
        let mut gold = sums.gold()?;
        gold::check(&gold).with_context(damaged)?;

        gold::write(&mut draft, &mut gold, &lineage.identity).context("cannot write gold")?;
        // Its lock is held to the end: the upload of another run comes after this one's.
        let (path, bytes) = draft.publish()?;
        let place = lake.write(&path, &lake::key::gold(year))?;
        let airports = gold.column(name::ORIGIN)?.n_unique()? as u64;
        log::info!("{} rows in {} and {place}", gold.height(), path.display());
        Ok(Summary {
            rows_in,
            rows_out: gold.height() as u64,
            airports,
            output: File::Gold.name(year),
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_defined() {
        Args::command().debug_assert();
    }
}
