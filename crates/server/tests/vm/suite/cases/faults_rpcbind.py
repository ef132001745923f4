"""rpcbind is gone. NFSv4 needs none, so that the mounts are of version 3."""

from .. import faults, matrix

CASES = matrix.cases(faults.RPCBIND_GONE)
