//! The one transaction that makes the year's rows equal to the file.

use std::pin::pin;

use anyhow::{Context, Error, Result, ensure};
use chrono::NaiveDate;
use flights::{anomalies, name};
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::{Client, IsolationLevel, Transaction};

use crate::rows::{Input, Rows};
use crate::schema::{LAST_UPDATE, Table, prepare, quoted, sql_type};

/// Beside a table of this name `--table` could not be one of the same name.
const INCOMING: &str = "pg_temp.flight_delays_load_incoming";
/// Any number; it makes of a table's name one that is nobody else's.
const TURN: i64 = 0x666c_6967_6874_7321;

/// No load holds others up for long, or is held up, unless the server, the database or the user has limits of its own.
/// The names that we compare the server prints without quotes.
const SETTINGS: &str = "SELECT set_config(name, value, true) FROM (VALUES ('lock_timeout', '60s'), \
    ('statement_timeout', '300s'), ('idle_in_transaction_session_timeout', '60s')) AS limits (name, value) \
    WHERE current_setting(name) = '0' UNION ALL SELECT set_config('quote_all_identifiers', 'off', true)";

/// The connection ended when the answer to a commit was due.
#[derive(Debug, thiserror::Error)]
#[error("no answer to COMMIT")]
pub(crate) struct LostAtCommit;

/// How many rows of the table changed.
pub(crate) struct Changed {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// Another load did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("no turn")]
pub(crate) struct NoTurn;

/// Makes the year's rows of the table equal to those of `input`.
///
/// # Errors
/// Those of the server; nothing is changed then.
pub(crate) async fn upsert(
    client: &mut Client,
    table: &Table,
    input: &mut Input<'_>,
    year: i32,
    allow_shrink: bool,
) -> Result<Changed> {
    // Whatever the server's default: at other levels we would go on seeing the table as it was before our turn.
    let level = IsolationLevel::ReadCommitted;
    let transaction = client.build_transaction().isolation_level(level);
    let transaction = transaction.start().await?;
    transaction.query(SETTINGS, &[]).await?;
    // Loads into one table take turns: the first may be creating it. It has a name with its schema and one without.
    let turn = "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))";
    let taken = transaction.execute(turn, &[&table.name(), &TURN]).await;
    taken.map_err(|e| Error::new(e).context(NoTurn))?;
    // While we waited, another run may have loaded a newer file.
    input.refresh()?;
    let rows = &input.rows;
    prepare(&transaction, table).await?;
    copy(&transaction, rows).await?;
    let changed = replace(&transaction, table, year, rows.len()).await?;
    if !allow_shrink {
        refuse_shrinking(&changed, rows.len() as u64, year)?;
    }
    transaction
        .commit()
        .await
        .map_err(|e| match e.as_db_error() {
            Some(_) => Error::new(e),
            None => Error::new(e).context(LostAtCommit),
        })?;
    Ok(changed)
}

/// Refuses a file that may be only a part of the year. The transaction is not committed then.
fn refuse_shrinking(changed: &Changed, after: u64, year: i32) -> Result<()> {
    let lost = changed.deleted.saturating_sub(changed.inserted);
    let before = after + lost;
    ensure!(
        lost < 10 || lost * 20 <= before,
        "{} of {before} rows of {year} would be deleted and {} inserted, which leaves {after}; nothing was changed: \
         check whether the raw file is complete, or run again with --allow-shrink",
        changed.deleted,
        changed.inserted
    );
    Ok(())
}

/// Sends the rows into a temporary table.
async fn copy(transaction: &Transaction<'_>, rows: &Rows) -> Result<()> {
    let types = rows.types();
    let columns: Vec<_> = anomalies::COLUMNS
        .iter()
        .zip(&types)
        .map(|(c, sent)| format!("{} {sent}", quoted(c.name)))
        .collect();
    let create = format!(
        "CREATE TEMPORARY TABLE {INCOMING} ({}) ON COMMIT DROP",
        columns.join(", ")
    );
    transaction.batch_execute(&create).await?;
    let sink = transaction
        .copy_in(&format!("COPY {INCOMING} FROM STDIN (FORMAT binary)"))
        .await?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &types));
    for row in 0..rows.len() {
        writer.as_mut().write_raw(rows.row(row)).await?;
    }
    writer.finish().await?;
    // How many there are, and that no two are alike, is what the plans hang on.
    let analyze = format!("ANALYZE {INCOMING} ({})", quoted(name::ID));
    transaction.batch_execute(&analyze).await?;
    Ok(())
}

