"""Ten years of 350 airports, made up: how long the charts' own queries take, and which indexes they use."""

import time

import pytest
from conftest import PROJECT, connect
from dashboard import READER
from postgres import SUPERUSER, WAREHOUSE
from tabulate import tabulate

TABLE = "agg_dep_delay_by_date"
MADE_UP = PROJECT / "docker" / "superset" / "tests" / "made_up.sql"
SECONDS = 1.0


@pytest.fixture(scope="module")
def big(warehouse, superset):
    """A connection to a large table, made like the one that `load` has made, indexes included."""
    database = f"{WAREHOUSE}_of_ten_years"
    warehouse.create_database(database)
    columns = connect(warehouse, WAREHOUSE, SUPERUSER, warehouse.password)
    with columns.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) "
            "FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (TABLE,),
        )
        [(definition,)] = cursor.fetchall()
        cursor.execute(
            "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass", (TABLE,)
        )
        indexes = [index for (index,) in cursor.fetchall()]
    columns.close()
    make = f"CREATE TABLE {TABLE} ({definition}); {'; '.join(indexes)}; GRANT SELECT ON {TABLE} TO {READER}"
    warehouse.psql("-Xq", "-c", make, "-f", str(MADE_UP), "-c", f"VACUUM ANALYZE {TABLE}", database=database)
    connection = connect(warehouse, database, READER, superset.reader_password)
    yield connection
    connection.close()


def rows(connection, query: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def seconds(connection, query: str) -> float:
    start = time.perf_counter()
    rows(connection, query)
    return time.perf_counter() - start


def test_no_chart_takes_a_second(big, page, capsys):
    page.open()
    table = []
    for name, results in page.answers.items():
        for query in (result["query"] for result in results):
            found = rows(big, query)
            assert found, query
            table.append((name[:60], len(found), seconds(big, query)))
    assert len(table) > len(page.charts()) > 20
    table.sort(key=lambda line: -line[2])
    [(all_rows,)] = rows(big, f"SELECT count(*) FROM {TABLE}")
    assert all_rows > 1_250_000
    with capsys.disabled():
        print(f"\n\n{all_rows:,} rows; each chart's query alone, the second time:\n")
        print(tabulate(table, ["chart", "rows", "seconds"], floatfmt=".3f"))
    assert table[0][2] < SECONDS, table[0]


ORIGIN = f"{TABLE}_origin_fl_date_idx"
YEAR = f"{TABLE}_date_part_origin_idx"
ANOMALIES = f"{TABLE}_fl_date_idx"


@pytest.mark.parametrize(
    "filters, chart, indexes",
    [
        ({}, "The latest hundred anomalies, and why", {ANOMALIES}),
        ({}, "The airport's flagged days, and why", {ORIGIN, YEAR}),
        # PostgreSQL 18 can skip the year.
        ({"origin": "JFK"}, "Top ten delays by origin, of at least 30 flights", {ORIGIN, YEAR}),
        ({"year": "2013"}, "Scored", {YEAR}),
        ({"year": "2013"}, "Top ten delays by origin, of at least 30 flights", {YEAR}),
    ],
)
def test_the_indexes_of_load_are_used(big, page, filters, chart, indexes):
    page.open()
    if filters:
        page.choose(**filters)
    [result] = page.answers[chart]
    plan = "\n".join(line for (line,) in rows(big, f"EXPLAIN {result['query']}"))
    assert any(index in plan for index in indexes), f"{result['query']}\n{plan}"
    assert "Seq Scan" not in plan, plan
