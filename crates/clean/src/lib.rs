//! The worker `clean`: bronze CSV to silver Parquet, published in the data dir and in the lake.
//!
//! Rows without a departure delay are dropped; they and the cancelled ones are counted for each
//! airport and day, and silver's footer keeps the counts. Rows that cannot be read go to a
//! rejects file with their line number and the reason, so that nothing is lost.

mod rejects;

use anyhow::{Context, Result, bail};
use clap::Parser;
use flights::Cancellations;
use handoff::{Draft, File};
use lake::{Lake, LakeUrl};
use serde::Serialize;
use task::{Common, Progress, Worker};

use rejects::Rejects;

/// Beyond this many threads the disk is what one waits for; each takes about 40 MB.
const THREADS: usize = 4;

/// Bronze CSV to silver Parquet: drop flights without a departure delay, fix the schema
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: clean --year 2013 --lake s3://flights --data-dir data"
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Where silver is published: s3://bucket[/prefix], file:///dir or a folder
    #[arg(long, env = "LAKE_URL", hide_env_values = true)]
    lake: LakeUrl,

    /// The share of rows, 0 to 1, that may be unreadable
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    max_rejected: f64,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|s| (0.0..=1.0).contains(s));
    share.ok_or_else(|| "give a number from 0 to 1, such as 0.01 for 1 %".into())
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows_in: u64,
    rows_out: u64,
    dropped_null_delay: u64,
    /// With or without a departure delay.
    cancelled: u64,
    rejected: u64,
    output: String,
    bytes: u64,
}

#[derive(Default)]
struct Counts {
    read: u64,
    cancellations: Cancellations,
}

impl Worker for Args {
    const NAME: &'static str = "clean";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let (year, dir) = (self.common.year, &self.common.data_dir);
        keep_freed_memory();
        let lake = Lake::open(&self.lake)?;
        let bronze = handoff::input(dir, year, File::Bronze)?;
        // Before its input is opened: what another run has brought meanwhile is newer.
        let mut silver = Draft::create(dir, year, File::Silver)?;
        let reader = bronze::Reader::open(&bronze, year)?;
        let mut rejects = Rejects::new(dir, year);
        let counts = write(&reader, &mut silver, &mut rejects).context("cannot write silver")?;
        let total = counts.cancellations.total();
        let no_delay = u64::from(total.not_flown);
        let rows_in = counts.read + no_delay + rejects.count();
        if rows_in == 0 {
            bail!(
                "{} has a header and no rows: mend the file in the lake",
                bronze.display()
            );
        }
        if rejects.count() as f64 > self.max_rejected * rows_in as f64 {
            return Err(rejects.too_many(&bronze, rows_in, self.max_rejected));
        }
        if counts.read == 0 {
            bail!(
                "{}: no row is left: {no_delay} of {rows_in} have no DEP_DELAY, {} cannot be read: \
                 mend the file in the lake",
                bronze.display(),
                rejects.count()
            );
        }

        // Where silver is, its rejects are: they come first, and those of an earlier run go last.
        let rejected = rejects.count();
        if let Some(path) = rejects.publish()? {
            let place = lake.write(&path, &lake::key::rejected(year))?;
            log::warn!(
                "{rejected} of {rows_in} rows cannot be read: see {} or {place}",
                path.display()
            );
        }
        // The lock of silver is held to the end: the upload of another run comes after this one's.
        let (path, bytes) = silver.publish()?;
        let place = lake.write(&path, &lake::key::silver(year))?;
        if rejected == 0 {
            handoff::remove(&handoff::path(dir, year, File::Rejected))?;
            lake.remove(&lake::key::rejected(year))?;
        }
        log::info!(
            "{} of {rows_in} rows in {} and {place}",
            counts.read,
            path.display()
        );
        Ok(Summary {
            rows_in,
            rows_out: counts.read,
            dropped_null_delay: no_delay,
            cancelled: u64::from(total.cancelled),
            rejected,
            output: File::Silver.name(year),
            bytes,
        })
    }
}

/// Lets the allocator keep what is freed: it would give a piece's memory back to the system and take
/// it anew for the next one, page by page, a tenth of the time.
///
/// Where it is glibc's, freeing one large block is what raises its thresholds, up to 32 MB a block:
/// see `M_MMAP_THRESHOLD` in mallopt(3). Elsewhere this does nothing.
fn keep_freed_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(31 << 20)));
}

/// Reads the whole file into `silver` and `rejects`.
fn write(reader: &bronze::Reader, silver: &mut Draft, rejects: &mut Rejects) -> Result<Counts> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if let Some(counts) = attempt(reader, silver, rejects, Some(cores.min(THREADS)))? {
        return Ok(counts);
    }
    log::info!(
        "the file has quotes, or lines that end in CR: reading it again from the beginning, on one thread"
    );
    silver.restart()?;
    rejects.restart();
    attempt(reader, silver, rejects, None)?.context("the general reader gave up")
}

/// One reading, by the common file's reader on some threads or by the general one; `None` when the
/// file is not for that reader.
fn attempt(
    reader: &bronze::Reader,
    silver: &mut Draft,
    rejects: &mut Rejects,
    threads: Option<usize>,
) -> Result<Option<Counts>> {
    let (mut writer, encoder) = flights::silver::Writer::new(silver)?;
    let mut counts = Counts::default();
    let progress = Progress::bytes("reading bronze", reader.bytes());
    let encode = |index, rows| encoder.encode(index, &rows);
    let take = |batch: bronze::Batch<flights::silver::RowGroup>| {
        writer.append(batch.made)?;
        counts.read += batch.read;
        counts.cancellations.add_all(&batch.cancellations);
        rejects.add(batch.rejects)?;
        progress.add(batch.bytes);
        Ok(())
    };
    let complete = match threads {
        Some(threads) => reader.unquoted(threads, encode, take)?,
        None => reader.quoted(encode, take).map(|()| true)?,
    };
    if !complete {
        return Ok(None);
    }
    writer.close(&counts.cancellations)?;
    Ok(Some(counts))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }
}
