"""iSCSI against the kernel's own target: logins, access lists, digests, logical units, and no session left behind."""

import functools

from .. import checks
from ..lio import PORT, Disk, Lio
from ..netns import SERVER
from ..service import Later, until

INITIATOR = "iqn.2026-11.io.pureboot:storage"
OPEN, CHAP, MUTUAL, EMPTY, CLOSED = (f"iqn.2026-11.lab.lio:{name}" for name in ("open", "chap", "mutual", "empty", "closed"))
MIB = 1 << 20
OWN, THEIRS, WRONG = "canary-own-secret", "canary-their-secret", "canary-wrong"

_lio = None


def _targets(world):
    """The targets are made once: each case leaves them as they were."""
    global _lio
    if _lio is None:
        _lio = Lio(world.server)
        _lio.target(OPEN, [Disk(64 * MIB, serial="first-of-two"), Disk(16 * MIB, block=4096)])
        _lio.target(CHAP, [Disk(8 * MIB)]).accounts(userid="ops", password=OWN)
        mutual = _lio.target(MUTUAL, [Disk(4 * MIB)])
        mutual.accounts(userid="ops", password=OWN, userid_mutual="nas", password_mutual=THEIRS)
        _lio.target(EMPTY)
        _lio.target(CLOSED, [Disk(2 * MIB)], open_to_all=False)
    return _lio


def _target(world, name):
    return next(target for target in _targets(world).targets if target.name == name)


def _no_session_left(case):
    @functools.wraps(case)
    def wrapped(world):
        lio = _targets(world)
        case(world)
        until("no session is left", lambda: not lio.left())
        assert "canary" not in "".join(world.service.tail(10_000)), "the log has a secret"

    return wrapped


def _backend(world, iqn=None, **more):
    config = {"target": SERVER, "port": PORT, "iqn": iqn, **more}
    answer = world.service.call("POST", "", {"name": "san", "type": "iscsi", "config": config})
    assert answer.status == 201, f"{answer.status} {answer.body}"
    return answer.data["id"]


def _chap(password=OWN, **more):
    return dict(chap_enabled=True, chap_username="ops", chap_password=password, **more)


def _mutual(theirs=THEIRS, name="nas"):
    return _chap(mutual_chap_username=name, mutual_chap_password=theirs)


def _passes(world, sizes, iqn=None, **more):
    """The test passes, and the backend is as large as its disks are together."""
    backend = _backend(world, iqn, **more)
    result = world.service.test(backend)
    assert result["success"] is True, f"{result['message']} {result['checks']}"
    stats = world.service.get(backend)["stats"]
    assert (stats["total_bytes"], stats["used_bytes"]) == (sum(sizes), 0), stats
    checks.status(world, backend, "online")
    return backend, result


def _fails(world, check, *words, iqn=None, **more):
    """The test fails at this check, whose sentence has these words."""
    backend = _backend(world, iqn, **more)
    result = world.service.test(backend)
    checks.failed(result, check)
    for word in words:
        assert word in result["message"], f"no {word!r}: {result['message']}"
    assert "canary" not in str(result), result
    checks.status(world, backend, "error")
    return result


def open_target(world):
    backend, result = _passes(world, [64 * MIB, 16 * MIB], OPEN)
    assert all(check["outcome"] == "passed" for check in result["checks"]), result["checks"]
    listed = world.service.call("GET", f"/{backend}/luns").data
    assert [target["name"] for target in listed] == [OPEN], listed
    assert listed == result["targets"], f"{listed} and {result['targets']}"
    luns = [(lun["number"], lun["kind"], lun["size_bytes"], lun["block_size"], lun["ready"]) for lun in listed[0]["luns"]]
    assert luns == [(0, "disk", 64 * MIB, 512, True), (1, "disk", 16 * MIB, 4096, True)], listed
    first = listed[0]["luns"][0]
    assert (first["vendor"], first["product"], first["serial"]) == ("LIO-ORG", "FILEIO", "first-of-two"), first


def all_that_let_us_in(world):
    """Without a name every target is tried; those that refuse are told, and do no harm."""
    _, result = _passes(world, [64 * MIB, 16 * MIB])
    login = next(check for check in result["checks"] if check["name"] == "login")
    assert login["detail"].startswith("Logged in to 2 of 5 targets. "), login


