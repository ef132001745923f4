"""A server that speaks NFSv4 and nothing else: no rpcbind, no mountd that answers; the mount alone decides."""

from .. import checks
from ..netns import SERVER
from ..world import IMAGES



def prepare(world):
    world.server.only_version_4()


def _mounts(world, version):
    backend = world.service.register(f"modern {version}", SERVER, IMAGES, f"vers={version}")
    result = world.service.test(backend)
    checks.passed(result, exports="skipped")
    checks.mounted(world, backend, version, SERVER)
    checks.measured(world, backend, IMAGES, *world.images)


def v4_0(world):
    _mounts(world, "4.0")


def v4_1(world):
    _mounts(world, "4.1")


def v4_2(world):
    _mounts(world, "4.2")


def export_missing(world):
    backend = world.service.register("absent", SERVER, "/srv/exp/nothing")
    checks.failed(world.service.test(backend), "mount")
    assert not world.service.mounts(), "something was mounted"


def v3_refused(world):
    backend = world.service.register("old", SERVER, IMAGES, "vers=3")
    assert world.service.test(backend)["success"] is False
    assert not world.service.mounts(), "something was mounted"


def rpcbind_without_mountd(world):
    """The port mapper is there, and knows no mountd: as good as none."""
    world.server.run("rpcbind")
    _mounts(world, "4.1")


CASES = [v4_0, v4_1, v4_2, export_missing, v3_refused, rpcbind_without_mountd]
