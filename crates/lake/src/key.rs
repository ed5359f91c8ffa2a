//! The keys of the objects in the lake.

/// The folder of the raw files.
pub const BRONZE: &str = "01_bronze";

/// The endings that the name of a raw file may have after the year, in any letter case.
pub const FORMS: [&str; 5] = ["csv", "csv.gz", "csv.zst", "csv.zip", "zip"];

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
