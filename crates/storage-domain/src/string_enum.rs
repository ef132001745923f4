//! Enums whose variants are stable strings, on the wire and in the database.

/// Declares an enum with a stable string for each variant.
macro_rules! string_enum {
    ($(#[$doc:meta])* $name:ident {
        $(#[$first_doc:meta])* $first:ident = $first_text:literal,
        $($(#[$other_doc:meta])* $other:ident = $other_text:literal),+ $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ::serde::Serialize, ::serde::Deserialize)]
        pub enum $name {
            $(#[$first_doc])* #[serde(rename = $first_text)] $first,
            $($(#[$other_doc])* #[serde(rename = $other_text)] $other),+
        }

        impl $name {
            /// Every variant, in the order of its declaration.
            pub const ALL: &'static [Self] = &[Self::$first, $(Self::$other),+];

            /// Returns its stable string.
            pub const fn as_str(self) -> &'static str {
                match self { Self::$first => $first_text, $(Self::$other => $other_text),+ }
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::invalid::Rule;

            fn from_str(text: &str) -> Result<Self, $crate::invalid::Rule> {
                let found = Self::ALL.iter().copied().find(|v| v.as_str() == text);
                found.ok_or_else(|| $crate::invalid::Rule::new(
                    concat!("must be one of ", $first_text, $(", ", $other_text),+)
                ))
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::fields::TextField for $name {
            const SHAPE: $crate::fields::Shape =
                $crate::fields::Shape::OneOf(&[$first_text, $($other_text),+]);
        }
    };
}
pub(crate) use string_enum;
