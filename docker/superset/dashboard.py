"""Makes Superset's database connection, dataset, charts and dashboard equal to the YAML in assets/.

Superset's own `import-directory` brings in what is new and what has changed, but keeps what the YAML has no
more, and ends with exit code 0 when the YAML is wrong. Here wrong YAML changes nothing and says why.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml
from flask import current_app
from superset import db
from superset.commands.exceptions import CommandInvalidError
from superset.commands.importers.exceptions import IncorrectVersionError
from superset.commands.importers.v1.examples import ImportExamplesCommand
from superset.models.dashboard import Dashboard

ASSETS = Path(__file__).with_name("assets")
# Where a chart names columns and metrics.
NAMES = ("x_axis", "groupby", "metric", "metrics", "all_columns", "timeseries_limit_metric")


class WrongAssets(Exception):
    """The YAML is not what Superset can take; the text says where and why."""


def sync(folder: Path = ASSETS) -> None:
    """Brings the YAML of a folder into Superset."""
    files = dict(read(folder))
    contents = {name: yaml.safe_dump(content) for name, content in files.items()}
    command = ImportExamplesCommand(contents, overwrite=True)
    try:
        command.validate()
        check(folder, files)
        command.run()
    except CommandInvalidError as error:
        raise WrongAssets(f"{folder}: {error.normalized_messages()}") from error
    except IncorrectVersionError as error:
        raise WrongAssets(f"{folder / 'metadata.yaml'}: version: {error}") from error
    db.session.commit()
    charts = {content["uuid"] for name, content in files.items() if name.startswith("charts/")}
    for name, content in files.items():
        if name.startswith("dashboards/"):
            keep(db.session.query(Dashboard).filter_by(uuid=content["uuid"]).one(), charts)
    db.session.commit()


def read(folder: Path) -> Iterator[tuple[str, dict]]:
    """The name in the folder and the content of each file."""
    for path in sorted(folder.rglob("*.yaml")):
        name = str(path.relative_to(folder))
        try:
            content = yaml.safe_load(path.read_text())
        except yaml.YAMLError as error:
            raise WrongAssets(f"{path}: {' '.join(str(error).split())}") from error
        if not isinstance(content, dict):
            raise WrongAssets(f"{path}: it is empty or no mapping")
        if path.parent != folder and "uuid" not in content:
            raise WrongAssets(f"{path}: it has no uuid")
        if name.startswith("databases/"):
            content["sqlalchemy_uri"] = str(current_app.config["WAREHOUSE"])
        yield name, content


def check(folder: Path, files: dict[str, dict]) -> None:
    """What Superset imports and then cannot draw: a chart or a filter of what its dataset does not have."""
    datasets = {content["uuid"]: content for name, content in files.items() if name.startswith("datasets/")}

    def has(name: str, uuid: str, wanted: list) -> None:
        if uuid not in datasets:
            raise WrongAssets(f"{folder / name}: no dataset has the uuid {uuid}")
        columns = {column["column_name"] for column in datasets[uuid]["columns"]}
        known = columns | {metric["metric_name"] for metric in datasets[uuid]["metrics"]}
        for unknown in (one for one in wanted if isinstance(one, str) and one not in known):
            raise WrongAssets(f"{folder / name}: the dataset has no {unknown}")

    for name, content in files.items():
        if name.startswith("charts/"):
            values = [content["params"].get(key, []) for key in NAMES]
            wanted = [one for value in values for one in (value if isinstance(value, list) else [value])]
            has(name, content["dataset_uuid"], wanted)
        if name.startswith("dashboards/"):
            for one in content["metadata"]["native_filter_configuration"]:
                for target in one.get("targets", []):
                    has(name, target["datasetUuid"], [target["column"]["name"]])


def keep(dashboard: Dashboard, charts: set[str]) -> None:
    """Takes other charts off the dashboard, and removes those that are on no other."""
    for chart in list(dashboard.slices):
        if str(chart.uuid) not in charts:
            dashboard.slices.remove(chart)
            if not chart.dashboards:
                db.session.delete(chart)
