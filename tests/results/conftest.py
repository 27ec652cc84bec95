"""Small blocks of stores."""

import pytest

from ase_dos.results import store


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of two frames of eight atoms, chunks of a few rows: what takes gigabytes else."""
    monkeypatch.setattr(store, "BLOCK_ATOMS", 16)
    monkeypatch.setattr(store, "CHUNK_BYTES", 8192)
