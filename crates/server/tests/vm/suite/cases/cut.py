"""The cable to the server is cut, before and in the middle of things. All else goes on meanwhile."""

import time

from .. import checks
from ..netns import SERVER
from ..service import Later, Watch, until
from ..world import IMAGES

TEST_SECONDS = 75
"""What a test may take, whatever its server does."""
DELETE_SECONDS = 20
"""An unmount sends the server a farewell and waits 30 s and more for the answer, unless somebody ends the wait."""
TRACELESS_SECONDS = 10
"""What the worker of an unmount may outlive the answer: a second to say farewell, and its end, without KVM."""


def _test_in_time(world, backend):
    with Watch(world.service):
        result = world.service.test(backend)
    assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
    return result


def _heals(world, backend):
    """With the cable back, a test passes again, soon, without a restart of anything."""
    world.link.heal()
    end = time.monotonic() + 90
    while (result := world.service.test(backend))["success"] is not True:
        assert time.monotonic() < end, f"still failing after healing: {result['checks']}"
    checks.passed(result)
    checks.mounted(world, backend, "4.1", SERVER)


def before_the_test(world):
    backend = world.service.register("dark", SERVER, IMAGES)
    world.link.cut()
    result = _test_in_time(world, backend)
    assert result["success"] is False and result["message"], result
    checks.status(world, backend, "error")
    assert not world.service.mounts(), "something was mounted"
    _heals(world, backend)


def in_the_middle_of_a_test(world):
    backend = world.service.register("torn", SERVER, IMAGES)
    world.link.slow(150)
    with Watch(world.service):
        asked = Later(world.service.test, backend)
        until("a helper is at work", lambda: checks.helpers(world), 20)
        world.link.cut()
        result = asked.result()
    assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
    assert result["success"] is False, result["checks"]
    _heals(world, backend)


def under_a_mount(world):
    """Mounted and tested well before: the next test has to find out, and give up in time."""
    backend = world.service.register("cable", SERVER, IMAGES)
    checks.passed(world.service.test(backend))
    checks.measured(world, backend, IMAGES, *world.images)
    world.link.cut()
    result = _test_in_time(world, backend)
    assert result["success"] is False, result["checks"]
    checks.status(world, backend, "error")
    _heals(world, backend)


def in_the_middle_of_a_scan(world):
    for number in range(1500):
        world.server.write(f"/srv/exp/many/{number % 300}/{number}.iso")
    backend = world.service.register("long", SERVER, "/srv/exp/many")
    world.link.slow(100)
    result = world.service.test(backend)
    checks.passed(result)
    assert world.service.get(backend)["stats"]["total_bytes"], "no capacity while the scan runs"
    assert checks.helpers(world), "the scan is over already"
    world.link.cut()
    with Watch(world.service):
        retest = world.service.test(backend)
        assert retest["seconds"] < TEST_SECONDS, f"the test took {retest['seconds']:.1f} s"
        answer = world.service.call("DELETE", f"/{backend}?force=true")
    assert answer.status == 200 and answer.seconds < DELETE_SECONDS, f"{answer}"
    until("the mount is gone", lambda: not world.service.mounts(backend), 30)


def _deleted_without_a_trace(world, version):
    """The kernel would wait 30 s for the server's farewell: whoever waits there is ended, with the cable still cut."""
    backend = world.service.register("traceless", SERVER, IMAGES, f"vers={version}")
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, version, SERVER)
    world.link.cut()
    with Watch(world.service):
        answer = world.service.call("DELETE", f"/{backend}")
    assert answer.status == 200 and answer.seconds < DELETE_SECONDS, f"{answer}"
    assert not world.service.mounts(backend), "still mounted"
    until("no helper is left", lambda: not checks.helpers(world), TRACELESS_SECONDS)
    names = checks.threads(world)
    assert names and not [name for name in names if "umount" in name], f"threads: {names}"


def deleted_without_a_trace_4_1(world):
    _deleted_without_a_trace(world, "4.1")


def deleted_without_a_trace_4_2(world):
    _deleted_without_a_trace(world, "4.2")


CASES = [
    before_the_test,
    in_the_middle_of_a_test,
    under_a_mount,
    in_the_middle_of_a_scan,
    deleted_without_a_trace_4_1,
    deleted_without_a_trace_4_2,
]
