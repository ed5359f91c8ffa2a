"""Writes the archives beside it, with Python's zipfile and with Info-ZIP's zip: python3 generate.py"""

import io
import os
import subprocess
import zipfile
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED

TEXT = b"FL_DATE,OP_CARRIER\n2013-01-01,UA\n" * 4


class Pipe(io.BytesIO):
    """Cannot seek, so that sizes and checksums follow the data."""

    def seekable(self):
        return False

    def tell(self):
        raise OSError

    seek = tell


def archive(target, *members):
    with zipfile.ZipFile(target, "w") as out:
        for name, data, method in members:
            info = zipfile.ZipInfo(name, (2013, 12, 31, 12, 0, 0))
            info.compress_type = method
            info.external_attr = 0o644 << 16
            with out.open(info, "w") as member:
                member.write(data)


os.chdir(os.path.dirname(os.path.abspath(__file__)))
archive("deflated.zip", ("readme.html", b"<html>2013.csv", ZIP_DEFLATED), ("2013.csv", TEXT, ZIP_DEFLATED))
archive(
    "stored.zip",
    ("flights/2013.CSV", TEXT, ZIP_STORED),
    ("__MACOSX/flights/2013.csv", b"x", ZIP_STORED),
    ("flights/._2013.csv", b"x", ZIP_STORED),
)
streamed = Pipe()
archive(streamed, ("2013.csv", TEXT, ZIP_DEFLATED))
archive("two.zip", ("2013_01.csv", TEXT, ZIP_DEFLATED), ("2013_02.csv", TEXT, ZIP_DEFLATED))
archive("none.zip", ("2013.txt", TEXT, ZIP_DEFLATED), ("readme.html", b"x", ZIP_DEFLATED))
archive("bzip2.zip", ("2013.csv", TEXT, ZIP_BZIP2))
inner = io.BytesIO()
archive(inner, ("2013.csv", b"of the inner archive\n", ZIP_STORED))
archive("nested.zip", ("a.zip", inner.getvalue(), ZIP_STORED), ("2013.csv", TEXT, ZIP_DEFLATED))

for name, content in (("streamed.zip", streamed.getvalue()), ("2013.csv", TEXT)):
    with open(name, "wb") as file:
        file.write(content)
for name, options in (("zip64", "-fz"), ("encrypted", "-P secret"), ("comment", "-z")):
    command = ["zip", "-q", "-X", *options.split(), f"{name}.zip", "2013.csv"]
    subprocess.run(command, input=b"written by Info-ZIP\n", check=True)
os.remove("2013.csv")
