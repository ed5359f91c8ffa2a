//! Small raw files in the form of the Kaggle data set: 27 named columns and an unnamed last one.

use crate::YEAR;

/// The header line of the data set.
pub const HEADER: &str = "FL_DATE,OP_CARRIER,OP_CARRIER_FL_NUM,ORIGIN,DEST,CRS_DEP_TIME,DEP_TIME,\
    DEP_DELAY,TAXI_OUT,WHEELS_OFF,WHEELS_ON,TAXI_IN,CRS_ARR_TIME,ARR_TIME,ARR_DELAY,CANCELLED,\
    CANCELLATION_CODE,DIVERTED,CRS_ELAPSED_TIME,ACTUAL_ELAPSED_TIME,AIR_TIME,DISTANCE,\
    CARRIER_DELAY,WEATHER_DELAY,NAS_DELAY,SECURITY_DELAY,LATE_AIRCRAFT_DELAY,";

/// A raw file as a table of texts.
#[derive(Clone)]
pub struct Bronze {
    /// The fields of the header line.
    pub header: Vec<String>,
    /// The fields of every row.
    pub rows: Vec<Vec<String>>,
}

/// One row; a delay that is empty belongs to a cancelled flight.
#[must_use]
pub fn flight(date: &str, origin: &str, dep_delay: &str) -> Vec<String> {
    let cancelled = dep_delay.is_empty();
    let flown = |text: &str| if cancelled { "" } else { text }.to_owned();
    let mut row = vec![String::new(); 28];
    let fields = [
        (0, date.to_owned()),
        (1, "UA".into()),
        (2, "1545".into()),
        (3, origin.into()),
        (4, "IAH".into()),
        (5, "515".into()),
        (6, flown("517.0")),
        (7, dep_delay.into()),
        (8, flown("15.0")),
        (12, "819".into()),
        (13, flown("830.0")),
        (14, flown("11.0")),
        (15, if cancelled { "1.0" } else { "0.0" }.into()),
        (16, if cancelled { "B" } else { "" }.into()),
        (17, "0.0".into()),
        (21, "1400.0".into()),
    ];
    for (at, text) in fields {
        row[at] = text;
    }
    row
}

impl Bronze {
    /// These rows, each made a flight of its own by its number.
    #[must_use]
    pub fn of(mut rows: Vec<Vec<String>>) -> Self {
        for (number, row) in rows.iter_mut().enumerate() {
            if let Some(field) = row.get_mut(2) {
                *field = (1 + number).to_string();
            }
        }
        let header = HEADER.split(',').map(String::from).collect();
        Bronze { header, rows }
    }

    /// An ordinary file: `rows` flights of four airports over the days of January and February,
    /// every ninth cancelled.
    #[must_use]
    pub fn ordinary(rows: usize) -> Self {
        let row = |i: usize| {
            let day = i / 4 % 59;
            let date = format!("{YEAR}-{:02}-{:02}", 1 + day / 31, 1 + day % 31);
            let origin = ["JFK", "LGA", "EWR", "SFO"][i % 4];
            let delay = match i % 9 {
                8 => String::new(),
                _ => format!("{}.0", (i * 7919 % 120) as i64 - 20),
            };
            flight(&date, origin, &delay)
        };
        Bronze::of((0..rows).map(row).collect())
    }

    /// Sets the field of a column in a row.
    #[must_use]
    pub fn set(mut self, row: usize, column: &str, text: &str) -> Self {
        let at = self.header.iter().position(|name| name == column);
        self.rows[row][at.expect("a column of the header")] = text.into();
        self
    }

    /// The file, its lines ending in a line feed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.header.join(",") + "\n";
        for row in &self.rows {
            text.push_str(&row.join(","));
            text.push('\n');
        }
        text
    }
}
