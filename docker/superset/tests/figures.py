"""What the dashboard shows, compared with what SQL gives."""

from datetime import datetime, timezone

TABLE = "agg_dep_delay_by_date"
MODELS = {
    "Surprisal (default)": "anomaly_sur",
    "Isolation forest": "anomaly_if",
    "MAD": "anomaly_mad",
    "DBSCAN": "anomaly_dbscan",
}


def check(page, ask, where: str) -> None:
    """Compares the figures of the page with SQL."""
    [(rows, scored)] = ask(f"SELECT count(*), count(score) FROM {TABLE} WHERE {where}")
    assert rows and page.value("Scored") == scored
    for chart, flag in MODELS.items():
        assert [(page.value(chart),)] == ask(f"SELECT sum({flag}) FROM {TABLE} WHERE {where}"), chart
    mean = "sum(mean_dep_delay * flights) / nullif(sum(flights), 0)"
    ten = ask(
        f"SELECT origin, {mean} FROM {TABLE} WHERE {where} "
        "GROUP BY origin HAVING sum(flights) >= 30 ORDER BY 2 DESC LIMIT 10"
    )
    shown = page.answers["Top ten delays by origin, of at least 30 flights"][0]["data"]
    assert {row["origin"]: round(float(row["mean_delay"]), 6) for row in shown} == {
        origin: round(float(value), 6) for origin, value in ten
    }
    flags = "+ ".join(f"coalesce({flag}, 0)" for flag in MODELS.values())
    [(flagged,)] = ask(f"SELECT count(*) FROM {TABLE} WHERE {where} AND {flags} > 0")
    agreement = page.answers["Which models flag the same airport-days"][0]["data"]
    assert sum(row["airport_days"] for row in agreement) == flagged
    year = "extract(year FROM fl_date)::int"
    years = ask(
        f"SELECT {year}, sum(scheduled), count(*), count(score) FROM {TABLE} WHERE {where} "
        "GROUP BY 1 ORDER BY 1 DESC"
    )
    held = page.answers["What the table holds"][0]["data"]
    columns = ("year", "scheduled", "airport_days", "scored")
    assert [tuple(row[column] for column in columns) for row in held] == years
    by_year = page.answers["Mean departure delay by year, the eight busiest origins"][0]["data"]
    # In milliseconds since 1970.
    drawn = {datetime.fromtimestamp(row["fl_date"] / 1000, timezone.utc).year for row in by_year}
    assert drawn == {year for year, *_ in years}
