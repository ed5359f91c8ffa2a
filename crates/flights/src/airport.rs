//! Airport codes as small numbers, to index a table by.

/// How many codes there are: three characters out of 36.
pub const CODES: usize = 36 * 36 * 36;

/// A number below [`CODES`] for a code of three capital letters or digits, in the codes' order; `None` for other bytes.
#[must_use]
pub fn number(code: [u8; 3]) -> Option<usize> {
    code.iter().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            _ => return None,
        };
        Some(number * 36 + usize::from(digit))
    })
}

/// The code of a [`number`].
#[must_use]
pub fn code(number: usize) -> [u8; 3] {
    const DIGITS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    [number / 36 / 36, number / 36, number].map(|n| DIGITS[n % 36])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_its_number() {
        for n in 0..CODES {
            assert_eq!(number(code(n)), Some(n));
        }
        assert_eq!(number(*b"jfk"), None);
        assert!(number(*b"ABE") < number(*b"NAN"));
    }
}
