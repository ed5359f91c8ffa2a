//! What a person can do about a failed request.

use object_store::Error;

use crate::listing::NotThisListing;
use crate::{Lake, LakeUrl};

impl Lake {
    /// Says what failed and, where the cause is known, what to do.
    pub(crate) fn explain(&self, e: Error, what: &str) -> anyhow::Error {
        if let Some(answer) = causes(&e).find_map(|c| c.downcast_ref::<NotThisListing>()) {
            return anyhow::anyhow!("{what}: {answer}");
        }
        let text = once(&e);
        // The library has no variant for a failed listing, only its text.
        let answered = |status: &str| text.contains(&format!("status code: {status}"));
        let advice = match (&e, &self.url) {
            (Error::NotFound { .. }, LakeUrl::Folder(_)) => "it is not there any more: run again",
            (Error::InvalidPath { .. }, _) => {
                "a key in it has an empty part, a dot for a part or a control character: rename it"
            }
            (Error::Precondition { .. }, _) => "the object changed while it was read: run again",
            (_, LakeUrl::Folder(_)) => "check the folder's owner, its mode and its disk",
            (e, _) if matches!(e, Error::NotFound { .. }) || answered("404") => {
                "it is not there: check the bucket and --lake (LAKE_URL)"
            }
            (e, _) if is_refused(e) || answered("401") || answered("403") => {
                "the lake refuses: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or the role, and their rights"
            }
            (e, _) if is_about_credentials(e) => {
                "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role"
            }
            _ if text.contains("configured region") => {
                "the bucket is in another region: set AWS_REGION to it"
            }
            _ => "check AWS_ENDPOINT_URL and the network, then run again",
        };
        anyhow::anyhow!("{what}: {advice}: {text}")
    }
}

/// Whether the connection broke while it was opened, or during the answer to the start of an upload in parts; the
/// library has only texts for it.
pub(crate) fn broke_off(e: &Error) -> bool {
    const TEXTS: [&str; 2] = [
        "connection was not ready",
        "Error getting create multipart response body",
    ];
    let text = once(e);
    TEXTS.iter().any(|known| text.contains(known))
}

/// Whether the lake does not let us.
fn is_refused(e: &Error) -> bool {
    matches!(
        e,
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. }
    )
}

/// The error and its causes; most of the library's texts repeat those of their causes.
fn once(e: &Error) -> String {
    causes(e).fold(String::new(), |text, cause| {
        let cause = without_answer(cause.to_string());
        match text.as_str() {
            "" => cause,
            known if known.contains(&cause) => text,
            known => format!("{known}: {cause}"),
        }
    })
}

/// Without what could not be read of an answer, which may hold the keys of a role. These are serde's words for it.
fn without_answer(text: String) -> String {
    let words = [
        "invalid type:",
        "invalid value:",
        "unknown variant",
        "unknown field",
    ];
    match words.iter().filter_map(|word| text.find(word)).min() {
        Some(at) => format!("{}the answer makes no sense", &text[..at]),
        None => text,
    }
}

fn causes(e: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(Some(e as &(dyn std::error::Error + 'static)), |e| {
        (*e).source()
    })
}

/// Without any credentials the last place that is asked is the machine's own role.
fn is_about_credentials(e: &Error) -> bool {
    causes(e).any(|c| c.to_string().contains("169.254.169.254"))
}
