//! Checks that the answer to a listing is a listing.
//!
//! `object_store` ignores every element of the answer that it does not know. It takes the HTML of a login page, a list
//! of buckets or an error document for an empty listing, and the year would count as one without a raw file.

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

/// The ends of the aliases of access points, which stand for a bucket of another name.
const ALIASES: [&str; 2] = ["-s3alias", "--ol-s3"];

/// Connects as the library does, and checks each listing of `bucket`.
#[derive(Clone, Debug)]
pub(crate) struct CheckListings {
    pub(crate) bucket: String,
}

impl HttpConnector for CheckListings {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(CheckingClient {
            client: ReqwestConnector::default().connect(options)?,
            bucket: self.bucket.clone(),
        }))
    }
}

#[derive(Debug)]
struct CheckingClient {
    client: HttpClient,
    bucket: String,
}

#[async_trait]
impl HttpService for CheckingClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let prefix = listed_prefix(&request);
        let response = self.client.execute(request).await?;
        let Some(prefix) = prefix.filter(|_| response.status().is_success()) else {
            return Ok(response);
        };
        let (parts, body) = response.into_parts();
        // The library retries after these, and not where a body that it reads itself breaks off.
        let broke_off = |e| HttpError::new(HttpErrorKind::Interrupted, e);
        let body = body.bytes().await.map_err(broke_off)?;
        check(&body, &self.bucket, &prefix)
            .map_err(|e| HttpError::new(HttpErrorKind::Unknown, e))?;
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

/// The prefix that a request lists; `None` where the request is not a listing.
fn listed_prefix(request: &HttpRequest) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let value = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    value("list-type")?;
    Some(value("prefix").unwrap_or_default())
}

/// What has answered instead of the lake, and what to do about it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server answered with {answer}: {advice}")]
pub(crate) struct NotThisListing {
    answer: String,
    advice: &'static str,
}

fn wrong(answer: impl Into<String>, advice: &'static str) -> NotThisListing {
    let answer = answer.into();
    NotThisListing { answer, advice }
}

/// The elements of a listing that say what was listed, and whether there is more of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Listing {
    name: String,
    prefix: String,
    is_truncated: bool,
    next_continuation_token: String,
}

#[derive(Deserialize)]
struct ErrorDocument {
    #[serde(rename = "Code")]
    code: String,
}

fn check(body: &[u8], bucket: &str, prefix: &str) -> Result<(), NotThisListing> {
    const ENDPOINT: &str = "set AWS_ENDPOINT_URL to the S3 service";
    match root(body).as_deref() {
        Some("ListBucketResult") => check_listing(body, bucket, prefix),
        Some("ListAllMyBucketsResult") => Err(wrong(
            format!("a list of buckets, not with a listing of {bucket}"),
            "unset AWS_VIRTUAL_HOSTED_STYLE_REQUEST, or put the bucket before the host in AWS_ENDPOINT_URL",
        )),
        Some("Error") => {
            let document = quick_xml::de::from_reader::<_, ErrorDocument>(body);
            let code = document.map(|error| error.code).unwrap_or_default();
            Err(wrong(
                format!("status 200 and an error document ({})", word(&code)),
                "check the lake's log and run again",
            ))
        }
        _ if is_html(body) => Err(wrong(
            "an HTML page",
            "AWS_ENDPOINT_URL seems to lead to a console or a login page, set it to the S3 service",
        )),
        Some(other) => Err(wrong(
            format!("an XML document <{}>, not with a listing", word(other)),
            ENDPOINT,
        )),
        None if body.is_empty() => Err(wrong("status 200 and nothing else", ENDPOINT)),
        None => Err(wrong("something that is not XML", ENDPOINT)),
    }
}

fn check_listing(body: &[u8], bucket: &str, prefix: &str) -> Result<(), NotThisListing> {
    const VERSION_2: &str = "use an S3 service that supports ListObjectsV2";
    let listing: Listing = quick_xml::de::from_reader(body)
        .map_err(|_| wrong("a listing that cannot be read to its end", "run again"))?;
    let is_alias = ALIASES.iter().any(|end| bucket.ends_with(end));
    if listing.name != bucket && !is_alias {
        return Err(wrong(
            format!("a listing of the bucket '{}'", word(&listing.name)),
            "correct AWS_ENDPOINT_URL or --lake (LAKE_URL)",
        ));
    }
    // The XML library drops blanks at the ends.
    if listing.prefix.trim() != prefix.trim() {
        return Err(wrong("a listing of another prefix", VERSION_2));
    }
    if listing.is_truncated && listing.next_continuation_token.is_empty() {
        return Err(wrong(
            "the beginning of a listing and without the token to go on",
            VERSION_2,
        ));
    }
    Ok(())
}

