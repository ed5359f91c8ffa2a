//! How far a long job has come: a bar when stderr is a terminal, else a log line now and then.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Log lines go above whatever is drawn here.
pub(crate) static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// The progress of one job, counted in bytes. Any thread may add to it.
pub struct Progress {
    what: String,
    total: u64,
    done: AtomicU64,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

impl Progress {
    /// Starts to show a job of `total` bytes; `what` says what is being done.
    #[must_use]
    pub fn bytes(what: impl Into<String>, total: u64) -> Self {
        let what = what.into();
        let shown = std::io::stderr().is_terminal() && log::log_enabled!(log::Level::Info);
        let bar = shown.then(|| {
            let style = ProgressStyle::with_template(
                "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            )
            .unwrap_or_else(|_| ProgressStyle::default_bar());
            BARS.add(
                ProgressBar::new(total)
                    .with_style(style)
                    .with_message(what.clone()),
            )
        });
        let (done, last_line) = (AtomicU64::new(0), Mutex::new(Instant::now()));
        Progress {
            what,
            total,
            done,
            bar,
            last_line,
        }
    }

    /// `bytes` more are done.
    pub fn add(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let mut last = self
            .last_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= BETWEEN_LINES {
            *last = Instant::now();
            let percent = 100 * done / self.total.max(1);
            log::info!(
                "{}: {} of {} MB ({percent} %)",
                self.what,
                done >> 20,
                self.total >> 20
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
