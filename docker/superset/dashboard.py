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


class WrongAssets(Exception):
    """The YAML is not what Superset can take; the text says where and why."""


def sync(folder: Path = ASSETS) -> None:
    """Brings the YAML of a folder into Superset."""
    files = dict(read(folder))
    contents = {name: yaml.safe_dump(content) for name, content in files.items()}
    try:
        ImportExamplesCommand(contents, overwrite=True).run()
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
        if path.parent != folder and "uuid" not in content:
            raise WrongAssets(f"{path}: it has no uuid")
        if name.startswith("databases/"):
            content["sqlalchemy_uri"] = str(current_app.config["WAREHOUSE"])
        yield name, content


def keep(dashboard: Dashboard, charts: set[str]) -> None:
    """Takes other charts off the dashboard, and removes those that are on no other."""
    for chart in list(dashboard.slices):
        if str(chart.uuid) not in charts:
            dashboard.slices.remove(chart)
            if not chart.dashboards:
                db.session.delete(chart)
