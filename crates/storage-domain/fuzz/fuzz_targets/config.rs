//! Configs: what is accepted is read back from what is stored, never shows a secret, and takes back what it showed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use storage_domain::{BackendConfig, BackendKind};

fuzz_target!(|text: &str| {
    let Ok(members) = serde_json::from_str::<Map<String, Value>>(text) else {
        return;
    };
    for kind in BackendKind::ALL {
        let Ok(config) = BackendConfig::parse(*kind, &members) else {
            continue;
        };
        assert_eq!(
            BackendConfig::parse(*kind, &config.stored()).as_ref(),
            Ok(&config)
        );
        let shown = config.shown();
        assert!(
            BackendConfig::secret_fields().all(|field| !shown.contains_key(field))
        );
        assert_eq!(config.merge(&shown).as_ref(), Ok(&config));
        assert_eq!(config.merge(&Map::new()).as_ref(), Ok(&config));
    }
});
