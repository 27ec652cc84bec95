"""Folders of the repository that tests read from."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TEST_DATA = REPOSITORY / "tests" / "data"
SUPPORT = REPOSITORY / "tests" / "support"
STATES = TEST_DATA / "states"
FORMATS = TEST_DATA / "formats"
