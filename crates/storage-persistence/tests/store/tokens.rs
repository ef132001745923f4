//! Access tokens.

use rstest::rstest;
use storage_domain::Role;
use storage_domain::access::{AuditRecord, Token, TokenState};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{NewToken, TokenError};
use time::{Duration, OffsetDateTime};

use crate::support::trail;

fn new(name: &str) -> (Token, NewToken) {
    let token = Token::generate().unwrap();
    let new = NewToken {
        id: token.id().clone(),
        name: name.parse().unwrap(),
        role: Role::Operator,
        hash: token.hash(),
        expires_at: None,
    };
    (token, new)
}

/// Who made and who revoked a token is known wherever that was done; what was refused was not done.
#[rstest]
#[tokio::test]
async fn making_and_revoking_have_their_records(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let record = |action| Some(AuditRecord::new(action));
    let (token, wanted) = new("ci");
    store.create_token(wanted, record("create")).await.unwrap();
    let taken = store.create_token(new("ci").1, record("vain")).await;
    assert!(matches!(taken, Err(TokenError::NameTaken)), "{taken:?}");
    store.revoke_token("ci", record("revoke")).await.unwrap();
    let gone = store.revoke_token("ci", record("vain")).await;
    assert!(matches!(gone, Err(TokenError::NotFound)), "{gone:?}");
    let told: Vec<_> = trail(store)
        .await
        .into_iter()
        .map(|r| (r.action, r.detail.unwrap()))
        .collect();
    let id = token.id();
    let wanted = [
        ("revoke", format!("token {id}")),
        ("create", format!("token {id} (ci), operator")),
    ];
    assert_eq!(told, wanted.map(|(action, detail)| (action.to_owned(), detail)));
}

#[rstest]
#[tokio::test]
async fn a_token_is_made_used_and_revoked(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let now = OffsetDateTime::now_utc();
    let (token, mut wanted) = new("ci");
    wanted.expires_at = Some(now + Duration::days(90));
    let made = store.create_token(wanted, None).await.unwrap();
    let listed = store.tokens(false).await.unwrap();
    let [read] = &listed[..] else { panic!("{listed:?}") };
    assert_eq!(
        (&read.id, read.role, read.expires_at, read.last_used_at),
        (token.id(), Role::Operator, made.expires_at, None)
    );
    assert!(read.hash.matches(&token.hash()));
    assert_eq!(read.state(now), TokenState::Valid);
    assert_eq!(read.state(now + Duration::days(91)), TokenState::Expired);

    store.token_used(token.id(), now).await.unwrap();
    let used = store.tokens(false).await.unwrap()[0].last_used_at.unwrap();
    assert!((now - used).abs() < Duration::milliseconds(2));

    assert_eq!(store.revoke_token("ci", None).await.unwrap(), *token.id());
    assert!(store.tokens(false).await.unwrap().is_empty());
    assert_eq!(
        store.tokens(true).await.unwrap()[0].state(now),
        TokenState::Revoked
    );
    for again in ["ci", token.id().as_str(), "nobody"] {
        let error = store.revoke_token(again, None).await.unwrap_err();
        assert!(matches!(error, TokenError::NotFound), "{error:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_name_is_free_again_once_it_is_revoked(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (first, wanted) = new("ci");
    store.create_token(wanted, None).await.unwrap();
    let error = store.create_token(new("ci").1, None).await.unwrap_err();
    assert!(matches!(error, TokenError::NameTaken), "{error:?}");
    store.create_token(new("CI").1, None).await.unwrap();
    store.revoke_token(first.id().as_str(), None).await.unwrap();
    store.create_token(new("ci").1, None).await.unwrap();
    store.revoke_token("ci", None).await.unwrap();
    assert_eq!(store.tokens(true).await.unwrap().len(), 3);
}

/// What can't be read lets nobody in; least of all is a broken end of a token's time no end.
#[rstest]
#[case("role = 'root'")]
#[case("hash = 'x'")]
#[case("name = ''")]
#[case("expires_at = 9223372036854775807")]
#[tokio::test]
async fn a_row_that_cant_be_read_is_left_out(
    #[case] broken: &str,
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (token, wanted) = new("bad");
    store.create_token(wanted, None).await.unwrap();
    store.create_token(new("good").1, None).await.unwrap();
    let sql = format!("UPDATE access_tokens SET {broken} WHERE name = 'bad'");
    assert_eq!(database.execute(&sql).await, 1);
    let tokens = store.tokens(false).await.unwrap();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(tokens[0].name.as_str(), "good");
    store.revoke_token(token.id().as_str(), None).await.unwrap();
}
