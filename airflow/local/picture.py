"""Pictures of the warehouse: each airport's year, flagged days and days without a flight marked."""

import html
from datetime import date
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # no screen is needed
import matplotlib.pyplot as plt
import psycopg2

ROWS = """
    SELECT origin, fl_date, mean_dep_delay::float, flights, anomaly
    FROM agg_dep_delay_by_date
    WHERE fl_date >= %s AND fl_date < %s
    ORDER BY origin, fl_date
"""
# Blue and vermilion of Okabe and Ito's palette, told apart by colour-blind readers too.
DAY, FLAGGED = "#0072B2", "#D55E00"


def draw(years: list[int], folder: Path) -> Path:
    """Draws a PNG a year, and a page that shows them; returns the path of the page.

    The warehouse is where the variables PGHOST, PGPORT, PGUSER, PGPASSFILE and PGDATABASE say.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with psycopg2.connect("") as connection:
        for year in years:
            with connection.cursor() as cursor:
                cursor.execute(ROWS, (date(year, 1, 1), date(year + 1, 1, 1)))
                draw_year(year, cursor.fetchall(), folder / f"{year}.png")
    page = folder / "index.html"
    figures = "".join(f'<h2>{year}</h2><img src="{year}.png" alt="Delays of {year}">' for year in years)
    title = html.escape("Mean departure delay of each airport and day; flagged days in orange")
    page.write_text(
        f'<!doctype html><meta charset="utf-8"><title>{title}</title>'
        f"<style>body{{font-family:sans-serif;margin:2em}}img{{max-width:100%}}</style><h1>{title}</h1>{figures}"
    )
    return page


def draw_year(year: int, rows: list[tuple], path: Path) -> None:
    """Draws one panel an airport, the busiest first; rows are (origin, day, minutes, flights, flag).

    The minutes are None on a day on which no flight flew.
    """
    airports: dict[str, list[tuple]] = {}
    for row in rows:
        airports.setdefault(row[0], []).append(row)
    busiest = sorted(airports.items(), key=lambda airport: -sum(row[3] for row in airport[1]))
    columns = 1 if len(busiest) <= 6 else 5
    lines = -(-len(busiest) // columns)
    height = 0.6 + (2.4 if columns == 1 else 1.5) * lines
    figure, panels = plt.subplots(lines, columns, figsize=(14, height), squeeze=False)
    # matplotlib's own layout takes minutes for hundreds of panels.
    figure.subplots_adjust(
        left=0.04, right=0.99, bottom=0.3 / height, top=1 - 0.6 / height, wspace=0.16, hspace=0.5
    )
    first_day, last_day = date(year, 1, 1), date(year, 12, 31)
    for panel, (origin, days) in zip(panels.flat, busiest):
        draw_airport(panel, origin, days)
        panel.set_xlim(first_day, last_day)
        panel.set_xticks([date(year, month, 1) for month in range(1, 13, 1 if columns == 1 else 3)])
        panel.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%b"))
    for panel in panels.flat[len(busiest) :]:
        panel.remove()
    figure.suptitle(
        f"{year}: mean departure delay in minutes, a dot a day; flagged days in orange; "
        "a cross a day without a flight",
        y=1 - 0.15 / height,
    )
    figure.savefig(path, dpi=80)
    plt.close(figure)


def draw_airport(panel, origin: str, days: list[tuple]) -> None:
    """Draws the days of one airport."""
    for flag, colour, size in ((0, DAY, 3), (1, FLAGGED, 18)):
        points = [(row[1], row[2]) for row in days if row[4] == flag and row[2] is not None]
        panel.scatter([p[0] for p in points], [p[1] for p in points], s=size, color=colour, linewidths=0)
        # Near the upper edge of the panel, whatever its scale: fewest dots are there.
        closed = [row[1] for row in days if row[4] == flag and row[2] is None]
        height = [0.95] * len(closed)
        panel.plot(closed, height, "x", color=colour, markersize=4, transform=panel.get_xaxis_transform())
    flights = sum(row[3] for row in days)
    flown, on = counted(flights, "flight"), counted(sum(row[3] > 0 for row in days), "day")
    panel.set_title(f"{origin}: {flown} on {on}", fontsize=8, loc="left")
    panel.tick_params(labelsize=7)
    panel.grid(alpha=0.3, linewidth=0.5)
    for side in ("top", "right"):
        panel.spines[side].set_visible(False)


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
