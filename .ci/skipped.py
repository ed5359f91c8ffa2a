"""Lists what was skipped and why, from the logs of the test suites: `python .ci/skipped.py FOLDER`.

A log has the name of its suite. A reason may name packages, "(Debian: apt-get install shellcheck)"; one line
at the end installs them all.
"""

import re
import sys
from collections import Counter
from pathlib import Path

# pytest -rs, cargo's #[ignore], and e2e::skipped of a Rust test that then passes.
FORMS = [
    re.compile(r"SKIPPED \[(?P<count>\d+)\] [^\s:]+(:\d+)?: (?P<reason>.+)"),
    re.compile(r"test \S+ \.\.\. ignored, (?P<reason>.+)"),
    re.compile(r"SKIPPED: (?P<test>[\w:]+?): (?P<reason>.+)"),
]
PACKAGES = re.compile(r"\((?:Debian|Ubuntu)[^:)]*: (?:apt-get install )?([a-z0-9.+ -]+)")


def main(folder: Path) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    known = set()
    for log in sorted(folder.iterdir()):
        for line in log.read_text(errors="replace").splitlines():
            found = next(filter(None, (form.match(line) for form in FORMS)), None)
            # A Rust test may say it several times.
            if not found or ("test" in found.re.groupindex and found["test"] in known):
                continue
            if "test" in found.re.groupindex:
                known.add(found["test"])
            count = int(found["count"]) if "count" in found.re.groupindex else 1
            counts[log.name, found["reason"].strip()] += count
    if not counts:
        return
    print("\nSkipped:")
    for (suite, reason), count in counts.items():
        print(f"{count:5} of {suite}: {reason}")
    packages = [name for _, reason in counts for names in PACKAGES.findall(reason) for name in names.split()]
    if packages:
        print(f"To run more of them: sudo apt-get install {' '.join(dict.fromkeys(packages))}")
    print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
