//! Files in forms.

use super::*;

fn form(parts: &str) -> Vec<u8> {
    format!("--XX\r\n{}\r\n--XX--\r\n", parts.replace('|', "\r\n--XX\r\n")).into_bytes()
}

const FIELDS: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=XX")];
const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"ü a.iso\"\r\n\r\n0123456789";
const OTHER: &str = "Content-Disposition: form-data; name=\"note\"\r\n\r\nx";

#[rstest]
#[case(FILE.to_owned())]
#[case(format!("{OTHER}|{FILE}"))]
#[case(format!("{FILE}|{OTHER}"))]
#[actix_web::test]
async fn a_form_writes_its_file(#[case] parts: String) {
    let bench = Bench::new(|fake| fake).await;
    let mut fields = FIELDS.to_vec();
    fields.push(("x-expected-checksum-sha256", HEX));
    let answer = bench
        .send(Method::POST, "/files?path=/images", &fields, &form(&parts))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.data()["path"], "/images/ü a.iso");
    assert_eq!(answer.data()["sha256"], HEX);
    bench.assert_clean().await;
}

#[rstest]
#[case(OTHER, 400, "bad_request")]
#[case(
    "Content-Disposition: form-data; name=\"file\"\r\n\r\nx",
    422,
    "invalid_request"
)]
#[case(
    "Content-Disposition: form-data; name=\"file\"; filename=\"../a\"\r\n\r\nx",
    422,
    "invalid_request"
)]
#[actix_web::test]
async fn forms_without_a_file(#[case] parts: &str, #[case] status: u16, #[case] code: &str) {
    let bench = Bench::new(|fake| fake).await;
    let answer = bench
        .send(Method::POST, "/files?path=/images", FIELDS, &form(parts))
        .await;
    assert_eq!(shown(&answer), (status, &json!(code)), "{}", answer.body);
}

/// A page of another origin may send a form without asking, to a service that asks nobody for a token too.
#[rstest]
#[case(("origin", "https://evil.example"), 403)]
#[case(("sec-fetch-site", "cross-site"), 403)]
#[case(("sec-fetch-site", "same-origin"), 200)]
#[actix_web::test]
async fn forms_of_other_origins(#[case] field: (&str, &str), #[case] status: u16) {
    let bench = Bench::new(|fake| fake).await;
    let fields = [FIELDS, &[field]].concat();
    let answer = bench
        .send(Method::POST, "/files?path=/images", &fields, &form(FILE))
        .await;
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
}

/// Nothing that was sent is dropped without a word.
#[rstest]
#[case(format!("{FILE}|{}", FILE.replace("ü a", "b")))]
#[case(format!("{FILE}\r\n--XXL\r\nof the file"))]
#[actix_web::test]
async fn a_form_of_which_something_would_be_left_out(#[case] parts: String) {
    let bench = Bench::new(|fake| fake).await;
    let answer = bench
        .send(Method::POST, "/files?path=/images", FIELDS, &form(&parts))
        .await;
    assert_eq!(shown(&answer), (400, &json!("bad_request")), "{}", answer.body);
    assert_eq!(bench.stat("/images/%C3%BC+a.iso").await.status, 404);
    bench.assert_clean().await;
}

/// A form that ends in the middle of its file is none.
#[actix_web::test]
async fn a_form_that_breaks_off() {
    let bench = Bench::new(|fake| fake).await;
    let whole = form(FILE);
    let answer = bench
        .send(
            Method::POST,
            "/files?path=/images",
            FIELDS,
            &whole[..whole.len() - 12],
        )
        .await;
    assert_eq!(shown(&answer), (400, &json!("bad_request")), "{}", answer.body);
    bench.assert_clean().await;
}
