"""The dashboard in the stack: in a browser, over TLS, through nginx, from the warehouse."""

import json
import re
import sys

import pytest
import stack
from stack import HTTPS, NAME, PICTURES, PROJECT, compose, docker, run, secrets, setting, sql, wait_for

sys.path.insert(0, str(PROJECT / "docker" / "superset" / "tests"))

from figures import TABLE, check
from page import WRONG, Page, chromium

SITE = f"https://superset.localhost:{HTTPS}"
HELD_UP = 75


@pytest.fixture(scope="module")
def filled(up):
    """Two of the sample years in the warehouse."""
    script = "for worker in extract clean aggregate detect load; do $worker -qq --year {}; done"
    for year in (2003, 2013):
        compose("exec", "-T", "airflow-scheduler", "bash", "-ec", script.format(year))


@pytest.fixture(scope="module")
def page(filled):
    with chromium() as browser:
        page = Page(browser, SITE)
        page.log_in(setting("SUPERSET_ADMIN_USER"), setting("SUPERSET_ADMIN_PASSWORD"))
        yield page


@pytest.fixture
def ask(up):
    """Answers a query as the warehouse does."""

    def ask(query: str) -> list[tuple]:
        [rows] = sql(f"SELECT coalesce(json_agg(to_json(q)), '[]') FROM ({query}) q")
        # Columns may have the same name.
        return json.loads(rows, object_pairs_hook=lambda pairs: tuple(value for _, value in pairs))

    return ask


def test_every_chart_shows_what_sql_gives(page, ask):
    page.open()
    page.picture(PICTURES / "7 dashboard.png")
    charts = page.charts()
    assert len(charts) == len(list((PROJECT / "docker/superset/assets/charts").iterdir()))
    for chart in charts:
        assert chart["drawn"] and not WRONG.search(chart["text"]), chart
        assert all(result["rowcount"] for result in page.answers[chart["name"]]), chart["name"]
    check(page, ask, "true")
    page.choose(origin="JFK", year="2013")
    page.picture(PICTURES / "8 JFK 2013.png")
    check(page, ask, "origin = 'JFK' AND extract(year FROM fl_date) = 2013")


def test_no_request_leaves_the_stack(page):
    assert page.elsewhere() == []
    assert page.blocked


def test_made_ready_a_second_time_it_is_the_same():
    tables = ["-t", "slices", "-t", "dashboards", "-t", "dashboard_slices", "-t", "dbs", "-t", "ab_user"]
    dump = ["exec", "-T", "superset-db", "pg_dump", "-U", "superset", "--data-only", *tables]

    def lasting() -> list[str]:
        # Not the times of the change.
        query = "SELECT json_build_array(uuid, slice_name, params, id) FROM slices ORDER BY uuid"
        return sql(query, "superset-db", "superset") + sql(
            "SELECT * FROM dashboard_slices", "superset-db", "superset"
        )

    before = lasting()
    assert before
    compose("run", "--rm", "superset-init")
    assert lasting() == before
    assert "departure-delays" in compose(*dump)


def hold(table: str) -> float:
    """Locks a table of the warehouse for a while, and says since when."""
    # Nothing can be asked of the server while pg_namespace is locked: a file says that it is.
    mark = "locked"
    compose("exec", "-T", "warehouse", "rm", "-f", f"/tmp/{mark}")
    steps = ["BEGIN", f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", f"\\! touch /tmp/{mark}"]
    steps += [f"SELECT pg_sleep({HELD_UP})"]
    options = [option for step in steps for option in ("-c", step)]
    compose("exec", "-d", "warehouse", "psql", "-XqU", "flights", *options)
    wait_for(lambda: mark in compose("exec", "-T", "warehouse", "ls", "/tmp").split(), f"{table} is locked")
    return stack.time.monotonic()


# Superset lets nobody call pg_sleep.
def test_a_query_that_takes_long_is_answered(page):
    start = hold(TABLE)
    status, answer = page.sql_lab(f"SELECT count(*) AS n FROM {TABLE}")
    assert status == 200, answer
    assert stack.time.monotonic() - start > 65
    [row] = json.loads(answer)["data"]
    assert row["n"] > 20_000


def test_a_list_of_schemas_that_is_held_up_is_answered(page):
    start = hold("pg_namespace")
    status, answer = page.ask("/api/v1/database/1/schemas/?q=(force:!t)")
    assert status == 200 and "public" in json.loads(answer)["result"]
    assert stack.time.monotonic() - start > 65


def test_nothing_can_be_written_from_sql_lab(page):
    before = sql(f"SELECT count(*) FROM {TABLE}")
    for statement in (
        f"DELETE FROM {TABLE}",
        f"WITH gone AS (DELETE FROM {TABLE} RETURNING 1) SELECT * FROM gone",
    ):
        status, answer = page.sql_lab(statement)
        assert status >= 400 and re.search("DML|only.*SELECT|permission denied|read-only", answer), answer
    assert sql(f"SELECT count(*) FROM {TABLE}") == before


def test_its_user_may_only_read():
    password = setting("SUPERSET_WAREHOUSE_PASSWORD")
    place = f"postgresql://superset_reader:{password}@127.0.0.1/flights"

    def said(statement: str) -> str:
        statements = ["-c", "SET default_transaction_read_only = off", "-c", statement]
        return compose("exec", "-T", "warehouse", "psql", "-XAtq", place, *statements, check=False)

    assert int(said(f"SELECT count(*) FROM {TABLE}")) > 20_000
    for statement in (f"DELETE FROM {TABLE}", f"DROP TABLE {TABLE}", "CREATE TABLE mine (a int)"):
        assert "permission denied" in said(statement) or "must be owner" in said(statement)


def test_an_airport_is_looked_up_by_an_index():
    plan = "\n".join(sql(f"EXPLAIN SELECT * FROM {TABLE} WHERE origin = 'JFK'"))
    assert f"{TABLE}_origin_fl_date_idx" in plan


def test_the_headers_and_the_cookie(page):
    [cookie] = [c for c in page.browser.get_cookies() if c["name"] == "superset"]
    assert cookie["secure"] and cookie["httpOnly"] and cookie["sameSite"] == "Lax"
    certificate = str(stack.FOLDER / "certificates" / "server.crt")
    answer = stack.requests.get(f"{SITE}/login/", verify=certificate, timeout=30)
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "scarf" not in answer.headers["Content-Security-Policy"]


def test_no_secret_is_in_its_tables_its_logs_or_its_image():
    places = {"tables": compose("exec", "-T", "superset-db", "pg_dump", "-U", "superset", "superset")}
    places["logs"] = compose("logs", "--no-color", "superset", "superset-init", "superset-db", "warehouse")
    assert "superset_reader@warehouse" in places["tables"] and "/health" in places["logs"]
    places["image"] = docker("history", "--no-trunc", f"{NAME}/superset") + docker(
        "inspect", f"{NAME}/superset"
    )
    places["arguments of processes"] = run("ps", "axww", "-o", "args")
    for name, value in secrets().items():
        for place, text in places.items():
            # s3s-fs, which may stand in for the lake's server, takes its keys no other way.
            assert name.startswith("LAKE_") or value not in text, f"{name} is in: {place}"


@pytest.mark.parametrize("service", ["superset-db", "warehouse", "superset", "nginx"])
def test_it_is_back_when_a_service_was_restarted(page, service):
    compose("restart", service)
    compose("up", "--detach", "--wait")
    page.open()
    for chart in page.charts():
        assert chart["drawn"] and not WRONG.search(chart["text"]), chart
