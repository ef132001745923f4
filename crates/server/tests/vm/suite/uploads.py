"""Clients that write files, and what the server and the database have of it."""

import contextlib
import hashlib
import http.client
import json
import os
import random
import socket
import sqlite3
from urllib.parse import quote

from . import checks
from .netns import SERVER
from .service import Answer, Watch, until

PREFIX = ".pureboot-upload-"
PATIENCE = 100
BLOCKED_SECONDS = 3
"""Much longer than an emulated processor takes for a block."""


class Health(Watch):
    """The service answers meanwhile, for its own part too."""

    CALLS = ("/healthz", "/api/v1/storage/backends")


def online(world, name, export, options="vers=4.1,rw"):
    backend = world.service.register(name, SERVER, export, options)
    checks.passed(world.service.test(backend))
    return backend


def content(size, seed=7):
    return random.Random(seed).randbytes(size)


class Sending:
    """A request whose body is sent when the case wants it to be."""

    def __init__(self, service, method, target, length, headers=None):
        self.begun = socket.create_connection(("127.0.0.1", service.port), PATIENCE)
        lines = [f"{method} /api/v1/storage/backends/{target} HTTP/1.1", f"Host: 127.0.0.1:{service.port}"]
        fields = {"Content-Length": length, "Connection": "close"} | (headers or {})
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.begun.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data):
        """Sends as much as the service takes: it may answer, or be gone, before the end."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.begun.sendall(data)
        return self

    def until_blocked(self, data):
        """Sends until nothing was taken for some seconds; returns how much was."""
        sent = 0
        self.begun.settimeout(BLOCKED_SECONDS)
        with contextlib.suppress(TimeoutError):
            while data[sent:]:
                sent += self.begun.send(data[sent : sent + 65536])
        self.begun.settimeout(PATIENCE)
        assert sent < len(data), "all was taken"
        return sent

    def answer(self):
        """The answer; `None` if the connection ended without one."""
        answer = http.client.HTTPResponse(self.begun)
        try:
            answer.begin()
            raw = answer.read()
        except (http.client.HTTPException, ConnectionError):
            return None
        finally:
            self.begun.close()
        answered = Answer(answer.status, json.loads(raw) if raw[:1] == b"{" else {}, 0.0)
        answered.headers = answer.headers
        return answered


def putting(service, backend, path, length, headers=None):
    return Sending(service, "PUT", f"{backend}/files/content?path={quote(path)}", length, headers)


def put(service, backend, path, data, headers=None):
    answer = putting(service, backend, path, len(data), headers).send(data).answer()
    assert answer is not None, f"no answer to PUT {path}"
    return answer


def stored(answer, status, data):
    """The file was written with all its bytes."""
    assert answer is not None and answer.status == status, f"{answer}"
    found = answer.data
    wanted = len(data), hashlib.sha256(data).hexdigest()
    assert (found["size"], found["sha256"]) == wanted, found


class Resumable:
    """An upload in parts."""

    def __init__(self, service, backend, path, length):
        begin = f"{backend}/uploads?path={quote(path)}"
        answer = Sending(service, "POST", begin, 0, {"Upload-Complete": "?0", "Upload-Length": length}).answer()
        assert answer.status == 201, f"{answer}"
        self.service, self.target = service, answer.headers["Location"].partition("/backends/")[2]

    def part(self, offset, length, last):
        fields = {"Content-Type": "application/partial-upload", "Upload-Offset": offset}
        return Sending(self.service, "PATCH", self.target, length, fields | {"Upload-Complete": f"?{int(last)}"})

    def offset(self):
        answer = Sending(self.service, "HEAD", self.target, 0).answer()
        assert answer is not None and answer.status == 204, f"{answer}"
        return int(answer.headers["Upload-Offset"])

    def rest(self, data, offset):
        return self.part(offset, len(data) - offset, True).send(data[offset:]).answer()


def tree(world, export):
    """{path: bytes, or None of a directory} of all that the server has."""
    root, found = world.server.path(export), {}
    for folder, folders, names in os.walk(root):
        at = folder[len(root) :]
        found |= {f"{at}/{name}": None for name in folders}
        for name in names:
            if os.path.isfile(f"{folder}/{name}") and not os.path.islink(f"{folder}/{name}"):
                with open(f"{folder}/{name}", "rb") as file:
                    found[f"{at}/{name}"] = file.read()
    return found


def temporaries(world, export):
    """The names on the server of files that are not complete."""
    found = []
    for _, _, names in os.walk(world.server.path(export)):
        found += [name for name in names if name.startswith(PREFIX)]
    return sorted(found)


def database(world):
    return sqlite3.connect(f"{world.service.state}/storage.db", timeout=20)


def recorded(world):
    """The names of the temporary files that the database knows."""
    with contextlib.closing(database(world)) as connection:
        rows = connection.execute("SELECT record FROM uploads WHERE record IS NOT NULL").fetchall()
    return {f"{PREFIX}{record}" for (record,) in rows}


def writing(world):
    """The helpers that have the file of an upload open: {pid: its name}."""
    found = {}
    for pid in checks.helpers(world):
        with contextlib.suppress(OSError):
            for number in os.listdir(f"/proc/{pid}/fd"):
                link = os.readlink(f"/proc/{pid}/fd/{number}")
                if PREFIX in link:
                    found[pid] = os.path.basename(link)
    return found


def until_written(world):
    """Waits until a helper writes; returns those that do."""
    return until("a helper writes", lambda: writing(world))


def written(pid):
    """How many bytes a process has written, to whatever it was."""
    with open(f"/proc/{pid}/io") as file:
        return int(file.read().partition("wchar: ")[2].split()[0])
