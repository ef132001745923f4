//! What machines boot from, and what they have fetched.

use serde_json::Value;

use super::super::schema::{about, count, extend, id, list, nullable, object, one_of, reference, text, time};
use crate::boot::{Client, Counts, Outcome};

pub(super) fn schemas() -> Vec<(String, Value)> {
    let traffic = [
        ("requests", count("Requests.")),
        ("bytes", count("Bytes of files.")),
    ];
    let all = [
        ("BootCheck", check()),
        ("BootStats", stats()),
        ("BootTraffic", object(&traffic, &[])),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn check() -> Value {
    let outcome =
        "boots: starts or loads it; unsuitable: has no use for it; fails: does not get it, or it is damaged.";
    let verdict = object(
        &[
            ("client", one_of(&Client::ALL.map(Client::as_str))),
            (
                "outcome",
                about(one_of(&Outcome::ALL.map(Outcome::as_str)), outcome),
            ),
            ("detail", text()),
        ],
        &[],
    );
    let lines = object(&[("ipxe", nullable(text())), ("grub", nullable(text()))], &[]);
    let url = "Where machines reach it, relative if the host is not known; null: nowhere.";
    object(
        &[
            ("clients", list(verdict)),
            ("url", about(nullable(text()), url)),
            ("lines", about(lines, "What loads it; null: nothing does.")),
        ],
        &[],
    )
}

fn stats() -> Value {
    let origins = Counts::default().origins();
    let origins = origins.map(|(name, _)| (name, reference("BootTraffic")));
    let backend = object(&[("id", id()), ("name", text())], &[]);
    let own = object(
        &[
            ("since", time()),
            ("refused", count("Answers from 400 to 499.")),
            ("failed", count("Answers from 500 on, and those that broke off.")),
            ("connections", count("Open now.")),
            ("origins", object(&origins, &[])),
            ("backends", list(extend("BootTraffic", backend))),
        ],
        &[],
    );
    extend("BootTraffic", own)
}
