//! The declaration of a config.

/// Declares a config: a field a line, as `name: Type = default, "help";`.
///
/// `Option<Type>` may be null; a field of another type without a default is required. The draft has the same fields, each
/// as far as it is valid; its implementation of `Draft` adds the rules that concern several of them.
macro_rules! config {
    (
        $(#[$doc:meta])*
        $config:ident, $draft:ident {
            $($field:ident: $type:ty $(= $default:expr)?, $help:literal;)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $config {
            $(#[doc = concat!($help, ".")] pub $field: $type,)+
        }

        struct $draft {
            $($field: Option<$type>,)+
        }

        impl $crate::fields::Declared for $config {
            const FIELDS: &'static [$crate::fields::Field] = &[
                $($crate::fields::Field::new::<$type>(
                    stringify!($field),
                    $crate::fields::config!(@default $($default)?),
                    $help,
                ),)+
            ];

            fn read(reader: &mut $crate::fields::Reader<'_>) -> Option<Self> {
                let mut table = Self::FIELDS.iter();
                let draft = $draft { $($field: reader.read(table.next()?),)+ };
                $crate::fields::Draft::check(&draft, reader);
                Some(Self { $($field: draft.$field?,)+ })
            }

            fn values(&self) -> Vec<(&'static str, $crate::fields::View<'_>)> {
                vec![$((stringify!($field), $crate::fields::Slot::view(&self.$field)),)+]
            }
        }
    };
    (@default) => { None };
    (@default $default:expr) => { Some($default) };
}
pub(crate) use config;
