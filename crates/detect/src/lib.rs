//! The worker `detect`: gold to anomalies, each airport-day with the scores and flags of the
//! models, what was to be expected, and the verdict in words.

mod expected;
mod reason;

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use clap::Parser;
use clap::builder::PossibleValuesParser;
use flights::{Days, anomalies, gold, name};
use handoff::{Draft, File};
use outliers::{MODELS, Model, Panel, Settings, Verdict};
use polars::prelude::{
    Column, DataFrame, Float64Chunked, Int32Chunked, IntoColumn, NewChunkedArray, StringChunked,
};
use serde::Serialize;
use task::{Common, Worker};

use expected::Expected;

/// Gold to anomalies: score every airport-day, flag the anomalous ones
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: detect --year 2013 --contamination 0.01 --data-dir data"
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// How rare a day must be to be flagged, as a share of days: more than 0, at most 0.5 (surprisal: 0.1)
    #[arg(long, default_value_t = 0.01, value_parser = Settings::parse_contamination)]
    contamination: f64,

    /// Where the models' random numbers begin: the same seed, the same result
    #[arg(long, default_value_t = 0)]
    seed: u64,

    /// The models to run, separated by commas; the first is the default model, whose verdict is
    /// `anomaly` and `score`
    #[arg(long, value_delimiter = ',', default_values = MODELS.iter().map(|m| m.name),
          value_parser = PossibleValuesParser::new(MODELS.iter().map(|m| m.name)))]
    models: Vec<String>,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows_in: u64,
    rows_out: u64,
    airports: u64,
    /// Days that the default model flags.
    anomalies: u64,
    /// Days that have no score: no flight flew, or their airport has too few that do.
    unscored: u64,
    output: String,
    bytes: u64,
}

impl Worker for Args {
    const NAME: &'static str = "detect";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let (year, dir) = (self.common.year, &self.common.data_dir);
        let input = handoff::input(dir, year, File::Gold)?;
        // Before its input is opened: what another run has brought meanwhile is newer.
        let mut draft = Draft::create(dir, year, File::Anomalies)?;
        lineage::check(dir, year, File::Gold)?;
        let (gold, lineage) = gold::read(&input)?;
        let days = Days::of(&gold).with_context(|| format!("cannot use {}", input.display()))?;
        ensure!(
            gold::is_of(year, &gold)?,
            "{} has days of another year: run aggregate --year {year} again",
            input.display()
        );
        let settings = Settings {
            contamination: self.contamination,
            seed: self.seed,
        };
        let chosen = self
            .models
            .iter()
            .filter_map(|name| MODELS.iter().find(|m| m.name == name));
        let verdicts: Vec<_> = chosen
            .map(|model| (model, (model.judge)(&panel(&days), &settings)))
            .collect();
        let mut anomalies = anomalies(&gold, &days, &verdicts)?;

        anomalies::write(&mut draft, &mut anomalies, &lineage.identity)
            .context("cannot write anomalies")?;
        let (path, bytes) = draft.publish()?;
        let (_, default) = &verdicts[0];
        let flagged = default.flag.iter().filter(|f| **f).count() as u64;
        log::info!(
            "{flagged} of {} airport-days flagged in {}",
            gold.height(),
            path.display()
        );
        Ok(Summary {
            rows_in: gold.height() as u64,
            rows_out: anomalies.height() as u64,
            airports: days.airports.len() as u64,
            anomalies: flagged,
            unscored: default.score.iter().filter(|s| s.is_none()).count() as u64,
            output: File::Anomalies.name(year),
            bytes,
        })
    }
}

fn panel(days: &Days) -> Panel<'_> {
    Panel {
        airports: &days.airports,
        day: &days.day,
        mean: &days.mean,
        flights: &days.flights,
        scheduled: &days.scheduled,
        cancelled: days.cancelled.as_deref(),
    }
}

/// The columns of the anomalies file; `verdicts` begins with that of the default model.
fn anomalies(gold: &DataFrame, days: &Days, verdicts: &[(&Model, Verdict)]) -> Result<DataFrame> {
    let (_, default) = &verdicts[0];
    let expected = Expected::of(&panel(days), default);
    let id = |(origin, day): (Option<&str>, &i32)| {
        let date = NaiveDate::from_epoch_days(*day)?;
        Some(name::id(origin?, date))
    };
    let column = |c: &flights::Column| -> Result<Column> {
        let verdict = |short: &str| {
            verdicts
                .iter()
                .find(|(model, _)| model.short == short)
                .map(|(_, v)| v)
        };
        Ok(match c.name {
            name::ID => {
                let ids = gold
                    .column(name::ORIGIN)?
                    .str()?
                    .iter()
                    .zip(&days.day)
                    .map(id);
                StringChunked::from_iter_options(c.name.into(), ids).into_column()
            }
            name::ORIGIN
            | name::FL_DATE
            | name::MEAN_DEP_DELAY
            | name::FLIGHTS
            | name::SCHEDULED
            | name::CANCELLED => gold.column(c.name)?.clone(),
            name::ANOMALY => flags(c.name, Some(default), gold.height()),
            name::SCORE => scores(c.name, Some(default), gold.height()),
            name::EXPECTED_DELAY => numbers(c.name, &expected.middle),
            name::LOWER_DELAY => numbers(c.name, &expected.lower),
            name::UPPER_DELAY => numbers(c.name, &expected.upper),
            name::REASON => {
                StringChunked::from_iter_options(c.name.into(), expected.reason.iter().cloned())
                    .into_column()
            }
            name::FLAG_BASIS => {
                StringChunked::from_iter_options(c.name.into(), expected.basis.iter().copied())
                    .into_column()
            }
            of_a_model => match of_a_model.split_once('_') {
                Some((name::ANOMALY, short)) => flags(c.name, verdict(short), gold.height()),
                Some((name::SCORE, short)) => scores(c.name, verdict(short), gold.height()),
                _ => anyhow::bail!("nobody computes the column {}", c.name),
            },
        })
    };
    let columns = anomalies::COLUMNS
        .iter()
        .map(column)
        .collect::<Result<_>>()?;
    Ok(DataFrame::new(gold.height(), columns)?)
}

/// 0 or 1; 0 where the model was not run.
fn flags(name: &str, verdict: Option<&Verdict>, rows: usize) -> Column {
    let flags: Vec<i32> = match verdict {
        Some(verdict) => verdict.flag.iter().map(|f| i32::from(*f)).collect(),
        None => vec![0; rows],
    };
    Int32Chunked::from_vec(name.into(), flags).into_column()
}

/// Null where the model was not run or has no score.
fn scores(name: &str, verdict: Option<&Verdict>, rows: usize) -> Column {
    match verdict {
        Some(verdict) => numbers(name, &verdict.score),
        None => numbers(name, &vec![None; rows]),
    }
}

fn numbers(name: &str, values: &[Option<f64>]) -> Column {
    Float64Chunked::from_slice_options(name.into(), values).into_column()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }

    #[test]
    fn every_model_has_its_two_columns() {
        let has = |name: String| flights::anomalies::COLUMNS.iter().any(|c| c.name == name);
        for model in outliers::MODELS {
            assert!(has(format!("anomaly_{}", model.short)), "{}", model.name);
            assert!(has(format!("score_{}", model.short)), "{}", model.name);
        }
    }
}
