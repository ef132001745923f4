//! `--help`, and the page of settings that comes from it.

use rstest::rstest;

use crate::service::run;

#[rstest]
#[case("top", &["--help"])]
#[case("serve", &["serve", "--help"])]
#[case("migrate", &["migrate", "--help"])]
#[case("keys", &["keys", "--help"])]
#[case("probe-nfs", &["probe", "nfs", "--help"])]
#[case("probe-http", &["probe", "http", "--help"])]
#[case("probe-iscsi", &["probe", "iscsi", "--help"])]
#[case("scan", &["scan", "--help"])]
#[case("token", &["token", "--help"])]
#[case("token-create", &["token", "create", "--help"])]
fn help_stays_as_it_is(#[case] name: &str, #[case] args: &[&str]) {
    let done = run(args);
    assert_eq!(done.code, Some(0));
    insta::assert_snapshot!(format!("help-{name}"), done.out);
}

#[test]
fn the_version_is_told() {
    let wanted = format!("pureboot-storage {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]).out, wanted);
}

#[rstest]
#[case(&[])]
#[case(&["nonsense"])]
#[case(&["serve", "--nonsense"])]
#[case(&["probe"])]
fn what_is_no_command_is_refused(#[case] args: &[&str]) {
    assert_eq!(run(args).code, Some(2));
}

/// The page of settings says what `--help` says, setting by setting.
#[test]
fn the_page_has_every_setting() {
    let page = include_str!("../../../../docs/settings.md");
    let row = |line: &str| -> Option<Vec<String>> {
        let line = line.strip_prefix("| `")?.replace("\\|", "\0").replace('`', "");
        let cells = line.split('|').map(|c| c.trim().replace('\0', "|"));
        Some(cells.collect())
    };
    let rows: Vec<Vec<String>> = page.lines().filter_map(row).collect();
    let help = run(&["serve", "--help"]).out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let keys = help.matches("[env: PUREBOOT_STORAGE_").count() - 1;
    assert_eq!(rows.len(), keys, "{rows:?}");
    for cells in &rows {
        let [key, flag, default, meaning, ..] = &cells[..] else {
            panic!("{cells:?}")
        };
        let env = format!("[env: PUREBOOT_STORAGE_{}]", key.to_uppercase());
        let is_wanted = |effect: &str| help.contains(&format!("{flag} {meaning} [{effect}] {env}"));
        let switches = ["true", "false", "off"].map(|word| format!("sets {key} to {word}"));
        let is_told = is_wanted(&format!("default: {default}"))
            || switches
                .iter()
                .any(|effect| is_wanted(effect) && !effect.ends_with(default));
        assert!(is_told, "{cells:?}\n--\n{help}");
    }
}
