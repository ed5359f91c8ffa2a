"""The dashboard as a person sees it: every chart has something to show, and shows what SQL says."""

import calendar
import re

import pytest
from conftest import PROJECT
from figures import TABLE, check
from page import WRONG

PICTURES = PROJECT / ".run" / "dashboard"
BAND = "band: a mean outside it is flagged by itself"
# By value of flag_basis: the series in "The airport's year", the shape and colour of its marks, its legend.
BASES = {
    "mean": ("flagged: mean outside the band", "circle", "#D55E00", "mean outside the band"),
    "cancellations": (
        "flagged: cancelled flights",
        "rect",
        "#000000",
        "cancelled flights (at 0: no flight flew)",
    ),
    "run": ("flagged: run of days", "diamond", "#009E73", "run of late or early days"),
    "network": ("flagged: same day at other airports", "triangle", "#CC79A7", "same day at other airports"),
}


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
    latest = opened.answers["The latest hundred anomalies, and why"][0]["data"]
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
        assert sum(day[f"{BAND}__yhat_{label}"] or 0 for day in days) == pytest.approx(total)
    assert [(len(flagged),)] == ask(f"SELECT count(*) FROM {TABLE} WHERE {where} AND anomaly = 1")
    by_basis = ask(
        f"SELECT flag_basis, count(*) FROM {TABLE} WHERE {where} AND anomaly = 1 GROUP BY 1 ORDER BY 1"
    )
    drawn = {basis: sum(day[name] is not None for day in flagged) for basis, (name, *_) in BASES.items()}
    assert {basis: days for basis, days in drawn.items() if days} == dict(by_basis)
    reasons = opened.answers["The airport's flagged days, and why"][0]["data"]
    assert len(reasons) == len(flagged) and all(row["reason"] for row in reasons)


def test_each_basis_of_a_flag_has_its_own_mark(page, ask):
    page.open()
    drawing = page.drawing("The airport's year")
    legend = {
        (drawing["series"][one["seriesIndex"]], piece["symbol"], piece["color"], piece["label"])
        for one in drawing["maps"]
        for piece in one["pieces"]
    }
    assert legend == set(BASES.values())
    assert {BAND, "mean delay", "expected", "flagged:", *(label for *_, label in BASES.values())} <= set(
        drawing["texts"]
    )
    where = "origin = 'EWR' AND extract(year FROM fl_date) = 2013"
    for basis, (_, shape, colour, _) in BASES.items():
        [(days,)] = ask(f"SELECT count(*) FROM {TABLE} WHERE {where} AND flag_basis = '{basis}'")
        # One more in the legend.
        assert drawing["marks"].count([shape, colour]) == days + 1, basis


def test_a_mark_outside_the_band_is_a_flag_by_the_mean(ask):
    outside = "mean_dep_delay NOT BETWEEN lower_delay AND upper_delay"
    query = f"SELECT DISTINCT coalesce({outside}, false), flag_basis = 'mean' FROM {TABLE} WHERE anomaly = 1"
    assert set(ask(query)) == {(True, True), (False, False)}


def test_no_chart_warns_without_end(opened):
    assert opened.warnings() == []


def test_no_column_is_cut_off_at_1400_pixels(page):
    before = page.browser.get_window_size()
    page.browser.set_window_size(1400, before["height"])
    try:
        page.open()
        page.picture(PICTURES / "4 1400 pixels.png")
        assert page.cut_off() == []
    finally:
        page.browser.set_window_size(before["width"], before["height"])


def test_the_rows_of_the_airports_calendar_are_months(opened):
    [chart] = [name for name in opened.answers if name.startswith("The airport's calendar")]
    texts = opened.drawing(chart)["texts"]
    assert [text for text in texts if not text.isdigit()] == [*calendar.month_abbr[:0:-1]]


def test_nothing_is_asked_of_another_machine(opened):
    assert opened.elsewhere() == []
    # The record sees what it has to see: the policy of the page stopped the pixel that counts installations.
    stopped = [url for request, url in opened.requests.items() if request in opened.blocked]
    assert stopped and all(re.match(r"https://[\w.]*scarf\.sh/", url) for url in stopped)
