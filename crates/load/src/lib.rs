//! The worker `load`: makes the year's rows of the warehouse table equal to the anomalies file, in
//! one transaction.
//!
//! Readers of the table see the old year or the new one, never a mixture; a row that did not
//! change keeps its `last_update`. What may pass by itself is tried again, as a whole.

mod advice;
mod attempts;
mod connection;
mod environment;
mod libpq;
mod pgpass;
mod rows;
mod schema;
mod servers;
mod session;
mod settings;
mod tls;
mod upsert;
mod url;

use anyhow::Result;
use clap::Parser;
use serde::Serialize;
use task::{Common, Worker};

use rows::Input;
use schema::Table;
use settings::Settings;

/// Anomalies to PostgreSQL: make the year's rows of the table equal to the file
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Example: PGHOST=localhost PGDATABASE=ml_results load --year 2013 --data-dir data\n\n\
                  The connection is given by DATABASE_URL, or by the variables of psql: PGHOST, PGHOSTADDR,\n\
                  PGPORT, PGUSER, PGPASSWORD, PGPASSFILE, PGDATABASE, PGOPTIONS, PGSSLMODE (disable, prefer,\n\
                  require, verify-ca, verify-full), PGREQUIRESSL, PGSSLROOTCERT (a file, or system),\n\
                  PGCHANNELBINDING, PGTARGETSESSIONATTRS and PGCONNECT_TIMEOUT (seconds, 0 for none).\n\
                  Another variable of psql is an error if it would change the connection. PGHOST, PGHOSTADDR\n\
                  and PGPORT can be lists with commas. Without PGHOST the host is localhost. Without\n\
                  PGSSLROOTCERT, verify-full trusts the authorities that the operating system trusts.\n\
                  A password is never an argument."
)]
pub struct Args {
    #[command(flatten)]
    common: Common,

    /// The table to load into, as table or schema.table; it is created and upgraded as needed
    #[arg(long, default_value = "agg_dep_delay_by_date")]
    table: Table,

    /// Load the file even if the year loses more than 5 % of its rows in the table, and at least 10
    #[arg(long)]
    allow_shrink: bool,
}

/// What the summary line says.
#[derive(Debug, Serialize)]
pub struct Summary {
    rows_in: u64,
    /// Rows of the year in the table, now.
    rows_out: u64,
    inserted: u64,
    updated: u64,
    deleted: u64,
    unchanged: u64,
    table: String,
}

impl Worker for Args {
    const NAME: &'static str = "load";
    type Summary = Summary;

    fn common(&self) -> &Common {
        &self.common
    }

    fn run(self) -> Result<Summary> {
        let year = self.common.year;
        let settings = Settings::of_this_process()?;
        let mut input = Input::read(&self.common.data_dir, year)?;

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let loading = attempts::load(&settings, &self.table, &mut input, year, self.allow_shrink);
        let (changed, place) = runtime.block_on(loading)?;

        let rows_in = input.rows.len() as u64;
        let unchanged = rows_in - changed.inserted - changed.updated;
        log::info!(
            "{place}: {} inserted, {} updated, {} deleted, {unchanged} unchanged",
            changed.inserted,
            changed.updated,
            changed.deleted
        );
        Ok(Summary {
            rows_in,
            rows_out: rows_in,
            inserted: changed.inserted,
            updated: changed.updated,
            deleted: changed.deleted,
            unchanged,
            table: self.table.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_defined() {
        super::Args::command().debug_assert();
    }
}
