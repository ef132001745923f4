"""The server answers late, and not always: slow is not dead."""

from .. import faults, matrix

CASES = matrix.cases(faults.SLOW)
