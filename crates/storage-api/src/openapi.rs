//! The OpenAPI 3.1 document.

/// The document as pretty JSON.
pub fn document() -> String {
    String::new()
}
