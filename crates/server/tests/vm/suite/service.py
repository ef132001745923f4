"""The service's process and its REST interface."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

from . import mounts

BASE = "/run/pureboot"
# Taken out of the environment: the service would read it as a setting that it does not know.
BINARY = os.environ.pop("PUREBOOT_STORAGE_BIN", "")
PORT = 8080


def until(what, condition, seconds=20):
    """Polls a state: returns the condition's first true value, or fails at the deadline."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


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
    def __init__(self):
        self.process = None
        self.prepare = None
        self.watch = "off"
        self.mount_dir = f"{BASE}/mounts"
        self.log = f"{BASE}/service.log"

    def start(self, mount_dir=None, prepare=None, watch="off", state=BASE, through=()):
        """Nothing is watched where a case does not say so: it would not be the case's own doing that counts."""
        os.makedirs(BASE, exist_ok=True)
        self.mount_dir = mount_dir or f"{BASE}/mounts"
        self.prepare, self.watch = prepare, watch
        argv = [*through, BINARY, "serve", "--allow-networks", "link-local", "--listen", f"127.0.0.1:{PORT}"]
        argv += ["--database-url", f"sqlite://{state}/storage.db", "--state-dir", f"{state}/state"]
        argv += ["--mount-dir", self.mount_dir, "--watch-interval", watch]
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
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
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
HELD_UP_SECONDS = 4.0


class Watch(threading.Thread):
    """Lists the backends again and again, as a page that is open would: how long does the slowest answer take?"""

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service, self.ended, self.slowest, self.count, self.error = service, threading.Event(), 0.0, 0, None

    def run(self):
        while True:
            try:
                answer = self.service.call("GET", "", timeout=30)
                assert answer.status == 200, answer.status
                self.slowest, self.count = max(self.slowest, answer.seconds), self.count + 1
            except Exception as error:
                self.error = error
                return
            if self.ended.wait(0.2):
                return

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.join(40)
        if kind is None:
            assert self.error is None, f"GET of the list failed meanwhile: {self.error!r}"
            held_up = f"GET of the list took {self.slowest:.2f} s meanwhile"
            assert self.count > 0 and self.slowest < HELD_UP_SECONDS, held_up
