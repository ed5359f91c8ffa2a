//! A zip archive with one CSV file in it.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive, ZipArchiveEntryWayfinder,
};

use super::damaged;

/// Collects an archive and writes the CSV file in it to `W`.
///
/// What is in an archive is written at its end, so that all of it is needed first. It is kept in a file of `dir`
/// without a name, which goes with the process, however that ends.
pub(crate) struct Zip<W: Write> {
    archive: File,
    dir: PathBuf,
    out: W,
}

impl<W: Write> Zip<W> {
    pub(crate) fn new(out: W, dir: &Path) -> io::Result<Self> {
        Ok(Zip {
            archive: tempfile::tempfile_in(dir).map_err(|e| of_dir(&e, dir))?,
            dir: dir.to_owned(),
            out,
        })
    }

    /// Unpacks the archive, which must be whole.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let size = self.archive.stream_position()?;
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let archive = ZipArchive::from_file(self.archive, &mut buffer).map_err(of_archive)?;
        let csv = find_csv(&archive, &mut buffer, size)?;
        let entry = archive.get_entry(csv.wayfinder).map_err(of_archive)?;
        let packed = BufReader::with_capacity(1 << 16, entry.reader());
        let plain: Box<dyn Read> = match csv.method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
            other => {
                let name = other.name().unwrap_or("another method");
                return Err(unusable(format!(
                    "{} in it is packed with {name}: pack it with deflate, the usual method, or with gzip",
                    csv.name
                )));
            }
        };
        // The size and the checksum of what comes out, too.
        io::copy(&mut entry.verifying_reader(plain), &mut self.out).map_err(damaged)?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Zip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.archive.write(bytes).map_err(|e| of_dir(&e, &self.dir))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A CSV file in an archive.
struct Csv {
    name: String,
    method: CompressionMethod,
    wayfinder: ZipArchiveEntryWayfinder,
}

/// The one CSV file of an archive of `size` bytes.
fn find_csv<R: rawzip::ReaderAt>(
    archive: &ZipArchive<R>,
    buffer: &mut [u8],
    size: u64,
) -> io::Result<Csv> {
    let (mut found, mut names, mut others) = (None, vec![], vec![]);
    let (mut count, mut begins_at) = (0, u64::MAX);
    let mut entries = archive.entries(buffer);
    while let Some(entry) = entries.next_entry().map_err(of_archive)? {
        count += 1;
        begins_at = begins_at.min(entry.local_header_offset());
        let path = entry.file_path();
        let name = String::from_utf8_lossy(path.as_ref()).into_owned();
        match is_csv(&name) {
            _ if entry.is_dir() => {}
            false => others.push(name),
            true => {
                if entry.flags().is_encrypted() {
                    return Err(unusable(format!(
                        "{name} in it is encrypted: pack it without a password"
                    )));
                }
                names.push(name.clone());
                found = Some(Csv {
                    name,
                    method: entry.compression_method(),
                    wayfinder: entry.wayfinder(),
                });
            }
        }
    }
    // An archive that was cut may end as one that was packed into it.
    let is_whole =
        archive.end_offset() == size && archive.entries_hint() == count && begins_at == 0;
    if !is_whole {
        return Err(damaged(io::Error::new(
            ErrorKind::InvalidData,
            "its table of contents does not fit",
        )));
    }
    match (found, names.len()) {
        (Some(csv), 1) => Ok(csv),
        (None, _) => Err(unusable(format!(
            "there is no CSV file in it ({}): pack the year's CSV file",
            a_few(&others)
        ))),
        (_, n) => Err(unusable(format!(
            "there are {n} CSV files in it ({}): pack one, the whole year",
            a_few(&names)
        ))),
    }
}

/// Whether it is a CSV file, and not what macOS adds to each.
fn is_csv(path: &str) -> bool {
    let mut parts = path.rsplit(['/', '\\']);
    let name = parts.next().unwrap_or_default();
    let is_csv = name.to_ascii_lowercase().ends_with(".csv");
    is_csv && !name.starts_with('.') && !parts.any(|folder| folder == "__MACOSX")
}

fn a_few(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).map(String::as_str);
    let more = (names.len() > SHOWN).then_some("…");
    shown.chain(more).collect::<Vec<_>>().join(", ")
}

