//! A bare actix handler that returns the same bytes, to compare with.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use actix_web::{App, HttpResponse, HttpServer, web};

use crate::host::{Service, command};
use crate::{figures, load};

/// Makes this program the bare server; its argument is the file to return.
pub(crate) const ARG: &str = "--bare";
/// As many threads as the service has.
const WORKERS: usize = 2;
/// How often both are measured.
const ROUNDS: usize = 5;

/// Serves the file's bytes until it is killed.
#[expect(clippy::print_stdout, reason = "the address is what the parent waits for")]
pub(crate) fn serve(args: &[String]) {
    let bytes = web::Bytes::from(std::fs::read(&args[0]).expect("the file can be read"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    let server = HttpServer::new(move || {
        let bytes = bytes.clone();
        let answer = move || {
            let bytes = bytes.clone();
            async move { HttpResponse::Ok().content_type("application/json").body(bytes) }
        };
        App::new().default_service(web::to(answer))
    });
    let server = server
        .workers(WORKERS)
        .listen(listener)
        .expect("it can listen")
        .run();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(server).expect("it serves");
}

/// Requests a second of the service at `path`, and of a bare handler with the same bytes, in turns.
pub(crate) fn compare(service: &Service, path: &str) -> (f64, f64) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), load::get(service.address, path).1).expect("it can be written");
    let this = std::env::current_exe().expect("this program has a path");
    let mut child = command(&this.to_string_lossy())
        .arg(ARG)
        .arg(file.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it tells its address");
    let address = line.trim().parse().expect("an address");
    let round = || (load::rate(service.address, path), load::rate(address, path));
    let middle = figures::middle_of(ROUNDS, round);
    let _ = child.kill();
    let _ = child.wait();
    middle
}
