"""Superset's user of the warehouse may read, and nothing else."""

import psycopg2
import pytest
from conftest import connect
from dashboard import READER, SOURCE
from postgres import SUPERUSER, WAREHOUSE

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
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_from_bytea(0, 'mine')",
        "SELECT lo_create(0)",
        "CREATE TEMPORARY TABLE mine (a int)",
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


@pytest.mark.parametrize(
    "more, less, told",
    [
        ("ALTER ROLE {} SUPERUSER", "ALTER ROLE {} NOSUPERUSER", "is a superuser"),
        ("ALTER ROLE {} CREATEROLE", "ALTER ROLE {} NOCREATEROLE", "may make users"),
        (
            "GRANT pg_write_all_data TO {}",
            "REVOKE pg_write_all_data FROM {}",
            "is a member of pg_write_all_data",
        ),
        (
            f"GRANT UPDATE (score) ON {TABLE} TO {{}}",
            f"REVOKE UPDATE (score) ON {TABLE} FROM {{}}",
            f"may change {TABLE}",
        ),
        # As it is everywhere before PostgreSQL 15.
        (
            "GRANT CREATE ON SCHEMA public TO PUBLIC",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "may create tables in the schema public",
        ),
    ],
)
def test_a_user_who_may_do_more_is_refused(superset, warehouse, more, less, told):
    connection = connect(warehouse, WAREHOUSE, SUPERUSER, warehouse.password)
    with connection.cursor() as cursor:
        cursor.execute(more.format(READER))
        try:
            done = superset.bootstrap(SOURCE / "reader.py")
        finally:
            cursor.execute(less.format(READER))
    connection.close()
    assert done.returncode == 1
    assert f"TooPowerful: {told}" in done.stdout
    assert superset.bootstrap(SOURCE / "reader.py").returncode == 0


def test_the_user_of_load_is_left_as_it_is(superset, warehouse):
    connection = connect(warehouse, WAREHOUSE, SUPERUSER, warehouse.password)
    with connection.cursor() as cursor:
        before = (
            "SELECT a.rolpassword, r.rolconfig FROM pg_authid a JOIN pg_roles r USING (oid) "
            "WHERE r.rolname = %s"
        )
        cursor.execute(before, (SUPERUSER,))
        role = cursor.fetchall()
        done = superset.bootstrap(SUPERSET_WAREHOUSE_USER=SUPERUSER)
        assert done.returncode == 1
        told = f"bootstrap: error: the warehouse's user {SUPERUSER} is a superuser, "
        assert done.stdout.strip().splitlines()[-1].startswith(told)
        cursor.execute(before, (SUPERUSER,))
        assert cursor.fetchall() == role
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM {TABLE}",
        f"WITH gone AS (DELETE FROM {TABLE} RETURNING 1) SELECT * FROM gone",
        "CREATE TEMPORARY TABLE mine (a int)",
        "SELECT lo_from_bytea(0, 'mine')",
        "SELECT lo_create(0)",
        "SELECT set_config('statement_timeout', '0', false)",
        "SELECT pg_catalog.set_config('default_transaction_read_only', 'off', false)",
        "SET statement_timeout = 0",
        "SET default_transaction_read_only = off; COMMIT; SELECT 1",
        "RESET ALL",
        "SET ROLE postgres",
        "COPY (SELECT 1) TO PROGRAM 'cat'",
        "DO $$ BEGIN END $$",
        "SELECT pg_sleep(1)",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN (ANALYZE) SELECT 1",
        "EXPLAIN SELECT set_config('statement_timeout', '0', false)",
        "SELECT * FROM ts_stat('select to_tsvector(set_config(''statement_timeout'', ''0'', false))')",
        "SELECT E'\\\\' AS a, ', set_config($$statement_timeout$$, $$0$$, false) --' AS b",
        'SELECT U&"set\\005fconfig"(1)',
        # For PostgreSQL a no-break space is part of a name, for the parser a space before a text.
        "EXPLAIN SELECT 1 AS a\u00a0$$; COMMIT; SET statement_timeout = 0; SELECT 1 AS b\u00a0$$",
        "SELECT 1 AS a\u3000; SET statement_timeout = 0",
    ],
)
def test_sql_lab_neither_writes_nor_lifts_a_limit(api, statement):
    status, answer = api.sql_lab(f"{statement}; SELECT 1 AS one" if ";" not in statement else statement)
    assert status >= 400, answer


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT count(*) AS n FROM {TABLE}; SELECT max(score) AS most FROM {TABLE}",
        "SHOW statement_timeout",
        f"EXPLAIN SELECT count(*) FROM {TABLE}",
        f"WITH days AS (SELECT * FROM {TABLE}) SELECT 'Zürich' AS city, count(*) FROM days",
        f"SELECT origin FROM {TABLE} UNION SELECT 'x'; VALUES (1)",
    ],
)
def test_sql_lab_takes_queries(api, statement):
    status, answer = api.sql_lab(statement)
    assert status == 200, answer
