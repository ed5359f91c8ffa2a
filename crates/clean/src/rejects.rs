//! The rejects file: `line,reason,row`, one line for each row that cannot be read.

use std::path::{Path, PathBuf};

use anyhow::Result;
use bronze::Reject;
use handoff::{Draft, File};

/// So many are shown when there are too many.
const SHOWN: usize = 10;

/// The rejects of a year; the file comes to be with the first of them.
pub(crate) struct Rejects<'a> {
    dir: &'a Path,
    year: i32,
    file: Option<csv::Writer<Draft>>,
    count: u64,
    first: Vec<Reject>,
}

impl<'a> Rejects<'a> {
    pub(crate) fn new(dir: &'a Path, year: i32) -> Self {
        Rejects {
            dir,
            year,
            file: None,
            count: 0,
            first: vec![],
        }
    }

    /// How many rows; one that takes several lines has swallowed as many.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn add(&mut self, rejects: Vec<Reject>) -> Result<()> {
        if rejects.is_empty() {
            return Ok(());
        }
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut new =
                    csv::Writer::from_writer(Draft::create(self.dir, self.year, File::Rejected)?);
                new.write_record(["line", "reason", "row"])?;
                new
            }
        };
        for reject in rejects {
            let line = reject.line.to_string();
            file.write_record([line.as_bytes(), reject.reason.as_bytes(), &reject.row])?;
            self.count += reject.lines();
            if self.first.len() < SHOWN {
                self.first.push(reject);
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Forgets what was added.
    pub(crate) fn restart(&mut self) {
        *self = Rejects::new(self.dir, self.year);
    }

    /// The failure that there are more than `--max-rejected` allows; shows the first ten.
    pub(crate) fn too_many(&self, bronze: &Path, rows: u64, allowed: f64) -> anyhow::Error {
        for reject in &self.first {
            log::warn!("line {}: {}", reject.line, reject.reason);
        }
        let first = self
            .first
            .first()
            .map(|r| format!("line {}: {}", r.line, r.reason))
            .unwrap_or_default();
        anyhow::anyhow!(
            "{}: {} of {rows} rows cannot be read, more than --max-rejected {allowed}; first {first}; mend the \
             file in the lake, or allow more",
            bronze.display(),
            self.count
        )
    }

    /// Publishes the file, when there is anything in it.
    pub(crate) fn publish(self) -> Result<Option<PathBuf>> {
        let Some(file) = self.file else {
            return Ok(None);
        };
        let mut draft = file.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(Some(draft.publish()?.0))
    }
}
