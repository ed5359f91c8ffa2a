//! The fields of a row with quotes.

use std::ops::Range;

/// A row's fields, their quotes taken off as the `csv` crate does: a quote opens at the beginning
/// of a field, a doubled one inside stands for itself, and any other is a character like the rest.
#[derive(Default)]
pub(crate) struct Unquoted {
    text: Vec<u8>,
    /// Where in the text each field ends; the last one ends with the text.
    ends: Vec<usize>,
    open: bool,
}

impl Unquoted {
    /// Begins a new row.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.open = false;
    }

    /// Adds a line of the row, given without its end; the line breaks are left out.
    pub(crate) fn add(&mut self, line: &[u8]) {
        let mut start = self.ends.last().copied().unwrap_or(0);
        let mut bytes = line.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if self.open => match bytes.next_if_eq(&b'"') {
                    Some(quote) => self.text.push(quote),
                    None => self.open = false,
                },
                b'"' if self.text.len() == start => self.open = true,
                b',' if !self.open => {
                    start = self.text.len();
                    self.ends.push(start);
                }
                byte => self.text.push(byte),
            }
        }
    }

    /// The field in which a quote is still open.
    pub(crate) fn open_field(&self) -> Option<usize> {
        self.open.then_some(self.ends.len())
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where in the text the fields lie.
    pub(crate) fn fields(&self) -> impl Iterator<Item = Range<usize>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let ends = self.ends.iter().copied().chain([self.text.len()]);
        starts.zip(ends).map(|(start, end)| start..end)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn fields(row: &[u8]) -> Vec<Vec<u8>> {
        let mut unquoted = Unquoted::default();
        unquoted.add(row);
        let text = |field: Range<usize>| unquoted.text()[field].to_vec();
        unquoted.fields().map(text).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn fields_are_what_the_csv_crate_gives(row in "[\",a-c]{1,12}") {
            let mut csv = csv::ReaderBuilder::new().has_headers(false).from_reader(row.as_bytes());
            let wanted = csv.byte_records().next().unwrap().unwrap();
            prop_assert_eq!(fields(row.as_bytes()), wanted.iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_quote_may_be_open_at_the_end() {
        let mut unquoted = Unquoted::default();
        unquoted.add(b"a,\"b,c\"\"");
        assert_eq!(unquoted.open_field(), Some(1));
        unquoted.add(b"d\",e");
        assert_eq!(unquoted.open_field(), None);
        assert_eq!(unquoted.fields().count(), 3);
        assert_eq!(unquoted.text(), b"ab,c\"de");
    }
}
