"""
### Flight delays: from the lake to the warehouse, a year a run

| task | reads | writes |
|---|---|---|
| extract | the year's raw CSV in the lake (bronze) | a copy of it in the data dir |
| clean | that copy | the flights, typed (silver), in the data dir and the lake |
| aggregate | silver | mean departure delay per airport and day (gold), in the data dir and the lake |
| detect | gold | scores and flags per airport and day, in the data dir |
| load | scores and flags | the table `agg_dep_delay_by_date` of the warehouse |
| cleanup | | removes the year's files from the data dir |

It runs on 1 January at 00:00 UTC for the year that just ended, from 2009 on. For any other year, trigger
it by hand with the configuration `{"year": 2013}`. The parameters of a run:

| parameter | default | meaning |
|---|---|---|
| `year` | `null` | the year to process, 1987 to 2099; `null` is the year of the data interval |
| `partial` | `false` | `true`: `clean` accepts gaps of three or more days and a torn last line |
| `allow_shrink` | `false` | `true`: `load` may delete more than 5 % of the year's rows in the table |

A run with any other parameter fails at once. A year without a raw file in the lake is shown as skipped.
Any run may be repeated: a second one changes nothing. Exit code 2 of a program (wrong usage) is not
retried. A task that is cleared restarts every task after it.

The tasks are programs on the `PATH` of the machine that runs them, or, with `WORKERS_OPERATOR=docker`,
containers of the image `workers` of the Compose project that `WORKERS_STACK` names. They find the lake by
`LAKE_URL` and `AWS_*`, the data dir by `DATA_DIR` (an absolute path) and the warehouse by `PG*` or
`DATABASE_URL` in the environment. The last line of each, a summary in JSON, is the task's XCom.
"""

import os
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.models.baseoperator import BaseOperator, chain
from airflow.models.param import Param
from worker import WorkerProcess

# JSON has one type of number: 2013.0 is the integer 2013.
YEAR = "{{ (params.year or data_interval_start.year) | int }}"
FLAGS = {
    "clean": "{% if params.partial %} --partial{% endif %}",
    "load": "{% if params.allow_shrink %} --allow-shrink{% endif %}",
}

with DAG(
    dag_id="etl_ml_pipeline",
    description="Airline delays: raw flights of a year to flagged airport-days in the warehouse",
    doc_md=__doc__,
    schedule="@yearly",
    start_date=pendulum.datetime(2009, 1, 1, tz="UTC"),
    catchup=True,
    max_active_runs=4,
    params={
        "year": Param(None, type=["null", "integer"], minimum=1987, maximum=2099),
        "partial": Param(False, type="boolean"),
        "allow_shrink": Param(False, type="boolean"),
    },
    default_args={
        "owner": "flight-delays",
        "pool": os.environ.get("WORKERS_POOL", "default_pool"),
        "retries": 3,
        # From [core] default_task_retry_delay on, five minutes unless it is set, each twice the last.
        "retry_exponential_backoff": True,
    },
    tags=["flights"],
) as dag:

    def worker(name: str, minutes: int, note: str) -> BaseOperator:
        """The task that runs one of the six programs for the run's year."""
        operator = WorkerProcess
        if os.environ.get("WORKERS_OPERATOR") == "docker":
            from containers import WorkerContainer as operator  # needs the provider of Docker

        return operator(
            task_id=name,
            command=f"{name} --year {YEAR}{FLAGS.get(name, '')}",
            execution_timeout=timedelta(minutes=minutes),
            doc_md=note,
        )

    chain(
        worker(
            "extract",
            60,
            "Copies the year's raw CSV from `01_bronze/` of the lake to the data dir, decompressing it. "
            "**Skipped**: the lake has no file for the year. A lost connection is taken up again; a copy "
            "that is there already is not fetched twice.",
        ),
        worker(
            "clean",
            30,
            "Makes typed Parquet (silver) of the raw CSV. Flights without a departure delay are dropped "
            "and counted. **Fails** when more than 1 % of the rows cannot be read: the log shows the first "
            "ten. Fewer go to `…_rejected.csv` beside silver, each with its line number and the reason. "
            "**Fails** when three or more days in a row are missing, unless `partial` is set.",
        ),
        worker(
            "aggregate",
            15,
            "Computes the mean departure delay of each airport and day (gold), in minutes, and counts the "
            "flights behind it.",
        ),
        worker(
            "detect",
            15,
            "Scores each airport's days by how improbable they are, and flags the unusual ones, each with "
            "the reason in words; three further models beside it.",
        ),
        worker(
            "load",
            15,
            "Makes the year's rows of the warehouse table equal to what detect wrote, in one transaction: "
            "readers see the old year or the new one. Rows that did not change keep their `last_update`. "
            "**Fails** when more than 5 % of the year's rows would be deleted, unless `allow_shrink` is set.",
        ),
        worker(
            "cleanup",
            5,
            "Removes the year's files from the data dir. Only after load has succeeded; the lake keeps "
            "bronze, silver and gold.",
        ),
    )
