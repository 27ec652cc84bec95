"""Warning of atoms whose surroundings are unlike those that a model was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ase_dos.utils.warnings import warn

__all__ = ["NoveltyWarning", "warn_of_novel_atoms"]


class NoveltyWarning(UserWarning):
    """Atoms have surroundings unlike those that the model was trained on."""


def warn_of_novel_atoms(novelty: NDArray, advice: str, *, stacklevel: int = 1) -> None:
    """Warn if the novelty (atoms,) of any atom exceeds 1, its largest value in the training set.

    Parameters
    ----------
    novelty : (atoms,) array
    advice : str
        What may be wrong, and what to do about it.
    stacklevel : int
        As `warnings.warn` has it, of the caller.
    """
    unknown = np.count_nonzero(novelty > 1.0)
    if unknown:
        worst = int(novelty.argmax())
        warn(
            f"{unknown} of {len(novelty)} atoms have surroundings unlike those the model was "
            f"trained on (the largest novelty is {novelty[worst]:.3g}, of atom {worst}; in "
            f"the training set it is at most 1): {advice}",
            NoveltyWarning,
            stacklevel=stacklevel + 1,
        )
