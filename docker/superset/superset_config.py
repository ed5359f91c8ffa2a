"""Settings of Superset. Secrets, and where its databases are, come from the environment."""

import os
import re

from sqlalchemy.engine import URL

SECRET_KEY = os.environ["SUPERSET_SECRET_KEY"]
SQLALCHEMY_DATABASE_URI = os.environ["SUPERSET_DATABASE_URI"]
# A connection that its database has lost is replaced, not shown to somebody as an error.
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}

# --- The warehouse. Superset's tables hold this address, and no password: that comes with each connection.

WAREHOUSE = URL.create(
    "postgresql+psycopg2",
    username=os.environ["SUPERSET_WAREHOUSE_USER"],
    host=os.environ["PGHOST"],
    port=int(os.environ["PGPORT"]),
    database=os.environ["PGDATABASE"],
    query={
        name.removeprefix("PG").lower(): os.environ[name]
        for name in ("PGSSLMODE", "PGSSLROOTCERT")
        if os.environ.get(name)
    },
)


def DB_CONNECTION_MUTATOR(uri, params, _username, _security_manager, _source):
    if uri.set(password=None) == WAREHOUSE:
        uri = uri.set(password=os.environ["SUPERSET_WAREHOUSE_PASSWORD"])
    return uri, params


# In spite of reader.py a session could lift its own limits, run what is not seen here, and keep large
# objects. So SQL is only what can be seen to be queries, and holds none of these words, wherever they stand.
FORBIDDEN = re.compile(
    r"""\b(set_config | lo_\w+ | lowrite | pg_sleep\w* | dblink\w* | ts_stat | ts_rewrite
        | (query|cursor|table|schema|database)_to_xml\w*)\b""",
    re.VERBOSE | re.IGNORECASE,
)
# Spaces that are none for PostgreSQL, texts with escapes, texts between dollars: the parser reads them
# otherwise than PostgreSQL does.
AMBIGUOUS = re.compile(r"""[^\S \t\r\n] | (?<!['"\w])(e|u&)['"] | \$\w*\$""", re.VERBOSE | re.IGNORECASE)


def SQL_QUERY_MUTATOR(sql, **_):
    from superset.exceptions import SupersetDMLNotAllowedException

    if FORBIDDEN.search(sql) or AMBIGUOUS.search(sql) or not only_reads(sql):
        raise SupersetDMLNotAllowedException()
    return sql


def only_reads(sql: str) -> bool:
    """Whether each statement is a query, the EXPLAIN of one without ANALYZE, or the SHOW of a setting."""
    import sqlglot
    from sqlglot import exp

    for statement in filter(None, sqlglot.parse(sql, read="postgres")):
        if isinstance(statement, exp.Command):
            rest = statement.expression.name.strip()
            match statement.name.upper():
                case "SHOW" if re.fullmatch(r"\w+", rest):
                    continue
                case "EXPLAIN" if not re.match(r"analy|\(", rest, re.IGNORECASE) and only_reads(rest):
                    continue
            return False
        if not isinstance(statement, (exp.Query, exp.Values)) or statement.find(exp.DML, exp.Into):
            return False
    return True


# --- One chain of time-outs, so that the answer that is seen is that of who knows most: a statement in the
# --- warehouse (280 s, reader.py) < gunicorn and the browser < nginx (310 s).

SUPERSET_WEBSERVER_TIMEOUT = 300
SQLLAB_TIMEOUT = SUPERSET_WEBSERVER_TIMEOUT

# --- Behind nginx, which ends TLS. Without it only a browser on the same machine is served (make dashboard).

TLS = "SUPERSET_WITHOUT_TLS" not in os.environ
ENABLE_PROXY_FIX = TLS
PROXY_FIX_CONFIG = {"x_for": 1, "x_proto": 1, "x_host": 1, "x_port": 0, "x_prefix": 0}
SESSION_COOKIE_SECURE = TLS
SESSION_COOKIE_NAME = "superset"
ENABLE_CORS = False
TALISMAN_CONFIG = {
    # Nothing is fetched from elsewhere; that also stops the pixel by which Superset counts its installations.
    "content_security_policy": {
        "default-src": "'self'",
        "base-uri": "'self'",
        "frame-ancestors": "'self'",
        "img-src": ["'self'", "blob:", "data:"],
        "font-src": ["'self'", "data:"],
        "worker-src": ["'self'", "blob:"],
        "object-src": "'none'",
        "style-src": ["'self'", "'unsafe-inline'"],
        "script-src": ["'self'", "'strict-dynamic'"],
    },
    "content_security_policy_nonce_in": ["script-src"],
    "session_cookie_secure": TLS,
    # These are nginx's.
    "force_https": False,
    "strict_transport_security": False,
}

# --- What charts show is kept for five minutes, lists of schemas and tables for an hour.

CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": f"{os.environ['SUPERSET_HOME']}/cache",
    "CACHE_DEFAULT_TIMEOUT": 3600,
}
DATA_CACHE_CONFIG = CACHE_CONFIG | {"CACHE_DEFAULT_TIMEOUT": 300}
RATELIMIT_STORAGE_URI = "memory://"

# --- Colours that a colour-blind reader can tell apart: Okabe and Ito, https://jfly.uni-koeln.de/color/

EXTRA_CATEGORICAL_COLOR_SCHEMES = [
    {
        "id": "okabeIto",
        "label": "Okabe and Ito",
        "description": "",
        "isDefault": True,
        "colors": [
            "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#999999", "#000000",
        ],
    }
]  # fmt: skip
APP_NAME = "Flight Delays"
