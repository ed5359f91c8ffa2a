//! Which flight a row is.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

/// How many of the low bits hold the day of the year.
const DAY: u32 = 9;

/// Which flight a row is: 55 bits of a hash of its date, airline, number, airports and scheduled departure, and the
/// day of the year. Two rows of one flight are equal. Among 7 million different flights two are equal by chance in one
/// file of a thousand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight(u64);

impl Flight {
    #[inline]
    pub(crate) fn new(day_of_year: i32, numbers: [i32; 2], texts: [&[u8]; 3]) -> Self {
        let hash = FixedState::with_seed(0).hash_one((day_of_year, numbers, texts));
        Flight(hash << DAY | day_of_year as u64)
    }

    /// The day of the year, 0 being 1 January.
    #[must_use]
    pub fn day_of_year(self) -> usize {
        (self.0 & ((1 << DAY) - 1)) as usize
    }

    /// All 64 bits; the high ones are the hash.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }
}
