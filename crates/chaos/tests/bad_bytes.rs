//! Files whose bytes are not what they were: raw files, row by row, and the Parquet files that the workers
//! hand each other. Nothing here is left to chance: a case is known by the numbers that a failure shows.

#![allow(clippy::unwrap_used)]

use std::ops::Range;

use chaos::mutation::{mutate, random};
use chaos::raw_file::{Form, Outcome, RawFile};
use chaos::report::{Case, report};
use e2e::parquet_file;
use e2e::place::{Place, assert_same};
use e2e::postgres::{Database, Server};
use e2e::worker::Finished;
use flights::Cancellations;
use rand::RngExt;
use tempfile::NamedTempFile;

const PLAIN: Form = Form {
    line_end: "\n",
    unknown: false,
    quotes: false,
};

const FORMS: [Form; 5] = [
    PLAIN,
    Form {
        line_end: "\r\n",
        unknown: true,
        ..PLAIN
    },
    Form {
        quotes: true,
        ..PLAIN
    },
    Form {
        line_end: "\r\n",
        unknown: true,
        quotes: true,
    },
    Form {
        line_end: "\r",
        quotes: true,
        ..PLAIN
    },
];

/// A file that the workers hand each other, who makes it and who reads it.
struct Handed {
    path: &'static str,
    maker: &'static str,
    reader: &'static str,
}

const SILVER: Handed = Handed {
    path: "data/2013_02_silver.parquet",
    maker: "clean",
    reader: "aggregate",
};
const GOLD: Handed = Handed {
    path: "data/2013_03_gold.parquet",
    maker: "aggregate",
    reader: "detect",
};
const ANOMALIES: Handed = Handed {
    path: "data/2013_04_anomalies.parquet",
    maker: "detect",
    reader: "load",
};

/// A file is the sum of its parts: what stands between mutated rows is read as if they were not there, and
/// they as if they were alone, on any number of threads. And each line is accounted for.
fn sum_of_its_parts(file: &RawFile, form: Form, year: i32) {
    let disk = NamedTempFile::new().unwrap();
    let read = |text: &[u8], threads| Outcome::of(text, &disk, year, threads).unwrap();
    let text = file.text();
    let whole = read(&text, 1);
    for threads in [2, 3] {
        assert!(read(&text, threads) == whole, "{threads} threads");
    }
    if !form.unknown {
        every_line(&text, form.end(), &whole);
    }
    let untouched = file.with(|part| part.flown.is_some());
    let untouched = read(&untouched, 2);
    assert_eq!(untouched.rejects, []);

    let (mut line, mut at, mut at_untouched, mut rejects) = (2, 0, 0, vec![]);
    let mut cancellations = Cancellations::default();
    cancellations.add_all(&untouched.cancellations);
    for part in &file.parts {
        let wanted = match part.flown {
            Some(flown) => {
                at_untouched += flown;
                untouched.rows.slice(at_untouched - flown, flown)
            }
            None => {
                // Behind an empty line: a line feed would be taken for part of the header's end.
                let end = form.line_end.as_bytes();
                let alone = read(&[&file.header, end, &part.text].concat(), 1);
                cancellations.add_all(&alone.cancellations);
                rejects.extend(alone.rejects.into_iter().map(|mut reject| {
                    reject.line = reject.line + line - 3;
                    reject
                }));
                alone.rows
            }
        };
        let rows = wanted.num_rows();
        assert!(
            at + rows <= whole.rows.num_rows(),
            "rows are missing at the end"
        );
        assert!(
            whole.rows.slice(at, rows) == wanted,
            "line {line} and what follows it are read otherwise: {:?}",
            String::from_utf8_lossy(&part.text)
        );
        at += rows;
        line += part.text.iter().filter(|byte| **byte == form.end()).count() as u64;
    }
    assert_eq!(at, whole.rows.num_rows());
    assert_eq!(at_untouched, untouched.rows.num_rows());
    for (found, wanted) in whole.rejects.iter().zip(&rejects) {
        assert_eq!((found.line, &found.row), (wanted.line, &wanted.row));
        // A line further on may close the quote in an unknown column, and the row is wrong for another reason then.
        if !(form.unknown && wanted.reason.ends_with("a quote is not closed")) {
            assert_eq!(found.reason, wanted.reason);
        }
    }
    assert_eq!(whole.rejects.len(), rejects.len());
    assert!(whole.cancellations == cancellations, "other cancellations");
}

/// The lines of a file, but for the header and the empty ones, with their numbers.
fn lines(text: &[u8], end: u8) -> impl Iterator<Item = (u64, &[u8])> {
    let line = move |line| match end {
        b'\n' => <[u8]>::strip_suffix(line, b"\r").unwrap_or(line),
        _ => line.strip_prefix(b"\n").unwrap_or(line),
    };
    let lines = text.split(move |byte| *byte == end).map(line);
    (1..)
        .zip(lines)
        .skip(1)
        .filter(|(_, line)| !line.is_empty())
}

