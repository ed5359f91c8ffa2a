//! The worker `extract`: copies the year's raw CSV from the lake to the data dir, decompressing it
//! on the way. A copy of the same version that is there already is not fetched again.

mod unpack;

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use clap::Parser;
use handoff::{Draft, File};
use lake::{Lake, LakeUrl, Object};
use serde::Serialize;
use task::{Common, Progress, Skip, Worker};

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
        let form = Form::of(object.place());
        let copy = handoff::path(dir, year, File::Bronze);
        let there = size_of_copy(&copy, &object, form)?;
        let bytes = match there {
            Some(bytes) => {
                log::info!("{} is there already and is up to date", copy.display());
                handoff::tidy(&copy)?;
                bytes
            }
            None => {
                let draft = Draft::create(dir, year, File::Bronze)?;
                fetch(&lake, &object, form, draft, dir)?
            }
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

/// The size of the copy when it is one of this very version of the object.
fn size_of_copy(copy: &Path, object: &Object, form: Form) -> Result<Option<u64>> {
    match fs::metadata(copy) {
        Ok(found) => {
            let whole = form != Form::Plain || found.len() == object.size();
            let of_this_version = found.modified()? == object.stamp();
            Ok((whole && of_this_version).then_some(found.len()))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("cannot look at {}", copy.display())),
    }
}

fn fetch(lake: &Lake, object: &Object, form: Form, draft: Draft, dir: &Path) -> Result<u64> {
    log::info!("fetching {}", object.place());
    let progress = Progress::bytes("fetching", object.size());
    let unpacking = || format!("cannot unpack {} into the data dir", object.place());
    let draft = BufWriter::with_capacity(1 << 20, draft);
    let mut out = Unpacked::new(form, draft, dir).with_context(unpacking)?;
    lake.read(object, |bytes| {
        out.write_all(&bytes).with_context(unpacking)?;
        progress.add(bytes.len() as u64);
        Ok(())
    })?;
    let out = out.finish().with_context(unpacking)?;
    let mut draft = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .with_context(unpacking)?;
    draft.set_modified(object.stamp())?;
    let (path, bytes) = draft.publish()?;
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
