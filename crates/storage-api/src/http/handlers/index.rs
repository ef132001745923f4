//! The page at the root.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, ContentType};

const PAGE: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>PureBoot Storage</title>\n\
    <h1>PureBoot Storage</h1>\n<p>This is a REST API. <a href=\"/docs/\">Its documentation</a> shows every call, and can make them.\n</html>\n";

/// `GET /`
pub(crate) async fn page() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .content_type(ContentType::html())
        .body(PAGE)
}
