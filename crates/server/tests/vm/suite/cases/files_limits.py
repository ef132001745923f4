"""Large files are written while the service has no more than its systemd unit gives it."""

import contextlib
import hashlib
import os

from .. import uploads
from ..fault import SOAK as LONG
from ..service import Later
from ..uploads import Health, content, online, putting
from ..unit import Unit
from ..world import DEFAULT_EXPORTS, LARGE

UPLOADS = 4
SIZE = (160 if LONG else 4) << 20
"""In the long form all of them are more than the unit's memory, which the pages of what is written count for too."""
BLOCK = 1 << 20
SECONDS = 1800
DIRTY = "/proc/sys/vm/dirty_ratio"


class Held(Health):
    """What the service and its helpers have meanwhile."""

    def __init__(self, service, unit):
        super().__init__(service)
        self.unit, self.own, self.tasks = unit, 0, 0

    def beside(self):
        self.own = max(self.own, self.unit.table("memory.stat")["anon"])
        self.tasks = max(self.tasks, self.unit.number("pids.current"))


@contextlib.contextmanager
def _much_memory():
    """The kernel lets writers run far ahead of the server, as it does on a machine with much more memory than the unit has."""
    with open(DIRTY) as file:
        before = file.read()
    with open(DIRTY, "w") as file:
        file.write("90")
    try:
        yield
    finally:
        with open(DIRTY, "w") as file:
            file.write(before)


def _upload(world, backend, number):
    """Uploads a file whose blocks all differ; returns the SHA-256 of what was sent."""
    sending, sent = putting(world.service, backend, f"/{number}.iso", SIZE), hashlib.sha256()
    block = content(BLOCK, number)
    for at in range(0, SIZE, BLOCK):
        piece = at.to_bytes(8, "little") + block[8:]
        sent.update(piece)
        sending.send(piece)
    answer = sending.answer()
    assert answer is not None and answer.status == 201, f"{answer}"
    assert (answer.data["size"], answer.data["sha256"]) == (SIZE, sent.hexdigest()), answer.data
    return sent.hexdigest()


def large_files_are_written_within_the_limits_of_the_unit(world):
    unit = Unit()
    world.server.export({**DEFAULT_EXPORTS, LARGE: "*"})
    world.service.stop()
    world.service.start(prepare=unit.enter)
    # A backend has three upload helpers at most.
    backends = [online(world, f"large {number}", LARGE) for number in range(UPLOADS)]
    with _much_memory(), Held(world.service, unit) as held:
        begun = [Later(_upload, world, backend, number) for number, backend in enumerate(backends)]
        sent = [upload.result(SECONDS) for upload in begun]
    for number, digest in enumerate(sent):
        with open(world.server.path(f"{LARGE}/{number}.iso"), "rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == digest, f"{number}.iso is not what was sent"
        os.remove(world.server.path(f"{LARGE}/{number}.iso"))
    assert not uploads.temporaries(world, LARGE) and not uploads.recorded(world)
    events, peak = unit.table("memory.events"), unit.number("memory.peak")
    figures = f"own {held.own >> 20} MiB, with pages {peak >> 20} MiB of {unit.memory >> 20}; {held.tasks} tasks; {events}"
    print(f"# files_limits: {figures}", flush=True)
    assert events["oom"] == 0 and unit.table("pids.events")["max"] == 0, figures
    assert held.own < unit.memory // 2 and held.tasks < unit.tasks // 2, f"the limits are near: {figures}"
    if LONG:
        assert peak > unit.memory // 2, f"the pages of the files did not count: {figures}"
    world.service.stop()
    world.service.start()


CASES = [large_files_are_written_within_the_limits_of_the_unit]
