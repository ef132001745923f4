"""What uploads, downloads and boot files of NFS cost through all of the service, beside other programs on the same mount.

The clock counts instructions, which all weigh the same: a missed goal is missed, and one that is met may be missed by a
processor, on which copies and wake-ups cost more.
"""

import contextlib
import http.client
import os
import subprocess
import threading

from ..service import BOOT_PORT, PIPED, until
from ..unit import Group, Unit
from ..uploads import content, online, putting, stored
from ..world import DEFAULT_EXPORTS, LARGE

UPLOAD, DOWNLOAD, PIECE = 256 << 20, 16 << 20, 1 << 20
UPLOAD_GOAL, DOWNLOAD_GOAL, BOOT_GOAL = 2, 8, 2
"""How many times the processor time of `cp` and `sha256sum`, and of nginx, the service and its helpers may take."""
CONNECTIONS = 16
ROUNDS = 3
SOURCE, PORT = "/dev/shm/source", 8099
NGINX = """daemon off; master_process off; pid /run/nginx.pid; error_log stderr crit; events {}
http { access_log off; sendfile on; server { listen 127.0.0.1:%d; root "%s"; } }
"""


def _begin(world):
    """A service in a control group, another group for the other program, a backend, and its mount."""
    unit = Unit()
    world.server.export({**DEFAULT_EXPORTS, LARGE: "*"})
    world.service.stop()
    world.service.start(prepare=unit.enter, options=PIPED)
    backend = online(world, "bench", LARGE, "vers=4.2,rw")
    return unit, Group("other"), backend, world.service.mounts(backend)[0].point


def _compare(what, other, unit, size, goal):
    """Both do the same by turns. The best time of each counts: whatever else the machine does only adds to it."""
    spent = [], []
    for _ in range(ROUNDS):
        for (group, work), seconds in zip((other, unit), spent, strict=True):
            before = group.seconds()
            work()
            seconds.append((group.seconds() - before) * (1 << 30) / size)
    theirs, ours = map(min, spent)
    rounds = ["/".join(f"{seconds:.2f}" for seconds in one) for one in spent]
    line = f"{what}: {rounds[0]} s/GiB, the service {rounds[1]}: {ours / theirs:.2f} times, goal {goal}"
    print(f"# bench: {line}", flush=True)
    assert ours <= goal * theirs, line


def upload(world):
    unit, other, backend, mount = _begin(world)
    data = content(PIECE) * (UPLOAD // PIECE)
    with open(SOURCE, "wb") as file:
        file.write(data)

    def copied():
        script = 'cp "$0" "$1" && sync "$1" && sha256sum "$1"'
        argv = ["sh", "-c", script, SOURCE, f"{mount}/copied"]
        subprocess.run(argv, preexec_fn=other.enter, check=True, timeout=600, stdout=subprocess.DEVNULL)
        os.remove(world.server.path(f"{LARGE}/copied"))

    def sent():
        sending = putting(world.service, backend, "/sent", UPLOAD)
        for at in range(0, UPLOAD, PIECE):
            sending.send(data[at : at + PIECE])
        stored(sending.answer(), 201, data)
        os.remove(world.server.path(f"{LARGE}/sent"))

    _compare("upload, cp and sha256sum", (other, copied), (unit, sent), UPLOAD, UPLOAD_GOAL)
    os.remove(SOURCE)


def _fetch(port, path, lengths):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    connection.request("GET", path)
    answer, space, length = connection.getresponse(), bytearray(1 << 18), 0
    while read := answer.readinto(space):
        length += read
    connection.close()
    lengths.append((answer.status, length))


def _fetch_all(port, path):
    answers = []
    clients = [threading.Thread(target=_fetch, args=(port, path, answers)) for _ in range(CONNECTIONS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert answers == [(200, DOWNLOAD)] * CONNECTIONS, answers


@contextlib.contextmanager
def _nginx(group, root):
    with open("/run/nginx.conf", "w") as file:
        file.write(NGINX % (PORT, root))
    nginx = subprocess.Popen(["nginx", "-p", "/run", "-c", "/run/nginx.conf"], preexec_fn=group.enter)

    def answers():
        assert nginx.poll() is None, "nginx ended"
        with contextlib.suppress(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.1", PORT, timeout=20).connect()
            return True

    try:
        until("nginx answers", answers, 60)
        yield
    finally:
        nginx.kill()
        nginx.wait(20)


def download(world):
    unit, other, backend, mount = _begin(world)
    world.server.write(f"{LARGE}/file", content(DOWNLOAD))
    path = f"/api/v1/storage/backends/{backend}/files/download?path=/file"
    with _nginx(other, mount):
        theirs = other, lambda: _fetch_all(PORT, "/file")
        ours = unit, lambda: _fetch_all(world.service.port, path)
        _compare(f"{CONNECTIONS} downloads, nginx", theirs, ours, CONNECTIONS * DOWNLOAD, DOWNLOAD_GOAL)


def boot(world):
    unit, other, backend, mount = _begin(world)
    world.service.bootable(backend)
    world.server.write(f"{LARGE}/file", content(DOWNLOAD))
    with _nginx(other, mount):
        theirs = other, lambda: _fetch_all(PORT, "/file")
        ours = unit, lambda: _fetch_all(BOOT_PORT, f"/b/{backend}/file")
        _compare(f"{CONNECTIONS} boot files, nginx", theirs, ours, CONNECTIONS * DOWNLOAD, BOOT_GOAL)


CASES = [upload, download, boot]
