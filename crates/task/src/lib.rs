//! What makes a binary an Airflow task: the common arguments, log lines, progress, the summary
//! line and the exit code. It knows nothing of flights or files.
//!
//! A worker implements [`Worker`] on its arguments and its `main` is one call of [`main`].
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | done; the last line of stdout is the summary |
//! | 1 | failed, worth a retry or a look |
//! | 2 | wrong usage |
//! | 99 | nothing to do for this year ([`Skip`]); Airflow shows the task as skipped |
//! | 143 | stopped by SIGTERM (130 by SIGINT) |

mod limits;
mod log_lines;
mod progress;
mod stop;

pub use progress::Progress;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap_verbosity_flag::{InfoLevel, Verbosity};
use serde::Serialize;

use log_lines::one_line;

/// The arguments that every worker takes.
#[derive(clap::Args, Debug, Clone)]
pub struct Common {
    /// The year to work on, four digits
    // The on-time reports of the US Bureau of Transportation Statistics begin in 1987.
    #[arg(long, value_parser = year)]
    pub year: i32,

    /// The folder through which the workers hand each other their files
    #[arg(
        long,
        env = "DATA_DIR",
        hide_env_values = true,
        default_value = "./data",
        value_parser = PathBufValueParser::new().try_map(folder)
    )]
    pub data_dir: PathBuf,

    #[command(flatten)]
    verbosity: Verbosity<InfoLevel>,
}

/// An address in its place, which may have a password in it, is no folder.
fn folder(path: PathBuf) -> Result<PathBuf, String> {
    match path.to_string_lossy().contains("://") {
        true => Err("it is an address: give a folder of this machine".into()),
        false => Ok(path),
    }
}

fn year(text: &str) -> Result<i32, String> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    let year = text
        .parse()
        .ok()
        .filter(|y| digits && (1987..=2099).contains(y));
    year.ok_or_else(|| "give a year of four digits, 1987 to 2099".into())
}

/// A worker: the arguments of one binary, and the job that they describe.
pub trait Worker: clap::Parser {
    /// The name of the task, of its binary and of its crate.
    const NAME: &'static str;
    /// What the summary line says beside `task`, `year` and `seconds`; a struct with named fields.
    type Summary: Serialize;

    /// The arguments that every worker takes.
    fn common(&self) -> &Common;

    /// Does the job.
    ///
    /// # Errors
    /// One line that says what is wrong, where, and what to do. [`Usage`] and [`Skip`] anywhere in
    /// the chain choose their exit code; every other error is exit code 1.
    fn run(self) -> anyhow::Result<Self::Summary>;
}

/// The arguments or the environment make no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// There is nothing to do for this year: exit code 99, which Airflow shows as skipped.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Skip(pub String);

#[derive(Serialize)]
struct Line<'a, S> {
    task: &'a str,
    year: i32,
    #[serde(flatten)]
    summary: S,
    seconds: f64,
}

/// Parses the command line, does the job and reports: the whole of a worker's `main`.
#[must_use]
pub fn main<W: Worker>() -> ExitCode {
    let start = Instant::now();
    limits::forbid_core_dumps();
    let args = match W::try_parse() {
        Ok(args) => args,
        Err(e) if e.use_stderr() => {
            let _ = writeln!(
                std::io::stderr(),
                "{0}: error: {1}: see {0} --help",
                W::NAME,
                what(&e)
            );
            return ExitCode::from(2);
        }
        Err(help_or_version) => {
            let _ = help_or_version.print();
            return ExitCode::SUCCESS;
        }
    };
    // However quiet, an error is told.
    let level = args.common().verbosity.log_level_filter();
    log_lines::start(W::NAME, level.max(log::LevelFilter::Error));
    if let Err(e) = limits::check_open_files().and_then(|()| limits::check_threads()) {
        return fail(&e);
    }
    if let Err(e) = stop::on_signal() {
        return fail(&anyhow::Error::new(e).context("cannot watch for SIGTERM"));
    }
    let year = args.common().year;
    // A defect of ours is told in one line, too, and ends all: another thread could wait for the one that has it.
    std::panic::set_hook(Box::new(|defect| {
        let defect = defect.to_string();
        match defect.contains("OutOfMemory") {
            true => log::error!(
                "too little memory: raise the limit on it (ulimit -v, or the container's): {defect}"
            ),
            false => log::error!("a defect of this program, please report it: {defect}"),
        }
        stop::at_once(1);
    }));
    match args.run().and_then(|summary| {
        log::logger().flush();
        let seconds = (start.elapsed().as_secs_f64() * 1e3).round() / 1e3;
        let line = Line {
            task: W::NAME,
            year,
            summary,
            seconds,
        };
        // stderr is unbuffered, so every log line is out before this one: BashOperator stores the
        // last line of the two streams together.
        let mut out = std::io::stdout().lock();
        let line = serde_json::to_string(&line)?;
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .context("done, but cannot write the summary to stdout")
    }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => fail(&e),
    }
}

/// What is wrong with the arguments: clap's text, without the usage that it shows below. An address is not shown:
/// there may be a password or a signature in it.
fn what(e: &clap::Error) -> String {
    let mut text = e.to_string();
    for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg] {
        if let Some(ContextValue::String(value)) = e.get(kind)
            && (value.contains('@') || value.contains("://"))
        {
            text = text.replace(&format!("'{value}'"), "'…'");
            if value.contains('@') {
                text = text.replace(value, "…");
            }
        }
    }
    let end = text.find("\n\nUsage:").or(text.find("\n\nFor more"));
    let what = &text[..end.unwrap_or(text.len())];
    let what = what.strip_prefix("error: ").unwrap_or(what);
    one_line(&what.replace("\n\n", ": "))
}

fn fail(e: &anyhow::Error) -> ExitCode {
    if e.chain().any(|cause| cause.is::<Skip>()) {
        log::warn!("skipped: {e:#}");
        return ExitCode::from(99);
    }
    log::error!("{e:#}");
    ExitCode::from(if e.chain().any(|cause| cause.is::<Usage>()) {
        2
    } else {
        1
    })
}
