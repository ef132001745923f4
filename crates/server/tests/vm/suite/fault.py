"""What every fault is measured by: other calls meanwhile, processes that hang, and what is left when it is over."""

import contextlib
import os
import time

from . import checks, mounts
from .hanging import Hanging
from .netns import SERVER
from .service import HELD_UP_SECONDS, Line, Meanwhile, until
from .world import IMAGES

WATCH = "4s"
# Whether what takes long runs too: comparisons of answer times above all.
SOAK = os.environ.get("PUREBOOT_VM_SOAK") == "1"
SAMPLES, SAMPLE_SECONDS = 300 if SOAK else 10, 240
# On an emulated processor that also starts workers, a request may wait this long for a turn, whatever the service does.
FLOOR = 0.5
ONLINE_SECONDS = 90
LOOK_SECONDS = 1.0
SLOW_PAUSE = 0.3


def watched(world):
    """The service, looking at its backends every few seconds."""
    if (world.service.watch, world.service.state) != (WATCH, world.service.base):
        world.service.stop()
        world.service.start(watch=WATCH)


def _descriptors(pid):
    """What its open descriptors lead to, less the pool's: up to eight connections, made when they are first needed."""
    links = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            links.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return [link for link in links if "/storage.db" not in link]


def resources(world):
    """What the service's own process holds."""
    pid = world.service.process.pid
    return {
        "threads": len([name for name in checks.threads(world) if not name.startswith("sqlx-")]),
        "descriptors": len(_descriptors(pid)),
        "helpers": len(mounts.children(pid)),
        "mounts": len(world.service.mounts()),
    }


def none_leaked(world, before, seconds=60):
    """The service holds no more than before; idle threads of the runtime go after some seconds."""
    found = {}

    def no_more():
        found.update(resources(world))
        return all(found[kind] <= before[kind] for kind in before)

    try:
        until("nothing is leaked", no_more, seconds, SLOW_PAUSE)
    except AssertionError:
        left = sorted(checks.threads(world)), sorted(_descriptors(world.service.process.pid))
        raise AssertionError(f"before {before}, after {found}: {left}") from None
    return ", ".join(f"{found[kind]} {kind}" for kind in found)


def p99(seconds):
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Pulse(Meanwhile):
    """Calls that need no mount, one after the other, and which helpers hang meanwhile.

    A twin of the service, which has the same backends and nothing to do with them, may be asked the same in between:
    what slows it is this machine, and no fault.
    """

    CALLS = ("/api/v1/storage/backends", "/readyz")
    PAUSE = 0.01

    def __init__(self, service, twin=None):
        super().__init__(service)
        self.twin, self.idle, self.looked = twin and Line(twin), [], 0.0
        self.hanging = Hanging(service.process.pid)

    def beside(self):
        # Half as often: it is there to tell what is slow, and takes a part of the same processor.
        if self.twin and len(self.idle) * 2 < len(self.seconds):
            self.idle += [self.twin.get(path) for path in self.CALLS]
        if time.monotonic() - self.looked > LOOK_SECONDS:
            self.hanging.look()
            self.looked = time.monotonic()

    def pause(self):
        """A fault may last longer than the samples take: from then on they only show that all goes on."""
        return self.PAUSE if SOAK and len(self.seconds) < SAMPLES else SLOW_PAUSE

    def enough(self):
        until(f"{SAMPLES} samples", lambda: self.error or len(self.seconds) >= SAMPLES, SAMPLE_SECONDS)

    def went_on(self):
        """No answer waited for a server that is gone."""
        slowest = max(self.seconds)
        assert slowest < HELD_UP_SECONDS, f"{slowest:.2f} s"
        return f"{len(self.seconds)} calls, {slowest * 1000:.0f} ms at the most"

    def compared(self, before):
        """p99 within twice the idle one: that of just before, or the twin's at the same time, whichever is more."""
        during, twin = p99(self.seconds), p99(self.idle)
        assert during <= max(2 * before, 2 * twin, FLOOR), f"p99 {during:.3f} s, before {before:.3f} s, twin {twin:.3f} s"
        return (
            f"{during * 1000:.0f} ms, {before * 1000:.0f} ms before, an idle twin's {twin * 1000:.0f} ms:"
            f" {during / max(before, twin):.1f} times, {len(self.seconds)} calls"
        )


def idle(world):
    """The 99th percentile of the same calls while nothing is wrong."""
    world.twin()
    with Pulse(world.service) as pulse:
        pulse.enough()
    return p99(pulse.seconds)


def online(world, backend, seconds=ONLINE_SECONDS):
    """Nobody asks for a test; returns how long it took."""
    begin = time.monotonic()
    until("online again, unattended", lambda: world.service.get(backend)["status"] == "online", seconds, SLOW_PAUSE)
    return time.monotonic() - begin


def error(world, backend, seconds=90):
    begin = time.monotonic()
    until("the fault is told, unattended", lambda: world.service.get(backend)["status"] == "error", seconds, SLOW_PAUSE)
    return time.monotonic() - begin


def registered(world, name, options, path=IMAGES, server=SERVER):
    backend = world.service.register(name, server, path, options)
    checks.passed(world.service.test(backend))
    return backend
