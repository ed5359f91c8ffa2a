//! Parquet files as another program sees them, and files that no worker has written.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// The rows, each value as text, a null as `-`.
#[must_use]
pub fn rows(path: &Path) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let row = |row: Result<parquet::record::Row, _>| {
        row.unwrap()
            .get_column_iter()
            .map(|(_, field)| text(field))
            .collect()
    };
    reader.get_row_iter(None).unwrap().map(row).collect()
}

fn text(field: &Field) -> String {
    match field {
        Field::Null => "-".into(),
        Field::Str(text) => text.clone(),
        Field::Double(value) => format!("{value:?}"),
        other => other.to_string(),
    }
}

/// What a file says, whatever it was made from: the rows, and of silver the flights that it only counts.
#[must_use]
pub fn content(path: &Path) -> (Vec<Vec<String>>, Option<String>) {
    (rows(path), metadata(path, "flight_delays.cancellations"))
}

/// How many rows the footer speaks of.
#[must_use]
pub fn row_count(path: &Path) -> i64 {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    reader.metadata().file_metadata().num_rows()
}

/// The text that the footer has under a key.
#[must_use]
pub fn metadata(path: &Path, key: &str) -> Option<String> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let entries = reader.metadata().file_metadata().key_value_metadata()?;
    let entry = entries.iter().find(|entry| entry.key == key)?;
    entry.value.clone()
}

/// The names and Arrow types of the columns.
#[must_use]
pub fn columns(path: &Path) -> Vec<(String, DataType)> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let fields = reader.schema().fields();
    fields
        .iter()
        .map(|f| (f.name().clone(), f.data_type().clone()))
        .collect()
}

/// The record batches of the file.
#[must_use]
pub fn batches(path: &Path) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    reader.build().unwrap().map(Result::unwrap).collect()
}

/// Writes the file anew with another column in the place of the one of that name, or without it; what
/// else the footer has is left out.
pub fn replace(path: &Path, name: &str, column: Option<ArrayRef>) {
    let [batch] = batches(path).try_into().expect("a small file");
    let schema = batch.schema();
    let at = schema.index_of(name).unwrap();
    let (mut fields, mut columns) = (schema.fields().to_vec(), batch.columns().to_vec());
    match column {
        Some(column) => {
            let field = fields[at].as_ref().clone();
            fields[at] = Arc::new(field.with_data_type(column.data_type().clone()));
            columns[at] = column;
        }
        None => {
            fields.remove(at);
            columns.remove(at);
        }
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