/// The name of the outermost element.
fn root(body: &[u8]) -> Option<String> {
    let mut reader = Reader::from_reader(body);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag) | Event::Empty(tag)) => {
                return Some(String::from_utf8_lossy(tag.local_name().as_ref()).into_owned());
            }
            Ok(Event::Text(text)) if !text.trim_ascii().is_empty() => return None,
            Ok(Event::Eof) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

fn is_html(body: &[u8]) -> bool {
    let beginning = String::from_utf8_lossy(&body[..body.len().min(1024)]).to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|tag| beginning.contains(tag))
}

/// The word of a server, cut short and without what could be anything else.
fn word(text: &str) -> String {
    let is_of_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.chars().filter(is_of_word).take(63).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const BUCKET: &str = "flights";
    const PREFIX: &str = "a & b/01_bronze/2013";

    /// A listing with these elements.
    fn listing(elements: &str) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{elements}\
             <Contents><Key>a & b</Key><Name>x</Name></Contents></ListBucketResult>"
        )
        .replace("& ", "&amp; ")
    }

    fn answer(body: &str) -> String {
        match check(body.as_bytes(), BUCKET, PREFIX) {
            Ok(()) => "the listing".into(),
            Err(e) => e.answer,
        }
    }

    #[test]
    fn accepts_a_listing_of_the_bucket_and_prefix() {
        for elements in [
            "<Name>flights</Name><Prefix>a & b/01_bronze/2013</Prefix>",
            "<Prefix>a & b/01_bronze/2013</Prefix><IsTruncated>false</IsTruncated><Name>flights</Name>",
            "<Name>flights</Name><Prefix>a & b/01_bronze/2013</Prefix><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>x</NextContinuationToken>",
        ] {
            assert_eq!(answer(&listing(elements)), "the listing", "{elements}");
        }
        let prefixed = "<s3:ListBucketResult xmlns:s3='x'><s3:Name>flights</s3:Name>\
                        <s3:Prefix>a &amp; b/01_bronze/2013</s3:Prefix></s3:ListBucketResult>";
        assert_eq!(answer(prefixed), "the listing");
    }

    #[test]
    fn refuses_a_listing_of_something_else() {
        for (elements, wanted) in [
            (
                "<Prefix>a & b/01_bronze/2013</Prefix>",
                "a listing of the bucket ''",
            ),
            (
                "<Name>other</Name><Prefix>a & b/01_bronze/2013</Prefix>",
                "a listing of the bucket 'other'",
            ),
            ("<Name>flights</Name>", "a listing of another prefix"),
            (
                "<Name>flights</Name><Prefix></Prefix>",
                "a listing of another prefix",
            ),
            (
                "<Name>flights</Name><Prefix>a & b/01_bronze/2013</Prefix><IsTruncated>true</IsTruncated>",
                "the beginning of a listing and without the token to go on",
            ),
        ] {
            assert_eq!(answer(&listing(elements)), wanted, "{elements}");
        }
    }

    #[test]
    fn refuses_a_listing_cut_at_any_byte() {
        let whole = listing("<Name>flights</Name><Prefix>a & b/01_bronze/2013</Prefix>");
        for end in 0..whole.len() {
            assert_ne!(answer(&whole[..end]), "the listing", "cut at {end}");
        }
    }

    #[test]
    fn an_access_point_has_another_name_than_its_bucket() {
        let listing = listing("<Name>flights</Name><Prefix>x</Prefix>");
        let alias = "flights-x1y2-s3alias";
        assert_eq!(check(listing.as_bytes(), alias, "x"), Ok(()));
    }

    #[test]
    fn says_what_has_answered() {
        for (body, wanted) in [
            (
                "<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>Log in</title>",
                "an HTML page",
            ),
            (
                "\u{feff}<HTML><body>hello<br></body></HTML>",
                "an HTML page",
            ),
            (
                "<?xml version='1.0'?><ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>",
                "a list of buckets, not with a listing of flights",
            ),
            (
                "<Error><Code>SlowDown</Code><Message>x</Message></Error>",
                "status 200 and an error document (SlowDown)",
            ),
            ("<a:b>x</a:b>", "an XML document <b>, not with a listing"),
            ("{\"buckets\": []}", "something that is not XML"),
            ("", "status 200 and nothing else"),
        ] {
            assert_eq!(answer(body), wanted, "{body}");
        }
    }
}
