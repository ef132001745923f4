"""The faults: how each begins and ends, and what the contract has each call answer meanwhile."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from . import checks, syscalls
from .fault import WATCH, watched
from .netns import SERVER
from .service import BASE, until
from .world import DEFAULT_EXPORTS, IMAGES

SMALL = f"{BASE}/small"
PASSES, FAILS, EITHER = {True}, {False}, {True, False}


@dataclass(frozen=True)
class Fault:
    name: str
    begin: Callable
    end: Callable
    tested: set
    """What a test of a mounted backend may say."""
    fresh: set
    """What a test of one that is not mounted yet may say."""
    told: set
    """What the status of a watched backend may be while it lasts, with nobody asking for a test."""
    check: str | None = None
    """The check at which tests fail."""
    version: str = "4.1"
    server: str = SERVER
    cable: bool = False
    """Whether the cable's own state is the fault."""
    hangs: bool = False
    """Whether somebody has to hang, or what counts those who hang is broken."""
    counts: bool = False
    """Whether a count of files that is under way goes on to its end meanwhile."""
    prepare: Callable = watched
    """Has the service run as the fault needs it."""
    refused: bool = False
    """Whether what has to be written may be refused with 503 `database_unavailable`."""
    test_seconds: int = 75 + 10
    """What a test may take: `test_deadline`, and what an emulated processor needs beside it."""
    beside: Callable | None = None
    """What goes on all the same, and is shown while the fault lasts."""


def _names_gone(_):
    """Name servers that are silent, and no name in the file of hosts."""
    with open("/etc/hosts") as file, open("/run/hosts.kept", "w") as kept:
        kept.write(file.read())
    with open("/etc/hosts", "w") as file:
        file.write("127.0.0.1 localhost\n")
    with open("/etc/resolv.conf", "w") as file:
        file.write("nameserver 10.9.0.77\n")


def _names_there(_):
    with open("/run/hosts.kept") as kept, open("/etc/hosts", "w") as file:
        file.write(kept.read())


def _small_disk(world):
    """A file system that a database soon fills, with nothing on it."""
    world.service.stop()
    os.makedirs(SMALL, exist_ok=True)
    if os.path.ismount(SMALL):
        syscalls.umount(SMALL)
    syscalls.mount("small", SMALL, "tmpfs", 0, "size=2m,mode=700")
    world.service.start(watch=WATCH, state=SMALL)


def _fill(world):
    """Until a write is refused: the database has some room left in its own files."""
    with open(f"{SMALL}/filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    for number in range(40):
        config = {"server": SERVER, "export_path": "/srv/" + "x" * 3000, "mount_options": None}
        answer = world.service.call("POST", "", {"name": f"filling {number}", "type": "nfs", "config": config})
        if answer.status != 201:
            return answer.problem(503, "database_unavailable")
    raise AssertionError("forty writes went onto a full disk")


def _empty(world):
    os.remove(f"{SMALL}/filler")
    body = {"name": "room again", "type": "iscsi", "config": {"target": SERVER}}
    until("a write works again", lambda: world.service.call("POST", "", body).status == 201, 20)


def _version_4(world):
    """A backend of NFSv4 is registered, tested and mounted."""
    backend = world.service.register("four", SERVER, IMAGES, "vers=4.1")
    result = world.service.test(backend)
    assert result["success"] is True, result["checks"]
    checks.mounted(world, backend, "4.1", SERVER)


CUT = Fault(
    "link cut", lambda w: w.link.cut(), lambda w: w.link.heal(), FAILS, FAILS, {"error"}, cable=True, hangs=True
)
SLOW = Fault(
    # Slow is not dead: what comes late counts.
    "server slow", lambda w: w.link.bad(300, 5), lambda w: w.link.heal(), EITHER, EITHER, {"online", "error"}, cable=True
)
KILLED = Fault("server killed", lambda w: w.server.halt(), lambda w: w.server.serve(), FAILS, FAILS, {"error"})
REVOKED = Fault(
    "export revoked",
    lambda w: w.server.export({"/srv/exp/im": "*"}),
    lambda w: w.server.export(DEFAULT_EXPORTS),
    FAILS,
    FAILS,
    {"error"},
)
# NFSv4 needs no rpcbind. Version 3 does to mount; what is mounted goes on.
RPCBIND_GONE = Fault(
    "rpcbind gone",
    lambda w: w.server.stop_rpcbind(),
    lambda w: w.server.start_rpcbind(),
    PASSES,
    FAILS,
    {"online"},
    version="3",
    counts=True,
    beside=_version_4,
)
NAMES_GONE = Fault(
    "names gone",
    _names_gone,
    _names_there,
    FAILS,
    FAILS,
    {"online"},
    check="resolve",
    server="nas.test",
    counts=True,
    test_seconds=20,
)
DISK_FULL = Fault("disk full", _fill, _empty, PASSES, PASSES, {"online"}, prepare=_small_disk, refused=True)
