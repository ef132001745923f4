use std::time::Duration;

use rstest::rstest;
use storage_api::AppSettings;
use storage_backends::Settings as BackendSettings;
use storage_domain::TemplatePatterns;

use super::keys::{self, KEYS, Kind, find};
use super::values;

#[rstest]
#[case("30s", 30_000)]
#[case("500ms", 500)]
#[case("1m30s", 90_000)]
#[case("2h", 7_200_000)]
#[case("24h", 86_400_000)]
fn durations(#[case] text: &str, #[case] millis: u64) {
    assert_eq!(values::duration(text), Ok(Duration::from_millis(millis)));
    let shown = values::show(Duration::from_millis(millis));
    assert_eq!(values::duration(&shown), Ok(Duration::from_millis(millis)));
}

#[rstest]
#[case("")]
#[case("0s")]
#[case("30")]
#[case("s")]
#[case("-1s")]
#[case("1.5s")]
#[case("24h1ms")]
#[case("99999999999s")]
#[case("4294967295h")]
#[case("1d")]
#[case("1s ")]
fn no_durations(#[case] text: &str) {
    assert!(values::duration(text).is_err());
}

#[rstest]
#[case("postgres://u:p@h/d", true)]
#[case("postgres://u@h:5432/d", false)]
#[case("postgres://h/d?user=u&password=p", true)]
#[case("postgres://u:p%40:x@h", true)]
#[case("sqlite:///srv/a:b@c/storage.db", false)]
fn passwords(#[case] url: &str, #[case] has: bool) {
    assert_eq!(values::has_password(url), has);
}

fn default_of(name: &str) -> &'static str {
    find(name).and_then(|k| k.default).expect("it has a default")
}

/// What is told as a default is what the libraries have.
#[test]
fn defaults_are_those_of_the_libraries() {
    let duration = |name| values::duration(default_of(name)).expect("a duration");
    assert_eq!(
        duration(keys::MOUNT_DEADLINE),
        BackendSettings::DEFAULT_MOUNT_DEADLINE
    );
    assert_eq!(
        duration(keys::SCAN_DEADLINE),
        BackendSettings::DEFAULT_SCAN_DEADLINE
    );
    assert_eq!(
        duration(keys::TEST_DEADLINE),
        AppSettings::default().test_deadline
    );
    assert_eq!(
        duration(keys::SCAN_INTERVAL),
        AppSettings::default().scan_interval
    );
    assert_eq!(
        values::duration_or_off(default_of(keys::WATCH_INTERVAL)),
        Ok(AppSettings::default().watch_interval)
    );
    assert_eq!(values::duration_or_off("off"), Ok(None));
    assert_eq!(
        default_of(keys::UNMOUNT_AT_STOP),
        AppSettings::default().unmount_at_stop.to_string()
    );
    assert_eq!(
        default_of(keys::TEMPLATE_EXTENSIONS),
        TemplatePatterns::DEFAULT_EXTENSIONS.join(",")
    );
    let least = format!("at least {}", values::show(BackendSettings::MIN_MOUNT_DEADLINE));
    assert!(find(keys::MOUNT_DEADLINE).is_some_and(|k| k.help.contains(&least)));
}

#[test]
fn every_key_has_its_own_names() {
    let mut seen = std::collections::HashSet::new();
    for key in KEYS {
        assert!(seen.insert(key.flag()) && seen.insert(key.env()), "{}", key.name);
        assert_eq!(
            key.default.is_none(),
            key.default_help.contains("state") || key.default_help == keys::NONE,
            "{}",
            key.name
        );
        assert!(key.kind != Kind::One || !key.value.is_empty());
    }
}
