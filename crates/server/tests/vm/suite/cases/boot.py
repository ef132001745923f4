"""Files of NFS that machines boot by: they go from the helper's pipe to the machine's socket, or from a cache."""

import os
import time
from urllib.parse import quote

from .. import checks
from ..service import BOOT, BOOT_PORT, PIPED, Watch, until
from ..uploads import content, online
from ..world import IMAGES
from .files import CALL_SECONDS, LARGE, Download


class Fetch(Download):
    """A fetch whose client reads only when it is told to."""

    def __init__(self, backend, path, extra=""):
        self._ask(BOOT_PORT, f"/b/{backend}{quote(path)}", extra)

    def breaks_off(self, content, unchanged=LARGE):
        """The connection is reset after a part of the content, the beginning of which nobody changed."""
        parts = [self.start]
        try:
            while some := self.socket.recv(1 << 20):
                parts.append(some)
        except ConnectionResetError:
            got = b"".join(parts)
            assert len(got) < len(content), "all of the file"
            assert content.startswith(got[:unchanged]), f"{len(got)} bytes, not a part of the file"
            return
        raise AssertionError(f"{sum(map(len, parts))} bytes, and no reset")


def prepare(world):
    world.service.start(options=PIPED)


def _bootable(world, name, options="vers=4.1"):
    backend = online(world, name, IMAGES, options)
    world.service.bootable(backend)
    return backend


def _large(world):
    data = content(LARGE)
    world.server.write(f"{IMAGES}/large.bin", data)
    return data


def _served(world, options):
    backend = _bootable(world, "served", options)
    data = _large(world)
    whole = Fetch(backend, "/large.bin")
    assert whole.status == 200 and f"content-length: {LARGE}\r\n" in whole.head, whole.head
    assert whole.rest() == data
    for first, last in ((0, 0), (1_000_000, 1_999_999), (4095, LARGE - 1), (LARGE - 1, LARGE - 1)):
        part = Fetch(backend, "/large.bin", f"Range: bytes={first}-{last}\r\n")
        assert part.status == 206 and part.rest() == data[first : last + 1], part.head
    assert Fetch(backend, "/a.iso").rest() == b"x" * 5000
    assert Fetch(backend, "/missing").status == 404


def served_4_2(world):
    _served(world, "vers=4.2")


def served_4_1(world):
    _served(world, "vers=4.1")


def served_3(world):
    _served(world, "vers=3")


def a_slow_client(world):
    """It keeps nobody waiting, and gets all of its file in the end."""
    backend = _bootable(world, "slow")
    data = _large(world)
    slow = [Fetch(backend, "/large.bin") for _ in range(4)]
    assert Fetch(backend, "/large.bin").rest() == data
    with Watch(world.service):
        assert all(client.rest() == data for client in slow)


def cut_during_a_fetch(world):
    """The connection is reset, in time; with the cable back, the same file is whole."""
    for options in ("vers=4.1", "vers=4.1,hard"):
        backend = _bootable(world, options.replace(",", " "), options)
        data = _large(world)
        fetch = Fetch(backend, "/large.bin")
        assert fetch.status == 200, fetch.head
        world.link.cut()
        begin = time.monotonic()
        with Watch(world.service):
            fetch.breaks_off(data)
        assert time.monotonic() - begin < CALL_SECONDS, f"it ended after {time.monotonic() - begin:.0f} s"
        world.link.heal()

        def again(backend=backend, data=data):
            fetch = Fetch(backend, "/large.bin")
            return fetch.status == 200 and fetch.rest() == data

        until("the file can be fetched again", again, 90, 1)


def deleted_during_a_fetch(world):
    """A fetch does not keep a backend: its mount goes at once, and the connection is reset."""
    backend = _bootable(world, "deleted")
    data = _large(world)
    fetch = Fetch(backend, "/large.bin")
    assert fetch.status == 200 and checks.helpers(world), fetch.head
    answer = world.service.call("DELETE", f"/{backend}")
    assert answer.status == 200, f"{answer.status} {answer.body}"
    assert not world.service.mounts(backend), "still mounted"
    until("no helper is left", lambda: not checks.helpers(world), 20)
    fetch.breaks_off(data)


def shortened_during_a_fetch(world):
    """What another client does to a file in place never looks like its end."""
    backend = _bootable(world, "shortened", "vers=4.1,actimeo=0")
    data = _large(world)
    fetch = Fetch(backend, "/large.bin")
    assert fetch.status == 200, fetch.head
    os.truncate(world.server.path(f"{IMAGES}/large.bin"), LARGE // 2)
    fetch.breaks_off(data, unchanged=LARGE // 2)


def a_killed_helper(world):
    backend = _bootable(world, "killed")
    data = _large(world)
    fetch = Fetch(backend, "/large.bin")
    for pid in checks.helpers(world):
        os.kill(pid, 9)
    fetch.breaks_off(data)
    assert Fetch(backend, "/large.bin").rest() == data


def _kept(world, seconds):
    """What one machine fetched boots others while the server is out of reach."""
    world.service.stop()
    world.service.start(options=BOOT)
    backend, data = _bootable(world, f"kept for {seconds} s"), _large(world)

    def fetched_from(origin):
        assert Fetch(backend, "/large.bin").rest() == data, "other bytes, or not all"
        return world.service.call("GET", "/boot/stats", base="/api/v1/storage").data["origins"][origin]["requests"]

    until("the cache has the file", lambda: fetched_from("hit"), 60)
    world.link.cut()
    end = time.monotonic() + seconds
    with Watch(world.service):
        until("it is served without a word from the server", lambda: fetched_from("stale"), 120, 1)
        while time.monotonic() < end:
            fetched_from("stale")
            time.sleep(5)
    world.link.heal()
    world.service.stop()
    world.service.start(options=PIPED)


def kept_without_its_server(world):
    _kept(world, 0)


def kept_for_ten_minutes(world):
    _kept(world, 600)


CASES = [
    served_4_2,
    served_4_1,
    served_3,
    a_slow_client,
    cut_during_a_fetch,
    deleted_during_a_fetch,
    shortened_during_a_fetch,
    a_killed_helper,
    kept_without_its_server,
]
SOAK = [kept_for_ten_minutes]
