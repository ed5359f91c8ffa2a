//! Decompressing on the way. An end that comes too early is an error.

mod zip;

use std::io::{self, Write};
use std::path::Path;

use flate2::write::MultiGzDecoder;

use zip::Zip;

/// How an object is compressed; the ending of its name says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Gzip,
    Zstd,
    Zip,
}

impl Form {
    pub(crate) fn of(name: &str) -> Self {
        let ending = name.rsplit('.').next().unwrap_or_default();
        match ending.to_ascii_lowercase().as_str() {
            "gz" => Form::Gzip,
            "zst" => Form::Zstd,
            "zip" => Form::Zip,
            _ => Form::Plain,
        }
    }
}

/// Takes compressed bytes and writes the plain ones to `W`.
pub(crate) enum Unpacked<W: Write> {
    Plain(W),
    Gzip(Box<MultiGzDecoder<W>>),
    Zstd(Box<zstd::stream::zio::Writer<W, zstd::stream::raw::Decoder<'static>>>),
    Zip(Zip<W>),
}

impl<W: Write> Unpacked<W> {
    /// What cannot be unpacked on the way is kept in the folder `dir` meanwhile.
    pub(crate) fn new(form: Form, out: W, dir: &Path) -> io::Result<Self> {
        Ok(match form {
            Form::Plain => Unpacked::Plain(out),
            Form::Gzip => Unpacked::Gzip(Box::new(MultiGzDecoder::new(out))),
            Form::Zstd => {
                let decoder = zstd::stream::raw::Decoder::new()?;
                Unpacked::Zstd(Box::new(zstd::stream::zio::Writer::new(out, decoder)))
            }
            Form::Zip => Unpacked::Zip(Zip::new(out, dir)?),
        })
    }

    /// Checks that the compressed data has come to its end.
    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Unpacked::Plain(out) => Ok(out),
            Unpacked::Gzip(decoder) => decoder.finish().map_err(damaged),
            Unpacked::Zstd(mut decoder) => {
                decoder.finish().map_err(damaged)?;
                Ok(decoder.into_inner().0)
            }
            Unpacked::Zip(zip) => zip.finish(),
        }
    }
}

/// Says what to do about data that does not unpack; an error of the disk passes as it is.
fn damaged(e: io::Error) -> io::Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof, WriteZero};
    let of_the_data = matches!(
        e.kind(),
        InvalidData | InvalidInput | Other | UnexpectedEof | WriteZero
    );
    if !of_the_data || e.raw_os_error().is_some() {
        return e;
    }
    let text = match e.to_string() {
        // zstd's own word for a window of more than 128 MB.
        known if known.contains("too much memory") => {
            format!("compress it without --long or --ultra, and upload it again: {known}")
        }
        other => format!("it is cut short or damaged, upload it again: {other}"),
    };
    io::Error::new(e.kind(), text)
}

impl<W: Write> Write for Unpacked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Unpacked::Plain(out) => out.write(bytes),
            Unpacked::Gzip(decoder) => decoder.write(bytes).map_err(damaged),
            Unpacked::Zstd(decoder) => decoder.write(bytes).map_err(damaged),
            Unpacked::Zip(zip) => zip.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Unpacked::Plain(out) => out.flush(),
            Unpacked::Gzip(decoder) => decoder.flush(),
            Unpacked::Zstd(decoder) => decoder.flush(),
            Unpacked::Zip(zip) => zip.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TEXT: &[u8] = b"FL_DATE,OP_CARRIER\n2013-01-01,UA\n";

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        out.write_all(text).unwrap();
        out.finish().unwrap()
    }

    fn unpack(form: Form, packed: &[u8]) -> io::Result<Vec<u8>> {
        let dir = tempfile::tempdir()?;
        let mut out = Unpacked::new(form, vec![], dir.path())?;
        for byte in packed {
            out.write_all(&[*byte])?;
        }
        out.finish()
    }

    #[test]
    fn whole_files_come_out_whole_several_members_too() {
        assert_eq!(unpack(Form::Plain, TEXT).unwrap(), TEXT);
        assert_eq!(unpack(Form::Gzip, &gzip(TEXT)).unwrap(), TEXT);
        assert_eq!(
            unpack(Form::Gzip, &[gzip(TEXT), gzip(TEXT)].concat()).unwrap(),
            TEXT.repeat(2)
        );
        let zst = zstd::encode_all(TEXT, 3).unwrap();
        assert_eq!(unpack(Form::Zstd, &zst).unwrap(), TEXT);
        assert_eq!(unpack(Form::Zstd, &zst.repeat(2)).unwrap(), TEXT.repeat(2));
    }

    #[test]
    fn a_file_cut_at_any_byte_is_refused() {
        for (form, packed) in [
            (Form::Gzip, gzip(TEXT)),
            (Form::Zstd, zstd::encode_all(TEXT, 3).unwrap()),
        ] {
            for end in 1..packed.len() {
                assert!(
                    unpack(form, &packed[..end]).is_err(),
                    "{form:?} cut at {end} of {}",
                    packed.len()
                );
            }
        }
    }

    #[test]
    fn an_error_of_the_disk_is_no_damage() {
        for kind in [
            io::ErrorKind::StorageFull,
            io::ErrorKind::StaleNetworkFileHandle,
        ] {
            assert_eq!(
                damaged(io::Error::new(kind, "the disk")).to_string(),
                "the disk"
            );
        }
        // EIO has no kind of its own.
        let of_the_system = io::Error::from_raw_os_error(5);
        let told = io::Error::new(of_the_system.kind(), "the disk");
        assert_eq!(damaged(told).to_string(), "the disk");
    }

    #[test]
    fn damage_is_refused() {
        let mut packed = gzip(TEXT);
        let middle = packed.len() / 2;
        packed[middle] ^= 0x55;
        assert!(unpack(Form::Gzip, &packed).is_err());
        assert!(unpack(Form::Zstd, b"FL_DATE,OP_CARRIER\n").is_err());
    }
}
