"""The link to the server is cut: what was sent vanishes, and nobody says so."""

from .. import faults, matrix

CASES = matrix.cases(faults.CUT)
