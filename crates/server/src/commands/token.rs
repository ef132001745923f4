//! `token`: makes, lists and revokes access tokens, straight on the database.

mod show;

use std::process::ExitCode;

use anyhow::Context;
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};
use storage_domain::Role;
use storage_domain::access::{Lifetime, Token, TokenId, TokenName};
use storage_persistence::{NewToken, Store, TokenError};
use time::OffsetDateTime;

use super::{database, trail};
use crate::exit::Failure;
use crate::{commands, output};

/// The arguments.
pub(crate) fn command() -> Command {
    Command::new("token")
        .about("Makes, lists and revokes access tokens; a running service takes notice within seconds")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(database::with_settings(create()))
        .subcommand(database::with_settings(list()))
        .subcommand(database::with_settings(revoke()))
}

fn create() -> Command {
    let name = Arg::new("name")
        .long("name")
        .value_name("NAME")
        .required(true)
        .value_parser(ValueParser::new(|text: &str| text.parse::<TokenName>()))
        .help("Who it is for, as the audit trail names it; unique among the tokens that are not revoked");
    let role = Arg::new("role")
        .long("role")
        .value_name("ROLE")
        .required(true)
        .value_parser(ValueParser::new(|text: &str| text.parse::<Role>()))
        .help("viewer (reads), operator (reads, tests, discovers) or admin (everything)");
    let expires = Arg::new("expires")
        .long("expires")
        .value_name("DURATION")
        .default_value(Lifetime::DEFAULT)
        .value_parser(ValueParser::new(|text: &str| text.parse::<Lifetime>()))
        .help("How long it is of use, such as 90d, 12h or never");
    Command::new("create")
        .about("Makes a token and prints it, this once, on standard output")
        .args([name, role, expires])
}

fn list() -> Command {
    let flag = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    Command::new("list")
        .about("Lists the tokens, without their secrets")
        .arg(flag("json", "Prints one JSON array"))
        .arg(flag("all", "Lists those too that were revoked"))
}

fn revoke() -> Command {
    let which = Arg::new("token")
        .value_name("NAME|ID")
        .required(true)
        .help("The token's name or id");
    Command::new("revoke")
        .about("Revokes a token: from then on it lets nobody in")
        .arg(which)
}

/// Does what the command line asks for.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let Some((action, flags)) = matches.subcommand() else {
        return Err(Failure::Usage("no such command; see --help".to_owned()));
    };
    let settings = database::existing_settings(flags)?;
    commands::block_on(async {
        let store = database::ready(&settings).await?;
        let done = act(&store, action, flags).await;
        store.close().await;
        done
    })??;
    Ok(ExitCode::SUCCESS)
}

async fn act(store: &Store, action: &str, flags: &ArgMatches) -> Result<(), Failure> {
    match action {
        "create" => create_token(store, flags).await,
        "list" => {
            let tokens = store.tokens(flags.get_flag("all")).await;
            let tokens = tokens.context("listing the tokens failed")?;
            let now = OffsetDateTime::now_utc();
            let text = if flags.get_flag("json") {
                show::json(&tokens, now)
            } else {
                show::table(&tokens, now)
            };
            Ok(output::result(&text).context("writing failed")?)
        }
        _ => {
            let which = flags.get_one::<String>("token").map_or("", String::as_str);
            let id = revoke_token(store, which).await?;
            output::note(&format!("the token {id} is revoked"));
            Ok(())
        }
    }
}

async fn revoke_token(store: &Store, which: &str) -> Result<TokenId, Failure> {
    let record = trail::record("token.revoke");
    store.revoke_token(which, Some(record)).await.map_err(refused)
}

async fn create_token(store: &Store, flags: &ArgMatches) -> Result<(), Failure> {
    let (Some(name), Some(role), Some(lifetime)) = (
        flags.get_one::<TokenName>("name"),
        flags.get_one::<Role>("role"),
        flags.get_one::<Lifetime>("expires"),
    ) else {
        return Err(Failure::Usage(
            "--name, --role and --expires are needed".to_owned(),
        ));
    };
    let token = Token::generate().context("making a token failed")?;
    let new = NewToken {
        id: token.id().clone(),
        name: name.clone(),
        role: *role,
        hash: token.hash(),
        expires_at: lifetime.end(OffsetDateTime::now_utc()),
    };
    let record = trail::record("token.create");
    let made = store.create_token(new, Some(record)).await.map_err(refused)?;
    let until = made.expires_at.map_or_else(
        || "it never ends".to_owned(),
        |at| format!("until {}", show::time(at)),
    );
    if let Err(error) = output::whole_result(&format!("{}\n", *token.expose())) {
        // A token that nobody has would stay valid.
        let id = revoke_token(store, made.id.as_str()).await?;
        let text = format!("the token could not be written, so that it is revoked (id {id})");
        return Err(Failure::Failed(anyhow::Error::new(error).context(text)));
    }
    output::note(&format!(
        "the token {} (id {}, {role}, {until}) is shown only now; keep it safe",
        made.name, made.id
    ));
    Ok(())
}

fn refused(error: TokenError) -> Failure {
    match error {
        TokenError::Store(error) => {
            Failure::Failed(anyhow::Error::new(error).context("the database could not do it"))
        }
        other => Failure::Failed(other.into()),
    }
}
