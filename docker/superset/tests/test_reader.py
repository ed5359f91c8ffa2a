"""Superset's user of the warehouse may read, and nothing else."""

import psycopg2
import pytest
from conftest import connect
from dashboard import READER
from postgres import WAREHOUSE

TABLE = "agg_dep_delay_by_date"


@pytest.fixture
def reader(superset, warehouse):
    connection = connect(warehouse, WAREHOUSE, READER, superset.reader_password)
    yield connection.cursor()
    connection.close()


def test_it_reads_the_table_that_was_made_after_it(reader):
    reader.execute(f"SELECT count(*) FROM {TABLE}")
    assert reader.fetchone()[0] > 20_000


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT INTO {TABLE} (id, origin, fl_date, last_update) VALUES ('x', 'x', '2013-01-01', now())",
        f"UPDATE {TABLE} SET score = 0",
        f"DELETE FROM {TABLE}",
        f"TRUNCATE {TABLE}",
        f"DROP TABLE {TABLE}",
        f"ALTER TABLE {TABLE} ADD COLUMN more text",
        f"CREATE INDEX ON {TABLE} (score)",
        f"COPY {TABLE} FROM PROGRAM 'true'",
        "CREATE TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "SET ROLE postgres",
    ],
)
def test_it_changes_nothing(reader, statement):
    # Not even when it has switched off what its sessions begin with.
    for read_only in ("on", "off"):
        reader.execute(f"SET default_transaction_read_only = {read_only}")
        with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ReadOnlySqlTransaction)):
            reader.execute(statement)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        reader.execute(statement)


def test_its_statements_end_before_superset_stops_to_wait(reader):
    reader.execute("SHOW statement_timeout")
    assert reader.fetchone() == ("280s",)
