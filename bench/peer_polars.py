"""Bronze to gold with Python polars: the peer of clean and aggregate.

python bench/peer_polars.py BRONZE.csv SILVER.parquet GOLD.parquet
"""

import sys

import polars as pl

bronze, silver, gold = sys.argv[1:]
WHOLE = ["OP_CARRIER_FL_NUM", "CRS_DEP_TIME", "CRS_ARR_TIME"]
TEXT = ["OP_CARRIER", "ORIGIN", "DEST", "CANCELLATION_CODE"]


def kind(name: str) -> type[pl.DataType]:
    if name == "FL_DATE":
        return pl.Date
    return pl.Int32 if name in WHOLE else pl.String if name in TEXT else pl.Float64


names = [name for name in pl.scan_csv(bronze).collect_schema().names() if name]
flights = (
    pl.scan_csv(bronze, schema_overrides={name: kind(name) for name in names})
    .select(name for name in names if not name.startswith("Unnamed"))
    .rename(str.lower)
    .filter(pl.col("dep_delay").is_not_null())
)
flights.sink_parquet(silver, compression="zstd", compression_level=1)
mean = (pl.col("dep_delay").mean() * 100).round(mode="half_to_even") / 100
(
    pl.scan_parquet(silver)
    .group_by("origin", "fl_date")
    .agg(mean.alias("mean_dep_delay"), pl.len().alias("flights"))
    .sort("origin", "fl_date")
    .sink_parquet(gold)
)