/// An archive that is whole, but not what is needed.
fn unusable(text: String) -> io::Error {
    io::Error::new(ErrorKind::Unsupported, text)
}

/// An error of reading the archive.
fn of_archive(e: rawzip::Error) -> io::Error {
    match e.into_kind() {
        rawzip::ErrorKind::IO(e) => damaged(e),
        rawzip::ErrorKind::MissingEndOfCentralDirectory => damaged(io::Error::new(
            ErrorKind::InvalidData,
            "not a whole zip archive",
        )),
        other => damaged(io::Error::new(ErrorKind::InvalidData, format!("{other:?}"))),
    }
}

/// An error of the folder that holds the archive.
fn of_dir(e: &io::Error, dir: &Path) -> io::Error {
    let advice = handoff::advice(e, dir);
    io::Error::new(e.kind(), format!("{}: {advice}: {e}", dir.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &str = "FL_DATE,OP_CARRIER\n2013-01-01,UA\n";

    /// With one CSV file.
    const READABLE: [&str; 6] = [
        "deflated", "stored", "streamed", "zip64", "comment", "nested",
    ];

    /// An archive written by `tests/archives/generate.py`.
    fn archive(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/archives");
        std::fs::read(format!("{folder}/{name}.zip")).unwrap()
    }

    fn readable() -> impl Iterator<Item = (&'static str, Vec<u8>)> {
        READABLE.into_iter().map(|name| (name, archive(name)))
    }

    fn unzip(archive: &[u8]) -> io::Result<Vec<u8>> {
        let mut zip = Zip::new(vec![], &std::env::temp_dir())?;
        zip.write_all(archive)?;
        zip.finish()
    }

    /// A killed `extract` leaves nothing behind.
    #[test]
    fn the_archive_has_no_name_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let mut zip = Zip::new(vec![], dir.path()).unwrap();
        zip.write_all(&archive("deflated")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_one_csv_comes_out_whole() {
        for (name, archive) in readable() {
            let unpacked = unzip(&archive).unwrap();
            assert_eq!(
                String::from_utf8(unpacked).unwrap(),
                TEXT.repeat(4),
                "{name}"
            );
        }
    }

    #[test]
    fn an_archive_cut_at_any_byte_is_refused() {
        for (name, archive) in readable() {
            for end in 0..archive.len() {
                let error = unzip(&archive[..end]).unwrap_err().to_string();
                let wanted = "it is cut short or damaged, upload it again: ";
                assert!(error.starts_with(wanted), "{name} cut at {end}: {error}");
            }
        }
    }

    #[test]
    fn an_archive_with_something_before_or_after_it_is_refused() {
        for (name, archive) in readable() {
            for other in [[b"x", &archive[..]].concat(), [&archive[..], b"x"].concat()] {
                assert!(unzip(&other).is_err(), "{name}");
            }
        }
    }

    /// Whatever byte is another, the text comes out as it was, or not at all.
    #[test]
    fn no_damage_changes_the_text() {
        for (name, archive) in readable() {
            for at in 0..archive.len() {
                let mut damaged = archive.clone();
                damaged[at] ^= 0xff;
                if let Ok(text) = unzip(&damaged) {
                    assert!(text == TEXT.repeat(4).as_bytes(), "{name} at {at}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut deflate64 = archive("zip64");
        for (header, method) in [(&b"PK\x03\x04"[..], 8), (b"PK\x01\x02", 10)] {
            let at = deflate64.windows(4).position(|four| four == header);
            deflate64[at.unwrap() + method] = 9;
        }
        for (archive, wanted) in [
            (
                archive("two"),
                "there are 2 CSV files in it (2013_01.csv, 2013_02.csv): pack one, the whole year",
            ),
            (
                archive("none"),
                "there is no CSV file in it (2013.txt, readme.html): pack the year's CSV file",
            ),
            (
                archive("encrypted"),
                "2013.csv in it is encrypted: pack it without a password",
            ),
            (
                archive("bzip2"),
                "2013.csv in it is packed with BZIP2: pack it with deflate, the usual method, or with gzip",
            ),
            (
                deflate64,
                "2013.csv in it is packed with DEFLATE64: pack it with deflate, the usual method, or with gzip",
            ),
        ] {
            assert_eq!(unzip(&archive).unwrap_err().to_string(), wanted);
        }
    }
}
