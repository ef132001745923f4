"""Files that are listed and downloaded, while their server, their mount or another client's mind changes."""

import contextlib
import os
import random
import socket
import time
from urllib.parse import quote

from .. import checks
from ..netns import SERVER
from ..service import Watch, until
from ..world import DEFAULT_EXPORTS, IMAGES

LARGE = 24 << 20
"""More than what lies on the way from the helper to a client that does not read."""
CALL_SECONDS = 60
"""What a call may take whose server is gone: the kernel's patience of 15 s, ours, and an emulated processor."""


def prepare(world):
    os.symlink("../second/one.iso", world.server.path(f"{IMAGES}/climbs.iso"))


def _online(world, name, options="vers=4.1"):
    backend = world.service.register(name, SERVER, IMAGES, options)
    checks.passed(world.service.test(backend))
    return backend


def _list(world, backend, path="/", limit=1000):
    """All pages of a directory: entries and how many were skipped."""
    entries, skipped, cursor = [], 0, ""
    while True:
        query = f"path={quote(path)}&limit={limit}{cursor and '&cursor=' + quote(cursor)}"
        answer = world.service.call("GET", f"/{backend}/files?{query}")
        assert answer.status == 200, f"{answer.status} {answer.body}"
        entries += answer.body["data"]
        skipped += answer.body["skipped"]
        cursor = answer.body["cursor"]
        if cursor is None:
            return entries, skipped


class Download:
    """A download whose client reads only when it is told to."""

    def __init__(self, world, backend, path, extra=""):
        self._ask(world.service.port, f"/api/v1/storage/backends/{backend}/files/download?path={quote(path)}", extra)

    def _ask(self, port, target, extra):
        self.socket = socket.create_connection(("127.0.0.1", port), CALL_SECONDS)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.sendall(
            f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{extra}\r\n".encode()
        )
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += self._more()
        head, _, self.start = raw.partition(b"\r\n\r\n")
        self.head = head.decode().lower()
        self.status = int(self.head.split(" ")[1])

    def _more(self):
        some = self.socket.recv(65536)
        assert some, "the connection ended before the header did"
        return some

    def rest(self):
        """The bytes up to the end of the connection."""
        parts = [self.start]
        with contextlib.suppress(ConnectionResetError):
            while some := self.socket.recv(1 << 20):
                parts.append(some)
        return b"".join(parts)


def _large(world, name="large.bin"):
    content = random.Random(7).randbytes(LARGE)
    world.server.write(f"{IMAGES}/{name}", content)
    return content


def _helper_is_gone(world):
    until("no helper is left", lambda: not checks.helpers(world), 20)


def _is_not_there(world, backend, path):
    for what in ("stat", "download"):
        answer = world.service.call("GET", f"/{backend}/files/{what}?path={quote(path)}")
        answer.problem(404, "path_not_found")


def _shown(world, options):
    backend = _online(world, "shown", options)
    content = _large(world)
    for limit in (1000, 3):
        entries, skipped = _list(world, backend, limit=limit)
        names = [entry["name"] for entry in entries]
        kinds = [entry["type"] for entry in entries]
        assert kinds == sorted(kinds), kinds
        wanted = {"sub", "empty", "a.iso", "e.squashfs", "f.img.xz", "vmlinuz", "readme.txt", "notes.iso.txt"}
        assert set(names) == wanted | {".hidden", "link.iso", "large.bin"} and len(names) == len(set(names)), names
        assert skipped == 3, f"skipped {skipped}, not the links that dangle or climb out and the pipe"
    link = next(entry for entry in entries if entry["name"] == "link.iso")
    assert (link["type"], link["size"]) == ("file", 5000), link
    assert Download(world, backend, "/link.iso").rest() == b"x" * 5000
    entries, skipped = _list(world, backend, "/sub")
    assert "new\nline" in [entry["name"] for entry in entries] and skipped == 2, entries
    for path in ("/climbs.iso", "/dangling.img", "/sub/up/etc/passwd"):
        _is_not_there(world, backend, path)
    whole = Download(world, backend, "/large.bin")
    assert whole.status == 200 and whole.rest() == content, whole.head
    part = Download(world, backend, "/large.bin", "Range: bytes=1000000-1999999\r\n")
    assert part.status == 206 and part.rest() == content[1_000_000:2_000_000], part.head


def shown_4_2(world):
    _shown(world, "vers=4.2")


def shown_4_1(world):
    _shown(world, "vers=4.1")


def shown_3(world):
    _shown(world, "vers=3")


def changed_by_another_client(world):
    """What the server's own programs do is seen at once, whatever the client's kernel remembers."""
    for version in ("4.2", "3"):
        backend = _online(world, f"changing {version}", f"vers={version}")
        stat = f"/{backend}/files/stat?path=/sub/new.iso"
        world.service.call("GET", stat).problem(404, "path_not_found")
        before, _ = _list(world, backend, "/sub")
        world.server.write(f"{IMAGES}/sub/new.iso", b"1")
        first = world.service.call("GET", stat).data
        assert first["size"] == 1, first
        assert len(_list(world, backend, "/sub")[0]) == len(before) + 1
        path = world.server.path(f"{IMAGES}/sub/new.iso")
        with open(f"{path}.next", "wb") as file:
            file.write(b"22")
        os.rename(f"{path}.next", path)
        second = world.service.call("GET", stat).data
        assert second["size"] == 2 and second["etag"] != first["etag"], (first, second)
        os.remove(path)
        world.service.call("GET", stat).problem(404, "path_not_found")
        assert len(_list(world, backend, "/sub")[0]) == len(before)


