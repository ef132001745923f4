"""python3 -m suite GROUP [CASE...]: boots the hosts of one group and runs its cases, one line each.

The last line is `GROUP: N passed, N failed`; the status is 1 where anything failed.
"""

import importlib
import sys
import time
import traceback

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


def main(group, *only):
    module = importlib.import_module(f"suite.cases.{group}")
    cases = [case for case in module.CASES if not only or case.__name__ in only]
    begin = time.monotonic()
    world = World(v4_only=getattr(module, "V4_ONLY", False))
    print(f"# {group}: hosts up after {time.monotonic() - begin:.1f}s", flush=True)
    results = [run(world, f"{group}.{case.__name__}", case) for case in cases]
    print(f"{group}: {results.count(True)} passed, {results.count(False)} failed", flush=True)
    return 0 if all(results) and results else 1


if __name__ == "__main__":
    status = main(*sys.argv[1:])
    sys.stdout.flush()
    # Threads that still wait for an answer must not keep the machine running.
    import os

    os._exit(status)
