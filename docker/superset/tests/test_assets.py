"""The YAML and what Superset makes of it: the same every time, all of it or nothing."""

import re
import shutil

import pytest
import yaml
from conftest import connect
from dashboard import METADATA, SOURCE
from postgres import SUPERUSER

CHARTS = SOURCE / "assets" / "charts"
# Of each kind everything but the time of the import.
KINDS = {
    "dbs": "database_name, sqlalchemy_uri, extra, allow_dml, password",
    "tables": "table_name, schema, catalog",
    "table_columns": "column_name, expression, type",
    "sql_metrics": "metric_name, expression",
    "slices": "uuid, slice_name, viz_type, params, datasource_id",
    "dashboards": "uuid, slug, position_json, json_metadata",
    "dashboard_slices": "dashboard_id, slice_id",
    "ab_user": "username, password",
}


@pytest.fixture
def metadata(superset, server):
    """Answers a query on Superset's own tables."""
    connection = connect(server, METADATA, SUPERUSER, server.password)

    def ask(query: str) -> list[tuple]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchall() if cursor.description else []

    yield ask
    connection.close()


def everything(metadata) -> dict[str, list[tuple]]:
    return {
        kind: metadata(f"SELECT {columns} FROM {kind} ORDER BY {columns}") for kind, columns in KINDS.items()
    }


@pytest.fixture
def changed(tmp_path):
    """A copy of docker/superset, to be changed."""
    return shutil.copytree(SOURCE, tmp_path / "superset", ignore=shutil.ignore_patterns("tests"))


def test_a_second_time_changes_nothing(superset, metadata):
    before = everything(metadata)
    assert len(before["slices"]) == len(before["dashboard_slices"]) == len(list(CHARTS.iterdir()))
    assert superset.bootstrap().returncode == 0
    assert everything(metadata) == before


def test_what_somebody_changed_by_hand_is_as_in_the_yaml_again(superset, metadata):
    before = everything(metadata)
    metadata("UPDATE slices SET slice_name = 'mine', params = '{}'")
    metadata("DELETE FROM dashboard_slices")
    assert superset.bootstrap().returncode == 0
    assert everything(metadata) == before


def test_a_chart_that_the_yaml_has_no_more_goes(superset, metadata, changed):
    before = everything(metadata)
    text = (changed / "assets/dashboards/departure_delays.yaml").read_text()
    page = yaml.safe_load(text)
    del page["position"]["CHART-airport_days"], page["position"]["ROW-one-3"]
    page["position"]["GRID_ID"]["children"].remove("ROW-one-3")
    (changed / "assets/dashboards/departure_delays.yaml").write_text(yaml.safe_dump(page))
    (changed / "assets/charts/airport_days.yaml").unlink()
    assert superset.bootstrap(changed / "bootstrap.py").returncode == 0
    rest = [row for row in before["slices"] if "The airport's calendar" not in row[1]]
    assert len(rest) == len(before["slices"]) - 1
    assert everything(metadata)["slices"] == rest
    assert len(everything(metadata)["dashboard_slices"]) == len(rest)
    # And comes back.
    assert superset.bootstrap().returncode == 0
    assert everything(metadata)["slices"] == before["slices"]


@pytest.mark.parametrize(
    "file, old, new, told",
    [
        ("charts/agreement.yaml", "slice_name:", "slice_nam:", "charts/agreement.yaml.*slice_nam"),
        ("charts/agreement.yaml", "params:\n", "params: [\n", r"charts/agreement.yaml.*line \d+"),
        ("datasets/agg_dep_delay_by_date.yaml", "columns:", "column:", "datasets/agg_dep_delay_by_date.yaml"),
        ("dashboards/departure_delays.yaml", "position:", "positions:", "departure_delays.yaml.*position"),
        ("databases/warehouse.yaml", "uuid:", "id:", "databases/warehouse.yaml: it has no uuid"),
        (
            "charts/agreement.yaml",
            "dataset_uuid: 5b8",
            "dataset_uuid: 5b9",
            "charts/agreement.yaml: no dataset",
        ),
        ("charts/agreement.yaml", "[airport_days]", "[airport_day]", "charts/agreement.yaml.*airport_day$"),
        (
            "dashboards/departure_delays.yaml",
            "name: origin}",
            "name: orign}",
            "departure_delays.yaml.*orign$",
        ),
        ("metadata.yaml", "version: 1.0.0", "version: 2.0.0", "metadata.yaml: version"),
    ],
)
def test_wrong_yaml_fails_and_changes_nothing(superset, metadata, changed, file, old, new, told):
    before = everything(metadata)
    path = changed / "assets" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    done = superset.bootstrap(changed / "bootstrap.py")
    assert done.returncode == 1
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("bootstrap: error: nothing was imported: ") and re.search(told, last), last
    assert everything(metadata) == before


def test_no_password_is_in_the_yaml_the_tables_or_the_logs(superset, server, metadata):
    tables = [name for (name,) in metadata("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    files = [file for file in SOURCE.rglob("*") if file.is_file() and file.suffix not in (".pyc", ".png")]
    places = {str(file): file.read_text() for file in files}
    places |= {table: str(metadata(f'SELECT t::text FROM "{table}" t')) for table in tables}
    places["what bootstrap says"] = superset.bootstrap().stdout
    places["Superset's log"] = (superset.folder / "log").read_text()
    places["PostgreSQL's log"] = (server.folder / "log").read_text()
    assert "superset_reader@" in places["dbs"] and "GET /health" in places["Superset's log"]
    secrets = {superset.reader_password, superset.password, server.password}
    secrets.add(superset.environment()["SUPERSET_SECRET_KEY"])
    for place, text in places.items():
        for secret in secrets:
            assert secret not in text, place
