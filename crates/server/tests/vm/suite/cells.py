"""The cells of the matrix: what is asked of the service while a fault lasts, within which bound, and what is right then.

Each answers with what is worth a line in the log.
"""

import time
from http.client import HTTPException

from . import checks, fault
from .service import until
from .world import IMAGES

SECOND, SPACE, MANY = "/srv/exp/second", "/srv/exp/with space", "/srv/exp/many"
AWAY_SECONDS = 20
"""A change or a delete beside a dead server: what hangs is ended first, and an unmount waits for no farewell."""
STOP_SECONDS = 15 + 5
"""`shutdown_deadline`, and as much again as a process takes to go."""
START_SECONDS = 30
CHANGED, GONE = (409, "backend_changed"), (404, "backend_not_found")


def _refusable(episode, answer):
    """Whether a write was refused because the disk is full."""
    if answer.status == 503 and episode.fault.refused:
        answer.problem(503, "database_unavailable")
        return True
    return False


def tested(episode, backend, asked, wanted):
    answer = asked.result()
    assert answer.seconds < episode.fault.test_seconds, f"took {answer.seconds:.1f} s"
    if not _refusable(episode, answer):
        result = answer.data
        assert result["success"] in wanted and result["message"], f"{result['message']} {result['checks']}"
        if result["success"] is False and episode.fault.check:
            checks.failed(result, episode.fault.check)
        told = episode.world.service.get(backend)["status"]
        # Where both may be, a later look may have found the other.
        assert len(wanted) > 1 or told == ("online" if result["success"] else "error"), f"{result['success']}, and {told}"
        return f"{result['success']} after {answer.seconds:.1f} s"
    return f"refused after {answer.seconds:.1f} s"


def _overtaken(episode, asked, *ways):
    """A test in the middle of which the backend was changed or deleted; it may have ended just before."""
    answer = asked.result()
    assert answer.seconds < episode.fault.test_seconds, f"the test took {answer.seconds:.1f} s"
    told = answer.status, answer.body.get("error")
    assert answer.status == 200 or told in ways or _refusable(episode, answer), f"its test: {answer.status} {answer.body}"
    return f"its test {answer.status}"


def changed(episode, backend):
    service = episode.world.service
    asked = episode.asked(backend)
    answer = service.call("PATCH", f"/{backend}", {"config": {"export_path": SPACE}})
    assert answer.seconds < AWAY_SECONDS, f"took {answer.seconds:.1f} s"
    refused = _refusable(episode, answer)
    assert refused or answer.status == 200, f"{answer.status} {answer.body}"
    path = SECOND if refused else SPACE
    assert service.get(backend)["config"]["export_path"] == path, "not the config that was answered"
    layers = service.mounts(backend)
    assert all(layer.source.endswith(f":{path}") for layer in layers), f"the old one is mounted: {layers}"
    return f"{answer.status} after {answer.seconds:.1f} s, {_overtaken(episode, asked, CHANGED)}"


def deleted(episode, backend):
    service = episode.world.service
    asked = episode.asked(backend)
    answer = service.call("DELETE", f"/{backend}")
    assert answer.seconds < AWAY_SECONDS, f"took {answer.seconds:.1f} s"
    refused = _refusable(episode, answer)
    assert refused or answer.status == 200, f"{answer.status} {answer.body}"
    if refused:
        assert service.get(backend)["id"] == backend
    else:
        service.call("GET", f"/{backend}").problem(404, "backend_not_found")
        assert not service.mounts(backend), "still mounted"
    return f"{answer.status} after {answer.seconds:.1f} s, {_overtaken(episode, asked, CHANGED if refused else GONE)}"


def counted(episode, backend, seconds):
    """As find(1) on the server counts; never anything else."""
    files = episode.world.server.files(MANY)
    begin = time.monotonic()

    def stats():
        return episode.world.service.get(backend)["stats"]

    try:
        until("the count", lambda: stats()["file_count"] == files, seconds, fault.SLOW_PAUSE)
    except AssertionError:
        raise AssertionError(f"{files} files, but {stats()}") from None
    return f"{files} files, {time.monotonic() - begin:.1f} s later"


def watched(episode, backend):
    """Nobody asked for a test of this one."""
    found = episode.world.service.get(backend)
    assert found["status"] in episode.fault.told, f"{found['status']}: {found['last_test']}"
    if episode.fault.told == {"online"}:
        episode.as_configured(backend, IMAGES)
    return found["status"]


def found_out(episode, backend):
    fault.error(episode.world, backend)
    return f"error within {time.monotonic() - episode.begun:.1f} s"


def who_hangs(episode, hanging):
    """Where somebody must have hung, and none was seen, "two at most" would be worth nothing."""
    assert hanging.worst() > 0 or not episode.fault.hangs, "nobody was seen to hang"
    assert hanging.worst() <= 2, f"more than two processes of a backend hung: {hanging.most}"
    return f"{hanging.worst()} of one backend; at most {hanging.helpers} helpers at once"


def recovered(episode, tested, changed, deleted, fresh):
    """Those that were tested are online by themselves; each has the mount that its config names."""
    world = episode.world
    fault.online(world, tested)
    episode.as_configured(tested, IMAGES)
    # What was never tested, for its test could not be stored, or its config is new, waits to be tested.
    if world.service.get(fresh)["status"] != "offline":
        fault.online(world, fresh)
    checks.passed(world.service.test(fresh))
    episode.as_configured(fresh, SPACE)
    checks.passed(world.service.test(changed))
    episode.as_configured(changed, world.service.get(changed)["config"]["export_path"])
    if world.service.call("GET", f"/{deleted}").status == 200:
        fault.online(world, deleted)
        episode.as_configured(deleted, SECOND)
    return "as configured"


def broken_off(episode, asked):
    """It has an answer, or the connection is closed: nobody waits."""
    try:
        answer = asked.result(10)
    except (OSError, HTTPException) as error:
        return type(error).__name__
    if answer.status != 200 and answer.body.get("error") != "shutting_down":
        assert _refusable(episode, answer), f"{answer.status} {answer.body}"
    return answer.status


def stopped(episode):
    service, begin = episode.world.service, time.monotonic()
    old = service.process.pid
    status = service.stop(seconds=2 * STOP_SECONDS)
    seconds = time.monotonic() - begin
    assert status == 0, f"status {status}"
    assert seconds < STOP_SECONDS, f"took {seconds:.1f} s"
    until("no worker outlives the service", lambda: not checks.workers(), 10)
    return f"{seconds:.1f} s, process {old}"


def started(episode, backend):
    service, begin = episode.world.service, time.monotonic()
    service.start(watch=fault.WATCH, state=service.state)
    seconds = time.monotonic() - begin
    assert seconds < START_SECONDS, f"took {seconds:.1f} s"
    assert [one["id"] for one in service.call("GET", "").data][:1] == [backend], "not what was stored"
    assert service.call("GET", "/readyz", base="").status == 200, "not ready"
    assert len(service.mounts(backend)) <= 1, f"layers: {service.mounts(backend)}"
    return f"{seconds:.1f} s"
