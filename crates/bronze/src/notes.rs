//! What is unusual about rows that are read all the same.

/// How often each unusual thing occurs; `clean` warns of each once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notes {
    /// Rows with an airport code in lower case or between blanks.
    pub recoded: u64,
    /// Cancelled flights that never left and have a departure delay all the same.
    pub cancelled_with_delay: u64,
    /// Whether any row says if its flight was cancelled.
    pub cancelled_known: bool,
}

impl Notes {
    /// Adds those of another part of the file.
    pub fn add(&mut self, other: Notes) {
        self.recoded += other.recoded;
        self.cancelled_with_delay += other.cancelled_with_delay;
        self.cancelled_known |= other.cancelled_known;
    }
}
