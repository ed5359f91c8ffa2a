//! Which names in the folder of raw files are those of a year.

use crate::key::FORMS;

/// What a name with a year in it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file that `extract` can read.
    Form,
    /// A folder for the parts of the year.
    Parts,
    /// Something else that a person may take for the year's raw file.
    Similar,
}

/// Sorts a name; `None` where it has nothing to do with the year.
pub(crate) fn kind(name: &str, is_folder: bool, year: i32) -> Option<Kind> {
    let lower = name.to_ascii_lowercase();
    let is_form = || FORMS.iter().any(|form| lower == format!("{year}.{form}"));
    let is_parts = || lower == year.to_string() || lower == format!("year={year}");
    match is_folder {
        // As in Spark and Hive: what these begin is not data.
        _ if is_hidden(name) || !has_number(name, year) => None,
        false if is_form() => Some(Kind::Form),
        true if is_parts() => Some(Kind::Parts),
        _ => Some(Kind::Similar),
    }
}

/// Whether other programs look past a file of this name: a marker, a checksum, an unfinished copy.
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

/// Whether the year is a whole number in the name: 2013 is in `flights_2013.csv`, not in `120130.csv`.
fn has_number(name: &str, year: i32) -> bool {
    let year = year.to_string();
    name.split(|c: char| !c.is_ascii_digit())
        .any(|number| number == year)
}

/// What to do with a file that has a similar name, for `extract` to read it.
pub(crate) fn remedy(name: &str, year: i32) -> String {
    const PACKED: [&str; 11] = [
        "7z", "br", "bz2", "lz4", "lzma", "rar", "snappy", "tar", "tgz", "xz", "z",
    ];
    const OTHER_FORMATS: [&str; 9] = [
        "arrow", "avro", "feather", "json", "ods", "orc", "parquet", "xls", "xlsx",
    ];
    let lower = name.to_ascii_lowercase();
    let ends_with = |ending: &&str| lower.ends_with(&format!(".{ending}"));
    if PACKED.iter().any(ends_with) || lower.contains(".tar.") {
        format!("unpack it and upload it as {year}.csv")
    } else if OTHER_FORMATS.iter().any(ends_with) {
        format!("save it as CSV and upload it as {year}.csv")
    } else if let Some(form) = form(name) {
        format!("rename it to {year}.{form}")
    } else if let Some(packed) = ["gz", "zst"].into_iter().find(ends_with) {
        format!("if it is a CSV file, rename it to {year}.csv.{packed}")
    } else {
        format!("if it is a CSV file, rename it to {year}.csv")
    }
}

/// The form that the name's ending promises.
pub(crate) fn form(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let promised = FORMS
        .into_iter()
        .filter(|form| lower.ends_with(&format!(".{form}")));
    promised.max_by_key(|form| form.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_letter_case_of_the_forms_can_be_read() {
        for name in [
            "2013.csv",
            "2013.CSV",
            "2013.csv.GZ",
            "2013.Csv.Zst",
            "2013.csv.zip",
            "2013.ZIP",
        ] {
            assert_eq!(kind(name, false, 2013), Some(Kind::Form), "{name}");
        }
    }

    #[test]
    fn folders_of_parts() {
        for name in ["2013", "year=2013", "YEAR=2013"] {
            assert_eq!(kind(name, true, 2013), Some(Kind::Parts), "{name}");
            assert_eq!(kind(name, false, 2013), Some(Kind::Similar), "{name}");
        }
        assert_eq!(kind("2013.csv", true, 2013), Some(Kind::Similar));
    }

    #[test]
    fn a_year_within_another_number_is_no_match() {
        for name in [
            "120130.csv",
            "20131.csv",
            "20130101.csv",
            "2012.csv",
            "year=20132",
        ] {
            assert_eq!(kind(name, false, 2013), None, "{name}");
        }
    }

    #[test]
    fn hidden_names_are_no_match() {
        for name in [".2013.csv.crc", "_2013.csv", "._2013.csv"] {
            assert_eq!(kind(name, false, 2013), None, "{name}");
        }
    }

    #[test]
    fn the_remedy_names_the_name_that_can_be_read() {
        for (name, wanted) in [
            ("2013.csv.bz2", "unpack it and upload it as 2013.csv"),
            ("2013.tar.gz", "unpack it and upload it as 2013.csv"),
            ("2013.Parquet", "save it as CSV and upload it as 2013.csv"),
            ("flights_2013.csv", "rename it to 2013.csv"),
            ("2013 (1).CSV", "rename it to 2013.csv"),
            ("flights 2013.csv.GZ", "rename it to 2013.csv.gz"),
            ("flights-2013.zip", "rename it to 2013.zip"),
            ("2013.gz", "if it is a CSV file, rename it to 2013.csv.gz"),
            ("2013.txt", "if it is a CSV file, rename it to 2013.csv"),
            ("2013", "if it is a CSV file, rename it to 2013.csv"),
        ] {
            assert_eq!(kind(name, false, 2013), Some(Kind::Similar), "{name}");
            assert_eq!(remedy(name, 2013), wanted, "{name}");
        }
    }
}
