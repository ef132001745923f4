//! Roles, tokens and how long they last.

use proptest::prelude::*;
use rstest::rstest;
use storage_domain::Role;
use storage_domain::access::{AccessToken, Lifetime, Token, TokenHash, TokenId, TokenName, TokenState};
use time::{Duration, OffsetDateTime};

#[test]
fn each_role_may_what_those_before_it_may() {
    for (i, role) in Role::ALL.iter().enumerate() {
        for (j, needed) in Role::ALL.iter().enumerate() {
            assert_eq!(role.may(*needed), i >= j, "{role} for {needed}");
        }
    }
}

#[test]
fn a_token_is_read_back_and_matches_its_hash_only() {
    let (token, other) = (Token::generate().unwrap(), Token::generate().unwrap());
    let text = token.expose();
    assert_eq!(text.len(), "pbs_".len() + 12 + 1 + 64);
    let read = Token::parse(&text).unwrap();
    assert_eq!((read.id(), &read), (token.id(), &token));
    let stored = TokenHash::from_stored(&token.hash().stored()).unwrap();
    assert!(read.hash().matches(&stored));
    assert!(!other.hash().matches(&stored));
    assert!(!stored.stored().contains(&text[17..]));
}

#[test]
fn no_secret_is_shown() {
    let token = Token::generate().unwrap();
    let secret = token.expose()[17..].to_owned();
    let shown = format!("{token:?} {:?}", token.hash());
    assert!(shown.contains(token.id().as_str()) && !shown.contains(&secret));
    assert!(!shown.contains(&token.hash().stored()));
}

#[rstest]
#[case("")]
#[case("pbs_")]
#[case("pbs__")]
#[case("pbs_0123456789ab_")]
#[case("pbs_0123456789ab_00")]
#[case("PBS_0123456789ab_0000000000000000000000000000000000000000000000000000000000000000")]
#[case("pbs_0123456789AB_0000000000000000000000000000000000000000000000000000000000000000")]
#[case("pbs_0123456789ab_000000000000000000000000000000000000000000000000000000000000000G")]
#[case("pbs_0123456789ab_0000000000000000000000000000000000000000000000000000000000000000 ")]
#[case("pbs_é123456789a_0000000000000000000000000000000000000000000000000000000000000000")]
fn what_is_no_token_is_none(#[case] text: &str) {
    assert!(Token::parse(text).is_none());
}

#[rstest]
#[case("ci")]
#[case("Jürgen's laptop, 2nd")]
fn names(#[case] text: &str) {
    assert_eq!(text.parse::<TokenName>().unwrap().as_str(), text);
}

#[rstest]
#[case("", "blank")]
#[case(" ", "blank")]
#[case("a\nb", "control")]
#[case("0123456789ab", "look like")]
#[case("pbs_x", "look like")]
fn no_names(#[case] text: &str, #[case] why: &str) {
    let rule = text.parse::<TokenName>().unwrap_err().to_string();
    assert!(rule.contains(why), "{rule}");
}

#[test]
fn the_longest_name_fits() {
    let long = "ü".repeat(TokenName::MAX_CHARS);
    assert!(long.parse::<TokenName>().is_ok());
    assert!(format!("{long}x").parse::<TokenName>().is_err());
}

#[rstest]
#[case("90d", Some(Duration::days(90)))]
#[case("12h", Some(Duration::hours(12)))]
#[case("30m", Some(Duration::minutes(30)))]
#[case("3650d", Some(Duration::days(3650)))]
#[case("never", None)]
fn lifetimes(#[case] text: &str, #[case] wanted: Option<Duration>) {
    let now = OffsetDateTime::UNIX_EPOCH;
    assert_eq!(
        text.parse::<Lifetime>().unwrap().end(now),
        wanted.map(|d| now + d)
    );
}

#[rstest]
#[case("")]
#[case("d")]
#[case("0d")]
#[case("-1d")]
#[case("+1d")]
#[case("1.5h")]
#[case("3651d")]
#[case("4294967296m")]
#[case("90")]
#[case("90 d")]
#[case("90ü")]
fn no_lifetimes(#[case] text: &str) {
    assert!(text.parse::<Lifetime>().is_err());
}

#[test]
fn the_default_lifetime_is_one() {
    assert!(Lifetime::DEFAULT.parse::<Lifetime>().is_ok());
}

#[test]
fn a_token_is_valid_until_it_ends() {
    let now = OffsetDateTime::UNIX_EPOCH + Duration::days(1);
    let token = Token::generate().unwrap();
    let mut row = AccessToken {
        id: token.id().clone(),
        name: "ci".parse().unwrap(),
        role: Role::Viewer,
        hash: token.hash(),
        created_at: OffsetDateTime::UNIX_EPOCH,
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    };
    assert_eq!(row.state(now), TokenState::Valid);
    row.expires_at = Some(now);
    assert_eq!(row.state(now - Duration::MILLISECOND), TokenState::Valid);
    assert_eq!(row.state(now), TokenState::Expired);
    row.revoked_at = Some(now);
    assert_eq!(row.state(now), TokenState::Revoked);
}

proptest! {
    #[test]
    fn parsing_never_panics(text in "\\PC*") {
        let _ = Token::parse(&text);
        let _ = text.parse::<TokenId>();
        let _ = text.parse::<TokenName>();
        let _ = text.parse::<Lifetime>();
    }

    #[test]
    fn one_text_for_one_token(text in "pbs_[0-9a-f]{12}_[0-9a-f]{64}") {
        prop_assert_eq!(&**Token::parse(&text).unwrap().expose(), &text);
    }
}
