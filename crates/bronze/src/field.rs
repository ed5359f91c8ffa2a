//! The fields of an unquoted row, and the text of one field to its value.

use std::ops::Range;

/// Where the fields of a row without quotes lie, split at its commas eight bytes at a time: most
/// fields are shorter, and a loop over their bytes would mispredict its end at nearly every one.
pub(crate) struct Fields<'a> {
    row: &'a [u8],
    next: Option<usize>,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(row: &'a [u8]) -> Self {
        Fields { row, next: Some(0) }
    }
}

impl Iterator for Fields<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.next?;
        let rest = &self.row[start..];
        let near = rest.first_chunk().and_then(first_comma);
        match near.or_else(|| memchr::memchr(b',', rest)) {
            Some(comma) => {
                self.next = Some(start + comma + 1);
                Some(start..start + comma)
            }
            None => {
                self.next = None;
                Some(start..self.row.len())
            }
        }
    }
}

/// Where the first comma of eight bytes is: the classic test of a word for a zero byte, see
/// "Determine if a word has a zero byte" in Sean Anderson's Bit Twiddling Hacks.
#[inline]
fn first_comma(bytes: &[u8; 8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(*bytes) ^ (ONES * b',' as u64);
    let zeros = word.wrapping_sub(ONES) & !word & (ONES << 7);
    (zeros != 0).then(|| (zeros.trailing_zeros() / 8) as usize)
}

/// Beyond this no minute, mile or clock time can be meant, and a mean would not fit the warehouse.
const LARGEST: f64 = 999_999.0;

/// The finite number, of at most six digits before the point, that `row[field]` is: whole ones,
/// `-12` or `1517.0`, nearly every field, by hand; every other by the standard library.
#[inline(always)] // or the result would go through memory, at a third of the speed
pub(crate) fn number(row: &[u8], field: Range<usize>) -> Result<f64, &'static str> {
    match whole(row, &field) {
        Some(value) => Ok(value),
        None => any_number(&row[field]),
    }
}

#[cold]
fn any_number(field: &[u8]) -> Result<f64, &'static str> {
    let value: f64 = std::str::from_utf8(field)
        .ok()
        .and_then(|f| f.parse().ok())
        .ok_or("not a number")?;
    match value {
        v if !v.is_finite() => Err("not a finite number"),
        v if v.abs() > LARGEST => Err("too large to be true"),
        v => Ok(v),
    }
}

/// `-?[0-9]{1,6}(\.0)?` of at most eight bytes, as one word: no loop whose length would be
/// mispredicted. The eight digits are added up in pairs, as in Daniel Lemire's "Quickly parsing
/// eight digits".
#[inline(always)]
fn whole(row: &[u8], field: &Range<usize>) -> Option<f64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let mut length = field.len();
    // The last byte of the field is the highest of the word; what lies before it is cut off below.
    let mut word = u64::from_le_bytes(*row[..field.end].last_chunk()?);
    if length > 8 {
        return None;
    }
    if word >> 48 == u64::from(u16::from_le_bytes(*b".0")) {
        word <<= 16;
        length = length.checked_sub(2)?;
    }
    let negative = row[field.start] == b'-';
    length -= usize::from(negative);
    if length == 0 {
        return None;
    }
    let cut = 64 - 8 * length as u32;
    let digits = (word >> cut << cut | ZEROS & !(u64::MAX << cut)).wrapping_sub(ZEROS);
    // A byte that is no digit has a high bit now, or gets one when 118 is added.
    if (digits | digits.wrapping_add(0x7676_7676_7676_7676)) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff) as f64;
    (value <= LARGEST).then_some(if negative { -value } else { value })
}

/// A whole number, written as `12` or `12.0`.
#[inline]
pub(crate) fn integer(row: &[u8], field: Range<usize>) -> Result<i32, &'static str> {
    let value = number(row, field)?;
    let whole = value as i32; // exact: a number has at most six digits before the point
    if f64::from(whole) == value {
        Ok(whole)
    } else {
        Err("not a whole number")
    }
}

