"""Where tests find what is not code."""

import os
from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
VECTORS = TESTS / "vectors"
SUITES = (ROOT / os.environ.get("CASEVAULT_SUITES", "../shared/suites")).resolve()
"""Public conformance data: age, wycheproof, bagit, csip, premis."""
IN_CI = bool(os.environ.get("CI"))
LONG = "CASEVAULT_TEST_LONG"


def is_long() -> bool:
    """Whether this run takes its time: `--long`."""
    return LONG in os.environ
