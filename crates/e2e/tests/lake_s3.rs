//! A lake that is a bucket of a real S3 server.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::time::{Duration, Instant};

use e2e::authority::Authority;
use e2e::bronze::Bronze;
use e2e::place::Place;
use e2e::s3::{BUCKET, S3, SECRET};
use e2e::tls::TlsFront;
use e2e::worker::{Finished, Worker};

fn lake() -> String {
    format!("s3://{BUCKET}")
}

/// Runs it with all the log there is: the secret is in no output, whatever came of it.
fn run(worker: Worker) -> Finished {
    let finished = worker.arg("-vvvv").run();
    for text in [&finished.stdout, &finished.stderr] {
        assert!(!text.contains(SECRET), "{finished:?}");
    }
    finished
}

/// An object of a good 20 MB is more than two parts of 8 MB.
#[test]
fn a_large_object_comes_in_ranges_and_not_twice() {
    let s3 = S3::start();
    let bronze = Bronze::ordinary(240_000).text();
    assert!(bronze.len() > 20 << 20, "{}", bronze.len());
    s3.put("01_bronze/2013.csv", &bronze);
    let place = Place::new();
    let extract = || run(place.worker_on("extract", &lake()).envs(&s3.variables())).summary();
    assert_eq!(extract()["bytes"], bronze.len());
    assert!(
        place.get("data/2013_01_bronze.csv") == bronze.as_bytes(),
        "another copy"
    );
    let mut ranges: Vec<_> = s3
        .requests()
        .into_iter()
        .filter(|request| request.starts_with("GET /flights/01_bronze/2013.csv"))
        .collect();
    ranges.sort();
    let part =
        |from: usize, to: usize| format!("GET /flights/01_bronze/2013.csv bytes={from}-{}", to - 1);
    let (one, two) = (8 << 20, 16 << 20);
    let mut wanted = vec![part(0, one), part(one, two), part(two, bronze.len())];
    wanted.sort();
    assert_eq!(ranges, wanted);

    assert_eq!(extract()["fetched"], false);
    let again = s3.requests();
    assert!(
        again.iter().all(|request| !request.contains("bytes=")),
        "{again:?}"
    );
}

/// Silver of more than 8 MB goes up in parts, and comes to be as one object.
#[test]
fn a_large_object_goes_up_in_parts() {
    let s3 = S3::start();
    let mut bronze = Bronze::ordinary(300_000);
    // Numbers that do not compress.
    let mut state = 1_u64;
    for row in &mut bronze.rows {
        for at in [9, 10, 13, 14, 18, 19, 20, 21] {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            row[at] = format!("{:.4}", (state >> 33) as f64 / 1e5);
        }
    }
    let place = Place::with_bronze(bronze.text());
    let finished = run(place.worker_on("clean", &lake()).envs(&s3.variables()));
    assert_eq!(finished.summary()["rejected"], 0);
    let local = place.get("data/2013_02_silver.parquet");
    assert!(local.len() > 9 << 20, "{}", local.len());
    assert_eq!(s3.keys(), ["02_silver/year/2013/2013_02_silver.parquet"]);
    assert!(
        s3.get("02_silver/year/2013/2013_02_silver.parquet") == local,
        "another object"
    );
    let requests = s3.requests();
    let parts = requests
        .iter()
        .filter(|request| request.starts_with("PUT "))
        .count();
    assert_eq!(parts, local.len().div_ceil(8 << 20), "{requests:?}");
}

#[test]
fn a_prefix_holds_a_lake_of_its_own() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", "not this one");
    s3.put("team/a/01_bronze/2013.csv", Bronze::ordinary(300).text());
    let place = Place::new();
    for name in ["extract", "clean", "aggregate"] {
        let worker = place.worker_on(name, "s3://flights/team/a/");
        let _ = run(worker.envs(&s3.variables())).summary();
    }
    assert_eq!(
        s3.keys(),
        [
            "01_bronze/2013.csv",
            "team/a/01_bronze/2013.csv",
            "team/a/02_silver/year/2013/2013_02_silver.parquet",
            "team/a/03_gold/agg_dep_delay_by_date/year/2013/2013_03_gold.parquet",
        ]
    );
}

#[test]
fn rejects_of_an_earlier_run_vanish() {
    let s3 = S3::start();
    let place = Place::with_bronze(Bronze::ordinary(300).set(3, "DISTANCE", "far").text());
    let clean = || run(place.worker_on("clean", &lake()).envs(&s3.variables())).summary();
    assert_eq!(clean()["rejected"], 1);
    let key = "02_silver/year/2013/2013_02_rejected.csv";
    assert!(s3.get(key) == place.get("data/2013_02_rejected.csv"));
    place.put("data/2013_01_bronze.csv", Bronze::ordinary(300).text());
    assert_eq!(clean()["rejected"], 0);
    assert_eq!(s3.keys(), ["02_silver/year/2013/2013_02_silver.parquet"]);
}

