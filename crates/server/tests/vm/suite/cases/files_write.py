"""Files that are written, while other clients look, the server is full, or two want the same name."""

import contextlib
import hashlib
import http.server
import os
import shutil
import threading
import urllib.request
from urllib.parse import quote

from .. import checks, uploads
from ..service import BASE, PORT, Service, until
from ..uploads import content, online, put, stored
from ..world import IMAGES

SIZE = 300_000
SMALL = "/srv/exp/with space"
"""An export of 8 MiB."""
ROUNDS = 3


def _strict_umask():
    os.umask(0o077)


def _umask(world):
    """The service makes files that nobody else may read, as its systemd unit has it."""
    if world.service.prepare is not _strict_umask:
        world.service.stop()
        world.service.start(prepare=_strict_umask)


def _names(world, backend, path="/"):
    answer = world.service.call("GET", f"/{backend}/files?path={quote(path)}")
    return [entry["name"] for entry in answer.data]


def _call(world, backend, what, body, status):
    answer = world.service.call("POST", f"/{backend}/{what}", body)
    assert answer.status == status, f"{what} {body}: {answer.status} {answer.body}"
    return answer


def _written(world, options):
    _umask(world)
    backend = online(world, "written", IMAGES, f"{options},rw")
    service, root = world.service, world.server.path(IMAGES)

    def mode(path):
        return os.stat(f"{root}{path}").st_mode & 0o7777

    def there(path):
        with open(f"{root}{path}", "rb") as file:
            return file.read()

    first, second = content(SIZE, 1), content(SIZE + 1, 2)
    stored(put(service, backend, "/new/deep/a.iso", first), 201, first)
    assert there("/new/deep/a.iso") == first
    assert (mode("/new/deep/a.iso"), mode("/new/deep"), mode("/new")) == (0o644, 0o755, 0o755)
    assert _names(world, backend, "/new/deep") == ["a.iso"]
    os.chmod(f"{root}/new/deep/a.iso", 0o640)
    answer = put(service, backend, "/new/deep/a.iso", second)
    stored(answer, 200, second)
    assert there("/new/deep/a.iso") == second and mode("/new/deep/a.iso") == 0o640, oct(mode("/new/deep/a.iso"))
    found = service.call("GET", f"/{backend}/files/stat?path=/new/deep/a.iso").data
    assert found == answer.data, found
    # Conditions.
    put(service, backend, "/new/deep/a.iso", first, {"If-None-Match": "*"}).problem(412, "precondition_failed")
    put(service, backend, "/new/deep/a.iso", first, {"If-Match": '"other"'}).problem(412, "precondition_failed")
    assert there("/new/deep/a.iso") == second
    stored(put(service, backend, "/new/deep/a.iso", first, {"If-Match": found["etag"]}), 200, first)
    stored(put(service, backend, "/new/deep/b.iso", b"b", {"If-None-Match": "*"}), 201, b"b")
    # Directories and names.
    _call(world, backend, "folders", {"path": "/new", "name": "empty"}, 201)
    assert mode("/new/empty") == 0o755
    _call(world, backend, "folders", {"path": "/new/empty"}, 409).problem(409, "path_exists")
    move = {"source_path": "/new/deep/b.iso", "destination_path": "/new/empty/c.iso"}
    _call(world, backend, "files/move", move, 200)
    assert there("/new/empty/c.iso") == b"b" and _names(world, backend, "/new/deep") == ["a.iso"]
    _call(world, backend, "files/move", {"source_path": "/new/deep", "destination_path": "/moved"}, 200)
    assert there("/moved/a.iso") == first and "deep" not in _names(world, backend, "/new")
    taken = {"source_path": "/moved/a.iso", "destination_path": "/new/empty/c.iso"}
    _call(world, backend, "files/move", taken, 409).problem(409, "path_exists")
    single = {"paths": ["/new"], "recursive": False}
    _call(world, backend, "files/delete", single, 409).problem(409, "directory_not_empty")
    answer = _call(world, backend, "files/delete", {"paths": ["/new", "/moved", "/not there"]}, 200)
    assert answer.data["deleted"] == 2, answer.body
    assert not os.path.exists(f"{root}/new") and not {"new", "moved"} & set(_names(world, backend))
    assert not uploads.recorded(world) and not uploads.temporaries(world, IMAGES)


def written_4_2(world):
    _written(world, "vers=4.2")


def written_4_1(world):
    _written(world, "vers=4.1")


def written_3(world):
    _written(world, "vers=3")


def not_written_without_rw(world):
    backend = online(world, "read-only", IMAGES, "vers=4.1")
    before = uploads.tree(world, IMAGES)
    asked = [
        put(world.service, backend, "/a.iso", b"new"),
        _call(world, backend, "folders", {"path": "/made"}, 409),
        _call(world, backend, "files/delete", {"paths": ["/a.iso"]}, 409),
        _call(world, backend, "files/move", {"source_path": "/a.iso", "destination_path": "/b.iso"}, 409),
    ]
    for answer in asked:
        answer.problem(409, "read_only")
        assert "mount_options" in answer.body["detail"] and "rw" in answer.body["detail"], answer.body
    assert uploads.tree(world, IMAGES) == before


