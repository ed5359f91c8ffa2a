"""Bronze to gold with DuckDB: the peer of clean and aggregate.

python bench/peer_duckdb.py BRONZE.csv SILVER.parquet GOLD.parquet
"""

import sys

import duckdb

bronze, silver, gold = sys.argv[1:]
with open(bronze) as file:
    header = file.readline().rstrip("\n").split(",")
KINDS = {
    "FL_DATE": "DATE",
    "OP_CARRIER_FL_NUM": "INTEGER",
    "CRS_DEP_TIME": "INTEGER",
    "CRS_ARR_TIME": "INTEGER",
}
KINDS |= dict.fromkeys(["OP_CARRIER", "ORIGIN", "DEST", "CANCELLATION_CODE"], "VARCHAR")
columns = {name: KINDS.get(name, "DOUBLE") for name in header}
wanted = ", ".join(f'"{name}" AS {name.lower()}' for name in header if not name.startswith("Unnamed"))

duckdb.execute(
    f"COPY (SELECT {wanted} FROM read_csv(?, columns={columns}, header=true, auto_detect=false, delim=',') "
    f"WHERE DEP_DELAY IS NOT NULL) TO '{silver}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
    [bronze],
)
duckdb.execute(
    f"COPY (SELECT origin, fl_date, round_even(avg(dep_delay), 2) AS mean_dep_delay, count(*) AS flights "
    f"FROM read_parquet('{silver}') GROUP BY ALL ORDER BY ALL) TO '{gold}' (FORMAT parquet)"
)