/// Each line is rejected under its number, or read, or dropped.
fn every_line(text: &[u8], end: u8, outcome: &Outcome) {
    let mut rejects = outcome.rejects.iter().peekable();
    let mut kept = 0;
    for (number, line) in lines(text, end) {
        match rejects.next_if(|reject| reject.line == number) {
            Some(reject) => assert!(reject.row == line, "line {number}: other bytes rejected"),
            None => kept += 1,
        }
    }
    assert_eq!(rejects.next(), None);
    let dropped = outcome.cancellations.total().not_flown as usize;
    assert_eq!(outcome.rows.num_rows() + dropped, kept);
}

/// Mutates about `each` rows of the year for each form and seed; returns how many.
fn mutated_rows(year: i32, forms: &[Form], seeds: Range<u64>, each: usize) -> usize {
    let lines = RawFile::sample(year);
    let mut rows = 0;
    for seed in seeds {
        for form in forms {
            let _case = Case(format!("{year}, seed {seed}, {form:?}"));
            let file = RawFile::of(&lines, *form, each, &mut random(seed));
            sum_of_its_parts(&file, *form, year);
            rows += file.mutated();
        }
    }
    rows
}

const OUTCOME: &str = "no panic; each line read, dropped or rejected under its number; its neighbours as without \
     it; the same on 1, 2 and 3 threads";

#[test]
fn some_mutated_rows() {
    // The larger of the samples has several pieces.
    let rows =
        mutated_rows(2013, &FORMS[..1], 0..1, 58_000) + mutated_rows(2000, &FORMS, 0..1, 16_000);
    assert!(rows > 100_000, "{rows}");
    report("raw rows mutated byte by byte", rows, OUTCOME);
}

#[test]
#[ignore = "make chaos: minutes"]
fn a_million_mutated_rows() {
    let rows = mutated_rows(2013, &FORMS, 1..4, 100_000) + mutated_rows(2000, &FORMS, 1..6, 16_000);
    assert!(rows > 1_000_000, "{rows}");
    report("raw rows mutated byte by byte", rows, OUTCOME);
}

/// The header is mutated: the file is refused with its name, or read.
#[test]
fn mutated_headers() {
    let lines = RawFile::sample(2013);
    let (header, rows) = (&lines[0], lines[1..40].join("\n"));
    let disk = NamedTempFile::new().unwrap();
    let (mut refused, cases) = (0, 20_000);
    for seed in 0..cases {
        let _case = Case(format!("seed {seed}"));
        let mut mutated = header.clone().into_bytes();
        mutate(&mut mutated, rows.as_bytes(), &mut random(seed));
        let text = [&mutated, &b"\n"[..], rows.as_bytes()].concat();
        if let Err(error) = Outcome::of(&text, &disk, 2013, 2) {
            let error = format!("{error:#}");
            assert!(error.starts_with("/"), "{error}");
            refused += 1;
        }
    }
    let outcome = format!("{refused} refused, the others read; no panic");
    report("headers of raw files mutated", cases as usize, &outcome);
}

/// What `clean` says of a file of which some lines may be mutated.
fn cleaned(text: &[u8], allowed: &str, header_mutated: bool) -> Finished {
    let place = Place::with_bronze(text);
    place.put_older_outputs("clean");
    let before = place.files();
    let worker = place.worker("clean").args("--max-rejected").arg(allowed);
    let finished = worker.run();
    if finished.code != Some(0) {
        assert!(
            finished.error().contains("data/2013_01_bronze.csv"),
            "{finished:?}"
        );
        assert_same(&before, &place.files());
        return finished;
    }
    let summary = finished.summary();
    let count = |name: &str| summary[name].as_i64().unwrap();
    assert_eq!(
        count("rows_in"),
        count("rows_out") + count("dropped_null_delay") + count("rejected")
    );
    assert_eq!(
        parquet_file::row_count(&place.path(SILVER.path)),
        count("rows_out")
    );

    let mut rejects = vec![];
    if count("rejected") > 0 {
        let file = place.get("data/2013_02_rejected.csv");
        let records = csv::Reader::from_reader(&file[..]).into_byte_records();
        rejects.extend(records.map(|record| {
            let record = record.unwrap();
            let line: u64 = std::str::from_utf8(&record[0]).unwrap().parse().unwrap();
            (line, record[2].to_vec())
        }));
    } else {
        assert_eq!(place.names("data/").len(), 2);
    }
    if !header_mutated {
        let is_reject = |(number, line): &(u64, &[u8])| {
            rejects.iter().any(|(n, row)| n == number && row == line)
        };
        let (rejected, kept): (Vec<_>, Vec<_>) = lines(text, b'\n').partition(is_reject);
        assert_eq!(rejected.len(), rejects.len());
        let kept = kept.len() as i64;
        assert_eq!(count("rows_out") + count("dropped_null_delay"), kept);
    }
    finished
}

