"""What `make run` processes: years of a lake.

    make run                                       the sample years, from the sample lake .run/lake
    make run YEARS=2018                            years of the sample lake, for files that you put there
    make run YEARS="2018 2019" LAKE=/my/lake       years of your own lake: a folder, or s3://bucket/prefix
    python3 airflow/local/inputs.py                only checks YEARS and LAKE

YEARS and LAKE are environment variables; make passes its own on. Only samples are ever written to 01_bronze.
"""

import filecmp
import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SAMPLES = PROJECT / "examples" / "lake" / "01_bronze"
SAMPLE_LAKE = PROJECT / ".run" / "lake"
YEARS = range(1987, 2100)
EXAMPLE = 'for example make run YEARS="2018 2019" LAKE=/my/lake'


class WrongUsage(Exception):
    """A value that somebody has to correct first: exit code 2."""


def parse(environment: Mapping[str, str]) -> tuple[list[int], str]:
    """The years of YEARS and the lake of LAKE; none and "" where the variable is empty or missing."""
    years = parse_years(environment.get("YEARS", ""))
    lake = environment.get("LAKE", "").strip()
    if lake and not years:
        raise WrongUsage(f"LAKE is set, but YEARS is not: name the years to process, {EXAMPLE}")
    return years, parse_lake(lake) if lake else ""


def parse_years(text: str) -> list[int]:
    words = re.split(r"[\s,]+", text.strip(" \t\n,"))
    for word in filter(None, words):
        if not re.fullmatch(r"[0-9]{4}", word) or int(word) not in YEARS:
            raise WrongUsage(
                f"YEARS has {word!r}, which is not a year from {YEARS[0]} to {YEARS[-1]}: "
                f"separate years by blanks, {EXAMPLE}"
            )
    return sorted({int(word) for word in words if word})


def parse_lake(text: str) -> str:
    """An address as it is, a folder as an absolute path."""
    if "://" in text:
        if not re.fullmatch(r"s3://[^/@:?#\s]+(/[^?#]*)?|file:///[^?#]+", text):
            # The address may hold a password: it is not shown.
            raise WrongUsage(
                "LAKE is an address of another form than s3://bucket, s3://bucket/prefix or file:///folder"
            )
        return text
    folder = Path(text).expanduser().resolve()
    if not (folder / SAMPLES.name).is_dir():
        raise WrongUsage(
            f"LAKE is {folder}, which has no folder {SAMPLES.name}: "
            f"put the raw files there, for example {folder / SAMPLES.name}/2018.csv"
        )
    return str(folder)


def put_samples(asked: list[int]) -> list[int]:
    """Copies samples to the sample lake; returns the years to process: those asked for, or all samples.

    A file of a sample year that is not the sample is somebody's own. It stays as it is, and is processed
    only when its year was asked for.
    """
    samples = {int(file.name[:4]): file for file in sorted(SAMPLES.iterdir())}
    bronze = SAMPLE_LAKE / SAMPLES.name
    bronze.mkdir(parents=True, exist_ok=True)
    years = asked or list(samples)
    for year in filter(samples.get, years):
        source, target = samples[year], bronze / samples[year].name
        own = [name for name in names_of(year, bronze) if name != target.name]
        if own and target.exists():
            raise WrongUsage(
                f"{bronze} has two files of {year}: your own {', '.join(own)} and the sample {target.name}. "
                f"Remove the sample and run make run YEARS={year}, or move your own file to another lake "
                f"and run make run YEARS={year} LAKE=/that/lake"
            )
        if target.exists() and not filecmp.cmp(source, target):
            own = [target.name]
        if own and not asked:
            raise WrongUsage(
                f"{bronze} has your own file {', '.join(own)} of a sample year: "
                f"run make run YEARS={year} to process it, or move it and run make run for the samples"
            )
        if not own and not target.exists():
            # Under another name until it is whole.
            unfinished = target.with_name(f".{target.name}.unfinished")
            shutil.copy2(source, unfinished)
            unfinished.replace(target)
    return years


def names_of(year: int, bronze: Path) -> list[str]:
    """Files and folders that look like the raw data of a year, in whatever form."""
    form = re.compile(rf"(year=)?{year}(\D.*)?")
    return sorted(path.name for path in bronze.iterdir() if form.fullmatch(path.name))


def other_files(years: list[int]) -> list[str]:
    """What else is in the sample lake."""
    bronze = SAMPLE_LAKE / SAMPLES.name
    known = {name for year in years for name in names_of(year, bronze)}
    return sorted(path.name for path in bronze.iterdir() if path.name not in known and path.name[0] != ".")


if __name__ == "__main__":
    try:
        parse(os.environ)
    except WrongUsage as error:
        print(f"run: error: {error}", file=sys.stderr)
        sys.exit(2)
