"""Fault by operation by kind of mount: each cell has its bound and its right answers.

Each fault has two cases for each kind of mount. In the first a test of a mounted and of an unmounted backend, a count
of files, a change and a delete (both in the middle of a test) go on at once while the fault lasts; in the second the service
stops in the middle of a test, and starts. Then the fault ends, and nobody helps.
"""

import contextlib
import time

from . import cells, checks, fault
from .cells import MANY, SECOND, SPACE
from .netns import SERVER
from .service import Later, until
from .world import IMAGES

KINDS = {"soft": "", "hard": ",hard"}
LEVELS = 120
"""Directories one below the other can't be read at once: over a slow cable counting them takes long enough."""


class Episode:
    """One fault on one kind of mount, and what was wrong in which cell."""

    def __init__(self, world, kind_of_fault, kind):
        self.world, self.fault, self.kind = world, kind_of_fault, kind
        self.options = f"vers={self.fault.version}{KINDS[kind]}"
        self.name, self.wrong, self.begun = f"{self.fault.name}, {kind}", [], 0.0
        self.fault.prepare(world)

    def cell(self, what, check, *args):
        """One cell: what it found goes into the log, what was wrong into the verdict, and the others go on."""
        try:
            print(f"# {self.name}, {what}: {check(*args)}", flush=True)
        except (AssertionError, OSError) as error:
            self.wrong.append(f"{what}: {error!r}")
            print(f"# {self.name}, {what}: WRONG {error!r}", flush=True)

    def verdict(self):
        assert not self.wrong, f"{self.name}: " + "; ".join(self.wrong)

    def register(self, name, path):
        return self.world.service.register(name, self.fault.server, path, self.options)

    def registered(self, name, path):
        return fault.registered(self.world, name, self.options, path, self.fault.server)

    def as_configured(self, backend, path):
        """One layer, and it is what the config says."""
        layer = checks.mounted(self.world, backend, self.fault.version, SERVER)
        assert layer.source.endswith(f":{path}"), f"{layer.source} is mounted, {path} is configured"
        assert ("hard" in layer.options) == (self.kind == "hard"), f"not {self.kind}: {layer.options}"
        return "as configured"

    def asked(self, backend):
        """A test that is under way: it has started a helper, or at least it had the time to."""
        known = set(checks.helpers(self.world))
        asked = Later(self.world.service.call, "POST", f"/{backend}/test")
        with contextlib.suppress(AssertionError):
            until("a further helper", lambda: set(checks.helpers(self.world)) - known, 1.5)
        return asked

    def ends(self):
        self.fault.end(self.world)


def _deep(world):
    """A tree that takes long to count over a slow cable."""
    for level in range(1, LEVELS + 1):
        world.server.write(f"{MANY}/{'d/' * level}{level}.iso")


def _count_begins(episode, backend):
    world = episode.world
    world.link.slow(100)
    result = world.service.test(backend)
    assert checks.outcomes(result).get("scan") == "skipped", f"the count is over already: {result['checks']}"


def _begins(episode):
    """The fault begins while files are counted; a cable that is no part of it is quick again."""
    episode.begun = time.monotonic()
    episode.fault.begin(episode.world)
    if not episode.fault.cable:
        episode.world.link.heal()


def operations(world, kind_of_fault, kind):
    """Test, count, change and delete."""
    episode = Episode(world, kind_of_fault, kind)
    service = world.service
    _deep(world)
    left = episode.registered("left alone", IMAGES)
    before, idle = fault.resources(world), fault.SOAK and fault.idle(world)
    tested = episode.registered("tested", IMAGES)
    changed, deleted = episode.registered("changed", SECOND), episode.registered("deleted", SECOND)
    counted, fresh = episode.register("counted", MANY), episode.register("fresh", SPACE)
    _count_begins(episode, counted)
    _begins(episode)
    try:
        with fault.Pulse(service, fault.SOAK and world.twin()) as pulse:
            mounted, unmounted = (Later(service.call, "POST", f"/{one}/test") for one in (tested, fresh))
            episode.cell("patch", cells.changed, episode, changed)
            episode.cell("delete", cells.deleted, episode, deleted)
            episode.cell("test of a mounted one", cells.tested, episode, tested, mounted, kind_of_fault.tested)
            episode.cell("test of an unmounted one", cells.tested, episode, fresh, unmounted, kind_of_fault.fresh)
            if kind_of_fault.counts:
                episode.cell("scan", cells.counted, episode, counted, 30)
            if kind_of_fault.told == {"error"}:
                episode.cell("left alone", cells.found_out, episode, left)
            if kind_of_fault.beside:
                episode.cell("beside", kind_of_fault.beside, world)
            pulse.enough()
            episode.cell("left alone, at the end", cells.watched, episode, left)
    finally:
        episode.ends()
    episode.cell("online again", lambda: f"{fault.online(world, left):.1f} s after the end")
    episode.cell("others", cells.recovered, episode, tested, changed, deleted, fresh)
    episode.cell("scan", cells.counted, episode, counted, fault.ONLINE_SECONDS)
    episode.cell("the mount left alone", episode.as_configured, left, IMAGES)
    episode.cell("other calls", pulse.went_on)
    if fault.SOAK:
        episode.cell("p99", pulse.compared, idle)
    episode.cell("who hangs", cells.who_hangs, episode, pulse.hanging)
    for one in service.call("GET", "").data:
        if one["id"] != left:
            service.call("DELETE", f"/{one['id']}")
    episode.cell("leaks", fault.none_leaked, world, before)
    episode.verdict()


def restart(world, kind_of_fault, kind):
    """A stop in the middle of a test, and a start, while the fault lasts."""
    episode = Episode(world, kind_of_fault, kind)
    service = world.service
    backend = episode.registered("kept", IMAGES)
    before = fault.resources(world)
    episode.fault.begin(world)
    try:
        if kind_of_fault.hangs:
            until("a look hangs in the mount", lambda: checks.helpers(world), 30)
        asked = episode.asked(backend)
        episode.cell("stop", cells.stopped, episode)
        episode.cell("start", cells.started, episode, backend)
        episode.cell("the test at the stop", cells.broken_off, episode, asked)
    finally:
        episode.ends()
    episode.cell("online again", lambda: f"{fault.online(world, backend):.1f} s after the end")
    episode.cell("the mount", episode.as_configured, backend, IMAGES)
    episode.cell("leaks", fault.none_leaked, world, before)
    episode.verdict()


def cases(*kinds_of_fault, kinds=tuple(KINDS)):
    """The cases of these faults, by names such as `link_cut_hard` and `link_cut_hard_restart`."""
    made = []
    for kind_of_fault in kinds_of_fault:
        for kind in kinds:
            for run, suffix in ((operations, ""), (restart, "_restart")):

                def case(world, run=run, kind_of_fault=kind_of_fault, kind=kind):
                    run(world, kind_of_fault, kind)

                case.__name__ = f"{kind_of_fault.name.replace(' ', '_')}_{kind}{suffix}"
                made.append(case)
    return made
