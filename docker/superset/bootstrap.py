"""Makes Superset ready before it serves: its tables, its admin, the warehouse's reader, the dashboard.

It can run again at any time: a new version of Superset or of the assets is taken on, and what is right stays.
"""

import os
import sys

import psycopg2
import reader
from flask_migrate import upgrade
from superset import appbuilder, db, security_manager
from superset.app import create_app


def main() -> None:
    make_reader(os.environ["SUPERSET_WAREHOUSE_USER"])
    with create_app().app_context():
        upgrade()
        appbuilder.add_permissions(update_perms=True)
        security_manager.sync_role_definitions()
        make_admin(os.environ["SUPERSET_ADMIN_USER"])
        db.session.commit()
        sync_dashboard()


def make_reader(name: str) -> None:
    try:
        reader.make(name, os.environ["SUPERSET_WAREHOUSE_PASSWORD"])
    except psycopg2.OperationalError as error:
        fail(f"no warehouse: {error}")
    except reader.TooPowerful as error:
        fail(f"the warehouse's user {name} {error}: take that away, or drop the user, who is then made anew")
    except psycopg2.Error as error:
        fail(f"the warehouse's user {name}: {error}load's user has to own the database and may make users")


def make_admin(name: str) -> None:
    """Makes the admin on the first start; afterwards he is Superset's own matter."""
    if security_manager.find_user(username=name):
        return
    email, password = os.environ["SUPERSET_ADMIN_EMAIL"], os.environ["SUPERSET_ADMIN_PASSWORD"]
    role = security_manager.find_role("Admin")
    if not security_manager.add_user(name, "Superset", "Admin", email, role, password):
        fail(f"cannot make the admin {name}: is {email} somebody else's?")


def sync_dashboard() -> None:
    import dashboard  # can only be read when there is an app

    try:
        dashboard.sync()
    except dashboard.WrongAssets as error:
        fail(f"nothing was imported: {error}")


def fail(text: str) -> None:
    sys.exit(f"bootstrap: error: {text}")


if __name__ == "__main__":
    main()