fn clean(seeds: Range<u64>) -> [usize; 2] {
    let lines = RawFile::sample(2013);
    let mut ends = [0; 2];
    for seed in seeds {
        let _case = Case(format!("seed {seed}"));
        let mut random = random(seed);
        let form = FORMS[2 * random.random_range(0..2)];
        let from = random.random_range(1..lines.len() - 200);
        let some = [&lines[..1], &lines[from..from + 200]].concat();
        let mut file = RawFile::of(&some, form, 20, &mut random);
        let header_mutated = random.random_ratio(1, 8);
        if header_mutated {
            file.header.pop();
            mutate(&mut file.header, some[1].as_bytes(), &mut random);
            file.header.push(b'\n');
        }
        let allowed = if random.random_bool(0.5) { "1" } else { "0.03" };
        let finished = cleaned(&file.text(), allowed, header_mutated);
        ends[usize::from(finished.code != Some(0))] += 1;
    }
    ends
}

#[test]
fn clean_on_some_mutated_files() {
    let [done, refused] = clean(0..150);
    assert!(done > 20 && refused > 20, "{done}, {refused}");
    report_clean(done, refused);
}

#[test]
#[ignore = "make chaos: minutes"]
fn clean_on_many_mutated_files() {
    let [done, refused] = clean(150..2_000);
    report_clean(done, refused);
}

fn report_clean(done: usize, refused: usize) {
    let outcome = format!(
        "{done} cleaned, rows in = rows out + dropped + rejected; {refused} refused with the file's name, \
         nothing changed"
    );
    report("raw files mutated, through clean", done + refused, &outcome);
}

/// Far more than a worker needs for a small file, in kB: no length that it reads there may make it take more.
const MEMORY: u32 = 2_000_000;

