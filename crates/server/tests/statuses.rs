//! Every way to be refused has its status and its sentence; clients branch on the one and people read the other.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use jobs::{Scope, StoreError};
use protocol::RequestError;
use server::ApiError;
use transfer::TransferError;

fn refusals() -> Vec<(ApiError, u16, &'static str)> {
    let file = || TransferError::BadKeyFile { path: "signing.key".into() };
    vec![
        (
            RequestError::TooManyValues { max: server::VALUES_MAX }.into(),
            400,
            "The body has more than 200000 JSON values; a request of this endpoint needs far fewer, put data behind data_url.",
        ),
        (
            ApiError::BodyTooLarge { limit_mib: 10 },
            400,
            "The request body exceeded max body size of 10MiB; put large data behind data_url instead.",
        ),
        (ApiError::BodyIncomplete, 400, "The request body ended before it was complete; send the request again."),
        (
            ApiError::Webhook(TransferError::Webhook { reason: "it has no host".into() }),
            400,
            "webhook cannot be used: it has no host.",
        ),
        (
            ApiError::BadIdempotencyKey { max: 255 },
            400,
            "The header Idempotency-Key must have 1 to 255 visible ASCII characters; a UUID is a good one.",
        ),
        (
            ApiError::Unauthorized,
            401,
            "unauthorized: send an API key of this server in the header \"Authorization: Bearer YOUR_KEY\" (or \
             \"Authorization: YOUR_KEY\").",
        ),
        (
            ApiError::KeyLacksScope { scope: Scope::Write },
            403,
            "forbidden: this key has not the scope write, which this operation needs; use a key that was made with --scope write.",
        ),
        (
            ApiError::KeyForOthers,
            403,
            "forbidden: this key is not for the endpoint dream-booth-v1; use a key that was made with --endpoint \
             dream-booth-v1, or for all endpoints.",
        ),
        (
            ApiError::NotThisMachine { header: "host".into(), found: "evil.example".into(), port: 8000 },
            403,
            "forbidden: this server runs without keys and answers programs of its own machine alone, but the header host \
             is \"evil.example\"; ask http://127.0.0.1:8000, or start the server without --no-auth and use a key.",
        ),
        (
            ApiError::LinkTampered,
            403,
            "forbidden: the signature of this address is missing or does not fit it; copy the address from the job's \
             output, with everything behind the question mark.",
        ),
        (
            ApiError::LinkExpired,
            403,
            "forbidden: this address has expired; ask for the job's status again to get a fresh one.",
        ),
        (
            ApiError::EndpointNotFound,
            404,
            "endpoint not found: this server has one endpoint, dream-booth-v1; its paths begin with /v2/dream-booth-v1/.",
        ),
        (
            ApiError::OperationNotFound,
            404,
            "not found: dream-booth-v1 has the operations POST run, GET status/JOB_ID, POST cancel/JOB_ID and GET health \
             (for example /v2/dream-booth-v1/health).",
        ),
        (
            ApiError::JobNotFound,
            404,
            "job not found: no job has this id; use the id that run returned, on the server that returned it.",
        ),
        (
            ApiError::FileNotFound,
            404,
            "file not found: the job's files are gone or were never made; ask for the job's status.",
        ),
        (
            ApiError::MethodNotAllowed,
            405,
            "method not allowed: the header Allow of this answer names the methods of this path.",
        ),
        (
            ApiError::BodyTooSlow { limit_s: 15.0 },
            408,
            "the request body stopped coming in for 15 s; send the request again.",
        ),
        (
            ApiError::IdempotencyConflict,
            409,
            "conflict: the header Idempotency-Key was used with another body within the last day; choose a new key for a \
             new request.",
        ),
        (
            ApiError::NotJsonContent,
            415,
            "unsupported media type: this server runs without keys, so a POST must have the header Content-Type: \
             application/json.",
        ),
        (ApiError::RangeNotSatisfiable { len_bytes: 10 }, 416, "range not satisfiable: the file has 10 bytes."),
        (
            StoreError::QueueFull { endpoint: "dream-booth-v1".into(), limit: 500 }.into(),
            429,
            "too many requests: 500 jobs are waiting, which is the limit; try again when some are done.",
        ),
        (
            ApiError::Store(StoreError::WrongMasterKey),
            500,
            "internal error: the job store failed; the server's log says why.",
        ),
        (ApiError::Artifacts(file()), 500, "internal error: the file could not be read; the server's log says why."),
        (
            ApiError::FileRead(std::io::ErrorKind::Other.into()),
            500,
            "internal error: the file could not be read; the server's log says why.",
        ),
        (ApiError::Panic, 500, "internal error: the server's log says why."),
        (ApiError::TimedOut { limit_s: 60 }, 503, "the request took longer than 60 s and was given up; try again."),
        (ApiError::NotReady, 503, "not ready: the job store does not answer; the server's log says why."),
    ]
}

#[test]
fn every_refusal_has_its_status_and_its_sentence() {
    for (error, status, sentence) in refusals() {
        assert_eq!((error.status().as_u16(), error.to_string().as_str()), (status, sentence));
    }
}

#[test]
fn the_readme_says_what_each_status_means() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (_, operating) = readme.split_once("\n## Operating the service\n").unwrap();
    let (operating, _) = operating.split_once("\n## ").unwrap();
    let documented: BTreeSet<u16> = operating
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next()?.parse().ok())
        .filter(|status| *status >= 400)
        .collect();
    let known: BTreeSet<u16> = refusals().iter().map(|(_, status, _)| *status).collect();
    assert_eq!(documented, known);
}
