"""The service's process and its REST interface."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

from . import mounts

BASE = "/run/pureboot"
# Taken out of the environment: the service would read it as a setting that it does not know.
BINARY = os.environ.pop("PUREBOOT_STORAGE_BIN", "")
PORT = 8080
BOOT_PORT = 8089
BOOT = ("--boot-listen", f"127.0.0.1:{BOOT_PORT}", "--boot-networks", "loopback")
"""The options of a service that serves boot files."""
PIPED = (*BOOT, "--boot-cache-bytes", "off")
"""The same without a cache."""


def until(what, condition, seconds=20, pause=0.05):
    """Polls a state: returns the condition's first true value, or fails at the deadline. What takes long is asked for
    more seldom, for each question costs the emulated processor's time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


@dataclass
class Answer:
    status: int
    body: dict
    seconds: float

    @property
    def data(self):
        assert self.status < 300, f"{self.status} {self.body}"
        return self.body["data"]

    def problem(self, status, code):
        assert (self.status, self.body.get("error")) == (status, code), f"{self.status} {self.body}"


class Service:
    def __init__(self, base=BASE, port=PORT):
        self.base, self.port = base, port
        self.process = None
        self.prepare = None
        self.watch, self.state = "off", base
        self.mount_dir = f"{base}/mounts"
        self.log = f"{base}/service.log"

    def start(self, mount_dir=None, prepare=None, watch="off", state=None, through=(), database=None, options=()):
        """Nothing is watched where a case does not say so: it would not be the case's own doing that counts. The
        database is in the directory `database`, where it is not the service's own."""
        os.makedirs(self.base, exist_ok=True)
        self.mount_dir, self.state = mount_dir or f"{self.base}/mounts", state or self.base
        self.prepare, self.watch, state = prepare, watch, self.state
        argv = [*through, BINARY, "serve", "--allow-networks", "link-local", "--listen", f"127.0.0.1:{self.port}"]
        argv += ["--database-url", f"sqlite://{database or state}/storage.db", "--state-dir", f"{state}/state"]
        argv += ["--mount-dir", self.mount_dir, "--watch-interval", watch, *options]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=prepare, start_new_session=True
            )

        def up():
            assert self.process.poll() is None, f"the service ended with {self.process.returncode}"
            try:
                return self.call("GET", "/healthz", base="", timeout=5).status == 200
            except OSError:
                return False

        until("the service answers /healthz", up, 60)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """Only the service itself: what becomes of its helpers is its own affair."""
        self.process.kill()
        self.process.wait(20)

    def stop(self, seconds=40):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def call(self, method, path, body=None, base="/api/v1/storage/backends", timeout=100):
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, base + path, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        return Answer(answer.status, json.loads(raw) if raw[:1] in b"{[" and raw else {}, time.monotonic() - begin)

    def register(self, name, server, path, options="vers=4.1", auth="none"):
        config = {"server": server, "export_path": path, "mount_options": options, "auth_method": auth}
        answer = self.call("POST", "", {"name": name, "type": "nfs", "config": config})
        assert answer.status == 201, f"{answer.status} {answer.body}"
        return answer.data["id"]

    def bootable(self, backend):
        """Lets machines that boot have all files."""
        answer = self.call("PATCH", f"/{backend}", {"boot_path": "/"})
        assert answer.status == 200, f"{answer.status} {answer.body}"

    def get(self, backend):
        return self.call("GET", f"/{backend}").data

    def test(self, backend, timeout=100):
        answer = self.call("POST", f"/{backend}/test", timeout=timeout)
        answer.data["seconds"] = answer.seconds
        return answer.data

    def mounts(self, backend=""):
        """This backend's layers in the service's own mount namespace; all of the service's without a backend."""
        return [m for m in mounts.below(self.mount_dir, self.process.pid) if backend in m.point]

    def tail(self, lines=40):
        try:
            with open(self.log, errors="replace") as file:
                return file.readlines()[-lines:]
        except OSError:
            return []


class Later(threading.Thread):
    """A call that runs while the case goes on."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self.call, self.args, self.value, self.error = call, args, None, None
        self.start()

    def run(self):
        try:
            self.value = self.call(*self.args)
        except Exception as error:  # handed on to whoever asks for the value
            self.error = error

    def still_waits(self, seconds):
        """The call has not ended after so many seconds."""
        self.join(seconds)
        assert self.is_alive(), f"ended within {seconds} s: {self.value or self.error!r}"

    def result(self, seconds=100):
        self.join(seconds)
        assert not self.is_alive(), f"no answer within {seconds} s"
        if self.error is not None:
            raise self.error
        return self.value


# A call that waits for a server that is gone waits for one of the kernel's time limits, and they begin at 5 s. A machine
# without hardware acceleration on a busy host needs more than a second for nothing at all.
HELD_UP_SECONDS = 4.8
# How long `/readyz` waits for the database.
READY_SECONDS = 2.0


class Line:
    """GET for little of the emulated processor's time: what is measured is the service, and not its client."""

    CALLS_A_CONNECTION = 10

    def __init__(self, service):
        self.port, self.socket, self.left = service.port, None, 0

    def get(self, path):
        """How long the answer took, which has to be a 200; `/readyz` refuses after a while rather than let anybody wait."""
        begin = time.monotonic()
        if self.left == 0:
            self.close()
            self.socket = socket.create_connection(("127.0.0.1", self.port), 30)
            self.left = self.CALLS_A_CONNECTION
        self.left -= 1
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n\r\n".encode())
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += self._more()
        head, _, body = raw.partition(b"\r\n\r\n")
        missing = int(re.search(rb"content-length: (\d+)", head, re.IGNORECASE)[1]) - len(body)
        while missing > 0:
            missing -= len(self._more())
        took = time.monotonic() - begin
        late = path == "/readyz" and took >= READY_SECONDS and head.startswith(b"HTTP/1.1 503 ")
        assert late or head.startswith(b"HTTP/1.1 200 "), f"{path}: {head[:40]}"
        return took

    def _more(self):
        some = self.socket.recv(65536)
        assert some, "the connection was closed in the middle of an answer"
        return some

    def close(self):
        if self.socket is not None:
            self.socket.close()


class Meanwhile(threading.Thread):
    """Makes the same calls again and again while a block lasts; none of them may fail."""

    CALLS = ("/api/v1/storage/backends",)
    PAUSE = 0.2

    def __init__(self, service):
        super().__init__(daemon=True)
        self.line, self.ended, self.seconds, self.error = Line(service), threading.Event(), [], None

    def run(self):
        try:
            while True:
                self.seconds += [self.line.get(path) for path in self.CALLS]
                self.beside()
                if self.ended.wait(self.pause()):
                    return
        except Exception as error:  # told at the block's end
            self.error = error

    def pause(self):
        return self.PAUSE

    def beside(self):
        """What else is looked at between two rounds."""

    def judge(self):
        """What has to hold of the answers."""

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.join(40)
        self.line.close()
        if kind is None:
            assert self.error is None, f"a call that needs no mount failed meanwhile: {self.error!r}"
            self.judge()


class Watch(Meanwhile):
    """Lists the backends as a page that is open would: how long does the slowest answer take?"""

    def judge(self):
        slowest = max(self.seconds, default=HELD_UP_SECONDS)
        assert slowest < HELD_UP_SECONDS, f"GET of the list took {slowest:.2f} s meanwhile"
