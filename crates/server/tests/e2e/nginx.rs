//! A web server whose files a test changes.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::service::{command, until};

/// nginx, ended when it is dropped.
pub(crate) struct Nginx(Child);

impl Nginx {
    /// Starts it with what is in the block `http`, and waits until it listens on a port. Its own files go into a directory.
    pub(crate) fn start(directory: &Path, port: u16, http: &str) -> Self {
        let at = directory.display();
        let text = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/err; events {{ worker_connections 256; }}
             http {{ client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;
                uwsgi_temp_path {at}/u; scgi_temp_path {at}/s; {http} }}"
        );
        let conf = directory.join("conf");
        std::fs::write(&conf, text).expect("it can be written");
        let child = command("nginx")
            .arg("-c")
            .arg(&conf)
            .args(["-e", &format!("{at}/err")])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx starts");
        let nginx = Self(child);
        until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
