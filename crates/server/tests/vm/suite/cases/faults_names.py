"""The name servers are silent."""

from .. import faults, matrix

CASES = matrix.cases(faults.NAMES_GONE)
