"""Silver and gold as other tools read them: pandas, polars, DuckDB."""

import datetime
from datetime import timedelta
from pathlib import Path

import duckdb
import pandas
import polars
import pytest

INTEGERS = ["op_carrier_fl_num", "crs_dep_time", "crs_arr_time"]
TEXTS = ["op_carrier", "origin", "dest", "cancellation_code"]
NUMBERS = (
    "dep_time dep_delay taxi_out wheels_off wheels_on taxi_in arr_time arr_delay cancelled diverted "
    "crs_elapsed_time actual_elapsed_time air_time distance carrier_delay weather_delay nas_delay "
    "security_delay late_aircraft_delay"
).split()
COUNTS = {"silver": 328_521, "gold": 1_095}


def kinds(file: str) -> dict[str, str]:
    """The kind of each column."""
    if file == "gold":
        counts = dict.fromkeys(["flights", "scheduled", "cancelled"], "integer")
        return {"origin": "text", "fl_date": "date", "mean_dep_delay": "number"} | counts
    of = dict.fromkeys(INTEGERS, "integer") | dict.fromkeys(TEXTS, "text") | dict.fromkeys(NUMBERS, "number")
    return of | {"fl_date": "date"}


@pytest.fixture(scope="module")
def files(airflow, lake) -> dict[str, Path]:
    run_id = airflow.trigger(2013)
    airflow.wait([run_id], within=timedelta(minutes=3))
    return {
        "silver": lake / "02_silver/year/2013/2013_02_silver.parquet",
        "gold": lake / "03_gold/agg_dep_delay_by_date/year/2013/2013_03_gold.parquet",
    }


@pytest.mark.parametrize("file", ["silver", "gold"])
def test_polars(files, file):
    names = {polars.Date: "date", polars.String: "text", polars.Int32: "integer", polars.Float64: "number"}
    frame = polars.read_parquet(files[file])
    assert {name: names[kind] for name, kind in frame.schema.items()} == kinds(file)
    assert frame.height == COUNTS[file]


@pytest.mark.parametrize("file", ["silver", "gold"])
def test_duckdb(files, file):
    names = {"DATE": "date", "VARCHAR": "text", "INTEGER": "integer", "DOUBLE": "number"}
    frame = duckdb.sql(f"SELECT * FROM '{files[file]}'")
    assert {name: names[str(kind)] for name, kind in zip(frame.columns, frame.types)} == kinds(file)
    assert frame.aggregate("count(*)").fetchone() == (COUNTS[file],)


@pytest.mark.parametrize("file", ["silver", "gold"])
def test_pandas(files, file):
    frame = pandas.read_parquet(files[file])
    for name, kind in kinds(file).items():
        column = frame[name]
        if kind == "integer":
            # pandas makes a number of an integer with nulls.
            assert column.dtype == ("int32" if column.notna().all() else "float64"), name
        elif kind == "number":
            assert column.dtype == "float64", name
        elif kind == "text":
            assert column.dropna().map(type).eq(str).all(), name
        else:
            assert column.map(type).eq(datetime.date).all(), name
    assert len(frame) == COUNTS[file]
    assert frame["fl_date"].min() == datetime.date(2013, 1, 1)
