"""python3 -m suite GROUP[,GROUP...] [CASE...]: boots the hosts and runs the cases of the groups, one line each.

Each group ends with a line `GROUP: N passed, N failed`; the status is 1 if anything failed. With PUREBOOT_VM_SOAK=1 the
cases that take long run too.
"""

import importlib
import sys
import time
import traceback

from .fault import SOAK
from .world import World


def _reason(error):
    where = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in where if "/cases/" in frame.filename]
    line = f" (line {own[-1].lineno})" if own else ""
    text = str(error) if isinstance(error, AssertionError) and str(error) else repr(error)
    return text.replace("\n", " ") + line


def run(world, name, case):
    begin, reason = time.monotonic(), None
    for step in (world.reset, lambda: case(world), world.reset):
        try:
            step()
        except Exception as error:
            reason = _reason(error) if step not in (world.reset,) else f"clean up: {_reason(error)}"
            break
    seconds = time.monotonic() - begin
    if reason is None:
        print(f"ok {name} {seconds:.1f}s", flush=True)
        return True
    print(f"FAIL {name} {seconds:.1f}s {reason}", flush=True)
    for line in world.service.tail():
        print(f"    {name} | {line.rstrip()[:600]}", flush=True)
    # The next case begins with a new process: this one's state may be what was wrong.
    if world.service.running():
        world.service.kill()
    return False


def _group(world, group, only):
    module = importlib.import_module(f"suite.cases.{group}")
    more = getattr(module, "SOAK", [])
    cases = [*module.CASES, *(more if only or SOAK else [])]
    world.begin()
    getattr(module, "prepare", lambda _: None)(world)
    results = [run(world, f"{group}.{case.__name__}", case) for case in cases if not only or case.__name__ in only]
    print(f"{group}: {results.count(True)} passed, {results.count(False)} failed", flush=True)
    return results


def main(groups, *only):
    begin = time.monotonic()
    world = World()
    print(f"# {groups}: hosts up after {time.monotonic() - begin:.1f}s", flush=True)
    results = []
    for group in groups.split(","):
        begin = time.monotonic()
        results += _group(world, group, only)
        print(f"# {group}: {time.monotonic() - begin:.0f}s", flush=True)
    return 0 if all(results) and results else 1


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    # Threads that still wait for an answer must not keep the machine running.
    import os

    os._exit(status)
