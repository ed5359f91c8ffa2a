"""The warehouse's user for Superset: may read what is there and what `load` will make, and nothing else.

It is made with the rights of the user of `load`, to whom the libpq variables lead; that user has to own
the database or its schema, and to be allowed to make users, as the first user of a PostgreSQL or of RDS is.
"""

import os

import psycopg2
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Identifier, Literal

# It may also not hold the server longer than Superset waits; see superset_config.py.
STATEMENTS = """
    ALTER ROLE {reader} LOGIN PASSWORD {password};
    ALTER ROLE {reader} SET default_transaction_read_only = on;
    ALTER ROLE {reader} SET statement_timeout = '280s';
    GRANT CONNECT ON DATABASE {database} TO {reader};
    GRANT USAGE ON SCHEMA public TO {reader};
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader};
"""


def make(name: str, password: str) -> None:
    """Makes the user, or brings an existing one to this password and these rights."""
    connection = psycopg2.connect("connect_timeout=30")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,))
        reader = Identifier(name)
        if not cursor.rowcount:
            cursor.execute(SQL("CREATE ROLE {}").format(reader))
        cursor.execute(
            SQL(STATEMENTS).format(
                reader=reader,
                # Hashed here, so that the server's log cannot show it.
                password=Literal(encrypt_password(password, name, connection, "scram-sha-256")),
                database=Identifier(connection.info.dbname),
            )
        )
    connection.close()


if __name__ == "__main__":
    make(os.environ["SUPERSET_WAREHOUSE_USER"], os.environ["SUPERSET_WAREHOUSE_PASSWORD"])
