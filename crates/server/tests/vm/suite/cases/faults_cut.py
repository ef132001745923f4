"""The link to the server is cut while a backend is mounted, tested, changed and deleted: soft mounts and hard ones."""

import time

from .. import checks, fault
from ..netns import SERVER
from ..service import Later, until


def soft(world):
    fault.lasting(world, "link cut, soft", world.link.cut, world.link.heal)


def hard(world):
    """The kernel never gives up; the worker's deadline does."""
    fault.lasting(world, "link cut, hard", world.link.cut, world.link.heal, "vers=4.1,hard")


def stop_and_start(world):
    """With a hard mount, a look that hangs in it, and a test that is asked for: the stop ends in time, and so does
    the start."""
    fault.watched(world)
    backend = fault.registered(world, "stopped", "vers=4.1,hard")
    world.link.cut()
    until("a look hangs in the mount", lambda: checks.helpers(world), 30)
    asked = Later(world.service.test, backend)
    begin = time.monotonic()
    assert world.service.stop(seconds=30) is not None
    stopped = time.monotonic() - begin
    assert stopped < 17, f"the stop took {stopped:.1f} s"
    try:
        asked.result(20)
    except (OSError, ValueError, AssertionError):
        pass
    begin = time.monotonic()
    world.service.start(watch=fault.WATCH)
    started = time.monotonic() - begin
    print(f"# link cut, hard: stopped in {stopped:.1f} s, started in {started:.1f} s", flush=True)
    assert started < 20, f"the start took {started:.1f} s"
    world.link.heal()
    fault.online(world, backend)
    checks.mounted(world, backend, "4.1", SERVER)


CASES = [soft, hard, stop_and_start]
