//! Parquet files as polars data frames, with their columns checked.

use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use polars::io::parquet::metadata::FileMetadataRef;
use polars::prelude::{
    DataFrame, DataType, KeyValueMetadata, ParquetCompression, ParquetReader, ParquetWriter,
    Schema, SchemaExt, SerReader,
};

use crate::checksum::{self, Checksums};
use crate::lineage::INPUT;
use crate::{Column, Kind, Lineage};

fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Date => DataType::Date,
        Kind::Text => DataType::String,
        Kind::Integer => DataType::Int32,
        Kind::Number => DataType::Float64,
    }
}

/// The row groups of a Parquet file, each as one data frame of the wanted columns.
pub(crate) struct Frames {
    path: PathBuf,
    file: File,
    checksums: Option<Checksums>,
    columns: Vec<Column>,
    maker: &'static str,
    metadata: FileMetadataRef,
    next: usize,
    from: usize,
}

impl Frames {
    /// Opens a file that the worker `maker` has written.
    pub(crate) fn open(path: &Path, columns: Vec<Column>, maker: &'static str) -> Result<Self> {
        let wrong = || damaged(path, maker);
        let file = File::open(path).with_context(|| {
            format!(
                "cannot read {}: run {maker} again, or see to its owner and mode",
                path.display()
            )
        })?;
        let checksums = Checksums::read(&file).with_context(wrong)?;
        let mut reader = ParquetReader::new(file.try_clone()?);
        let found = Schema::from_arrow_schema(reader.schema().with_context(wrong)?.as_ref());
        let metadata = reader.get_metadata().with_context(wrong)?.clone();
        for c in &columns {
            match found.get(c.name) {
                Some(of) if *of == data_type(c.kind) => {}
                Some(of) => bail!(
                    "{}: column {} is {of}, wanted {}: run {maker} again",
                    path.display(),
                    c.name,
                    data_type(c.kind)
                ),
                None => bail!(
                    "{}: no column {}: run {maker} again",
                    path.display(),
                    c.name
                ),
            }
        }
        Ok(Frames {
            path: path.into(),
            file,
            checksums,
            columns,
            maker,
            metadata,
            next: 0,
            from: 0,
        })
    }

    /// So many row groups, of which the first one's first row is row `from` of the file.
    fn read(&self, groups: Range<usize>, from: usize) -> Result<DataFrame> {
        let rows = self.metadata.row_groups[groups.clone()]
            .iter()
            .map(|group| group.num_rows())
            .sum();
        let read = || {
            self.check(groups)?;
            let names = self.columns.iter().map(|c| c.name.to_owned()).collect();
            let mut reader = ParquetReader::new(self.file.try_clone()?);
            reader.set_metadata(self.metadata.clone());
            let reader = reader.with_columns(Some(names));
            let frame = reader.with_slice(Some((from, rows))).finish()?;
            let whole = |column: &polars::prelude::Column| column.len() == rows;
            ensure!(
                frame.columns().iter().all(whole),
                "its columns do not have {rows} values each"
            );
            Ok::<_, anyhow::Error>(frame)
        };
        read().with_context(|| damaged(&self.path, self.maker))
    }

    /// Compares the checksums of what is going to be read.
    fn check(&self, groups: Range<usize>) -> Result<()> {
        let Some(checksums) = &self.checksums else {
            return Ok(());
        };
        let names = self.columns.iter().map(|c| c.name);
        for group in &self.metadata.row_groups[groups] {
            let chunks = names
                .clone()
                .filter_map(|name| group.columns_under_root_iter(name));
            for chunk in chunks.flatten() {
                let Range { start, end } = chunk.byte_range();
                checksums.check(&self.file, start.try_into()?..end.try_into()?)?;
            }
        }
        Ok(())
    }

    /// Takes the text that the footer has under a key: left there, it is copied with each row group.
    pub(crate) fn take_text(&mut self, key: &str) -> Option<String> {
        let metadata = Arc::make_mut(&mut self.metadata);
        let entries = metadata.key_value_metadata.as_mut()?;
        let at = entries.iter().position(|entry| entry.key == key)?;
        entries.remove(at).value
    }

    /// Which file this is, and which one it was made from.
    pub(crate) fn lineage(&self) -> Result<Lineage> {
        let identity =
            checksum::identity(&self.file).with_context(|| damaged(&self.path, self.maker))?;
        let entries = self.metadata.key_value_metadata.iter().flatten();
        let input = entries.rev().find(|entry| entry.key == INPUT);
        Ok(Lineage {
            identity,
            input: input.and_then(|entry| entry.value.clone()),
        })
    }

    /// The whole file as one data frame.
    pub(crate) fn all(&self) -> Result<DataFrame> {
        self.read(0..self.metadata.row_groups.len(), 0)
    }
}

fn damaged(path: &Path, maker: &str) -> String {
    let path = path.display();
    format!("{path} is damaged or was not written by {maker}: run {maker} again")
}

impl Iterator for Frames {
    type Item = Result<DataFrame>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.metadata.row_groups.get(self.next)?.num_rows();
        let frame = self.read(self.next..self.next + 1, self.from);
        self.next += 1;
        self.from += rows;
        Some(frame)
    }
}

/// Writes a data frame that has exactly these columns in this order, made from the file with the identity `input`.
pub(crate) fn write(
    out: impl Write,
    columns: &[Column],
    frame: &mut DataFrame,
    input: &str,
) -> Result<()> {
    for (c, found) in columns.iter().zip(frame.columns()) {
        ensure!(
            *found.name() == c.name && *found.dtype() == data_type(c.kind),
            "column {} {} was to be written where {} {} belongs",
            found.name(),
            found.dtype(),
            c.name,
            data_type(c.kind)
        );
    }
    ensure!(
        columns.len() == frame.width(),
        "{} columns, not {}",
        frame.width(),
        columns.len()
    );
    // All of it is kept until it is written: of a disk that is full polars tells, in the middle of a header, a
    // "transport error".
    let entries = [checksum::METADATA, (INPUT, input)];
    let entries = entries.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let mut out = checksum::Writer::new(out);
    out.keep();
    ParquetWriter::new(&mut out)
        .with_compression(ParquetCompression::Zstd(None))
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(entries.into())))
        .finish(frame)?;
    Ok(out.finish()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;

    use polars::prelude::df;

    use super::*;

    /// A disk with room for so many bytes.
    struct Disk(usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.0);
            self.0 -= fits;
            match fits {
                0 => Err(io::Error::other("the disk is full")),
                fits => Ok(fits),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_told_wherever_it_is_full() {
        let columns = [crate::column("a", Kind::Number, "", "")];
        let mut frame = df!("a" => [1.0, 2.0]).unwrap();
        let mut whole = vec![];
        write(&mut whole, &columns, &mut frame, "").unwrap();
        for room in 0..whole.len() {
            let error = write(Disk(room), &columns, &mut frame, "").unwrap_err();
            assert_eq!(format!("{error:#}"), "the disk is full", "{room}");
        }
    }
}