#[test]
fn a_year_without_a_raw_file_is_skipped() {
    let s3 = S3::start();
    s3.put("01_bronze/2012.csv", "");
    let place = Place::new();
    let finished = run(place.worker_on("extract", &lake()).envs(&s3.variables()));
    assert_eq!(finished.code, Some(99), "{finished:?}");
    let wanted = "extract: warning: skipped: no 01_bronze/2013.csv (nor .csv.gz, .csv.zst, .csv.zip, .zip) \
                  in s3://flights: upload it to run this year\n";
    assert!(finished.stderr.ends_with(wanted), "{finished:?}");
}

#[test]
fn two_forms_of_one_year() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", "");
    s3.put("01_bronze/2013.csv.gz", "");
    let place = Place::new();
    let error = place.refusal(place.worker_on("extract", &lake()).envs(&s3.variables()));
    assert_eq!(
        error,
        "s3://flights/01_bronze/2013.csv and s3://flights/01_bronze/2013.csv.gz are both there: keep one of them"
    );
}

/// Each of the workers fails for want of the lake, with its input there.
fn each_fails(workers: &[&'static str], lake: &str, variables: &[(&str, String)], told: &[&str]) {
    for &name in workers {
        let place = Place::after("clean", Bronze::ordinary(300).text());
        if name == "extract" {
            place.put_older_outputs(name);
        }
        let before = place.files();
        let start = Instant::now();
        let finished = run(place.worker_on(name, lake).envs(variables));
        let took = start.elapsed();
        let error = finished.error();
        for text in told {
            assert!(error.contains(text), "{name}: {error}");
        }
        assert!(error.len() < 700, "{name}: {error}");
        assert!(took < Duration::from_secs(10), "{name} took {took:?}");
        // What was made is in the data dir, whole; nothing half done is anywhere.
        let mut after = place.files();
        after.remove("data/2013_03_gold.parquet");
        e2e::place::assert_same(&before, &after);
    }
}

#[test]
fn a_wrong_secret() {
    let s3 = S3::start();
    let mut variables = s3.variables();
    variables[3].1 = "wrong".into();
    let told = [
        "s3://flights/0",
        "the lake refuses: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
    ];
    each_fails(
        &["extract", "clean", "aggregate"],
        &lake(),
        &variables,
        &told,
    );
    assert!(s3.keys().is_empty());
}

/// A role that lacks a right.
#[test]
fn no_permission() {
    for (denied, workers) in [
        (&["ListObjectsV2"][..], &["extract"][..]),
        (&["GetObject"], &["extract"]),
        (&["PutObject"], &["clean", "aggregate"]),
    ] {
        let s3 = S3::denying(denied);
        s3.put("01_bronze/2013.csv", Bronze::ordinary(300).text());
        let told = [
            "s3://flights/0",
            "the lake refuses: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role, and their rights",
        ];
        each_fails(workers, &lake(), &s3.variables(), &told);
        assert_eq!(s3.keys(), ["01_bronze/2013.csv"]);
    }
}

/// What an earlier run rejected stays: silver is there, and the task fails until both go together.
#[test]
fn no_permission_to_remove() {
    let s3 = S3::denying(&["DeleteObject", "DeleteObjects"]);
    let place = Place::with_bronze(Bronze::ordinary(300).text());
    let key = "02_silver/year/2013/2013_02_rejected.csv";
    s3.put(key, "of an earlier run");
    let finished = run(place.worker_on("clean", &lake()).envs(&s3.variables()));
    let error = finished.error();
    assert!(error.contains(&format!("s3://flights/{key}")), "{error}");
    assert!(error.contains("the lake refuses: "), "{error}");
    let silver = "02_silver/year/2013/2013_02_silver.parquet";
    assert_eq!(s3.keys(), [key, silver]);
}

#[test]
fn a_missing_bucket() {
    let s3 = S3::start();
    let told = [
        "s3://no-such-bucket/0",
        "it is not there: check the bucket and --lake (LAKE_URL)",
    ];
    // To the server a bucket comes to be with its first object, so only reading fails.
    each_fails(&["extract"], "s3://no-such-bucket", &s3.variables(), &told);
}

/// The library panics at most of these.
#[test]
fn variables_that_make_no_sense() {
    let endpoint = "is not http://host[:port] or https://host[:port]: correct it";
    let blank = "holds a blank, a line break or the like: correct it";
    for (name, value, told) in [
        ("AWS_ENDPOINT_URL", "nonsense", endpoint),
        (
            "AWS_ENDPOINT_URL",
            "http://user:canary@localhost:1",
            endpoint,
        ),
        ("AWS_ENDPOINT_URL", "http://localhost:1/a b", blank),
        ("AWS_METADATA_ENDPOINT", "nonsense", endpoint),
        ("AWS_REGION", "us east", blank),
        ("AWS_ACCESS_KEY_ID", "canary\n", blank),
        ("AWS_SECRET_ACCESS_KEY", "canary\n", blank),
        ("AWS_SESSION_TOKEN", "canary\n", blank),
    ] {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "k".into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            (name, String::from(value)),
        ];
        let place = Place::new();
        let error = place.refusal(place.worker_on("extract", &lake()).envs(&variables));
        assert_eq!(error, format!("{name} {told}"));
    }
}

