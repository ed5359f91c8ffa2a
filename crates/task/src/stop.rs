//! SIGTERM and SIGINT end the process at once.
//!
//! A file under its final name is complete at any moment, so there is nothing to wait for. A
//! handler is needed all the same: as PID 1 of a container a process without one ignores SIGTERM.

use std::io;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// From here on SIGTERM ends the process with exit code 143, SIGINT with 130.
pub(crate) fn on_signal() -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                // Neither the log nor a destructor: either may wait for the thread that was stopped.
                signal_hook::low_level::exit(128 + signal);
            }
        })?;
    Ok(())
}
