"""Networks for tests that need no PyTorch: trained where it is installed, else stored ones."""

from collections.abc import Callable
from importlib.util import find_spec

from paths import REPOSITORY

from ase_dos.model.dos_model import DOSModel


def network(name: str, train: Callable[[], DOSModel]) -> DOSModel:
    """Train a network, or load what an earlier training gave."""
    return train() if find_spec("torch") else stored(name)


def stored(name: str) -> DOSModel:
    return DOSModel.load(REPOSITORY / "tests" / "data" / "networks" / f"{name}.npz")
