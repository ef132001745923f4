use super::*;
use storage_domain::ExportPath;

fn path(text: &str) -> ExportPath {
    text.parse().unwrap()
}

fn found(printed: &str, wanted: &str) -> Option<String> {
    let list = parse(printed.as_bytes());
    list.find(&path(wanted)).map(|e| e.path.to_string())
}

#[rstest::rstest]
#[case("/srv/exp/images *", "/srv/exp/images", Some("/srv/exp/images"))]
#[case("/srv/exp/images *", "/srv/exp//images/", Some("/srv/exp/images"))]
#[case("/srv/exp/images/ *", "/srv/exp/images", Some("/srv/exp/images/"))]
#[case::prefix_of_a_name("/srv/exp/images *", "/srv/exp/im", None)]
#[case::longer_name("/srv/exp/im *", "/srv/exp/images", None)]
#[case::below("/srv/exp *", "/srv/exp/images", Some("/srv/exp"))]
#[case::above("/srv/exp/images *", "/srv/exp", None)]
#[case::nearest_above("/srv *\n/srv/exp *\n/ *", "/srv/exp/images", Some("/srv/exp"))]
#[case::itself_first("/srv *\n/srv/exp *", "/srv", Some("/srv"))]
#[case::other_case("/srv/exp *", "/srv/Exp", None)]
#[case::blank(
    "/volume1/Plex Media (everyone)",
    "/volume1/Plex Media",
    Some("/volume1/Plex Media")
)]
#[case::blank_is_no_end("/volume1/Plex Media (everyone)", "/volume1/Plex", None)]
#[case::no_clients("/share/Public ", "/share/Public", Some("/share/Public"))]
#[case::no_clients_and_blank("/share/My Files ", "/share/My Files", Some("/share/My Files"))]
#[case::no_clients_and_no_padding("/share/My Files", "/share/My Files", Some("/share/My"))]
fn finds_whole_paths_only(#[case] printed: &str, #[case] wanted: &str, #[case] export: Option<&str>) {
    assert_eq!(found(printed, wanted).as_deref(), export);
}
