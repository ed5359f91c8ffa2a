//! What a Parquet file is, and what it was made from.

use std::path::Path;

use anyhow::Result;

use crate::frame::Frames;

/// The key of the input's identity in the footer.
pub(crate) const INPUT: &str = "flight_delays.input";

/// Which file this is, and which one it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// A file with other content has another one.
    pub identity: String,
    /// The identity of the file that it was made from; a file of another program does not say it.
    pub input: Option<String>,
}

impl Lineage {
    /// Reads them from a file that the worker `maker` has written.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub fn read(path: &Path, maker: &'static str) -> Result<Self> {
        Frames::open(path, vec![], maker)?.lineage()
    }
}
