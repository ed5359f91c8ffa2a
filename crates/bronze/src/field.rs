//! The text of one field to its value.

/// Beyond this no minute, mile or clock time can be meant, and a mean would not fit the warehouse.
const LARGEST: f64 = 999_999.0;

/// A finite number of at most six digits before the point: whole ones, `-12` or `1517.0`, nearly
/// every field, by hand; every other by the standard library.
pub(crate) fn number(field: &[u8]) -> Result<f64, &'static str> {
    let value = match whole(field) {
        Some(whole) => whole,
        None => std::str::from_utf8(field).ok().and_then(|f| f.parse().ok()).ok_or("not a number")?,
    };
    match value {
        v if !v.is_finite() => Err("not a finite number"),
        v if v.abs() > LARGEST => Err("too large to be true"),
        v => Ok(v),
    }
}

/// `-?[0-9]{1,15}(\.0)?`: no such number loses a digit as a double.
fn whole(field: &[u8]) -> Option<f64> {
    let (negative, digits) = match field {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let digits = match digits {
        [digits @ .., b'.', b'0'] => digits,
        digits => digits,
    };
    if !(1..=15).contains(&digits.len()) {
        return None;
    }
    let (mut value, mut legal) = (0u64, true);
    for b in digits {
        let digit = b.wrapping_sub(b'0');
        value = value.wrapping_mul(10).wrapping_add(digit.into());
        legal &= digit < 10;
    }
    legal.then_some(if negative { -(value as f64) } else { value as f64 })
}

/// A whole number, written as `12` or `12.0`.
pub(crate) fn integer(field: &[u8]) -> Result<i32, &'static str> {
    let value = number(field)?;
    if value.fract() == 0.0 { Ok(value as i32) } else { Err("not a whole number") }
}

/// Days from 1970-01-01 to a `YYYY-MM-DD` within `year`.
///
/// The number of days before a year is that of Howard Hinnant's `days_from_civil`, for 1 January.
pub(crate) fn date(field: &[u8], year: i32) -> Result<i32, &'static str> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *field else { return Err("not YYYY-MM-DD") };
    let digits = |text: &[u8]| {
        let all = text.iter().all(u8::is_ascii_digit);
        all.then(|| text.iter().fold(0, |n, b| n * 10 + i32::from(b - b'0'))).ok_or("not YYYY-MM-DD")
    };
    let (y, month, day) = (digits(&[y0, y1, y2, y3])?, digits(&[m0, m1])?, digits(&[d0, d1])?);
    if y != year {
        return Err("not in the year");
    }
    let leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let days = [31, 28 + i32::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if !(1..=12).contains(&month) || !(1..=days[month as usize - 1]).contains(&day) {
        return Err("no such day");
    }
    let past = y - 1;
    let before_year = past * 365 + past / 4 - past / 100 + past / 400 - 719_162;
    Ok(before_year + days[..month as usize - 1].iter().sum::<i32>() + day - 1)
}

/// Three capital letters or digits.
pub(crate) fn airport(field: &[u8]) -> Result<(), &'static str> {
    let legal = |b: &u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    let right = field.len() == 3 && field.iter().all(legal);
    right.then_some(()).ok_or("not three capital letters or digits")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100_000))]
        #[test]
        fn a_number_is_what_the_standard_library_says(field in "[-+]?[0-9.e]{0,9}|[ -~]{0,6}|-?[0-9]{1,17}(\\.0)?") {
            let wanted = field.parse::<f64>().ok().filter(|v| v.abs() <= LARGEST);
            prop_assert_eq!(number(field.as_bytes()).ok().map(f64::to_bits), wanted.map(f64::to_bits));
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
        for text in ["", "2013-1-01", "01/02/2013", "2013-01-01T00:00", "2013-0a-01"] {
            assert_eq!(date(text.as_bytes(), 2013), Err("not YYYY-MM-DD"), "{text}");
        }
    }
}
