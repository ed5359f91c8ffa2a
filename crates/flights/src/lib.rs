//! The columns of bronze, silver, gold and anomalies: names, types, units; and their Parquet files.
//!
//! Only this crate spells a column's name. Bronze has silver's columns in upper case.

pub mod airport;
pub mod anomalies;
mod cancellations;
mod checksum;
mod days;
mod frame;
pub mod gold;
mod lineage;
pub mod name;
pub mod silver;

pub use cancellations::{Cancellations, Count};
pub use days::Days;
pub use lineage::Lineage;

/// The type of a column. Any value of it may be null where the column's text says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A calendar day: Parquet and Arrow `Date32`, days since 1970-01-01.
    Date,
    /// UTF-8 text.
    Text,
    /// A whole number of 32 bits.
    Integer,
    /// A finite double precision number.
    Number,
}

/// One column of a file.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The name in silver, gold, anomalies and the warehouse.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The unit, or the form of the value; empty where there is none.
    pub unit: &'static str,
    /// What it means, and when it is null.
    pub about: &'static str,
}

impl Column {
    /// The name in the header of the raw CSV.
    #[must_use]
    pub fn bronze_name(&self) -> String {
        self.name.to_uppercase()
    }

    /// Whether it is a model's flag: 0 or 1.
    #[must_use]
    pub fn is_flag(&self) -> bool {
        self.kind == Kind::Integer && self.name.starts_with(name::ANOMALY)
    }
}

const fn column(name: &'static str, kind: Kind, unit: &'static str, about: &'static str) -> Column {
    Column {
        name,
        kind,
        unit,
        about,
    }
}
