//! Silver: the flights of a year, typed, those without a departure delay left out and counted in the
//! footer ([`Cancellations`]).
//!
//! The file is written in row groups, one for each piece of bronze, so that several threads can
//! encode at the same time ([`Encoder`]) while one appends in order ([`Writer`]).

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result, bail};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use polars::prelude::DataFrame;

use crate::Kind::{Date, Integer, Number, Text};
use crate::cancellations::{Cancellations, KEY, UNKNOWN};
use crate::frame::Frames;
use crate::lineage::INPUT;
use crate::{Column, Lineage, checksum, column, name};

/// The 27 columns. Clock times are local, `hhmm` as a number (517 is 05:17, 2400 is midnight).
pub const COLUMNS: [Column; 27] = [
    column(name::FL_DATE, Date, "day", "day of the flight; never null"),
    column("op_carrier", Text, "IATA code", "airline that flew"),
    column("op_carrier_fl_num", Integer, "", "flight number"),
    column(
        name::ORIGIN,
        Text,
        "IATA code",
        "airport of departure; never null",
    ),
    column("dest", Text, "IATA code", "airport of arrival"),
    column("crs_dep_time", Integer, "hhmm", "scheduled departure"),
    column(
        "dep_time",
        Number,
        "hhmm",
        "actual departure; null when cancelled",
    ),
    column(
        name::DEP_DELAY,
        Number,
        "minutes",
        "late (+) or early (-) departure; never null",
    ),
    column(
        "taxi_out",
        Number,
        "minutes",
        "from the gate to the wheels leaving the ground",
    ),
    column("wheels_off", Number, "hhmm", "wheels leave the ground"),
    column("wheels_on", Number, "hhmm", "wheels touch the ground"),
    column(
        "taxi_in",
        Number,
        "minutes",
        "from the wheels on the ground to the gate",
    ),
    column("crs_arr_time", Integer, "hhmm", "scheduled arrival"),
    column(
        "arr_time",
        Number,
        "hhmm",
        "actual arrival; null when cancelled or diverted",
    ),
    column(
        "arr_delay",
        Number,
        "minutes",
        "late (+) or early (-) arrival",
    ),
    column(
        name::CANCELLED,
        Number,
        "0 or 1",
        "the flight was cancelled",
    ),
    column(
        "cancellation_code",
        Text,
        "A B C D",
        "carrier, weather, air system, security",
    ),
    column("diverted", Number, "0 or 1", "the flight landed elsewhere"),
    column(
        "crs_elapsed_time",
        Number,
        "minutes",
        "scheduled, gate to gate",
    ),
    column(
        "actual_elapsed_time",
        Number,
        "minutes",
        "actual, gate to gate",
    ),
    column("air_time", Number, "minutes", "wheels off to wheels on"),
    column("distance", Number, "miles", "between the airports"),
    column(
        "carrier_delay",
        Number,
        "minutes",
        "arrival delay by the airline; null under 15 in all",
    ),
    column(
        "weather_delay",
        Number,
        "minutes",
        "arrival delay by extreme weather",
    ),
    column(
        "nas_delay",
        Number,
        "minutes",
        "arrival delay by the air system",
    ),
    column(
        "security_delay",
        Number,
        "minutes",
        "arrival delay by security",
    ),
    column(
        "late_aircraft_delay",
        Number,
        "minutes",
        "arrival delay by the aircraft's flight before",
    ),
];

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |c: &Column| {
        let of = match c.kind {
            Date => DataType::Date32,
            Text => DataType::Utf8,
            Integer => DataType::Int32,
            Number => DataType::Float64,
        };
        Field::new(c.name, of, true)
    };
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
});

/// The Arrow schema of [`COLUMNS`].
#[must_use]
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// A row group, compressed, ready to be appended.
pub struct RowGroup {
    columns: Vec<ArrowColumnChunk>,
}

