//! SIGTERM and SIGINT end the process at once.
//!
//! A file under its final name is complete at any moment, so there is nothing to wait for. A
//! handler is needed all the same: as PID 1 of a container a process without one ignores SIGTERM.
//!
//! SIGXFSZ ends nothing: what would make a file larger than the limit on file sizes fails with an error.

use std::io;
use std::sync::Arc;

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// From here on SIGTERM ends the process with exit code 143, SIGINT with 130.
pub(crate) fn on_signal() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default())?;
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if let Some(signal) = signals.forever().next() {
                at_once(128 + signal);
            }
        })?;
    Ok(())
}

/// Ends the process without the log or a destructor: either may wait for a thread that goes on no more.
pub(crate) fn at_once(code: i32) {
    signal_hook::low_level::exit(code);
}
