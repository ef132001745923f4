//! Tokens: what is accepted is the token that was typed, whole; its secret is never shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage_domain::access::Token;

fuzz_target!(|input: ([u8; 6], [u8; 32], &str, bool)| {
    let (id, secret, text, is_whole) = input;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let (id, secret) = (hex(&id), hex(&secret));
    let made = format!("pbs_{id}_{secret}");
    // Whole tokens, tokens with something behind or in place of their secret, and text.
    let text = if is_whole { format!("{made}{text}") } else { text.to_owned() };
    assert_eq!(Token::parse(&made).map(|t| t.id().as_str().to_owned()), Some(id));
    let Some(token) = Token::parse(&text) else { return };
    assert_eq!(*token.expose(), text);
    assert!(Token::is_meant(&text));
    let secret = text.rsplit('_').next().unwrap_or_default();
    assert!(secret.len() == 64 && !format!("{token:?}").contains(secret));
});