/// Turns record batches into row groups; any number of threads may use it.
pub struct Encoder {
    factory: ArrowRowGroupWriterFactory,
}

impl Encoder {
    /// Encodes a batch of [`schema`] that is going to be row group `index` of the file.
    ///
    /// # Errors
    /// When the batch has another schema.
    pub fn encode(&self, index: usize, batch: &RecordBatch) -> Result<RowGroup> {
        let writers = self.factory.create_column_writers(index)?;
        let mut columns = Vec::with_capacity(writers.len());
        for ((mut writer, field), values) in writers
            .into_iter()
            .zip(SCHEMA.fields())
            .zip(batch.columns())
        {
            for leaf in compute_leaves(field, values)? {
                writer.write(&leaf)?;
            }
            columns.push(writer.close()?);
        }
        Ok(RowGroup { columns })
    }
}

/// Writes a silver file, row group by row group.
pub struct Writer<W: Write + Send> {
    file: SerializedFileWriter<checksum::Writer<W>>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins the file; the encoder makes its row groups.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W) -> Result<(Self, Encoder)> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            // Those that a reader leaves row groups out by.
            .set_statistics_enabled(EnabledStatistics::None)
            .set_column_statistics_enabled(name::FL_DATE.into(), EnabledStatistics::Chunk)
            .set_column_statistics_enabled(name::ORIGIN.into(), EnabledStatistics::Chunk)
            .set_data_page_row_count_limit(1 << 20)
            .set_write_batch_size(8192)
            .build();
        let writer = ArrowWriter::try_new(checksum::Writer::new(out), schema(), Some(properties))?;
        let (file, factory) = writer.into_serialized_writer()?;
        Ok((Writer { file }, Encoder { factory }))
    }

    /// Appends the next row group.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn append(&mut self, rows: RowGroup) -> Result<()> {
        let mut group = self.file.next_row_group()?;
        for column in rows.columns {
            column.append_to_row_group(&mut group)?;
        }
        group.close()?;
        Ok(())
    }

    /// Writes the footer, and into it the flights that are not in the row groups or were cancelled, and the identity
    /// of the raw file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn close(mut self, cancellations: &Cancellations, input: &str) -> Result<()> {
        let mut entries = vec![
            (KEY, cancellations.to_string()),
            (INPUT, input.into()),
            (checksum::METADATA.0, checksum::METADATA.1.into()),
        ];
        if !cancellations.are_known() {
            entries.push((UNKNOWN.0, UNKNOWN.1.into()));
        }
        for (name, text) in entries {
            let entry = KeyValue::new(name.to_owned(), text);
            self.file.append_key_value_metadata(entry);
        }
        self.file.flush()?;
        self.file.inner_mut().keep();
        Ok(self.file.into_inner()?.finish()?)
    }
}

/// The row groups of a silver file, one data frame each, with the named columns only: memory holds
/// one at a time. And the flights that are not in them or were cancelled.
///
/// # Errors
/// When the file cannot be read, is no silver file, or one of the first version, which did not count
/// cancelled flights.
pub fn read(
    path: &Path,
    names: &[&str],
) -> Result<(
    impl Iterator<Item = Result<DataFrame>>,
    Cancellations,
    Lineage,
)> {
    let columns = COLUMNS
        .into_iter()
        .filter(|c| names.contains(&c.name))
        .collect();
    let mut row_groups = Frames::open(path, columns, "clean")?;
    let Some(text) = row_groups.take_text(KEY) else {
        bail!(
            "{}: it does not say which flights were cancelled: run clean again",
            path.display()
        );
    };
    let mut cancellations = Cancellations::parse(&text)
        .with_context(|| format!("{} is damaged: run clean again", path.display()))?;
    if row_groups.take_text(UNKNOWN.0).is_some() {
        cancellations.set_unknown();
    }
    let lineage = row_groups.lineage()?;
    Ok((row_groups, cancellations, lineage))
}
