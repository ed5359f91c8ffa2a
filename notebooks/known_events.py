"""Days on which something is known to have happened at airports of the sample lake."""

from pathlib import Path

import polars as pl


def read() -> pl.DataFrame:
    """Events that left a mark in the data: a mean at least three robust standard deviations from the
    airport's median of the year, or half of the flights cancelled; and the blizzard of February 2013.
    """
    events = pl.read_csv(Path(__file__).parent / "known_events.csv", try_parse_dates=True)
    marked = (pl.col("robust_z").abs() >= 3) | (pl.col("cancelled_share") >= 0.5)
    return events.filter(marked | pl.col("event").str.contains("Nemo")).select(
        pl.col("airport").alias("origin"),
        pl.col("date").alias("fl_date"),
        "event",
        "robust_z",
        "cancelled_share",
    )
