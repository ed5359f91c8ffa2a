//! What each file of a year was made from, and whether that is still what is there.
//!
//! Silver, gold and anomalies record the identity of the file that they were made from. After a new raw file, a worker
//! that was left out would pass the old year on: the worker after it finds that its input, or the input of that, was
//! made from something else than what is in the data dir now.

use std::fs::{self, File as Disk};
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flights::Lineage;
use handoff::{File, Source};

/// Each file, and the one that it is made from.
const STEPS: [(File, File); 3] = [
    (File::Silver, File::Bronze),
    (File::Gold, File::Silver),
    (File::Anomalies, File::Gold),
];

/// Checks that the file `input`, and each one before it, was made from the file that is in the data dir now. A file
/// that is no longer there, and one of another program, which records nothing, is not compared.
///
/// # Errors
/// When one was made from something else; the message names the worker to run. When a file cannot be read.
pub fn check(dir: &Path, year: i32, input: File) -> Result<()> {
    let last = STEPS.iter().position(|(file, _)| *file == input);
    for (file, made_from) in STEPS.iter().take(last.map_or(0, |last| last + 1)) {
        let Some(lineage) = lineage(dir, year, *file)? else {
            continue;
        };
        let (Some(recorded), Some(there)) = (lineage.input, identity(dir, year, *made_from)?)
        else {
            continue;
        };
        ensure!(
            recorded == there,
            "{} was made from another {} than the one that is there: run {} --year {year}, and the workers after it",
            handoff::path(dir, year, *file).display(),
            made_from.name(year),
            file.maker()
        );
    }
    Ok(())
}

/// Checks that the raw file in the data dir, if it is a copy from a lake, came from this one.
///
/// # Errors
/// When it came from another lake.
pub fn check_lake(dir: &Path, year: i32, lake: &str) -> Result<()> {
    if let Some(source) = Source::read(dir, year).filter(|source| source.lake != lake) {
        bail!(
            "{} is a copy of {}, which is not in the lake {lake}: run extract --year {year} with this lake first",
            handoff::path(dir, year, File::Bronze).display(),
            source.object
        );
    }
    Ok(())
}

fn lineage(dir: &Path, year: i32, file: File) -> Result<Option<Lineage>> {
    let path = handoff::path(dir, year, file);
    match fs::exists(&path)? {
        true => Lineage::read(&path, file.maker()).map(Some),
        false => Ok(None),
    }
}

fn identity(dir: &Path, year: i32, file: File) -> Result<Option<String>> {
    match file {
        File::Bronze => bronze(dir, year),
        _ => Ok(lineage(dir, year, file)?.map(|lineage| lineage.identity)),
    }
}

/// The identity of the raw file: as `extract` has recorded it, or from its bytes where a person has put it there.
fn bronze(dir: &Path, year: i32) -> Result<Option<String>> {
    if let Some(source) = Source::read(dir, year) {
        return Ok(Some(source.identity));
    }
    let path = handoff::path(dir, year, File::Bronze);
    let file = match Disk::open(&path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut checksum = crc32fast::Hasher::new();
    let mut bytes = 0;
    loop {
        let part = file.fill_buf()?;
        if part.is_empty() {
            return Ok(Some(handoff::identity(checksum.finalize(), bytes)));
        }
        checksum.update(part);
        let length = part.len();
        bytes += length as u64;
        file.consume(length);
    }
}
