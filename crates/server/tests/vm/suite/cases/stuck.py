"""A worker that SIGKILL can't end: it makes its mount point on a file system that is frozen, and the kernel lets a
process that waits there go only when the file system is thawed."""

import contextlib
import fcntl
import os
import subprocess

from .. import checks
from ..netns import SERVER
from ..service import BASE, Later, Watch, until
from ..world import IMAGES

DISK = f"{BASE}/disk"
FIFREEZE = 0xC0045877
FITHAW = 0xC0045878
# Longer than the deadline of a mount, and what it takes to see that the worker outlives its end.
TEST_SECONDS = 75
# An answer that waits for nothing.
AT_ONCE = 2.0


def disk():
    """A file system of its own below the mount points: tmpfs can't be frozen, and knows no immutable directories."""
    if os.path.ismount(DISK):
        return
    os.makedirs(DISK, exist_ok=True)
    subprocess.run(["modprobe", "-a", "loop", "ext4"], check=True)
    with open(f"{BASE}/disk.img", "wb") as image:
        image.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", f"{BASE}/disk.img"], check=True)
    subprocess.run(["mount", "-o", "loop", f"{BASE}/disk.img", DISK], check=True)


@contextlib.contextmanager
def _frozen():
    fd = os.open(DISK, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(fd, FIFREEZE, 0)
        try:
            yield
        finally:
            fcntl.ioctl(fd, FITHAW, 0)
    finally:
        os.close(fd)


def _service(world):
    """The service with its mount points on the disk."""
    disk()
    if world.service.mount_dir != f"{DISK}/mounts":
        world.service.stop()
        world.service.start(mount_dir=f"{DISK}/mounts")


def _gets_stuck(world, backend):
    with Watch(world.service):
        result = world.service.test(backend)
    assert result["success"] is False and result["stuck_since"], result
    assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
    return result


def _at_once(answer):
    assert answer.seconds < AT_ONCE, f"took {answer.seconds:.1f} s"
    return answer


def a_stuck_worker_is_told_and_never_doubled(world):
    _service(world)
    backend = world.service.register("stuck", SERVER, IMAGES)
    with _frozen():
        first = _gets_stuck(world, backend)
        left = checks.helpers(world)
        assert len(left) == 1, f"not one worker in the kernel's hands: {left}"
        again = world.service.test(backend)
        assert again["seconds"] < AT_ONCE, f"took {again['seconds']:.1f} s"
        assert (again["success"], again["stuck_since"]) == (False, first["stuck_since"]), again
        patch = {"config": {"export_path": "/srv/exp/second"}}
        _at_once(world.service.call("PATCH", f"/{backend}", patch)).problem(503, "backend_stuck")
        _at_once(world.service.call("DELETE", f"/{backend}")).problem(503, "backend_stuck")
        _at_once(world.service.call("GET", "/readyz", base=""))
        assert checks.helpers(world).keys() == left.keys(), "a second worker"
    until("the worker is gone", lambda: not checks.helpers(world))
    checks.passed(world.service.test(backend))
    checks.mounted(world, backend, "4.1", SERVER)
    checks.status(world, backend, "online")


def many_calls_wait_for_one_worker(world):
    _service(world)
    backend = world.service.register("crowd", SERVER, IMAGES)
    with _frozen():
        racers = [Later(world.service.test, backend) for _ in range(6)]
        for racer in racers:
            result = racer.result()
            assert result["success"] is False, result
        assert len(checks.helpers(world)) == 1, f"more than one worker: {checks.helpers(world)}"
    until("the worker is gone", lambda: not checks.helpers(world))
    checks.passed(world.service.test(backend))


def force_deletes_a_backend_whose_worker_is_stuck(world):
    _service(world)
    backend = world.service.register("forced", SERVER, IMAGES)
    with _frozen():
        _gets_stuck(world, backend)
        with Watch(world.service):
            answer = world.service.call("DELETE", f"/{backend}?force=true")
        assert answer.data["id"] == backend and answer.seconds < 20, (answer.body, answer.seconds)
        assert not world.service.call("GET", "").data, "it is listed still"
    until("no worker is left", lambda: not checks.helpers(world))
    until("no mount point is left", lambda: not os.listdir(f"{DISK}/mounts"))


def a_stuck_worker_does_not_keep_the_service_from_stopping(world):
    _service(world)
    backend = world.service.register("last", SERVER, IMAGES)
    with _frozen():
        _gets_stuck(world, backend)
        assert world.service.stop(seconds=30) is not None, "the service did not end"
    world.service.start(mount_dir=f"{DISK}/mounts")
    checks.passed(world.service.test(backend))


CASES = [
    a_stuck_worker_is_told_and_never_doubled,
    force_deletes_a_backend_whose_worker_is_stuck,
    a_stuck_worker_does_not_keep_the_service_from_stopping,
]

SOAK = [many_calls_wait_for_one_worker]
