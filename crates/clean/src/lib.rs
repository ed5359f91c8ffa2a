//! The worker `clean`: bronze CSV to silver Parquet, published in the data dir and in the lake.
//!
//! Rows without a departure delay are dropped; they and the cancelled ones are counted for each
//! airport and day, and silver's footer keeps the counts. Rows that cannot be read go to a
//! rejects file with their line number and the reason, so that nothing is lost.

mod calendar;
mod duplicates;
mod rejects;
mod tally;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bronze::Notes;
use clap::Parser;
use crc32fast::Hasher;
use flights::Cancellations;
use handoff::{Draft, File};
use lake::{Lake, LakeUrl};
use serde::Serialize;
use task::{Common, Progress, Worker};

use calendar::Calendar;
use duplicates::Duplicates;
use rejects::Rejects;
use tally::Tally;

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

    /// The share of rows, 0 to 1, that may be unreadable; a month or an airport may have 0.1, or this if it is more
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    max_rejected: f64,

    /// Process a file that has only part of the year: accept gaps of three days and more, and a torn last line
    #[arg(long)]
    partial: bool,
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
    /// With or without a departure delay; null where the raw file does not say it.
    cancelled: Option<u64>,
    rejected: u64,
    /// Rows that repeat a flight; silver has them.
    duplicates: u64,
    /// Days of the year with a scheduled flight.
    days: u64,
    days_missing: u64,
    output: String,
    bytes: u64,
}

/// What was found in the raw file.
struct Counts {
    read: u64,
    cancellations: Cancellations,
    notes: Notes,
    tally: Tally,
    duplicates: Duplicates,
    /// Of the whole raw file.
    checksum: Hasher,
}

impl Counts {
    fn new(reader: &bronze::Reader) -> Result<Self> {
        Ok(Counts {
            read: 0,
            cancellations: Cancellations::default(),
            notes: Notes::default(),
            tally: Tally::default(),
            duplicates: Duplicates::new(reader.bytes()),
            checksum: reader.header_checksum()?,
        })
    }

    /// Warns of what is unusual about the rows.
    fn warn(&self) {
        if self.notes.recoded > 0 {
            log::warn!(
                "{} rows have an airport code in lower case or with blanks around it: read as capital letters",
                self.notes.recoded
            );
        }
        if self.notes.cancelled_with_delay > 0 {
            log::warn!(
                "{} cancelled flights have no DEP_TIME but a DEP_DELAY: they did not fly, so their delay is left out",
                self.notes.cancelled_with_delay
            );
        }
        if !self.notes.cancelled_known {
            log::warn!(
                "CANCELLED is empty in every row: which flights were cancelled is unknown, and null in gold"
            );
        }
    }
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
        lineage::check_lake(dir, year, &lake.id()?)?;
        let reader = bronze::Reader::open(&bronze, year)?;
        let calendar = Calendar::new(year)?;
        let mut rejects = Rejects::new(dir, year);
        let counts =
            write(&reader, &calendar, &mut silver, &mut rejects).context("cannot write silver")?;
        let total = counts.cancellations.total();
        let no_delay = u64::from(total.not_flown);
        let rows_in = counts.read + no_delay + rejects.count();
        let wrong = |e: anyhow::Error| anyhow!("{}: {e:#}", bronze.display());
        if rows_in == 0 {
            bail!(
                "{} has a header and no rows: fix the file in the lake",
                bronze.display()
            );
        }
        rejects
            .check(&counts.tally, &calendar, rows_in, self.max_rejected)
            .map_err(wrong)?;
        rejects.check_end(self.partial).map_err(wrong)?;
        ensure!(
            counts.read > 0,
            "{}: no row is left: {no_delay} of {rows_in} have no DEP_DELAY, {} cannot be read: fix the file in the \
             lake",
            bronze.display(),
            rejects.count()
        );
        let missing = calendar.missing(&counts.tally.days);
        missing.check(self.partial).map_err(wrong)?;
        counts.duplicates.check(rows_in, &calendar).map_err(wrong)?;
        counts.warn();

        // Rejects are published before silver, and those of an earlier run are removed after it, so that a reader
        // who finds silver finds its rejects too.
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
            cancelled: counts
                .notes
                .cancelled_known
                .then_some(u64::from(total.cancelled)),
            rejected,
            duplicates: counts.duplicates.count(),
            days: missing.present as u64,
            days_missing: missing.dates.len() as u64,
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
fn write(
    reader: &bronze::Reader,
    calendar: &Calendar,
    silver: &mut Draft,
    rejects: &mut Rejects,
) -> Result<Counts> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if let Some(counts) = attempt(reader, calendar, silver, rejects, Some(cores.min(THREADS)))? {
        return Ok(counts);
    }
    log::info!(
        "the file has quotes, or lines that end in CR: reading it again from the beginning, on one thread"
    );
    silver.restart()?;
    rejects.restart();
    attempt(reader, calendar, silver, rejects, None)?.context("the general reader gave up")
}

/// One reading, by the common file's reader on some threads or by the general one; `None` when the
/// file is not for that reader.
fn attempt(
    reader: &bronze::Reader,
    calendar: &Calendar,
    silver: &mut Draft,
    rejects: &mut Rejects,
    threads: Option<usize>,
) -> Result<Option<Counts>> {
    let (mut writer, encoder) = flights::silver::Writer::new(silver)?;
    let mut counts = Counts::new(reader)?;
    let progress = Progress::bytes("reading bronze", reader.bytes());
    let encode = |index, rows| {
        let tally = Tally::of(&rows, calendar)?;
        Ok((encoder.encode(index, &rows)?, tally))
    };
    let take = |batch: bronze::Batch<(flights::silver::RowGroup, Tally)>| {
        let (rows, tally) = batch.made;
        writer.append(rows)?;
        counts.read += batch.read;
        counts.cancellations.add_all(&batch.cancellations);
        counts.notes.add(batch.notes);
        counts.tally.add(&tally);
        counts.duplicates.add(&batch.flights);
        counts.checksum.combine(&batch.checksum);
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
    if !counts.notes.cancelled_known {
        counts.cancellations.set_unknown();
    }
    counts.tally.add_dropped(&counts.cancellations, calendar);
    let checksum = counts.checksum.clone().finalize();
    let input = handoff::identity(checksum, reader.bytes());
    writer.close(&counts.cancellations, &input)?;
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
