use rstest::rstest;

use super::*;

#[rstest]
#[case::nginx("22-Nov-2026 19:43             1234567", Some(1_234_567))]
#[case::apache("2026-11-22 19:43  123 ", Some(123))]
#[case::c_time("Sun Nov 22 19:43:00 2026\u{1f}1000", Some(1000))]
#[case::c_time_first("1000\u{1f}Sun Nov  2 19:43:00 2026", Some(1000))]
#[case::year_sized("22-Nov-2026 19:43   2026", Some(2026))]
#[case::iis("Monday, November 02, 2026  6:05 AM         1000 ", Some(1000))]
#[case::iis_short(" 1/ 1/2026 11:59 PM           24 ", Some(24))]
#[case::german("Montag, 2. November 2026 06:05   1000", Some(1000))]
#[case::portuguese("domingo, 22 de novembro de 2026 19:43   1000", Some(1000))]
#[case::czech("22. 11. 2026 19:43 1000", Some(1000))]
#[case::hungarian("2026. 11. 22. 19:43 1000", Some(1000))]
#[case::korean("2026-11-22 오후 7:43  1000", Some(1000))]
#[case::chinese("2026年11月22日 19:43 1000", Some(1000))]
#[case::webfs("-rw-r--r--  root      root      Nov 22 19:43    1000  ", Some(1000))]
#[case::webfs_of_last_year("-rw-r--r--  root      root      Nov 22  2025    1000  ", Some(1000))]
#[case::thttpd("-rw-r--r--   1      1000  Nov 22 19:43  ", Some(1000))]
#[case::thttpd_small("-rw-r--r--   1      6  Nov 22 19:43  ", Some(6))]
#[case::darkhttpd("            1000", Some(1000))]
#[case::commas("2026-11-22\u{1f}1,234,567", Some(1_234_567))]
#[case::points("1.234.567\u{1f}22.11.2026", Some(1_234_567))]
#[case::narrow_spaces("1\u{202f}234\u{202f}567", Some(1_234_567))]
#[case::spaces_in_a_cell("\u{1f}1 234 567\u{1f}", Some(1_234_567))]
#[case::apostrophes("1'234'567", Some(1_234_567))]
#[case::iso_date("2026-11-22T19:43:00Z\u{1f}5", Some(5))]
fn plain_numbers_are_exact(#[case] text: &str, #[case] expected: Option<u64>) {
    let found = Beside::of(text);
    assert_eq!(
        (found.exact, found.has_size),
        (expected, true),
        "{:?}",
        words(text)
    );
}

#[rstest]
#[case::attached("22-Nov-2026 19:43  700M")]
#[case::fraction("4.66 KB")]
#[case::spelled_out("488 bytes")]
#[case::binary("700.0 MiB")]
#[case::in_the_next_cell("700\u{1f}MB")]
#[case::french("700 Mo")]
#[case::russian("700 КБ")]
#[case::chinese("700 字节")]
#[case::no_break_space("700\u{a0}MB")]
#[case::unknown_word("700 anything")]
#[case::fraction_without_unit("4.66")]
#[case::one_point("1.234")]
#[case::bytes_attached("1000B")]
#[case::comma("0,5 kB")]
#[case::downloads("3.0 MB\u{1f}11/22/2026 7:43:00 PM\u{1f}5")]
#[case::two_numbers("3000\u{1f}11/22/2026\u{1f}500")]
fn numbers_with_units_are_not(#[case] text: &str) {
    let found = Beside::of(text);
    assert_eq!((found.exact, found.has_size), (None, true), "{:?}", words(text));
}

#[rstest]
#[case("2026-11-22 19:43", true)]
#[case("22-Nov-2026", true)]
#[case("11/22/26", true)]
#[case("Nov 22 19:43", true)]
#[case("Sun, 22 Nov 2026 19:43:00 GMT", true)]
#[case("22. listopadu 2026", true)]
#[case("running @ 127.0.0.1:8080", false)]
#[case("at 10.0.0.1:80", false)]
#[case("5 days", false)]
#[case("1000", false)]
#[case("chapter 12", false)]
fn dates_are_seen(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(Beside::of(text).has_date, expected, "{:?}", words(text));
}

#[test]
fn directories_and_links_are_seen() {
    let found = Beside::of(" 6/12/2026  3:25 AM        <dir> ");
    assert!(found.has_directory_mark && found.has_date && found.exact.is_none());
    assert_eq!(Beside::of("(drwxr-xr-x)").mode, Some(b'd'));
    assert!(Beside::of("lrwxrwxrwx 1 7 Nov 22 19:43 -> a").has_arrow);
    assert!(Beside::of("-\u{1f}").has_dash);
    assert!(names_a_unit("Size (KB)") && names_a_unit("Размер, МБ"));
    assert!(!names_a_unit("Size (bytes)") && !names_a_unit("Name Last modified Size"));
}
