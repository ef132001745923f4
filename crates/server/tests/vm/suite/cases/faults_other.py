"""The server exports something else, somebody takes the mount away, and twenty race: faults that have no end to wait for."""

from .. import checks, fault, syscalls
from ..netns import SERVER
from ..service import Later, until
from ..world import IMAGES


def exported_anew(world):
    """Another file system at the same place: the mount is stale, and is replaced without anybody's help."""
    fault.watched(world)
    backend = fault.registered(world, "stale", "vers=4.1", "/srv/exp/with space")
    before = fault.resources(world)
    world.server.replace("/srv/exp/with space")
    world.server.write("/srv/exp/with space/new.iso")

    def replaced():
        return "and it was replaced" in world.service.get(backend)["last_test"]["message"]

    until("a new mount is reported", replaced, 60)
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
    until("said", lambda: "another program had unmounted it" in world.service.get(backend)["last_test"]["message"], 20)
    assert any("behind this service's back" in line for line in world.service.tail()), "nothing in the log"
    fault.none_leaked(world, before)


def twenty_race(world):
    """Tests, changes and deletes of one backend at once: each has an answer, and one consistent state is left."""
    fault.watched(world)
    exports = [IMAGES, "/srv/exp/second", "/srv/exp/many"]
    before = fault.resources(world)
    for doomed in (False, True):
        backend = fault.registered(world, f"raced {doomed}", "vers=4.1")
        racers = []
        for number in range(20):
            if doomed and number == 12:
                racers.append(Later(world.service.call, "DELETE", f"/{backend}"))
            elif number % 4 == 1:
                change = {"config": {"export_path": exports[number // 4 % 3]}}
                racers.append(Later(world.service.call, "PATCH", f"/{backend}", change))
            else:
                racers.append(Later(world.service.call, "POST", f"/{backend}/test"))
        codes = sorted(racer.result().status for racer in racers)
        assert set(codes) <= {200, 404, 409}, f"answers: {codes}"
        print(f"# twenty race, {'with' if doomed else 'without'} a delete: {codes}", flush=True)
        if doomed:
            assert world.service.call("GET", f"/{backend}").status == 404
            until("no mount is left", lambda: not world.service.mounts(backend), 20)
        else:
            checks.passed(world.service.test(backend))
            layer = checks.mounted(world, backend, "4.1", SERVER)
            wanted = world.service.get(backend)["config"]["export_path"]
            assert layer.source.endswith(wanted), f"{layer.source} is mounted, {wanted} is configured"
            world.service.call("DELETE", f"/{backend}")
    fault.none_leaked(world, before)


CASES = [exported_anew, taken_away_behind_the_back, twenty_race]
