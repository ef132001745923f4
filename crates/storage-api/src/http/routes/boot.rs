//! The routes about what machines boot from.

use actix_web::http::Method;
use storage_domain::Role::{Operator, Viewer};

use super::ONE;
use crate::http::handlers::boot;
use crate::http::parameter::Parameter::FilePath;
use crate::http::route::Class::{Files, Read};
use crate::http::route::Route;
use crate::problem::Code::{InvalidQuery, NoFiles, StorageUnavailable};

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/api/v1/storage/backends/{id}/boot-check",
            boot::check,
        )
        .named(
            "checkBoot",
            "Fetches a file as machines that boot do, and says which of them boot from it",
        )
        .does(Files, Operator, "boot.check")
        .with(&[FilePath])
        .json(200, "BootCheckResponse", "What each kind of client makes of it.")
        .fails(&[ONE, &[InvalidQuery, NoFiles, StorageUnavailable]]),
        Route::new(Method::GET, "/api/v1/storage/boot/stats", boot::stats)
            .named(
                "getBootStats",
                "Returns what machines that boot have fetched since the service began",
            )
            .does(Read, Viewer, "boot.stats")
            .json(200, "BootStatsResponse", "The totals."),
    ]
}
