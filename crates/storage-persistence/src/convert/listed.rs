//! A backend as it is shown, rendered when its row is written.
//!
//! The text is the number of its form, the version of the backend, and the JSON. The version makes it another text after each
//! change, even of what is not shown: the database's trigger takes one that stays for a change that did not render it.

use storage_domain::Backend;

/// The form of the JSON. Whoever changes what is shown of a backend counts it up: rows of another form are rendered at the next
/// start. It is a part of entity tags, so that no copy of another form is taken for the same.
pub const FORM: u32 = 2;

/// Renders what is shown of a backend.
pub(crate) fn json(backend: &Backend) -> serde_json::Result<String> {
    serde_json::to_string(&backend.as_shown())
}

/// Returns the text of a backend.
pub(crate) fn render(backend: &Backend) -> Option<String> {
    let json = json(backend).ok()?;
    Some(format!("{FORM} {} {json}", backend.version))
}

/// Returns the version and the JSON of a text; `None` if it has another form.
pub(crate) fn parse(text: &str) -> Option<(&str, &str)> {
    let (form, rest) = text.split_once(' ')?;
    let (version, json) = rest.split_once(' ')?;
    (form.parse() == Ok(FORM)).then_some((version, json))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use storage_domain::{
        Backend, BackendConfig, BackendId, BackendKind, BackendStatus, ByteCount, LastTest, Revision, Stats,
    };
    use time::OffsetDateTime;

    /// If this fails, what a list shows has changed, and [`super::FORM`] has to.
    #[test]
    fn the_form_is_known() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let config = json!({"server": "nas.lab", "export_path": "/srv"});
        let backend = Backend {
            id: "01a21864-27e6-706c-a219-e92dc246baaf"
                .parse::<BackendId>()
                .unwrap(),
            name: "nas".parse().unwrap(),
            config: BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap(),
            boot_path: None,
            revision: Revision::FIRST,
            version: 7,
            status: BackendStatus::Online,
            stats: Stats {
                used: Some(ByteCount::saturating(5)),
                ..Stats::default()
            },
            last_test: Some(LastTest {
                at,
                message: "Works.".to_owned(),
                finding: None,
            }),
            created_at: at,
            updated_at: at,
        };
        let wanted = concat!(
            r#"2 7 {"id":"01a21864-27e6-706c-a219-e92dc246baaf","name":"nas","type":"nfs","status":"online","#,
            r#""config":{"server":"nas.lab","export_path":"/srv","mount_options":"vers=4.1","auth_method":"none"},"#,
            r#""stats":{"used_bytes":5,"total_bytes":null,"file_count":0,"template_count":0},"boot_path":null,"#,
            r#""last_test":{"at":"1970-01-01T00:00:00.000Z","message":"Works."},"#,
            r#""created_at":"1970-01-01T00:00:00.000Z","updated_at":"1970-01-01T00:00:00.000Z"}"#
        );
        let text = super::render(&backend).unwrap();
        assert_eq!(text, wanted);
        assert_eq!(super::parse(&text), Some(("7", &wanted[4..])));
    }
}
