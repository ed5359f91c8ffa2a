//! The worker `extract`: copies the year's raw CSV from the lake to the data dir, decompressing it
//! on the way. A copy of the same version that is there already is not fetched again.

mod identified;
mod unpack;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;
use handoff::{Draft, File, Source};
use lake::{Lake, LakeUrl, Object};
use serde::Serialize;
use task::{Common, Progress, Skip, Worker};

use identified::Identified;
use unpack::{Form, Unpacked};

/// Copy the year's raw CSV from the lake to the data dir
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: extract --year 2013 --lake s3://flights --data-dir data\n\n\
                  Exit code 99 says that the lake has no raw file for the year."
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// Where the raw files are: s3://bucket[/prefix], file:///dir or a folder
    #[arg(long, env = "LAKE_URL", hide_env_values = true)]
    lake: LakeUrl,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    input: String,
    input_bytes: u64,
    output: String,
    bytes: u64,
    /// False when the copy was there already.
    fetched: bool,
}

impl Worker for Args {
    const NAME: &'static str = "extract";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let (year, dir) = (self.common.year, &self.common.data_dir);
        let lake = Lake::open(&self.lake)?;
        let Some(object) = lake.bronze(year)? else {
            let [csv, others @ ..] = lake::key::FORMS;
            let text = format!(
                "no {}/{year}.{csv} (nor .{}) in {}: upload it to run this year",
                lake::key::BRONZE,
                others.join(", ."),
                self.lake
            );
            return Err(Skip(text).into());
        };
        handoff::make_dir(dir)?;
        let copy = handoff::path(dir, year, File::Bronze);
        let there = size_of_copy(dir, year, &lake.id()?, &object);
        let bytes = match there {
            Some(bytes) => {
                log::info!("{} is there already and is up to date", copy.display());
                handoff::tidy(&copy)?;
                bytes
            }
            None => fetch(&lake, &object, dir, year)?,
        };
        Ok(Summary {
            input: object.place().into(),
            input_bytes: object.size(),
            output: File::Bronze.name(year),
            bytes,
            fetched: there.is_none(),
        })
    }
}

/// The size of the copy in the data dir when it is one of this very version of the object.
fn size_of_copy(dir: &Path, year: i32, lake: &str, object: &Object) -> Option<u64> {
    let source = Source::read(dir, year)?;
    let same = source.lake == lake
        && source.object == object.place()
        && source.version == object.version();
    same.then(|| source.copy_bytes())
}

/// Fetches the object, and records what the copy is a copy of.
fn fetch(lake: &Lake, object: &Object, dir: &Path, year: i32) -> Result<u64> {
    log::info!("fetching {}", object.place());
    let progress = Progress::bytes("fetching", object.size());
    let unpacking = || format!("cannot unpack {} into the data dir", object.place());
    let copy = Identified::new(Draft::create(dir, year, File::Bronze)?);
    let copy = BufWriter::with_capacity(1 << 20, copy);
    let mut out = Unpacked::new(Form::of(object.place()), copy, dir).with_context(unpacking)?;
    lake.read(object, |bytes| {
        out.write_all(&bytes).with_context(unpacking)?;
        progress.add(bytes.len() as u64);
        Ok(())
    })?;
    let out = out.finish().with_context(unpacking)?;
    let copy = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .with_context(unpacking)?;
    let (mut draft, identity) = copy.finish();
    let (path, bytes) = draft.publish()?;
    // The draft is held until this is done: the record is about this copy and no later one. A run that is killed in
    // between leaves a copy without a record, which the next run fetches again.
    let (place, version) = (object.place().to_owned(), object.version());
    Source::write(dir, year, lake.id()?, place, version, identity)?;
    log::info!("{bytes} bytes in {}", path.display());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }
}
