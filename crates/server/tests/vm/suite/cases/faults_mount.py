"""The server is slow, exports something else, or somebody takes the mount away."""

from .. import checks, fault, syscalls
from ..netns import SERVER
from ..service import until
from ..world import IMAGES


def slow(world):
    """Slow is not dead: what comes late counts."""
    fault.lasting(world, "server slow", lambda: world.link.bad(300, 5), world.link.heal, told=False)


def exported_anew(world):
    """Another file system at the same place: the mount is stale, and is made anew without anybody's help."""
    fault.watched(world)
    backend = fault.registered(world, "stale", "vers=4.1", "/srv/exp/with space")
    before = fault.resources(world)
    world.server.replace("/srv/exp/with space")
    world.server.write("/srv/exp/with space/new.iso")

    def made_anew():
        return "made anew" in world.service.get(backend)["last_test"]["message"]

    until("a new mount is told", made_anew, 60)
    fault.online(world, backend)
    checks.mounted(world, backend, "4.1", SERVER)
    fault.none_leaked(world, before)


def taken_away_behind_the_back(world):
    """It is seen at once, for the table of mounts tells of changes, and said."""
    fault.watched(world)
    backend = fault.registered(world, "robbed", "vers=4.1", IMAGES)
    before = fault.resources(world)
    syscalls.umount(world.service.mounts(backend)[0].point)
    until("mounted again", lambda: world.service.mounts(backend), 20)
    until("said", lambda: "taken the mount away" in world.service.get(backend)["last_test"]["message"], 20)
    assert any("behind this service's back" in line for line in world.service.tail()), "nothing in the log"
    fault.none_leaked(world, before)


CASES = [slow, exported_anew, taken_away_behind_the_back]