def _full(world, version):
    backend = online(world, "full", SMALL, f"vers={version},rw")
    old = content(SIZE, 3)
    stored(put(world.service, backend, "/old.iso", old), 201, old)
    world.server.write(f"{SMALL}/most", bytes(7 << 20))
    before, too_much = uploads.tree(world, SMALL), content(4 * SIZE, 4)
    for path in ("/old.iso", "/new/parent/a.iso"):
        put(world.service, backend, path, too_much).problem(507, "no_space")
        assert uploads.tree(world, SMALL) == before, "something is left, or the old file is not what it was"
    assert not uploads.recorded(world)
    stored(put(world.service, backend, "/old.iso", b"small"), 200, b"small")
    for name in ("old.iso", "most"):
        os.remove(world.server.path(f"{SMALL}/{name}"))


def full_4_2(world):
    _full(world, "4.2")


def full_3(world):
    _full(world, "3")


@contextlib.contextmanager
def _another(world):
    """A second instance of the service on the same database."""
    other = Service(f"{BASE}-writer", PORT + 3)
    os.makedirs(f"{other.base}/state", mode=0o700, exist_ok=True)
    shutil.copy(f"{BASE}/state/secret.key", f"{other.base}/state/secret.key")
    other.start(watch="2s", database=world.service.state)
    try:
        yield other
    finally:
        assert other.stop() == 0


def two_instances_write_one_name(world):
    """The file is always one of them, whole; of two that create it one fails."""
    path = world.server.path(f"{IMAGES}/wanted.iso")
    with _another(world) as other:
        backend = online(world, "wanted", IMAGES)
        checks.passed(other.test(backend))
        contents = [content(SIZE, 5), content(SIZE, 6)]

        def both(headers):
            begun = [
                uploads.putting(service, backend, "/wanted.iso", SIZE, headers).send(data[: SIZE // 2])
                for service, data in zip((world.service, other), contents, strict=True)
            ]
            until("both are written", lambda: len(uploads.temporaries(world, IMAGES)) == 2)
            ends = [
                threading.Thread(target=one.send, args=(data[SIZE // 2 :],))
                for one, data in zip(begun, contents, strict=True)
            ]
            for end in ends:
                end.start()
            answers = [one.answer() for one in begun]
            with open(path, "rb") as file:
                there = file.read()
            assert there in contents, "a mixture of both"
            assert not uploads.temporaries(world, IMAGES), "something is left"
            return [answer.status for answer in answers], contents.index(there)

        for number in range(ROUNDS):
            statuses, winner = both({"If-None-Match": "*"})
            assert sorted(statuses) == [201, 412] and statuses[winner] == 201, f"{statuses}, {winner} is there"
            statuses, _ = both({})
            assert set(statuses) <= {200, 201}, statuses
            os.remove(path)
        assert not uploads.recorded(world)
        world.service.call("DELETE", f"/{backend}?force=true")
        until("no mount of the other is left", lambda: not other.mounts(), 30)


@contextlib.contextmanager
def _mirror(data):
    """A web server in front of the service, which has these bytes; gives the URL of a file, and what was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/a.iso", asked
        finally:
            server.shutdown()


def _fetched(world, backend, url, sha256):
    """The job of a fetch, when it has ended."""
    begun = _call(world, backend, "files/fetch", {"url": url, "path": "/fetched/a.iso", "sha256": sha256}, 202)

    def ended():
        job = world.service.call("GET", f"/{begun.data['id']}", base="/api/v1/storage/jobs").data
        return job if job["state"] != "running" else None

    return until("the fetch has ended", ended, 100)


def _read(service, backend, path):
    download = f"/api/v1/storage/backends/{backend}/files/download?path={quote(path)}"
    with urllib.request.urlopen(f"http://127.0.0.1:{service.port}{download}", timeout=100) as answer:
        return answer.read()


def fetched(world):
    """From a web server onto the export, and read back through the service; other bytes leave nothing."""
    service = world.service
    service.stop()
    service.start(prepare=_strict_umask, options=("--fetch-networks", "127.0.0.1"))
    backend, data = online(world, "fetched", IMAGES), content(20 * SIZE, 8)
    before, sha256 = uploads.tree(world, IMAGES), hashlib.sha256(data).hexdigest()
    with _mirror(data) as (url, asked):
        job = _fetched(world, backend, url, "0" * 64)
        assert job["state"] == "failed" and sha256 in job["error"], job
        assert asked == ["/a.iso"] and not uploads.recorded(world)
        assert uploads.tree(world, IMAGES) == before, "something is left"
        job = _fetched(world, backend, url, sha256)
    assert (job["state"], job["progress"]["done"]) == ("done", len(data)), job
    with open(world.server.path(f"{IMAGES}/fetched/a.iso"), "rb") as file:
        assert file.read() == data, "the server has other bytes"
    assert os.stat(world.server.path(f"{IMAGES}/fetched/a.iso")).st_mode & 0o7777 == 0o644
    found = service.call("GET", f"/{backend}/files/stat?path=/fetched/a.iso").data
    assert (found["size"], found["sha256"]) == (len(data), sha256), found
    assert _read(service, backend, "/fetched/a.iso") == data, "the service reads other bytes"
    assert not uploads.recorded(world) and not uploads.temporaries(world, IMAGES)
    shutil.rmtree(world.server.path(f"{IMAGES}/fetched"))
    service.stop()
    service.start()


CASES = [
    written_4_2,
    written_4_1,
    written_3,
    not_written_without_rw,
    full_4_2,
    full_3,
    two_instances_write_one_name,
    fetched,
]
