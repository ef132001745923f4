//! nginx with one process, which sends files by sendfile(2).

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::host::command;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The server, killed when it is dropped.
pub(super) struct Nginx {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Nginx {
    /// Serves these files; `at` is made for what it writes itself.
    pub(super) fn start(at: &Path, files: &Path) -> Self {
        // This network is the benchmark's own: nobody takes the port meanwhile.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = port.expect("a free port");
        fs::create_dir(at).expect("a directory can be made");
        let config = at.join("conf");
        let (at, files) = (at.display(), files.display());
        let text = format!(
            "daemon off; master_process off; user root; pid {at}/pid; events {{ worker_connections 4096; }}
             http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
                    client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;
                    uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
                    server {{ listen {address} backlog=1024; root \"{files}\"; }} }}"
        );
        fs::write(&config, text).expect("a file can be made");
        let mut nginx = command("nginx");
        nginx.arg("-c").arg(&config).arg("-e").arg(format!("{at}/err"));
        let mut server = Self {
            child: nginx.spawn().expect("nginx is installed"),
            address,
        };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("it can be waited for");
            assert!(ended.is_none() && Instant::now() < end, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    /// The process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
