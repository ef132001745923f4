//! Ids: UUIDs that have one text.

/// Implements `FromStr` and `Display` for a newtype over a UUID. Only the canonical form is read, so that a thing has one
/// address.
macro_rules! id {
    ($name:ident, $rule:literal) => {
        impl ::std::str::FromStr for $name {
            type Err = $crate::invalid::Rule;

            fn from_str(text: &str) -> Result<Self, $crate::invalid::Rule> {
                let id = ::uuid::Uuid::try_parse(text).map(Self).ok();
                id.filter(|id| id.to_string() == text)
                    .ok_or_else(|| $crate::invalid::Rule::new($rule))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}
pub(crate) use id;
