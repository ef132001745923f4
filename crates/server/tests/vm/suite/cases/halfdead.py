"""Servers that are there and not well, beside one that is."""

from .. import checks, syscalls
from ..netns import HALF, SERVER
from ..service import Later, Watch
from ..world import IMAGES

TEST_SECONDS = 75
LIST_SECONDS = 40


def _fails_in_time(world, backend):
    with Watch(world.service):
        result = world.service.test(backend)
    assert result["success"] is False and result["message"], result
    assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
    checks.status(world, backend, "error")
    return result


def _healthy(world, name="healthy", options="vers=4.1"):
    backend = world.service.register(name, SERVER, IMAGES, options)
    checks.passed(world.service.test(backend))


def answers_null_only(world):
    """One mount(2) that waits for such a server blocks every other NFS mount of the machine until it is killed."""
    sick = world.service.register("sick", HALF, "/srv/exp/images")
    well = world.service.register("well", SERVER, IMAGES)
    with world.fake("fake_nfsd.py", "null") as fake, Watch(world.service):
        waiting = Later(world.service.test, sick)
        # The kernel's client has had its NULL answered: from here on it is in the trap.
        assert fake.stdout.readline().strip() == "null", "the kernel never asked"
        waiting.still_waits(5)
        beside = world.service.test(well)
        result = waiting.result()
        assert result["success"] is False and result["message"], result
        assert result["seconds"] < TEST_SECONDS, f"the test took {result['seconds']:.1f} s"
        checks.failed(result, "mount")
        checks.passed(beside)
        _healthy(world, "after", "vers=3")
    assert not world.service.mounts(sick), "the sick one is mounted"


def never_answers(world):
    sick = world.service.register("silent", HALF, "/srv/exp/images")
    with world.fake("fake_nfsd.py", "silent"):
        _fails_in_time(world, sick)
    _healthy(world)


def resets_connections(world):
    sick = world.service.register("resetting", HALF, "/srv/exp/images")
    with world.fake("fake_nfsd.py", "reset"):
        _fails_in_time(world, sick)
    _healthy(world)


def nobody_listens(world):
    """Port closed: an answer within seconds, not at some deadline."""
    sick = world.service.register("closed", HALF, "/srv/exp/images")
    result = _fails_in_time(world, sick)
    assert result["seconds"] < 20, f"the test took {result['seconds']:.1f} s"


def _list(world, mode, *exports):
    """Asks a server whose NFS port is open for its exports. A service without the right to mount does: the mount
    would wait its deadline out each time, and is not what these cases are about."""
    if world.service.prepare is not syscalls.drop_sys_admin:
        world.service.stop()
        world.service.start(prepare=syscalls.drop_sys_admin)
    backend = world.service.register(mode, HALF, "/srv/exp/images")
    with world.fake("fake_nfsd.py", "silent"), world.fake("fake_mountd.py", mode, *exports), Watch(world.service):
        result = world.service.test(backend)
    assert result["seconds"] < LIST_SECONDS, f"the test took {result['seconds']:.1f} s"
    assert world.service.running(), "the service ended"
    return result


def _no_list(world, mode, *exports):
    """What came was no list: nothing may be made of it, neither that the export is there nor that it is not."""
    result = _list(world, mode, *exports)
    found = next(check for check in result["checks"] if check["name"] == "exports")
    assert found["outcome"] != "passed" and found["detail"], result["checks"]


def list_without_the_export(world):
    exports = ("/srv/exp/image", "*", "/srv/exp/images2", "*", "/srv/ex", "*", "/SRV/EXP/IMAGES", "*")
    checks.failed(_list(world, "list", *exports), "exports")


def list_forged_by_a_newline(world):
    """One export whose name holds a line break must not pass for two."""
    checks.failed(_list(world, "list", "/x *\nInjected /srv/exp/images", "*"), "exports")


def list_with_the_export(world):
    result = _list(world, "list", "/with blank", "10.0.0.0/8,@group", "/srv/exp/images", "*")
    checks.passed(result, mount="skipped", capacity="skipped")


def rpcbind_knows_no_mountd(world):
    _no_list(world, "noprog")


def list_never_comes(world):
    _no_list(world, "hang")


def rpcbind_never_answers(world):
    _no_list(world, "hangbind")


def list_drips(world):
    _no_list(world, "drip", "/srv/exp/images", "*")


def list_is_garbage(world):
    _no_list(world, "garbage")


def list_never_ends(world):
    _no_list(world, "endless")


CASES = [
    answers_null_only,
    never_answers,
    resets_connections,
    nobody_listens,
    list_without_the_export,
    list_forged_by_a_newline,
    list_with_the_export,
    rpcbind_knows_no_mountd,
    list_never_comes,
    list_is_garbage,
    list_never_ends,
]

SOAK = [rpcbind_never_answers, list_drips]