/// As a compose file passes on what is not set.
#[test]
fn an_empty_variable_counts_as_none() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", b"x");
    let place = Place::new();
    let empty = [
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_S3",
        "AWS_METADATA_ENDPOINT",
    ];
    let empty = empty.map(|name| (name, String::new()));
    let extract = place.worker_on("extract", &lake()).envs(&s3.variables());
    assert_eq!(run(extract.envs(&empty)).code, Some(0));
}

/// Ten tries with growing pauses, a few seconds in all: an outage that short fails no task.
#[test]
fn no_server() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let variables = S3::start().variables_at(closed);
    let place = Place::new();
    let start = Instant::now();
    let finished = run(place.worker_on("extract", &lake()).envs(&variables));
    let error = finished.error();
    let told = "cannot list s3://flights/01_bronze: check AWS_ENDPOINT_URL and the network, then run again: ";
    assert!(error.starts_with(told), "{error}");
    assert!(error.contains("Connection refused"), "{error}");
    assert!(error.contains("after 10 retries"), "{error}");
    assert!(
        start.elapsed() < Duration::from_secs(190),
        "{:?}",
        start.elapsed()
    );
    assert!(place.files().is_empty());
}

/// The server's name, its date and who signed for it.
#[test]
fn tls_is_verified() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", "x");
    let [ours, another] = ["ours", "another"].map(Authority::new);
    for (host, last_year, authority, right) in [
        ("localhost", 2099, &ours, true),
        ("127.0.0.1", 2099, &ours, false),
        ("localhost", 2020, &ours, false),
        ("localhost", 2099, &another, false),
    ] {
        let front = TlsFront::start(&ours.localhost(last_year), s3.address);
        let place = Place::new();
        place.put("root.pem", &authority.root);
        let worker = place.worker_on("extract", &lake()).envs(&s3.variables());
        let worker = worker.envs(&[
            (
                "AWS_ENDPOINT_URL",
                format!("https://{host}:{}", front.address.port()),
            ),
            (
                "SSL_CERT_FILE",
                place.path("root.pem").display().to_string(),
            ),
        ]);
        let finished = run(worker);
        if right {
            assert_eq!(finished.code, Some(0), "{finished:?}");
            assert!(!s3.requests().is_empty());
        } else {
            assert!(
                finished.error().contains("certificate"),
                "{host}, {last_year}: {finished:?}"
            );
            assert_eq!(s3.requests(), [""; 0]);
        }
    }
}

/// Keys that are none of ours, and none that the library takes.
#[test]
fn odd_keys_beside_it() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", "x");
    s3.put("01_bronze/a\u{1}b/c", "");
    s3.put("01_bronze/\u{7f}", "");
    let place = Place::new();
    let finished = run(place.worker_on("extract", &lake()).envs(&s3.variables()));
    assert_eq!(finished.code, Some(0), "{finished:?}");
}

/// More than the server tells at once, all before the year's own, and a folder of its name.
#[test]
fn many_keys_beside_it() {
    let s3 = S3::start();
    for number in 0..1_500 {
        s3.put(&format!("01_bronze/2013.csv-{number}"), "");
    }
    s3.put("01_bronze/2013.csv/part", "");
    s3.put(
        "01_bronze/2013.csv.zst",
        zstd::encode_all(&b"x"[..], 3).unwrap(),
    );
    let place = Place::new();
    let finished = run(place.worker_on("extract", &lake()).envs(&s3.variables()));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let listings = s3.requests().into_iter();
    // Two pages of names that begin with the year, one of those that begin with year=2013.
    assert_eq!(listings.filter(|asked| asked == "GET /flights").count(), 3);
}
