"""What every fault is measured by: other calls meanwhile, processes that hang, and what is left when it is over."""

import contextlib
import os
import threading
import time

from . import checks, mounts
from .netns import SERVER
from .service import until
from .world import IMAGES

WATCH = "4s"
SAMPLES, FEWEST, SAMPLE_SECONDS = 300, 100, 20
# On an emulated processor that also starts workers, a request may wait this long for a turn, whatever the service does.
FLOOR = 0.5
ONLINE_SECONDS = 90
TEST_SECONDS = 75
AWAY_SECONDS = 20


def watched(world):
    """The service, looking at its backends every few seconds."""
    if world.service.watch != WATCH:
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
        until("nothing is leaked", no_more, seconds)
    except AssertionError:
        left = sorted(checks.threads(world)), sorted(_descriptors(world.service.process.pid))
        raise AssertionError(f"before {before}, after {found}: {left}") from None


class Pulse(threading.Thread):
    """Calls that need no mount, one after the other, and how many helpers there are meanwhile."""

    CALLS = (("GET", "", "/api/v1/storage/backends"), ("GET", "/readyz", ""))

    def __init__(self, service):
        super().__init__(daemon=True)
        self.service, self.ended, self.seconds, self.error, self.helpers = service, threading.Event(), [], None, 0

    def run(self):
        try:
            while not self.ended.is_set():
                for method, path, base in self.CALLS:
                    answer = self.service.call(method, path, base=base, timeout=30)
                    assert answer.status == 200, f"{path}: {answer.status}"
                    self.seconds.append(answer.seconds)
                if len(self.seconds) % 8 == 0:
                    self.helpers = max(self.helpers, len(mounts.children(self.service.process.pid)))
                self.ended.wait(0.01)
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.ended.set()
        self.join(40)
        if kind is None:
            assert self.error is None, f"a call that needs no mount failed: {self.error!r}"

    def enough(self):
        """As many as a busy machine gives in some seconds, yet enough for a percentile to mean something."""
        end = time.monotonic() + SAMPLE_SECONDS

        def taken():
            return self.error or len(self.seconds) >= (SAMPLES if time.monotonic() < end else FEWEST)

        until(f"{FEWEST} samples", taken, 120)

    def p99(self):
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def idle(world):
    with Pulse(world.service) as pulse:
        pulse.enough()
    return pulse.p99()


def compared(world, name, before, pulse, helpers):
    """While the fault lasted: p99 within twice the idle one, at most so many helpers at once. To be called when the
    fault is over: where the machine itself became slower meanwhile, what is idle is measured again."""
    during = pulse.p99()
    if during > max(2 * before, FLOOR):
        before = max(before, idle(world))
    print(
        f"# {name}: p99 idle {before * 1000:.0f} ms, during {during * 1000:.0f} ms ({during / before:.1f} times, "
        f"{len(pulse.seconds)} calls), at most {pulse.helpers} helpers at once",
        flush=True,
    )
    assert during <= max(2 * before, FLOOR), f"p99 {during:.3f} s, idle {before:.3f} s"
    assert pulse.helpers <= helpers, f"{pulse.helpers} helpers at once, wanted {helpers} at most"


def online(world, backend, seconds=ONLINE_SECONDS):
    """Nobody asks for a test; returns how long it took."""
    begin = time.monotonic()
    until("online again, unattended", lambda: world.service.get(backend)["status"] == "online", seconds)
    return time.monotonic() - begin


def error(world, backend, seconds=90):
    begin = time.monotonic()
    until("the fault is told, unattended", lambda: world.service.get(backend)["status"] == "error", seconds)
    return time.monotonic() - begin


def registered(world, name, options, path=IMAGES, server=SERVER):
    backend = world.service.register(name, server, path, options)
    checks.passed(world.service.test(backend))
    return backend


def away(answer):
    """A change or a delete beside a dead server: done, and in time."""
    assert answer.status == 200 and answer.seconds < AWAY_SECONDS, f"{answer}"


def lasting(world, name, begin, end, options="vers=4.1", told=True):
    """One fault from its beginning to its end, with a test, a change and a delete in the middle of it."""
    watched(world)
    victim = registered(world, "victim", options)
    checks.measured(world, victim, IMAGES, *world.images)
    before, idle_p99 = resources(world), idle(world)
    changed = registered(world, "changed", options, "/srv/exp/second")
    deleted = registered(world, "deleted", options, "/srv/exp/many")
    begin()
    try:
        with Pulse(world.service) as pulse:
            result = world.service.test(victim)
            assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
            if told:
                assert result["success"] is False and result["message"], result["checks"]
            away(world.service.call("PATCH", f"/{changed}", {"config": {"export_path": "/srv/exp/im"}}))
            away(world.service.call("DELETE", f"/{deleted}"))
            assert not world.service.mounts(changed) and not world.service.mounts(deleted), "still mounted"
            if told:
                error(world, victim)
            pulse.enough()
    finally:
        end()
    print(f"# {name}: online again {online(world, victim):.1f} s after the end", flush=True)
    # Two lanes of the victim and one of what was changed and deleted, which say farewell for a second.
    compared(world, name, idle_p99, pulse, helpers=4)
    world.service.call("DELETE", f"/{changed}")
    layers = world.service.mounts(victim)
    assert len(layers) == 1, f"layers: {layers}"
    none_leaked(world, before)
