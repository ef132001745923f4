//! Real web servers on free ports of the loopback, ended when they are dropped.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::http::free_port;

/// A running server and its files.
pub(crate) struct Server {
    child: Child,
    /// The port.
    pub(crate) port: u16,
    dir: TempDir,
}

impl Server {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server and waits until it takes connections.
fn start(port: u16, dir: TempDir, program: &str, args: &[&str], at: &Path) -> Server {
    let log = fs::File::create(dir.path().join("log")).unwrap();
    #[expect(
        clippy::disallowed_methods,
        reason = "tests start the servers that they test against"
    )]
    let child = Command::new(program)
        .args(args)
        .current_dir(at)
        .env("XDG_DATA_HOME", dir.path())
        .env("XDG_CONFIG_HOME", dir.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let server = Server { child, port, dir };
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = fs::read_to_string(server.dir.path().join("log")).unwrap();
        assert!(Instant::now() < deadline, "{program} does not listen: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

fn config(dir: &TempDir, text: &str) -> String {
    let path = dir.path().join("conf");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// nginx with these directives in its only server.
pub(crate) fn nginx(root: &Path, directives: &str) -> Server {
    nginx_with("", root, directives)
}

/// nginx with the module of listings that themes can be made for.
pub(crate) fn fancy_nginx(root: &Path, directives: &str) -> Server {
    let module = "load_module /usr/lib/nginx/modules/ngx_http_fancyindex_module.so;";
    nginx_with(module, root, directives)
}

fn nginx_with(module: &str, root: &Path, directives: &str) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let at = dir.path().display().to_string();
    let text = format!(
        "{module} daemon off; master_process off; pid {at}/pid; error_log {at}/err;
         events {{ worker_connections 64; }}
         http {{ access_log off; client_body_temp_path {at}/b; proxy_temp_path {at}/p; fastcgi_temp_path {at}/f;
                uwsgi_temp_path {at}/u; scgi_temp_path {at}/s;
                server {{ listen 127.0.0.1:{port}{tls}; root \"{root}\"; {directives} }} }}",
        root = root.display(),
        tls = if directives.contains("ssl_certificate") { " ssl" } else { "" },
    );
    let conf = config(&dir, &text);
    let err = format!("{at}/err");
    start(port, dir, "nginx", &["-c", &conf, "-e", &err], Path::new("/"))
}

/// Apache with these directives for the directory.
pub(crate) fn apache(root: &Path, directives: &str) -> Server {
    const MODULES: &str = "/usr/lib/apache2/modules";
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let at = dir.path().display().to_string();
    let modules = ["mpm_event", "authz_core", "autoindex", "dir", "dav", "dav_fs"];
    let load: Vec<String> = modules
        .iter()
        .map(|m| format!("LoadModule {m}_module {MODULES}/mod_{m}.so\n"))
        .collect();
    let text = format!(
        "ServerRoot {at}\nServerName localhost\nPidFile {at}/pid\nErrorLog {at}/err\nListen 127.0.0.1:{port}\n{load}
         DavLockDB {at}/lock\nDocumentRoot \"{root}\"\n<Directory \"{root}\">\nRequire all granted\n{directives}\n</Directory>\n",
        load = load.concat(),
        root = root.display(),
    );
    let conf = config(&dir, &text);
    start(
        port,
        dir,
        "apache2",
        &["-X", "-d", &at, "-f", &conf],
        Path::new("/"),
    )
}

/// lighttpd with these settings.
pub(crate) fn lighttpd(root: &Path, settings: &str) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let text = format!(
        "server.modules = (\"mod_dirlisting\", \"mod_webdav\")\nserver.document-root = \"{}\"\n\
         server.bind = \"127.0.0.1\"\nserver.port = {port}\n{settings}\n",
        root.display()
    );
    let conf = config(&dir, &text);
    start(port, dir, "lighttpd", &["-D", "-f", &conf], Path::new("/"))
}

/// Caddy's file server.
pub(crate) fn caddy(root: &Path) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let text = format!(
        "{{\n admin off\n auto_https off\n}}\nhttp://127.0.0.1:{port} {{\n root * \"{}\"\n file_server browse\n}}\n",
        root.display()
    );
    let conf = config(&dir, &text);
    start(
        port,
        dir,
        "caddy",
        &["run", "--adapter", "caddyfile", "--config", &conf],
        Path::new("/"),
    )
}

/// Python's `http.server`.
pub(crate) fn python(root: &Path) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let text = port.to_string();
    start(
        port,
        dir,
        "python3",
        &["-m", "http.server", "-b", "127.0.0.1", &text],
        root,
    )
}

/// Debian's webfs.
pub(crate) fn webfs(root: &Path) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let (text, at) = (port.to_string(), root.display().to_string());
    let args = ["-F", "-4", "-i", "127.0.0.1", "-p", &text, "-r", &at];
    start(port, dir, "webfsd", &args, Path::new("/"))
}

/// mini_httpd, as many small devices have it.
pub(crate) fn mini_httpd(root: &Path) -> Server {
    let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
    let (text, at) = (port.to_string(), root.display().to_string());
    let args = ["-D", "-h", "127.0.0.1", "-p", &text, "-d", &at];
    start(port, dir, "mini_httpd", &args, Path::new("/"))
}

/// A tree with names that are hard to write in URLs and HTML, and what there is in it.
pub(crate) struct Tree {
    dir: TempDir,
}

/// The tree's files and their sizes; one of them is hidden.
pub(crate) const FILES: [(&str, u64); 23] = [
    ("plain.iso", 2048),
    ("a b.iso", 1),
    ("größe.img", 1_234_567),
    ("100%.iso", 999),
    ("hash#1.qcow2", 1000),
    ("what?.raw", 1024),
    ("quo'te\"d.img", 12),
    ("amp&lt;.iso", 0),
    (".hidden.iso", 7),
    ("colon:name.iso", 77),
    ("plus+name.iso", 3),
    ("semi;colon.txt", 5),
    ("back\\slash.txt", 6),
    ("日本語.squashfs", 5000),
    ("%41.txt", 9),
    ("vmlinuz", 70_000),
    (
        "a-very-long-name-that-index-pages-like-to-cut-short-after-some-fifty-characters.img.gz",
        100,
    ),
    ("sub dir/x.iso", 11),
    ("sub dir/deeper/y.wim", 13),
    ("sub#2/z.txt", 17),
    ("ünï/k.vhdx", 19),
    ("per%cent/l.vmdk", 23),
    ("colon:dir/quest?dir/m.img.xz", 29),
];

impl Tree {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        // Servers that run as another user read it.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(dir.path().join("empty")).unwrap();
        for (name, size) in FILES {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path).unwrap().set_len(size).unwrap();
        }
        Self { dir }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().to_owned()
    }
}