/// What may become of a file, each with a name. A byte in `step` is flipped, a length in four times as many
/// kept; every field of the two ends is set to what may confuse.
fn damaged(whole: &[u8], step: usize) -> impl Iterator<Item = (String, Vec<u8>)> {
    let length = whole.len();
    let changed = move |at: usize, bytes: &[u8]| {
        let mut file = whole.to_vec();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let flipped = (0..length).step_by(step).map(move |at| {
        let bit = at / step % 8;
        (
            format!("bit {bit} of byte {at} flipped"),
            changed(at, &[whole[at] ^ 1 << bit]),
        )
    });
    let cut = (0..length).step_by(4 * step).chain(length - 12..length);
    let cut = cut.map(move |kept| (format!("cut to {kept} bytes"), whole[..kept].to_vec()));
    let blank = [(16, 0), (512, 0), (4096, 0), (64, 0xff)]
        .into_iter()
        .flat_map(move |(size, byte)| {
            (0..length).step_by(size.max(4 * step)).map(move |at| {
                let bytes = vec![byte; size.min(length - at)];
                (
                    format!("{} bytes of {byte:#x} from {at} on", bytes.len()),
                    changed(at, &bytes),
                )
            })
        });
    let footer = u32::from_le_bytes(*whole[length - 8..].first_chunk().unwrap());
    let lengths = [
        0,
        1,
        footer - 1,
        footer + 1,
        footer + 4,
        footer / 2,
        2 * footer,
        length as u32 - 8,
        length as u32,
        i32::MAX as u32,
        u32::MAX - 7,
        u32::MAX,
    ];
    let lengths = lengths.into_iter().map(move |n| {
        (
            format!("footer of {n} bytes"),
            changed(length - 8, &n.to_le_bytes()),
        )
    });
    let magic = [0, length - 4].into_iter().flat_map(move |at| {
        [b"PARE", b"par1", b"\0\0\0\0"]
            .into_iter()
            .map(move |magic| (format!("{magic:?} at byte {at}"), changed(at, magic)))
    });
    let more = [&b"\0"[..], b"PAR1", whole]
        .into_iter()
        .map(move |more| (format!("{} bytes more", more.len()), [whole, more].concat()));
    let mixed = (0..2_000 / step as u64).map(move |seed| {
        let mut file = whole.to_vec();
        mutate(&mut file, whole, &mut random(seed));
        (format!("mutated with seed {seed}"), file)
    });
    flipped
        .chain(cut)
        .chain(blank)
        .chain(lengths)
        .chain(magic)
        .chain(more)
        .chain(mixed)
        .filter(move |(_, file)| file != whole)
}

/// The error line names the file that is damaged, and who makes it anew.
fn told(error: &str, file: &Handed) {
    let Handed { path, maker, .. } = file;
    let wanted = format!("…/{path} is damaged or was not written by {maker}: run {maker} again: ");
    assert!(error.starts_with(&wanted), "{error}");
}

/// Damages a file in many ways, one after the other: each time it is refused, with what was made of it earlier left
/// as it was; or nothing of what is damaged is read, and what is made of it is as ever.
fn refused_or_unread(file: &Handed, step: usize) {
    let Handed { path, reader, .. } = *file;
    let place = Place::after("detect", RawFile::sample(2013)[..3_000].join("\n"));
    let mut undisturbed = place.files();
    let mut database = (reader == "load").then(|| Server::shared().database());
    match &database {
        Some(database) => drop(database.load(&place).run().summary()),
        None => place.put_older_outputs(reader),
    }
    let table = |database: &mut Database| database.rows("TABLE agg_dep_delay_by_date");
    let rows = database.as_mut().map(table);
    let (mut refused, mut unread) = (0, 0);
    for (how, bytes) in damaged(&place.get(path), step) {
        let _case = Case(format!("{path}: {how}"));
        place.put(path, &bytes);
        let before = place.files();
        let worker = match &database {
            Some(database) => database.load(&place),
            None => place.worker(reader),
        };
        let finished = worker
            .in_shell(&format!("ulimit -v {MEMORY}; exec \"$@\""))
            .run();
        // Of the columns of silver most are not read; of the others all are.
        if finished.code == Some(0) && reader == "aggregate" {
            undisturbed.insert(path.to_owned(), bytes);
            assert_same(&undisturbed, &place.files());
            place.put_older_outputs(reader);
            unread += 1;
        } else {
            let error = finished.error();
            told(&error.replace(place.dir().to_str().unwrap(), "…"), file);
            assert_same(&before, &place.files());
            refused += 1;
        }
    }
    assert!(
        database.as_mut().map(table) == rows,
        "the table has changed"
    );
    assert!(refused > 100, "{refused}");
    assert_eq!(unread > 0, reader == "aggregate");
    let fault = format!("{path}: bits flipped, cut, zeroed, lengths and ends changed, mixed");
    let outcome = format!(
        "{refused}: {reader} exits 1 and names the file, its older output unchanged; {unread}: in what {reader} does \
         not read, its output as ever"
    );
    report(&fault, refused + unread, &outcome);
}

#[test]
fn silver_damaged_here_and_there() {
    refused_or_unread(&SILVER, 500);
}

#[test]
fn gold_damaged_here_and_there() {
    refused_or_unread(&GOLD, 100);
}

#[test]
fn anomalies_damaged_here_and_there() {
    refused_or_unread(&ANOMALIES, 200);
}

#[test]
#[ignore = "make chaos: minutes"]
fn parquet_damaged_everywhere() {
    refused_or_unread(&SILVER, 15);
    refused_or_unread(&GOLD, 3);
    refused_or_unread(&ANOMALIES, 5);
}

/// Checksums that are not those of a file whose footer begins there.
fn checksums(footer: usize) -> Vec<u8> {
    let blocks = vec![0; 4 * footer.div_ceil(16 << 10)];
    [&blocks[..], &footer.to_le_bytes(), &[0; 4], b"CRC-32 ="].concat()
}

/// Files of which one bit, or three bytes, had changed, and what came of them when they had no
/// checksums: another mean, panics, a wish for two exabytes. Here they have some that are not theirs.
#[test]
fn what_was_found() {
    let found: [(&[u8], Handed); 5] = [
        (
            include_bytes!("bad_bytes/silver_wrong_mean.parquet"),
            SILVER,
        ),
        (include_bytes!("bad_bytes/silver_panic.parquet"), SILVER),
        (include_bytes!("bad_bytes/gold_panic.parquet"), GOLD),
        (
            include_bytes!("bad_bytes/gold_endless_memory.parquet"),
            GOLD,
        ),
        (
            include_bytes!("bad_bytes/anomalies_panic.parquet"),
            ANOMALIES,
        ),
    ];
    for (bytes, file) in found {
        let place = Place::new();
        let end = bytes.len() - 8;
        let footer = end - u32::from_le_bytes(bytes[end..end + 4].try_into().unwrap()) as usize;
        place.put(
            file.path,
            [&bytes[..footer], &checksums(footer), &bytes[footer..]].concat(),
        );
        // No server is there: `load` must not come to that.
        let worker = place.worker(file.reader).env("PGUSER", "nobody");
        let worker = worker.env("PGHOST", "127.0.0.1").env("PGPORT", "1");
        told(&place.refusal(worker), &file);
    }
}
