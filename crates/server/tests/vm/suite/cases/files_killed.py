"""Uploads while the service, or its helpers alone, are killed: all that was answered is read back."""

import contextlib
import os
import random
import signal
import time

from .. import checks, uploads
from ..fault import SOAK as LONG
from ..service import Later, until
from ..uploads import content, online, put, putting, stored, until_written
from ..world import IMAGES
from .files_fault import HALF, SIZE

KILLS = 100 if LONG else 3


class _Round:
    """A file whose upload was answered, one that is half sent, and one that is anywhere."""

    def __init__(self, world, backend, number):
        self.world, self.before = world, uploads.tree(world, IMAGES)
        self.answered, self.half, self.raced = (content(SIZE, 3 * number + each) for each in range(3))
        status = 200 if "/answered.iso" in self.before else 201
        stored(put(world.service, backend, "/answered.iso", self.answered), status, self.answered)
        self.sending = putting(world.service, backend, "/half.iso", SIZE).send(self.half[:HALF])
        until_written(world)
        self.race = Later(lambda: putting(world.service, backend, "/raced.iso", SIZE).send(self.raced).answer())
        if number:
            # Wherever this one is by then.
            time.sleep(random.Random(number).uniform(0, 0.5))

    def left(self, was_raced):
        """What is left on the server, after nothing that was answered was lost, and nothing is torn."""
        there = uploads.tree(self.world, IMAGES)
        assert there["/answered.iso"] == self.answered, "a file whose upload was answered is not there"
        assert there.get("/half.iso") == self.before.get("/half.iso"), "half a file is there"
        assert there.get("/raced.iso") in (self.before.get("/raced.iso"), self.raced), "a torn file is there"
        assert not was_raced or there["/raced.iso"] == self.raced, "a file whose upload was answered is not there"
        known = uploads.recorded(self.world)
        left = set(uploads.temporaries(self.world, IMAGES))
        assert left <= known, f"{left - known} are left, and nobody knows"
        return left


def _killed_once(world, backend, number):
    service, files = world.service, _Round(world, backend, number)
    service.kill()
    assert files.sending.answer() is None, "an answer to half a file"
    answer = files.race.result()
    assert answer is None or answer.status in (200, 201), f"{answer}"
    until("the helpers of the service are gone", lambda: not checks.workers(), 20)
    left = files.left(answer is not None)
    assert left, "nothing is left"
    for name in left:
        os.remove(world.server.path(f"{IMAGES}/{name}"))
    with contextlib.closing(uploads.database(world)) as database, database:
        database.execute("DELETE FROM uploads")
    service.start()
    for path, data in (("/answered.iso", files.answered), ("/half.iso", content(10, number))):
        put(service, backend, path, data)
        assert uploads.tree(world, IMAGES)[path] == data


def the_service_is_killed(world):
    backend = online(world, "killed", IMAGES)
    for number in range(KILLS):
        _killed_once(world, backend, number)


def _helpers_killed_once(world, backend, number):
    files = _Round(world, backend, number)
    for pid in checks.helpers(world):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    answer = files.sending.send(files.half[HALF:]).answer()
    assert answer is not None and answer.status in (500, 503), f"{answer}"
    answer = files.race.result()
    assert answer is not None and answer.status in (200, 201, 500, 503), f"{answer}"
    files.left(answer.status in (200, 201))
    # A helper that takes the place of a killed one removes it.
    until("nothing is left", lambda: not uploads.temporaries(world, IMAGES) and not uploads.recorded(world), 20)


def its_helpers_are_killed(world):
    backend = online(world, "helpers", IMAGES)
    for number in range(KILLS):
        _helpers_killed_once(world, backend, number)


CASES = [the_service_is_killed, its_helpers_are_killed]