/// Inserts what is new, updates what differs, deletes what is gone. A row that is equal is not
/// touched, not even locked.
async fn replace(
    transaction: &Transaction<'_>,
    table: &Table,
    year: i32,
    rows: usize,
) -> Result<Changed> {
    let first_day = |year| NaiveDate::from_ymd_opt(year, 1, 1).context("no such year");
    let (from, to) = (first_day(year)?, first_day(year + 1)?);
    let names: Vec<_> = anomalies::COLUMNS.iter().map(|c| quoted(c.name)).collect();
    let sent: Vec<_> = anomalies::COLUMNS
        .iter()
        .map(|c| format!("{}::{}", quoted(c.name), sql_type(c)))
        .collect();
    let sets: Vec<_> = names
        .iter()
        .map(|n| format!("{n} = excluded.{n}"))
        .collect();
    let (id, date) = (quoted(name::ID), quoted(name::FL_DATE));
    let (names, table) = (names.join(", "), table.sql());

    let gone = format!(
        "DELETE FROM {table} t WHERE {date} >= $1 AND {date} < $2 \
         AND NOT EXISTS (SELECT FROM {INCOMING} i WHERE i.{id} = t.{id})"
    );
    let deleted = transaction.execute(&gone, &[&from, &to]).await?;
    let different = format!(
        "SELECT {} FROM {INCOMING} EXCEPT SELECT {names} FROM {table} WHERE {date} >= $1 AND {date} < $2",
        sent.join(", ")
    );
    let change = format!(
        "WITH changed AS ( \
           INSERT INTO {table} ({names}, {LAST_UPDATE}) SELECT *, now() FROM ({different}) different \
           ON CONFLICT ({id}) DO UPDATE SET {}, {LAST_UPDATE} = excluded.{LAST_UPDATE} \
           RETURNING (xmax = 0) AS is_new) \
         SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM changed",
        sets.join(", ")
    );
    let counts = transaction.query_one(&change, &[&from, &to]).await?;
    let count = |at| counts.get::<_, i64>(at) as u64;
    let all = format!("SELECT count(*) FROM {table} WHERE {date} >= $1 AND {date} < $2");
    let there: i64 = transaction.query_one(&all, &[&from, &to]).await?.get(0);
    ensure!(
        there as usize == rows,
        "{there} rows of the year would be in it, not {rows}, nothing was changed: a trigger, a rule or a table that \
         inherits from it adds some or keeps some away, drop it or choose another --table"
    );
    // Nothing else could make the rows other ones than those that were sent.
    let watched =
        "SELECT relhastriggers OR relhasrules FROM pg_class WHERE oid = to_regclass($1::text)";
    if transaction.query_one(watched, &[&table]).await?.get(0) {
        let other = format!("SELECT count(*) FROM ({different}) different");
        let other: i64 = transaction.query_one(&other, &[&from, &to]).await?.get(0);
        ensure!(
            other == 0,
            "{other} of the year's {rows} rows would not be as they were sent, nothing was changed: a trigger or a \
             rule of the table alters them or keeps them as they are, drop it or choose another --table"
        );
    }
    Ok(Changed {
        inserted: count(0),
        updated: count(1),
        deleted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_may_lose_9_rows_or_5_percent() {
        let refused = |before: u64, after: u64, inserted: u64| {
            let changed = Changed {
                inserted,
                updated: 0,
                deleted: before - after + inserted,
            };
            refuse_shrinking(&changed, after, 2013).is_err()
        };
        for (before, after, wanted) in [
            (100, 91, false),
            (100, 90, true),
            (199, 189, true),
            (200, 190, false),
            (200, 189, true),
            (1000, 950, false),
            (1000, 949, true),
            (10, 0, true),
            (9, 0, false),
            (0, 0, false),
            (100, 100, false),
        ] {
            assert_eq!(refused(before, after, 0), wanted, "{before} to {after}");
            assert_eq!(refused(before, after, 50), wanted, "{before} to {after}");
        }
        let grown = Changed {
            inserted: 30,
            updated: 0,
            deleted: 20,
        };
        assert!(refuse_shrinking(&grown, 110, 2013).is_ok());
    }
}
