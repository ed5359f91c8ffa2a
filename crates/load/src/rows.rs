//! The rows of an anomalies file as values for PostgreSQL.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use flights::{Kind, anomalies, gold, name};
use polars::prelude::{DataFrame, Float64Chunked, Int32Chunked, StringChunked};
use postgres_types::private::BytesMut;
use postgres_types::{IsNull, ToSql, Type, to_sql_checked};

/// What a numeric(8,2) holds.
const LARGEST_MEAN: f64 = 999_999.99;

/// The anomalies file of a year, and the rows that it had when it was read last.
pub(crate) struct Input<'a> {
    dir: &'a Path,
    year: i32,
    version: Version,
    pub(crate) rows: Rows,
}

/// Two files at one path differ in it.
#[derive(PartialEq, Eq)]
struct Version {
    device: u64,
    number: u64,
    modified: SystemTime,
}

impl<'a> Input<'a> {
    /// Reads the file of the year in the data dir.
    pub(crate) fn read(dir: &'a Path, year: i32) -> Result<Self> {
        let path = handoff::input(dir, year, handoff::File::Anomalies)?;
        let version = version(&path)?;
        lineage::check(dir, year, handoff::File::Anomalies)?;
        let rows = Rows::of(anomalies::read(&path)?, year);
        let rows = rows.with_context(|| format!("cannot load {}", path.display()))?;
        Ok(Input {
            dir,
            year,
            version,
            rows,
        })
    }

    /// Reads it again if another run has replaced it.
    pub(crate) fn refresh(&mut self) -> Result<()> {
        let path = handoff::input(self.dir, self.year, handoff::File::Anomalies)?;
        if version(&path)? != self.version {
            log::info!(
                "{}: another run has brought a newer one, reading it",
                path.display()
            );
            *self = Input::read(self.dir, self.year)?;
        }
        Ok(())
    }
}

fn version(path: &Path) -> Result<Version> {
    let found = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    Ok(Version {
        device: found.dev(),
        number: found.ino(),
        modified: found.modified()?,
    })
}

/// The rows, column by column, in the order of [`anomalies::COLUMNS`].
pub(crate) struct Rows {
    columns: Vec<Values>,
    len: usize,
}

enum Values {
    Text(StringChunked),
    Day(Int32Chunked),
    /// A smallint in the table.
    Flag(Int32Chunked),
    Integer(Int32Chunked),
    Number(Float64Chunked),
}

impl Rows {
    /// Takes the columns apart and checks that every day is in the year and every mean fits the
    /// table.
    pub(crate) fn of(frame: DataFrame, year: i32) -> Result<Self> {
        let values = |c: &flights::Column| -> Result<Values> {
            let column = frame.column(c.name)?.rechunk();
            Ok(match c.kind {
                Kind::Text => Values::Text(column.str()?.clone()),
                Kind::Date => Values::Day(column.date()?.physical().clone()),
                Kind::Integer if c.is_flag() => Values::Flag(column.i32()?.clone()),
                Kind::Integer => Values::Integer(column.i32()?.clone()),
                Kind::Number => Values::Number(column.f64()?.clone()),
            })
        };
        ensure!(
            gold::is_of(year, &frame)?,
            "it has days of another year: run detect --year {year} again"
        );
        let ids = frame.column(name::ID)?.str()?;
        let means = frame.column(name::MEAN_DEP_DELAY)?.f64()?;
        for (id, mean) in ids.iter().zip(means.iter()) {
            ensure!(
                mean.is_none_or(|mean| mean.abs() <= LARGEST_MEAN),
                "{}: a mean delay of {} min does not fit numeric(8,2): mend the raw file",
                id.unwrap_or_default(),
                mean.unwrap_or_default()
            );
        }
        let columns = anomalies::COLUMNS
            .iter()
            .map(values)
            .collect::<Result<_>>()?;
        Ok(Rows {
            columns,
            len: frame.height(),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The types in which the values are sent, for each column.
    pub(crate) fn types(&self) -> Vec<Type> {
        let sent = |values: &Values| match values {
            Values::Text(_) => Type::TEXT,
            Values::Day(_) => Type::DATE,
            Values::Flag(_) => Type::INT2,
            Values::Integer(_) => Type::INT4,
            Values::Number(_) => Type::FLOAT8,
        };
        self.columns.iter().map(sent).collect()
    }

    /// The values of one row.
    pub(crate) fn row(&self, row: usize) -> impl ExactSizeIterator<Item = Value<'_>> {
        self.columns.iter().map(move |values| match values {
            Values::Text(v) => Value::Text(v.get(row)),
            Values::Day(v) => Value::Day(v.get(row).and_then(NaiveDate::from_epoch_days)),
            Values::Flag(v) => Value::Flag(v.get(row).map(|flag| flag as i16)),
            Values::Integer(v) => Value::Integer(v.get(row)),
            Values::Number(v) => Value::Number(v.get(row)),
        })
    }
}

/// One value, or null.
#[derive(Debug)]
pub(crate) enum Value<'a> {
    Text(Option<&'a str>),
    Day(Option<NaiveDate>),
    Flag(Option<i16>),
    Integer(Option<i32>),
    Number(Option<f64>),
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Text(v) => v.to_sql(ty, out),
            Value::Day(v) => v.to_sql(ty, out),
            Value::Flag(v) => v.to_sql(ty, out),
            Value::Integer(v) => v.to_sql(ty, out),
            Value::Number(v) => v.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true // the types are those of `Rows::types`
    }

    to_sql_checked!();
}
