//! The table: its name, its columns, and making it what it has to be.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};
use flights::{Column, Kind, anomalies, name};
use tokio_postgres::Transaction;

/// The column that says when a row last changed; only the table has it.
pub(crate) const LAST_UPDATE: &str = "last_update";

/// What the dashboard looks rows up by, as PostgreSQL itself prints it: an airport's days, a year's airports, the
/// latest anomalies.
const INDEXES: [&str; 3] = [
    "(origin, fl_date)",
    "(((date_part('year'::text, fl_date))::integer), origin)",
    "(fl_date) WHERE (anomaly = 1)",
];

/// The name of a table, perhaps with its schema; prints as it was given.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    parts: Vec<String>,
}

impl FromStr for Table {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<String> = text.split('.').map(String::from).collect();
        if parts.len() > 2 || parts.iter().any(|p| p.is_empty() || p.contains('\0')) {
            return Err("give table or schema.table".into());
        }
        if parts.len() == 2 && parts[0].starts_with("pg_") {
            return Err("a schema of the server's own, such as pg_temp, keeps no table".into());
        }
        // PostgreSQL cuts a longer one off without a word.
        if parts.iter().any(|p| p.len() > 63) {
            return Err("a name of more than PostgreSQL's 63 bytes".into());
        }
        Ok(Table { parts })
    }
}

impl Table {
    /// The name as SQL has it, its parts quoted as identifiers.
    pub(crate) fn sql(&self) -> String {
        self.parts
            .iter()
            .map(|p| quoted(p))
            .collect::<Vec<_>>()
            .join(".")
    }

    /// Its name without that of the schema.
    pub(crate) fn name(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

/// The type of a column in the table, as PostgreSQL itself prints it.
pub(crate) fn sql_type(column: &Column) -> &'static str {
    match (column.name, column.kind) {
        (name::MEAN_DEP_DELAY, _) => "numeric(8,2)",
        (_, Kind::Integer) if column.is_flag() => "smallint",
        (_, Kind::Integer) => "integer",
        (_, Kind::Number) => "double precision",
        (_, Kind::Text) => "text",
        (_, Kind::Date) => "date",
    }
}

/// Creates the table, or adds the columns and indexes that an older one lacks, and lets its mean be null.
///
/// # Errors
/// When there is something else of that name, or a column of another type.
pub(crate) async fn prepare(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    prepare_columns(transaction, table).await?;
    prepare_indexes(transaction, table).await
}

/// Makes the indexes that are missing; only the owner of a table can.
async fn prepare_indexes(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let sql = table.sql();
    let there = transaction
        .query(
            "SELECT pg_get_indexdef(indexrelid), pg_has_role(relowner, 'USAGE') \
             FROM pg_index JOIN pg_class ON pg_class.oid = indrelid WHERE indrelid = to_regclass($1::text)",
            &[&sql],
        )
        .await?;
    for index in INDEXES {
        let end = format!(" USING btree {index}");
        if there
            .iter()
            .any(|row| row.get::<_, &str>(0).ends_with(&end))
        {
            continue;
        }
        if !there.iter().all(|row| row.get(1)) {
            log::warn!("{table} is another user's: let that user CREATE INDEX ON {sql} {index}");
            continue;
        }
        let create = format!("CREATE INDEX ON {sql} {index}");
        transaction.batch_execute(&create).await?;
        log::info!("{table}: made an index on {index}");
    }
    Ok(())
}

async fn prepare_columns(transaction: &Transaction<'_>, table: &Table) -> Result<()> {
    let sql = table.sql();
    let about = "SELECT oid, relkind::text, relpersistence = 't' FROM pg_class WHERE oid = to_regclass($1::text)";
    if transaction.query_opt(about, &[&sql]).await?.is_none() {
        let columns: Vec<_> = anomalies::COLUMNS.iter().map(definition).collect();
        let create = format!(
            "CREATE TABLE {sql} ({}, {LAST_UPDATE} timestamp with time zone NOT NULL, PRIMARY KEY ({}))",
            columns.join(", "),
            name::ID
        );
        transaction.batch_execute(&create).await?;
        log::info!("created the table {table}");
    }
    let found = transaction.query_one(about, &[&sql]).await?;
    let (oid, kind, is_temporary): (u32, String, bool) = (found.get(0), found.get(1), found.get(2));
    // A search_path that begins with pg_temp puts it there.
    if is_temporary {
        bail!(
            "it would be a temporary table, which ends with the connection: correct the search_path, or set --table \
             to schema.table"
        );
    }
    if kind != "r" {
        bail!("it is no ordinary table: drop it or choose another --table");
    }
    let there = transaction
        .query(
            "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute \
             WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped",
            &[&oid],
        )
        .await?;
    let last_update = [(LAST_UPDATE, "timestamp with time zone")];
    for (column, wanted) in anomalies::COLUMNS
        .iter()
        .map(|c| (c.name, sql_type(c)))
        .chain(last_update)
    {
        match there.iter().find(|row| row.get::<_, &str>(0) == column) {
            Some(row) if row.get::<_, &str>(1) == wanted => {
                // A day on which no flight flew has none.
                if column == name::MEAN_DEP_DELAY && row.get(2) {
                    let allow = format!(
                        "ALTER TABLE {sql} ALTER COLUMN {} DROP NOT NULL",
                        quoted(column)
                    );
                    transaction.batch_execute(&allow).await?;
                    log::info!("{table}: {column} may be null now");
                }
            }
            Some(row) => bail!(
                "the column {column} is {}, not {wanted}: change its type, rename the table, or choose another --table",
                row.get::<_, &str>(1)
            ),
            None if column == name::ID => {
                bail!("it has no column {column}: choose another --table")
            }
            None => {
                let default = if column == LAST_UPDATE {
                    " NOT NULL DEFAULT now()"
                } else {
                    ""
                };
                let add = format!(
                    "ALTER TABLE {sql} ADD COLUMN {} {wanted}{default}",
                    quoted(column)
                );
                transaction.batch_execute(&add).await?;
                log::info!("added the column {column} to {table}");
            }
        }
    }
    let keys = transaction
        .query_one(
            "SELECT count(*) FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] \
             WHERE indrelid = $1 AND indisunique AND indnkeyatts = 1 AND indpred IS NULL AND attname = $2",
            &[&oid, &name::ID],
        )
        .await?;
    if keys.get::<_, i64>(0) == 0 {
        bail!(
            "its column {0} is no key: ALTER TABLE {sql} ADD PRIMARY KEY ({0})",
            name::ID
        );
    }
    Ok(())
}

fn definition(column: &Column) -> String {
    let never_null = matches!(column.name, name::ID | name::ORIGIN | name::FL_DATE);
    format!(
        "{} {}{}",
        quoted(column.name),
        sql_type(column),
        if never_null { " NOT NULL" } else { "" }
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_quoted_whatever_they_are() {
        let shown = |text: &str| text.parse::<Table>().unwrap().sql();
        assert_eq!(shown("agg"), r#""agg""#);
        assert_eq!(
            shown("My schema.drop table x; --"),
            r#""My schema"."drop table x; --""#
        );
        assert_eq!(shown(r#"a"b"#), r#""a""b""#);
        for text in ["", ".", "a.", "a.b.c", &"x".repeat(64)] {
            assert!(text.parse::<Table>().is_err(), "{text}");
        }
    }
}
