"""Fails when two gold files differ: the same airports, days and counts, and means equal to a cent, as
a half may be rounded either way. Days without a flight and cancelled flights are in ours alone.

python bench/compare_gold.py OURS.parquet THEIRS.parquet
"""

import sys

import polars as pl

ours, theirs = map(pl.read_parquet, sys.argv[1:])
ours = ours.filter(pl.col("flights") > 0)
keys = ["origin", "fl_date", "flights"]
if not ours.select(keys).equals(theirs.select(keys).cast({"flights": pl.Int32})):
    sys.exit(f"the airports, days or flights of {sys.argv[2]} are others than those of {sys.argv[1]}")
apart = (ours["mean_dep_delay"] - theirs["mean_dep_delay"]).abs().max()
if apart > 0.0101:
    sys.exit(f"the means of {sys.argv[2]} are up to {apart} minutes apart from those of {sys.argv[1]}")
