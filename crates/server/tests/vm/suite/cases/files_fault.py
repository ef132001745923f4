"""Files that are written while the service, a helper or the cable to the server dies."""

import contextlib
import os
import signal
import time

from .. import checks, uploads
from ..service import Later, until
from ..uploads import Health, Resumable, content, online, put, putting, stored, until_written
from ..world import IMAGES

BLOCK = 128 << 10
"""What the service holds back until it is full."""
HALF = 4 * BLOCK
SIZE = 2 * HALF
BLOCKED = 6 << 20
"""More than lies between a client and a helper that takes nothing."""
CALL_SECONDS = 60
"""What a call may take whose server is gone: the kernel's patience of 15 s, ours, and an emulated processor."""
LEASE_SECONDS = 30 + 10
"""What a client waits at most after the service was killed."""
MANY, FILES = "/srv/exp/many", 400


def _path(world, path):
    return world.server.path(f"{IMAGES}{path}")


def _there(world, path):
    try:
        with open(_path(world, path), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _complete(world, path, data):
    """The server has the file, and nothing else of it; the service knows of nothing that is left."""
    assert _there(world, path) == data, f"{path} is not what was sent"
    assert not uploads.temporaries(world, IMAGES), "something is left on the server"


def what_a_killed_service_left_is_removed(world):
    """By the next one, once the heartbeat is ten minutes old: here its clock is put back."""
    backend = online(world, "left", IMAGES)
    putting(world.service, backend, "/left.iso", SIZE).send(content(HALF))
    until_written(world)
    world.service.kill()
    with contextlib.closing(uploads.database(world)) as database, database:
        changed = database.execute("UPDATE uploads SET heartbeat = heartbeat - 700000").rowcount
    assert changed == 1 and len(uploads.temporaries(world, IMAGES)) == 1
    world.service.start()
    assert len(uploads.temporaries(world, IMAGES)) == 1
    until("what was left is removed", lambda: not uploads.temporaries(world, IMAGES), 120, 1)
    until("its row is gone", lambda: not uploads.recorded(world), 10)


def an_upload_helper_is_killed(world):
    backend, data = online(world, "helper", IMAGES), content(SIZE)
    stored(put(world.service, backend, "/helper.iso", b"old"), 201, b"old")
    sending = putting(world.service, backend, "/helper.iso", SIZE).send(data[:HALF])
    for pid in until_written(world):
        os.kill(pid, signal.SIGKILL)
    answer = sending.send(data[HALF:]).answer()
    assert answer is not None and answer.status in (500, 503), f"{answer}"
    _complete(world, "/helper.iso", b"old")
    assert not uploads.recorded(world)

    upload = Resumable(world.service, backend, "/helper.iso", SIZE)
    part = upload.part(0, SIZE, True).send(data[:HALF])
    for pid in until_written(world):
        os.kill(pid, signal.SIGKILL)
    answer = part.send(data[HALF:]).answer()
    assert answer is not None and answer.status in (500, 503), f"{answer}"
    assert _there(world, "/helper.iso") == b"old"
    offset = upload.offset()
    stored(upload.rest(data, offset), 200, data)
    _complete(world, "/helper.iso", data)


def a_helper_hangs_while_it_publishes(world):
    """The upload goes on where it was, however late its end fails."""
    backend, data = online(world, "hangs", IMAGES, "vers=4.1,rw,timeo=30,retrans=1"), content(SIZE)
    upload = Resumable(world.service, backend, "/hangs.iso", SIZE)
    answer = upload.part(0, SIZE, False).send(data).answer()
    assert answer is not None and answer.status == 204, f"{answer}"
    # The writer stores what is there once more, slowly; the other helper then publishes it.
    until("nobody writes", lambda: not uploads.writing(world))
    world.link.slow(300)
    last = upload.part(SIZE, 0, True)
    writers = set(until_written(world))
    others = set(checks.helpers(world)) - writers
    assert others, "nobody but the writer"
    for pid in [*writers, *others]:
        os.kill(pid, signal.SIGSTOP)
    for pid in writers:
        os.kill(pid, signal.SIGCONT)
    until("the writer is done", lambda: not writers & set(checks.helpers(world)), 30)
    answer = last.answer()
    world.link.heal()
    assert answer is not None and answer.status in (503, 504), f"{answer}"
    assert _there(world, "/hangs.iso") is None
    offset = upload.offset()
    assert offset == SIZE, f"goes on at {offset}"
    stored(upload.rest(data, offset), 201, data)
    _complete(world, "/hangs.iso", data)


def _cut_during_an_upload(world, options):
    backend, data, path = online(world, "cut", IMAGES, options), content(SIZE), f"/{options}.iso"
    stored(put(world.service, backend, path, b"old"), 201, b"old")
    sending = putting(world.service, backend, path, SIZE).send(data[:HALF])
    until_written(world)
    world.link.cut()
    begin = time.monotonic()
    with Health(world.service):
        answer = sending.send(data[HALF:]).answer()
    assert answer is not None and answer.status in (503, 504), f"{answer}"
    assert time.monotonic() - begin < CALL_SECONDS, f"it took {time.monotonic() - begin:.0f} s"
    assert _there(world, path) == b"old"
    world.link.heal()
    until("it can be written again", lambda: put(world.service, backend, path, data).status == 200, 90, 1)
    assert _there(world, path) == data
    left = set(uploads.temporaries(world, IMAGES))
    assert left <= uploads.recorded(world), f"{left} are left, and nobody knows"
    for name in left:
        os.remove(_path(world, f"/{name}"))


def cut_during_an_upload_4_1(world):
    _cut_during_an_upload(world, "vers=4.1,rw")


def cut_during_an_upload_3(world):
    _cut_during_an_upload(world, "vers=3,rw")


def cut_during_an_upload_hard(world):
    _cut_during_an_upload(world, "vers=4.2,rw,hard")


def cut_during_a_deletion(world):
    backend = online(world, "deletion", MANY)
    for number in range(FILES):
        world.server.write(f"{MANY}/tree/{number % 20}/{number}.iso")
    world.link.slow(20)
    asked = Later(world.service.call, "POST", f"/{backend}/files/delete", {"paths": ["/tree"]})
    until("something is deleted", lambda: world.server.files(f"{MANY}/tree") < FILES, 30)
    world.link.cut()
    with Health(world.service):
        answer = asked.result(CALL_SECONDS)
        assert answer.status in (202, 503, 504), f"{answer}"
        if answer.status == 202:

            def ended():
                job = world.service.call("GET", f"/{answer.data['id']}", base="/api/v1/storage/jobs").data
                return job if job["state"] != "running" else None

            job = until("the job ends", ended, CALL_SECONDS, 0.5)
            assert job["state"] == "failed" and job["error"], job
    assert os.path.exists(world.server.path(f"{MANY}/tree")), "it was over before"
    world.link.heal()

    def deleted():
        world.service.call("POST", f"/{backend}/files/delete", {"paths": ["/tree"]})
        return not os.path.exists(world.server.path(f"{MANY}/tree"))

    until("it can be deleted again", deleted, 90, 1)


def an_upload_survives_a_restart(world):
    backend, data = online(world, "restart", IMAGES), content(SIZE)
    upload = Resumable(world.service, backend, "/restart.iso", SIZE)
    part = upload.part(0, SIZE, True).send(data[: HALF + 1000])
    (pid,) = until_written(world)
    until("the helper has written all blocks", lambda: uploads.written(pid) >= HALF)
    assert world.service.stop() == 0
    answer = part.answer()
    assert answer is None or answer.status == 503, f"{answer}"
    world.service.start()
    offset = upload.offset()
    assert HALF <= offset <= HALF + 1000, f"goes on at {offset}"
    stored(upload.rest(data, offset), 201, data)
    _complete(world, "/restart.iso", data)


def an_upload_survives_a_restart_in_the_middle_of_a_write(world):
    """The helper takes no bytes while the service gives up the write, and all that it got once it goes on."""
    backend, data = online(world, "write", IMAGES), content(BLOCKED)
    upload = Resumable(world.service, backend, "/write.iso", BLOCKED)
    part = upload.part(0, BLOCKED, True).send(data[:BLOCK])
    (pid,) = until_written(world)
    until("the helper has written a block", lambda: uploads.written(pid) >= BLOCK)
    os.kill(pid, signal.SIGSTOP)
    sent = part.until_blocked(data[BLOCK:]) + BLOCK
    asked = Later(world.service.stop)
    until("it stops", lambda: any("stopping;" in line for line in world.service.tail()))
    os.kill(pid, signal.SIGCONT)
    assert asked.result() == 0
    world.service.start()
    offset = upload.offset()
    assert BLOCK <= offset <= sent, f"goes on at {offset}"
    stored(upload.rest(data, offset), 201, data)
    _complete(world, "/write.iso", data)


def an_upload_survives_a_kill(world):
    """What was written and not kept is sent once more; it waits until the killed service surely is no more."""
    backend, data = online(world, "survives", IMAGES), content(SIZE)
    upload = Resumable(world.service, backend, "/survives.iso", SIZE)
    upload.part(0, SIZE, True).send(data[:HALF])
    until_written(world)
    world.service.kill()
    world.service.start()
    offset = upload.offset()
    assert offset <= HALF, f"goes on at {offset}"

    def went_on():
        answer = upload.rest(data, offset)
        if answer is not None and answer.status == 409:
            answer.problem(409, "operation_in_progress")
            return None
        return answer

    stored(until("the upload goes on", went_on, LEASE_SECONDS, 1), 201, data)
    _complete(world, "/survives.iso", data)


CASES = [
    an_upload_helper_is_killed,
    a_helper_hangs_while_it_publishes,
    cut_during_an_upload_4_1,
    cut_during_a_deletion,
    an_upload_survives_a_restart,
]
SOAK = [
    an_upload_survives_a_restart_in_the_middle_of_a_write,
    what_a_killed_service_left_is_removed,
    cut_during_an_upload_3,
    cut_during_an_upload_hard,
    an_upload_survives_a_kill,
]
