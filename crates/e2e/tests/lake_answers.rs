//! A lake that answers a listing with something else: never a year without a raw file.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::place::Place;
use e2e::s3::{S3, SECRET};

/// A web server that answers each request with status 200 and this body, and counts the requests.
fn answering(body: &str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&requests);
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut request = vec![];
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
                request.push(byte[0]);
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = client.write_all(answer.as_bytes());
        }
    });
    (address, requests)
}

/// The error of `extract` on a lake that answers like this; it asks once.
fn refusal(body: &str) -> String {
    let s3 = S3::start();
    let (address, requests) = answering(body);
    let place = Place::new();
    let extract = place.worker_on("extract", "s3://flights/a b");
    let (error, finished) = place.refusal_of(extract.arg("-vvvv").envs(&s3.variables_at(address)));
    assert!(!finished.stderr.contains(SECRET), "{finished:?}");
    assert_eq!(requests.load(Ordering::Relaxed), 1);
    error
}

#[test]
fn a_page_or_a_document_that_is_not_a_listing() {
    for (body, wanted) in [
        (
            "<?xml version=\"1.0\"?><html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>",
            "an HTML page: AWS_ENDPOINT_URL seems to lead to a console or a login page, \
             set it to the S3 service",
        ),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListAllMyBucketsResult><Owner><ID>x</ID></Owner>\
             <Buckets><Bucket><Name>flights</Name></Bucket></Buckets></ListAllMyBucketsResult>",
            "a list of buckets, not with a listing of flights: unset AWS_VIRTUAL_HOSTED_STYLE_REQUEST, \
             or put the bucket before the host in AWS_ENDPOINT_URL",
        ),
        (
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InternalError</Code></Error>",
            "status 200 and an error document (InternalError): check the lake's log and run again",
        ),
        (
            "<feed/>",
            "an XML document <feed>, not with a listing: set AWS_ENDPOINT_URL to the S3 service",
        ),
        (
            "<ListBucketResult><Name>flights</Name><Prefix>a b/01_bronze/2013</Prefix>",
            "a listing that cannot be read to its end: run again",
        ),
        (
            "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Log in</title></head></html>",
            "an HTML page: AWS_ENDPOINT_URL seems to lead to a console or a login page, \
             set it to the S3 service",
        ),
    ] {
        assert_eq!(
            refusal(body),
            format!("cannot list s3://flights/a b/01_bronze: the server answered with {wanted}")
        );
    }
}

#[test]
fn a_listing_of_something_else() {
    for (elements, wanted) in [
        (
            "<Name>other</Name><Prefix>a b/01_bronze/2013</Prefix><IsTruncated>false</IsTruncated>",
            "a listing of the bucket 'other': correct AWS_ENDPOINT_URL or --lake (LAKE_URL)",
        ),
        (
            "<Name>flights</Name><Prefix/>",
            "a listing of another prefix: use an S3 service that supports ListObjectsV2",
        ),
        (
            "<Name>flights</Name><Prefix>a b/01_bronze/2013</Prefix><IsTruncated>true</IsTruncated>",
            "the beginning of a listing and without the token to go on: \
             use an S3 service that supports ListObjectsV2",
        ),
    ] {
        assert_eq!(
            refusal(&format!("<ListBucketResult>{elements}</ListBucketResult>")),
            format!("cannot list s3://flights/a b/01_bronze: the server answered with {wanted}")
        );
    }
}

/// The library then asks for the listing at the root of the server, which has the object.
#[test]
fn a_virtual_hosted_style_without_the_bucket_in_the_host() {
    let s3 = S3::start();
    s3.put("01_bronze/2013.csv", "x");
    let place = Place::new();
    let extract = place
        .worker_on("extract", "s3://flights")
        .envs(&s3.variables());
    let error = place.refusal(extract.env("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "true"));
    assert_eq!(
        error,
        "cannot list s3://flights/01_bronze: the server answered with a list of buckets, not with a listing of flights: \
         unset AWS_VIRTUAL_HOSTED_STYLE_REQUEST, or put the bucket before the host in AWS_ENDPOINT_URL"
    );
}

#[test]
fn a_prefix_with_odd_characters_is_the_one_that_was_asked_for() {
    for prefix in ["a&b <c>", "50%", "a+b=c", "größe", "it's \"it\""] {
        let s3 = S3::start();
        let place = Place::new();
        let lake = format!("s3://flights/{prefix}");
        let extract = || {
            place
                .worker_on("extract", &lake)
                .envs(&s3.variables())
                .run()
        };
        let finished = extract();
        assert_eq!(finished.code, Some(99), "{finished:?}");
        s3.put(&format!("{prefix}/01_bronze/2013.csv"), "x");
        let _ = extract().summary();
    }
}
