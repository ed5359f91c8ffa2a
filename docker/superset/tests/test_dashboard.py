"""The dashboard as a person sees it: every chart has something to show, and shows what SQL says."""

import re

import pytest
from conftest import PROJECT
from figures import TABLE, check
from page import WRONG

PICTURES = PROJECT / ".run" / "dashboard"


@pytest.fixture(scope="module")
def opened(page):
    page.open()
    page.picture(PICTURES / "1 opened.png")
    return page


def test_every_chart_shows_something(opened):
    charts = opened.charts()
    assert len(charts) == len(list((PROJECT / "docker/superset/assets/charts").iterdir()))
    for chart in charts:
        assert chart["drawn"] and not WRONG.search(chart["text"]), chart
        for result in opened.answers[chart["name"]]:
            assert result["status"] == "success" and result["rowcount"], (chart["name"], result["query"])


def test_the_figures_are_those_of_sql(opened, ask):
    check(opened, ask, "true")


def test_filters_of_origin_and_year(opened, ask):
    before = dict(opened.answers)
    opened.choose(origin="LGA", year="2013")
    opened.picture(PICTURES / "2 LGA 2013.png")
    check(opened, ask, "origin = 'LGA' AND extract(year FROM fl_date) = 2013")
    latest = opened.answers["The latest anomalies, and why"][0]["data"]
    assert {row["origin"] for row in latest} == {"LGA"}
    # They leave the one airport alone.
    for chart in ("Flights", "Flagged", "The airport's flagged days, and why"):
        assert opened.answers[chart] == before[chart]


def test_one_airports_year(opened, ask):
    # The busiest and the latest year, unless somebody chooses.
    one_airports_year(opened, ask, "EWR", 2013)
    # Of New York alone are there flights in 2013.
    opened.choose(airport="ATL", follows={"airport_year": "2003"})
    opened.picture(PICTURES / "3 ATL.png")
    one_airports_year(opened, ask, "ATL", 2003)


def one_airports_year(opened, ask, airport: str, year: int):
    days, flagged = (result["data"] for result in opened.answers["The airport's year"])
    where = f"origin = '{airport}' AND extract(year FROM fl_date) = {year}"
    assert [(len(days),)] == ask(f"SELECT count(*) FROM {TABLE} WHERE {where}")
    for label, column in (("mean delay", "mean_dep_delay"), ("expected", "expected_delay")):
        [(total,)] = ask(f"SELECT sum({column})::float8 FROM {TABLE} WHERE {where}")
        assert sum(float(day[label] or 0) for day in days) == pytest.approx(total)
    for label, column in (("lower", "lower_delay"), ("upper", "upper_delay")):
        [(total,)] = ask(f"SELECT sum({column}) FROM {TABLE} WHERE {where}")
        assert sum(day[f"range without a flag__yhat_{label}"] or 0 for day in days) == pytest.approx(total)
    assert [(len(flagged),)] == ask(f"SELECT count(*) FROM {TABLE} WHERE {where} AND anomaly = 1")
    reasons = opened.answers["The airport's flagged days, and why"][0]["data"]
    assert len(reasons) == len(flagged) and all(row["reason"] for row in reasons)


def test_nothing_is_asked_of_another_machine(opened):
    assert opened.elsewhere() == []
    # The record sees what it has to see: the policy of the page stopped the pixel that counts installations.
    stopped = [url for request, url in opened.requests.items() if request in opened.blocked]
    assert stopped and all(re.match(r"https://[\w.]*scarf\.sh/", url) for url in stopped)
