"""The warehouse's user for Superset: may read what is there and what `load` will make, and nothing else.

It is made with the rights of the user of `load`, to whom the libpq variables lead; that user has to own
the database or its schema, and to be allowed to make users, as the first user of a PostgreSQL or of RDS is.
"""

import os

import psycopg2
from psycopg2.extensions import encrypt_password
from psycopg2.sql import SQL, Identifier, Literal

# It may also not hold the server longer than Superset waits; see superset_config.py. Temporary tables
# and large objects are everybody's in a new database; only a superuser can take the latter away.
STATEMENTS = """
    ALTER ROLE {reader} LOGIN PASSWORD {password};
    ALTER ROLE {reader} SET default_transaction_read_only = on;
    ALTER ROLE {reader} SET statement_timeout = '280s';
    GRANT CONNECT ON DATABASE {database} TO {reader};
    GRANT USAGE ON SCHEMA public TO {reader};
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader};
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {reader};
    REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC;
    REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea),
        lo_put(oid, bigint, bytea), lowrite(integer, bytea), lo_open(oid, integer) FROM PUBLIC;
"""

# Rights beyond reading, its own and everybody's, one in each row. Where they come from, they are not
# ours to take away.
EXCESS = """
    SELECT unnest(array_remove(ARRAY[
        CASE WHEN rolsuper THEN 'is a superuser' END,
        CASE WHEN rolcreatedb THEN 'may make databases' END,
        CASE WHEN rolcreaterole THEN 'may make users' END,
        CASE WHEN rolreplication THEN 'may replicate' END,
        CASE WHEN rolbypassrls THEN 'bypasses row security' END], NULL))
    FROM pg_roles WHERE rolname = %(name)s
    UNION ALL
    SELECT 'is a member of ' || roleid::regrole FROM pg_auth_members
    WHERE member = to_regrole(quote_ident(%(name)s))
    UNION ALL
    SELECT DISTINCT 'owns something' FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = to_regrole(quote_ident(%(name)s))
      AND deptype = 'o'
    UNION ALL
    SELECT 'may change ' || oid::regclass FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
      AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
      AND (has_table_privilege(%(name)s, oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
           OR has_any_column_privilege(%(name)s, oid, 'INSERT, UPDATE'))
    UNION ALL
    SELECT 'may create tables in the schema ' || oid::regnamespace FROM pg_namespace
    WHERE nspname !~ '^pg_' AND has_schema_privilege(%(name)s, oid, 'CREATE')
"""


class TooPowerful(Exception):
    """The user may do more than read; the text says what."""


def make(name: str, password: str) -> None:
    """Makes the user, or brings an existing one to this password.

    One that may do more than read is left as it is: `TooPowerful`.
    """
    connection = psycopg2.connect("connect_timeout=30")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,))
        reader = Identifier(name)
        if not cursor.rowcount:
            cursor.execute(SQL("CREATE ROLE {}").format(reader))
        cursor.execute(EXCESS, {"name": name})
        if excess := [right for (right,) in cursor]:
            raise TooPowerful(", ".join(excess[:3]) + (", …" if excess[3:] else ""))
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
