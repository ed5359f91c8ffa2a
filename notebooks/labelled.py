"""Labelled panels: airport-days of which is known whether they are anomalous, because we made them so.

Two kinds. `injected` takes real days and disturbs some of them: the noise is real, and real storms
that nobody labelled count as false alarms. `synthetic` makes up a whole year: every anomaly is
labelled, but the noise is our idea of noise. Neither knows how any model works.
"""

import datetime as dt

import numpy as np
import polars as pl


def injected(gold: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One year of gold with disturbed days at the airports that have 100 days or more.

    - spike: one day, every flight 2 to 6 of the airport's standard deviations later on average;
    - outage: one day, 40 to 90 % of at least 5 scheduled flights cancelled, the others as they were;
    - shift: 7 to 14 days, 1 to 2 standard deviations later each;
    - storm: one day, a third of all airports 1 to 3 standard deviations later.

    The mean of n flights varies less the more flights there are; "standard deviation" is that of the
    airport's own daily means.
    """
    rng = np.random.default_rng(seed)
    gold = gold.filter(pl.len().over("origin") >= 100).sort("origin", "fl_date")
    year = Year(gold)
    airports = list(year.rows)
    for airport in airports:
        for _ in range(max(1, len(year.rows[airport]) // 150)):
            year.late(year.draw(rng, airport), rng.uniform(2, 6), "spike")
        year.cancel(rng, year.draw(rng, airport), rng.uniform(0.4, 0.9), "outage")
        if rng.random() < 0.3:
            length = int(rng.integers(7, 15))
            year.late(year.draw(rng, airport, length), rng.uniform(1, 2), "shift")
    year.storms(rng, days=4, share=1 / 3)
    return year.frame()


def synthetic(seed: int, airports: int = 120) -> pl.DataFrame:
    """A made-up year: airports of 1 to 600 flights a day, delays with a long tail, a summer and a
    Christmas season, busy Fridays and Sundays, a mood of the network that moves from day to day, some
    flights cancelled every day; and the four kinds of `injected`, and closures: 1 to 2 days on which
    nothing flies.
    """
    rng = np.random.default_rng(seed)
    days = [dt.date(2017, 1, 1) + dt.timedelta(d) for d in range(365)]
    of_year = np.arange(365)
    season = 4 * np.exp(-(((of_year - 190) / 35) ** 2)) + 5 * np.exp(-(((of_year - 355) / 9) ** 2))
    weekday = np.array([0.5, -1.0, -0.5, 1.0, 2.0, -1.5, 0.5])[[day.weekday() for day in days]]
    network = np.zeros(365)
    for d in range(1, 365):
        network[d] = 0.5 * network[d - 1] + rng.normal(0, 1.5)
    rows = []
    for a in range(airports):
        usual = np.exp(rng.uniform(0, np.log(600)))
        level, exposure = rng.normal(8, 4), rng.uniform(0.3, 1.7)
        scheduled = rng.poisson(usual, 365)
        cancelled = rng.binomial(scheduled, rng.beta(1, 70, 365))
        flights = scheduled - cancelled
        # Single delays spread by about 35 minutes, with a long tail to the right.
        centre = level + exposure * (season + weekday + network) + rng.normal(0, 2, 365)
        spread = 35 / np.sqrt(np.maximum(flights, 1))
        shape = np.maximum(flights, 1) * 0.35
        noise = (rng.gamma(shape, size=365) - shape) / np.sqrt(shape)
        for d in np.flatnonzero(scheduled):
            mean = round(centre[d] + spread[d] * noise[d], 2) if flights[d] else None
            rows.append((f"{a:03}", days[d], mean, flights[d], scheduled[d], cancelled[d]))
    gold = pl.DataFrame(
        rows,
        schema=dict(
            origin=pl.String,
            fl_date=pl.Date,
            mean_dep_delay=pl.Float64,
            flights=pl.Int32,
            scheduled=pl.Int32,
            cancelled=pl.Int32,
        ),
        orient="row",
    )
    year = Year(gold)
    for airport in year.rows:
        if len(year.rows[airport]) < 100:
            continue
        if rng.random() < 0.6:
            year.late(year.draw(rng, airport), rng.uniform(2, 6), "spike")
        if rng.random() < 0.2:
            year.cancel(rng, year.draw(rng, airport), rng.uniform(0.4, 0.9), "outage")
        if rng.random() < 0.1:
            year.late(year.draw(rng, airport, int(rng.integers(7, 15))), rng.uniform(1, 2), "shift")
        if rng.random() < 0.1:
            for row in year.draw(rng, airport, int(rng.integers(1, 3))):
                year.cancel(rng, [row], 1.0, "closure")
    year.storms(rng, days=4, share=1 / 5)
    return year.frame()


class Year:
    """A year of gold that is being disturbed."""

    def __init__(self, gold: pl.DataFrame):
        self.gold = gold
        self.mean = gold["mean_dep_delay"].to_numpy().astype(float).copy()
        self.flights = gold["flights"].to_numpy().copy()
        self.scheduled = gold["scheduled"].to_numpy()
        self.cancelled = gold["cancelled"].to_numpy().copy()
        self.kind = np.full(len(gold), "", dtype=object)
        origins = gold["origin"].to_numpy()
        self.rows = {str(a): np.flatnonzero(origins == a) for a in np.unique(origins)}
        self.sd = {a: float(np.nanstd(self.mean[rows])) for a, rows in self.rows.items()}

    def draw(self, rng, airport: str, length: int = 1) -> np.ndarray:
        """Rows of an airport in a row, none of them disturbed yet; none when six draws find none."""
        rows = self.rows[airport]
        for _ in range(6):
            first = int(rng.integers(0, len(rows) - length))
            drawn = rows[first : first + length]
            if not any(self.kind[drawn]):
                return drawn
        return rows[:0]

    def late(self, rows, deviations: float, kind: str) -> None:
        """Makes days later on average, by so many of their airport's standard deviations."""
        for row in rows:
            if self.flights[row]:
                self.mean[row] = round(self.mean[row] + deviations * self.sd[self.airport(row)], 2)
                self.kind[row] = kind

    def cancel(self, rng, rows, share: float, kind: str) -> None:
        """Cancels a share of the flights of days that have five or more; the others stay as they are."""
        for row in rows:
            more = round(share * self.flights[row])
            if self.scheduled[row] >= 5 and more:
                self.cancelled[row] += more
                self.flights[row] -= more
                self.kind[row] = kind
                if not self.flights[row]:
                    self.mean[row] = np.nan

    def storms(self, rng, days: int, share: float) -> None:
        """Days on which a share of all airports is late."""
        dates = self.gold["fl_date"].to_numpy()
        for day in rng.choice(np.unique(dates), days, replace=False):
            rows = np.flatnonzero(dates == day)
            hit = rng.choice(rows, max(1, int(share * len(rows))), replace=False)
            strength = rng.uniform(1, 3)
            self.late([row for row in hit if not self.kind[row]], strength, "storm")

    def airport(self, row: int) -> str:
        return self.gold["origin"][int(row)]

    def frame(self) -> pl.DataFrame:
        """The panel, as `compare labelled` reads it."""
        return self.gold.with_columns(
            pl.Series("mean_dep_delay", self.mean).fill_nan(None),
            pl.Series("flights", self.flights),
            pl.Series("cancelled", self.cancelled),
            pl.Series("label", (self.kind != "").astype(np.int8)),
            pl.Series("kind", self.kind.astype(str)),
        )
