//! The tool `compare`: every model of `outliers` on the same days, side by side.
//!
//! No worker: it is run by hand, and by the notebooks, to see which model deserves to be the
//! default.

mod agreement;
mod judged;
mod labelled;
mod panel;
mod rank;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use outliers::Settings;

/// Compare the models of detect on labelled days, or on years without labels
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Examples: compare labelled panel.parquet\n          \
                  compare agreement data/2013_03_gold.parquet"
)]
struct Args {
    #[command(subcommand)]
    form: Form,

    /// How rare a day must be to be flagged, as a share of days: more than 0, at most 0.5 (surprisal: 0.1)
    #[arg(long, global = true, default_value_t = 0.01, value_parser = Settings::parse_contamination)]
    contamination: f64,

    /// Where the models' random numbers begin
    #[arg(long, global = true, default_value_t = 0)]
    seed: u64,
}

#[derive(Subcommand, Debug)]
enum Form {
    /// How well each model finds the labelled days of a panel
    ///
    /// A panel is a Parquet file with origin, fl_date, mean_dep_delay (minutes; null: no flight
    /// flew), flights, label (1: anomalous, 0: not), kind (of the anomaly), and optionally cancelled
    /// and scheduled. The models see all rows; rows of the kind "weak" are judged but not counted.
    Labelled {
        /// Labelled panels, a table each
        #[arg(required = true)]
        panels: Vec<PathBuf>,
    },
    /// How far the models agree on real years, and the days on which they disagree most
    Agreement {
        /// Gold files, a year each
        #[arg(required = true)]
        gold: Vec<PathBuf>,

        /// How many days to show
        #[arg(long, default_value_t = 20)]
        days: usize,
    },
}

/// Parses the command line, compares and prints: the whole of `main`. Exit code 0 is done, 1 failed,
/// 2 wrong usage.
#[must_use]
pub fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args).and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // A library's error may have several lines.
            let text = format!("{e:#}");
            let line: Vec<&str> = text.split_whitespace().collect();
            let _ = writeln!(std::io::stderr(), "compare: error: {}", line.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<String> {
    let settings = Settings {
        contamination: args.contamination,
        seed: args.seed,
    };
    match &args.form {
        Form::Labelled { panels } => labelled::tables(panels, &settings),
        Form::Agreement { gold, days } => agreement::tables(gold, *days, &settings),
    }
}

/// A table without borders but a line under its head; all columns but the first `left` are numbers.
fn table(head: Vec<String>, left: usize) -> comfy_table::Table {
    use comfy_table::{CellAlignment, presets};

    let mut table = comfy_table::Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(head);
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }
}