/// Days from 1970-01-01 to a `YYYY-MM-DD` within `year`.
pub(crate) fn date(field: &[u8], year: i32) -> Result<i32, &'static str> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *field else {
        return Err("not YYYY-MM-DD");
    };
    let digits = |text: &[u8]| {
        let all = text.iter().all(u8::is_ascii_digit);
        all.then(|| text.iter().fold(0, |n, b| n * 10 + i32::from(b - b'0')))
            .ok_or("not YYYY-MM-DD")
    };
    let (y, month, day) = (
        digits(&[y0, y1, y2, y3])?,
        digits(&[m0, m1])?,
        digits(&[d0, d1])?,
    );
    if y != year {
        return Err("not in the year");
    }
    let leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let days = [
        31,
        28 + i32::from(leap),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    if !(1..=12).contains(&month) || !(1..=days[month as usize - 1]).contains(&day) {
        return Err("no such day");
    }
    Ok(first_day(year) + days[..month as usize - 1].iter().sum::<i32>() + day - 1)
}

/// 1 January of a year, in days since 1970-01-01: Howard Hinnant's `days_from_civil` for that day.
pub(crate) fn first_day(year: i32) -> i32 {
    let past = year - 1;
    past * 365 + past / 4 - past / 100 + past / 400 - 719_162
}

/// A code of three capital letters or digits; in the field it may be in lower case and have blanks around it.
#[inline]
pub(crate) fn airport(field: &[u8]) -> Result<[u8; 3], &'static str> {
    let code = |field: &[u8]| {
        let code = <[u8; 3]>::try_from(field).ok()?;
        let legal = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        code.iter().all(|b| legal(*b)).then_some(code)
    };
    code(field)
        .or_else(|| code(&field.trim_ascii().to_ascii_uppercase()))
        .ok_or("not a code of three letters or digits")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// The field as the second of a row, behind a date.
    fn number(field: &[u8]) -> Result<f64, &'static str> {
        let row = [b"2013-01-01,", field, b",7"].concat();
        super::number(&row, 11..11 + field.len())
    }

    fn integer(field: &[u8]) -> Result<i32, &'static str> {
        super::integer(field, 0..field.len())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]
        #[test]
        fn a_number_is_what_the_standard_library_says(
            field in "-?[0-9]{1,8}(\\.0)?|[-+]?[0-9.e]{1,9}|[ -~]{1,8}|-?[0-9]{1,17}(\\.0)?|[\\x00-\\xff]{1,8}"
        ) {
            let wanted = field.parse::<f64>().ok().filter(|v| v.abs() <= LARGEST);
            prop_assert_eq!(number(field.as_bytes()).ok().map(f64::to_bits), wanted.map(f64::to_bits));
            let alone = super::number(field.as_bytes(), 0..field.len());
            prop_assert_eq!(alone.ok().map(f64::to_bits), wanted.map(f64::to_bits));
        }
    }

    proptest! {
        #[test]
        fn fields_are_what_split_gives(row in "[,a-d]{0,40}|[0-9]{0,20}(,[-0-9.\u{80}-\u{fff}]{0,12}){0,30}") {
            let wanted: Vec<_> = row.as_bytes().split(|&b| b == b',').collect();
            let found: Vec<_> = Fields::of(row.as_bytes()).map(|field| &row.as_bytes()[field]).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"1517.0"), Ok(1517.0));
        assert_eq!(number(b"-12").map(f64::to_bits), Ok((-12f64).to_bits()));
        assert_eq!(number(b"-0.0").map(f64::to_bits), Ok((-0f64).to_bits()));
        assert_eq!(number(b"inf"), Err("not a finite number"));
        assert_eq!(number(b"NaN"), Err("not a finite number"));
        assert_eq!(number(b"1e6"), Err("too large to be true"));
        assert_eq!(number(b"4.0x"), Err("not a number"));
        assert_eq!(number(b" 4"), Err("not a number"));
        assert_eq!(integer(b"98.0"), Ok(98));
        assert_eq!(integer(b"98.5"), Err("not a whole number"));
    }

    #[test]
    fn dates() {
        assert_eq!(date(b"1970-01-01", 1970), Ok(0));
        assert_eq!(date(b"2013-02-08", 2013), Ok(15_744));
        assert_eq!(date(b"2000-02-29", 2000), Ok(11_016));
        assert_eq!(date(b"2013-02-29", 2013), Err("no such day"));
        assert_eq!(date(b"2013-13-01", 2013), Err("no such day"));
        assert_eq!(date(b"2012-12-31", 2013), Err("not in the year"));
        for text in [
            "",
            "2013-1-01",
            "01/02/2013",
            "2013-01-01T00:00",
            "2013-0a-01",
        ] {
            assert_eq!(date(text.as_bytes(), 2013), Err("not YYYY-MM-DD"), "{text}");
        }
    }
}
