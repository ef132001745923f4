//! Enums that are one stable word a variant, on the wire and in the database.

/// Declares an enum with one stable word a variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $rule:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every variant, in the order of its declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word for it, on the wire and in the database.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::invalid::Rule;

            fn from_str(text: &str) -> Result<Self, $crate::invalid::Rule> {
                Self::ALL.iter().copied().find(|v| v.as_str() == text).ok_or_else(|| $crate::invalid::Rule::new($rule))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;
