//! The keys of the objects in the lake.

/// The folder of the raw files.
pub(crate) const BRONZE: &str = "01_bronze";

/// The three forms that the raw file of a year may have; exactly one of them must exist.
#[must_use]
pub fn bronze(year: i32) -> [String; 3] {
    ["csv", "csv.gz", "csv.zst"].map(|form| format!("{BRONZE}/{year}.{form}"))
}

/// The flights of a year.
#[must_use]
pub fn silver(year: i32) -> String {
    format!("02_silver/year/{year}/{year}_02_silver.parquet")
}

/// The rows of the raw file that could not be read.
#[must_use]
pub fn rejected(year: i32) -> String {
    format!("02_silver/year/{year}/{year}_02_rejected.csv")
}

/// The mean delays of a year.
#[must_use]
pub fn gold(year: i32) -> String {
    format!("03_gold/agg_dep_delay_by_date/year/{year}/{year}_03_gold.parquet")
}
