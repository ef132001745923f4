use std::time::Duration;

use rstest::rstest;
use storage_api::AppSettings;
use storage_backends::Settings as BackendSettings;
use storage_domain::TemplatePatterns;

use super::setting::{Kind, NONE, Setting};
use super::table::{self, KEYS};
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

fn default_of<T>(setting: &Setting<T>) -> Option<T> {
    (setting.parse)(setting.default?).ok()
}

/// The defaults are those of the libraries.
#[test]
fn defaults_are_those_of_the_libraries() {
    let app = AppSettings::default();
    let mount = BackendSettings::DEFAULT_MOUNT_DEADLINE;
    assert_eq!(default_of(&table::MOUNT_DEADLINE), Some(mount));
    assert_eq!(default_of(&table::TEST_DEADLINE), Some(app.test_deadline));
    assert_eq!(default_of(&table::SCAN_INTERVAL), Some(app.scan_interval));
    assert_eq!(default_of(&table::WATCH_INTERVAL), Some(app.watch_interval));
    assert_eq!(values::duration_or_off("off"), Ok(None));
    assert_eq!(values::size_or_off("off"), Ok(None));
    assert_eq!(values::size_or_off("700M"), Ok(Some(700 << 20)));
    for wrong in ["0", "", "M", "1.5G", "-1", "9000000T", "10MB", "ü"] {
        assert!(values::size_or_off(wrong).is_err(), "{wrong}");
    }
    assert_eq!(default_of(&table::UNMOUNT_AT_STOP), Some(app.unmount_at_stop));
    let extensions = TemplatePatterns::DEFAULT_EXTENSIONS.join(",");
    assert_eq!(table::TEMPLATE_EXTENSIONS.default, Some(extensions.as_str()));
    let least = format!("at least {}", values::show(BackendSettings::MIN_MOUNT_DEADLINE));
    assert!(table::MOUNT_DEADLINE.help.contains(&least));
}

#[test]
fn every_key_has_its_own_names() {
    let mut seen = std::collections::HashSet::new();
    for key in KEYS {
        assert!(seen.insert(key.flag()) && seen.insert(key.env()), "{}", key.name);
        assert_eq!(
            key.default.is_none(),
            key.default_help.contains("state") || key.default_help == NONE,
            "{}",
            key.name
        );
        assert!(key.kind != Kind::One || !key.value.is_empty());
    }
}
