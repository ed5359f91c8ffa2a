//! Bytes as a bad disk, a torn transfer or a careless editor leaves them.

use rand::{Rng, RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What readers of text stumble over.
const AWKWARD: [&[u8]; 18] = [
    b"\"",
    b"\"\"",
    b",\"",
    b"\",",
    b",",
    b",,,,,,,,",
    b";",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n\r\n",
    b"\0",
    b"\x1a",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    "\u{2028}".as_bytes(),
];

/// On either side of the edges of what a number, a date or an airport may be.
const EDGES: [&str; 52] = [
    "",
    "-",
    ".",
    "+5",
    "--5",
    "-0",
    "-0.0",
    "007",
    "5.",
    ".5",
    "5.5",
    "5.00",
    "5,5",
    " 5",
    "5 ",
    "1_000",
    "0x1f",
    "\u{663}",
    "1e5",
    "1e6",
    "1e400",
    "1e-400",
    "999999",
    "999999.0",
    "-999999.0",
    "999999.5",
    "1000000",
    "1000000.0",
    "99999999",
    "2147483648",
    "18446744073709551616",
    "0.1234567890123456789012345678901234567890",
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "NA",
    "null",
    "2013-02-28",
    "2013-02-29",
    "2000-02-29",
    "2013-12-31",
    "2014-01-01",
    "2013-00-10",
    "2013-1-1",
    "20130101",
    "0000-00-00",
    "2013-01-01 00:00",
    "JFK",
    "jfk",
    "J\0K",
    "J\u{c9}K",
];

/// Random numbers that begin at `seed`: the same in every version of this program.
#[must_use]
pub fn random(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// Changes something, up to three times; `other` is what else might have come to stand there.
pub fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    for _ in 0..random.random_range(1..=3) {
        once(bytes, other, random);
    }
}

fn once(bytes: &mut Vec<u8>, other: &[u8], random: &mut impl Rng) {
    let at = random.random_range(0..=bytes.len());
    let some = at..bytes.len().min(at + random.random_range(1..40));
    match random.random_range(0..11) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.random_range(0..8);
            }
        }
        1 => random.fill(&mut bytes[some]),
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(some)),
        4 => {
            let twice = bytes[some].to_vec();
            insert(bytes, at, &twice);
        }
        5 => {
            let mut noise = vec![0; some.len()];
            random.fill(&mut noise[..]);
            insert(bytes, at, &noise);
        }
        6 => {
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.random_range(0..=other.len())..]);
        }
        7 => insert(bytes, at, AWKWARD[random.random_range(0..AWKWARD.len())]),
        8 => {
            let edge = EDGES[random.random_range(0..EDGES.len())];
            let field = field(bytes, at);
            bytes.splice(field, edge.bytes());
        }
        9 => {
            // Where it opens or closes a field; the first one, before which nothing stands, is often meant.
            let field = field(bytes, if random.random_bool(0.5) { 0 } else { at });
            let edge = if random.random_bool(0.5) {
                field.start
            } else {
                field.end
            };
            insert(bytes, edge, b"\"");
        }
        _ => {
            // Now and then beyond what any buffer expects.
            let most = if random.random_ratio(1, 50) {
                200_000
            } else {
                40
            };
            let long = vec![random.random(); random.random_range(1..most)];
            insert(bytes, at, &long);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, what: &[u8]) {
    bytes.splice(at..at, what.iter().copied());
}

/// Where the field lies in which, or at whose end, `at` is.
fn field(bytes: &[u8], at: usize) -> std::ops::Range<usize> {
    let ends = |byte: &u8| matches!(byte, b',' | b'\n' | b'\r');
    let start = bytes[..at].iter().rposition(ends).map_or(0, |end| end + 1);
    let length = bytes[at..].iter().position(ends);
    start..length.map_or(bytes.len(), |length| at + length)
}
