//! The identity of what is written.

use std::io::{self, Write};

use crc32fast::Hasher;

/// Passes on what is written, and keeps its CRC-32 and its size.
pub(crate) struct Identified<W> {
    out: W,
    checksum: Hasher,
    bytes: u64,
}

impl<W: Write> Identified<W> {
    pub(crate) fn new(out: W) -> Self {
        Identified {
            out,
            checksum: Hasher::new(),
            bytes: 0,
        }
    }

    /// What it was written to, and the identity of what was written.
    pub(crate) fn finish(self) -> (W, String) {
        let identity = handoff::identity(self.checksum.finalize(), self.bytes);
        (self.out, identity)
    }
}

impl<W: Write> Write for Identified<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.checksum.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