def discovery(world):
    answer = world.service.call("GET", f"?portal={SERVER}:{PORT}", base="/api/v1/storage/discover/iscsi")
    found = {target["name"]: target["portals"] for target in answer.data}
    assert set(found) == {OPEN, CHAP, MUTUAL, EMPTY, CLOSED}, found
    assert found[OPEN] == [f"{SERVER}:{PORT},1"], found


def discovery_with_a_password(world):
    lio = _targets(world)
    lio.discovery_account("finder", OWN)
    try:
        words = dict(discovery_chap_username="finder")
        _passes(world, [64 * MIB, 16 * MIB], OPEN, **words, discovery_chap_password=OWN)
        world.reset()
        _fails(world, "discover", "Check discovery_chap_username", **words, discovery_chap_password=WRONG)
        world.reset()
        _fails(world, "discover", "Set discovery_chap_username")
    finally:
        lio.discovery_account()


def chap(world):
    _passes(world, [8 * MIB], CHAP, **_chap())


def chap_wrong_password(world):
    _fails(world, "login", CHAP, "refused the name or the password. Check chap_username", iqn=CHAP, **_chap(WRONG))


def chap_no_password(world):
    _fails(world, "login", CHAP, "wants a password. Set chap_enabled", iqn=CHAP)


def chap_where_none_is_set_up(world):
    """LIO chooses CHAP where it is offered, even for a target that wants none, and then knows no password."""
    _fails(world, "login", "switch chap_enabled off if the target wants none", iqn=OPEN, **_chap())


def mutual(world):
    _passes(world, [4 * MIB], MUTUAL, **_mutual())


def mutual_wrong_secret(world):
    _fails(world, "login", "another secret than mutual_chap_password", iqn=MUTUAL, **_mutual(WRONG))


def mutual_wrong_name(world):
    _fails(world, "login", "another name than mutual_chap_username", iqn=MUTUAL, **_mutual(name="san"))


def mutual_wrong_password(world):
    words = _mutual() | dict(chap_password=WRONG)
    _fails(world, "login", "refused the name or the password", iqn=MUTUAL, **words)


def mutual_of_a_target_that_does_not(world):
    _fails(world, "login", "the target did not authenticate itself", iqn=CHAP, **_mutual())


def not_in_the_access_list(world):
    _fails(world, "login", CLOSED, "does not admit this initiator", f"Allow {INITIATOR}", iqn=CLOSED)


def in_the_access_list(world):
    target = _target(world, CLOSED)
    target.admit(INITIATOR)
    try:
        _passes(world, [2 * MIB], CLOSED)
        until("no session is left", lambda: not _targets(world).left())
    finally:
        target.expel(INITIATOR)


def no_disk(world):
    _fails(world, "luns", "has no disk for this initiator", iqn=EMPTY)


def unknown_target(world):
    name = "iqn.2026-11.lab.lio:none"
    _fails(world, "login", f"has no target {name} in service", OPEN, iqn=name)


def target_switched_off(world):
    target = _target(world, OPEN)
    target.enable(False)
    try:
        _fails(world, "login", f"has no target {OPEN} in service", "switched on", iqn=OPEN)
    finally:
        target.enable()


def digests(world):
    """A target that wants every unit to carry its CRC32C."""
    target = _target(world, OPEN)
    target.param(HeaderDigest="CRC32C", DataDigest="CRC32C")
    try:
        _passes(world, [64 * MIB, 16 * MIB], OPEN)
    finally:
        target.param(HeaderDigest="CRC32C,None", DataDigest="CRC32C,None")


def killed(world):
    """The service dies in the middle of a test, with a session open."""
    target = _target(world, OPEN)
    backend = _backend(world, OPEN)
    world.link.slow(100)
    Later(world.service.test, backend)
    until("a session is open", target.sessions)
    world.service.kill()


CASES = [
    _no_session_left(case)
    for case in (
        open_target,
        all_that_let_us_in,
        discovery,
        discovery_with_a_password,
        chap,
        chap_wrong_password,
        chap_no_password,
        chap_where_none_is_set_up,
        mutual,
        mutual_wrong_secret,
        mutual_wrong_name,
        mutual_wrong_password,
        mutual_of_a_target_that_does_not,
        not_in_the_access_list,
        in_the_access_list,
        no_disk,
        unknown_target,
        target_switched_off,
        digests,
        killed,
    )
]