def _deleted_while_open(world, options):
    """The kernel keeps such a file under a name that nobody else gets to, and with it the directory."""
    backend = _online(world, "open", f"{options},rw")
    content, folder = _large(world, "open/large.bin"), world.server.path(f"{IMAGES}/open")
    download = Download(world, backend, "/open/large.bin")

    def delete(path, recursive=True):
        return world.service.call("POST", f"/{backend}/files/delete", {"paths": [path], "recursive": recursive})

    assert delete("/open/large.bin").data["deleted"] == 1
    kept = os.listdir(folder)
    assert len(kept) == 1 and kept[0].startswith(".nfs"), kept
    assert _list(world, backend, "/open") == ([], 0)
    _is_not_there(world, backend, f"/open/{kept[0]}")
    assert delete(f"/open/{kept[0]}").data["deleted"] == 0
    for recursive in (False, True):
        answer = delete("/open", recursive)
        answer.problem(409, "directory_not_empty")
        assert not recursive or kept[0] in answer.body["detail"], answer.body
    assert os.listdir(folder) == kept
    assert download.rest() == content
    until("the kernel has deleted it", lambda: not os.listdir(folder))
    assert delete("/open").data["deleted"] == 1 and not os.path.exists(folder)


def deleted_while_open_4_2(world):
    _deleted_while_open(world, "vers=4.2")


def deleted_while_open_3(world):
    _deleted_while_open(world, "vers=3")


def cut_during_a_download(world):
    """The connection ends short, in time; with the cable back, the same file is whole."""
    for options in ("vers=4.1", "vers=4.1,hard"):
        backend = _online(world, options.replace(",", " "), options)
        content = _large(world)
        download = Download(world, backend, "/large.bin")
        assert download.status == 200, download.head
        world.link.cut()
        begin = time.monotonic()
        with Watch(world.service):
            got = download.rest()
        assert len(got) < LARGE and content.startswith(got), f"{len(got)} bytes, not a part of the file"
        assert time.monotonic() - begin < CALL_SECONDS, f"it ended after {time.monotonic() - begin:.0f} s"
        world.link.heal()
        until(
            "the file can be downloaded again", lambda: Download(world, backend, "/large.bin").rest() == content, 90, 1
        )


def cut_during_a_list(world):
    backend = _online(world, "list")
    assert _list(world, backend)
    world.link.cut()
    with Watch(world.service):
        answer = world.service.call("GET", f"/{backend}/files?path=/sub")
    assert answer.status in (503, 504), f"{answer.status} {answer.body}"
    assert answer.seconds < CALL_SECONDS, f"it took {answer.seconds:.0f} s"
    world.link.heal()
    listed = f"/{backend}/files?path=/sub"
    until("the directory can be listed again", lambda: world.service.call("GET", listed).status == 200, 90, 1)


def deleted_during_a_download(world):
    """A download does not keep a backend: its mount goes at once, and the connection ends short."""
    backend = _online(world, "deleted")
    content = _large(world)
    download = Download(world, backend, "/large.bin")
    assert download.status == 200 and checks.helpers(world), download.head
    answer = world.service.call("DELETE", f"/{backend}")
    assert answer.status == 200, f"{answer.status} {answer.body}"
    assert not world.service.mounts(backend), "still mounted"
    _helper_is_gone(world)
    got = download.rest()
    assert len(got) < LARGE and content.startswith(got), f"{len(got)} bytes, not a part of the file"


def a_killed_helper(world):
    backend = _online(world, "killed")
    content = _large(world)
    download = Download(world, backend, "/large.bin")
    for pid in checks.helpers(world):
        os.kill(pid, 9)
    got = download.rest()
    assert len(got) < LARGE and content.startswith(got), f"{len(got)} bytes, not a part of the file"
    assert Download(world, backend, "/large.bin").rest() == content


def denied(world):
    """Root of this host is nobody on a server that squashes it."""
    world.server.export(DEFAULT_EXPORTS, options="rw,root_squash,insecure,no_subtree_check")
    try:
        backend = _online(world, "squashed")
        world.server.write(f"{IMAGES}/closed.iso", b"1")
        os.chmod(world.server.path(f"{IMAGES}/closed.iso"), 0o600)
        refused = world.service.call("GET", f"/{backend}/files/download?path=/closed.iso")
        refused.problem(409, "storage_denied")
        assert "user id 0" in refused.body["detail"], refused.body
        assert Download(world, backend, "/a.iso").rest() == b"x" * 5000
    finally:
        world.server.export(DEFAULT_EXPORTS)


CASES = [
    shown_4_2,
    shown_4_1,
    shown_3,
    changed_by_another_client,
    deleted_while_open_4_2,
    deleted_while_open_3,
    cut_during_a_download,
    cut_during_a_list,
    deleted_during_a_download,
    a_killed_helper,
    denied,
]
