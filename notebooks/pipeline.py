"""Runs the workers on the sample lake, as Airflow would, in a folder that is gone afterwards."""

import atexit
import io
import json
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path

import polars as pl

PROJECT = Path(__file__).resolve().parent.parent
PROGRAMS = PROJECT / "target" / "release"
FOLDER = Path(tempfile.mkdtemp(prefix="flight-delays-"))
LAKE, DATA = FOLDER / "lake", FOLDER / "data"
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
DATA.mkdir()
shutil.copytree(PROJECT / "examples" / "lake" / "01_bronze", LAKE / "01_bronze")


def program(name: str, *arguments: str) -> str:
    """What a program of this repository prints on stdout; an exception with its error if it fails."""
    path = PROGRAMS / name
    if not path.exists():
        raise FileNotFoundError(f"no {path}: run make workers first")
    done = subprocess.run([path, *map(str, arguments)], cwd=FOLDER, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def worker(name: str, year: int, *arguments: str) -> dict:
    """The summary of a worker that has run on a year."""
    lake = ["--lake", LAKE] if name in ("extract", "clean", "aggregate") else []
    summary = program(name, "--year", year, "--data-dir", DATA, *lake, *arguments)
    return json.loads(summary.splitlines()[-1])


def silver(year: int) -> pl.DataFrame:
    """Flights with a departure delay, a row each."""
    path = DATA / f"{year}_02_silver.parquet"
    if not path.exists():
        worker("extract", year)
        worker("clean", year)
    return pl.read_parquet(path)


def gold_file(year: int) -> Path:
    """The file of gold."""
    path = DATA / f"{year}_03_gold.parquet"
    if not path.exists():
        silver(year)
        worker("aggregate", year)
    return path


def gold(year: int) -> pl.DataFrame:
    """Airport-days with their mean departure delay, a row each."""
    return pl.read_parquet(gold_file(year))


def anomalies(year: int, *arguments: str) -> pl.DataFrame:
    """Gold with the scores and flags of the models; the arguments are those of detect."""
    gold_file(year)
    worker("detect", year, *arguments)
    return pl.read_parquet(DATA / f"{year}_04_anomalies.parquet")


def judged(panel: pl.DataFrame) -> pl.DataFrame:
    """A labelled panel with the scores and flags of the models, found by detect."""
    year = panel["fl_date"].dt.year()[0]
    folder = FOLDER / "panel"
    folder.mkdir(exist_ok=True)
    counts = ("flights", "scheduled", "cancelled")
    panel = panel.sort("origin", "fl_date").with_columns(pl.col(counts).cast(pl.Int32))
    gold = panel.select("origin", "fl_date", "mean_dep_delay", *counts)
    (folder / f"{year}_03_gold.parquet").write_bytes(with_checksum(gold))
    program("detect", "--year", year, "--data-dir", folder)
    found = pl.read_parquet(folder / f"{year}_04_anomalies.parquet")
    return pl.concat([found, panel.select("label", "kind")], how="horizontal")


def with_checksum(frame: pl.DataFrame) -> bytes:
    """A Parquet file as the workers take it: with the CRC-32 of its bytes just before the footer."""
    out = io.BytesIO()
    frame.write_parquet(out)
    parquet = out.getvalue()
    footer = len(parquet) - 8 - int.from_bytes(parquet[-8:-4], "little")
    return parquet[:footer] + zlib.crc32(parquet).to_bytes(4, "little") + parquet[footer:]


def compare(form: str, *files: Path | str) -> str:
    """What the tool compare prints."""
    return program("compare", form, *files).strip()
