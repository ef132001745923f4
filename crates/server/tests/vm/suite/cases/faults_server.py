"""The server is killed, or takes its export back."""

from .. import fault
from ..world import DEFAULT_EXPORTS


def killed(world):
    fault.lasting(world, "server killed", world.server.halt, world.server.serve)


def revoked(world):
    begin, end = {"/srv/exp/with space": "*"}, DEFAULT_EXPORTS
    fault.lasting(world, "export revoked", lambda: world.server.export(begin), lambda: world.server.export(end))


CASES = [killed, revoked]
