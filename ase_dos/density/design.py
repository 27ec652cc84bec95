"""Linear map from the weights of a model to the coefficients of one molecule.

The weights of one species and one l are W (shells, outputs). They give the coefficients of all
atoms of the species, c_(a n m) = sum_r phi_(a m r) W_(n r): every shell of this l has weights of
its own, and the covariant outputs phi of the kernel are the same for all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ase_dos.density.basis import AuxiliaryBasis

__all__ = ["Block", "DesignMatrix", "WeightLayout"]


class Block(NamedTuple):
    """Weights of one species and one l.

    Attributes
    ----------
    species : int
        Atomic number.
    l : int
        Angular momentum.
    start : int
        Place of the first among all weights.
    n_shells, n_outputs : int
        Shape of the weights.
    """

    species: int
    l: int  # noqa: E741
    start: int
    n_shells: int
    n_outputs: int

    @property
    def weights(self) -> slice:
        """Places among all weights."""
        return slice(self.start, self.start + self.n_shells * self.n_outputs)

    def shells(self) -> Iterator[slice]:
        """Yield the places of the weights of each shell."""
        for start in range(self.start, self.weights.stop, self.n_outputs):
            yield slice(start, start + self.n_outputs)


@dataclass(frozen=True)
class WeightLayout:
    """Order of the weights: by species, l, shell and output.

    Parameters
    ----------
    basis : AuxiliaryBasis
    blocks : tuple of Block
    """

    basis: AuxiliaryBasis
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, basis: AuxiliaryBasis, n_outputs: dict[tuple[int, int], int]) -> WeightLayout:
        """Layout for the outputs of every species and l."""
        blocks, start = [], 0
        for (species, l), outputs in sorted(n_outputs.items()):  # noqa: E741
            if outputs:
                block = Block(species, l, start, basis.shells_of(species, l), outputs)
                blocks.append(block)
                start = block.weights.stop
        return cls(basis, tuple(blocks))

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.blocks[-1].weights.stop

    def design(self, numbers: NDArray, outputs: dict[tuple[int, int], NDArray]) -> DesignMatrix:
        """Map of one molecule.

        Parameters
        ----------
        numbers : (n_atoms,) int array
            Atomic numbers.
        outputs : dict of (atoms, 2 l + 1, outputs) arrays
            Covariant outputs of the atoms of each species, by species and l, of which the first
            ones are used.
        """
        layout = self.basis.layout(numbers)
        shell_species = numbers[layout.atom]
        parts = []
        for block in self.blocks:
            shells = np.flatnonzero((shell_species == block.species) & (layout.l == block.l))
            if not shells.size:
                continue
            starts = layout.start[shells].reshape(-1, block.n_shells)  # (atoms, shells)
            places = starts[:, :, None] + np.arange(2 * block.l + 1)
            parts.append(
                Part(
                    block,
                    places.transpose(1, 0, 2).reshape(block.n_shells, -1),
                    outputs[block.species, block.l][..., : block.n_outputs].reshape(
                        -1, block.n_outputs
                    ),
                )
            )
        return DesignMatrix(layout.size, self.size, tuple(parts))


class Part(NamedTuple):
    """Rows of a design matrix that one block of weights fills.

    Attributes
    ----------
    block : Block
    places : (shells, rows) int array
        Coefficients; rows are all m of all atoms of the species.
    outputs : (rows, outputs) array
    """

    block: Block
    places: NDArray
    outputs: NDArray


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """Matrix Phi (coefficients, weights) of one molecule, of which only the outputs are kept.

    Parameters
    ----------
    size : int
        Coefficients of the molecule.
    n_weights : int
        Weights of the model.
    parts : sequence of Part
    """

    size: int
    n_weights: int
    parts: Sequence[Part]

    def __matmul__(self, weights: NDArray) -> NDArray:
        """Coefficients (size, k) of weights (n_weights, k)."""
        result = np.zeros((self.size, weights.shape[1]))
        for block, places, outputs in self.parts:
            shape = (block.n_shells, block.n_outputs, -1)
            result[places] = outputs @ weights[block.weights].reshape(shape)
        return result

    def transposed_times(self, values: NDArray) -> NDArray:
        """``Phi^T`` times values (size, k): (n_weights, k)."""
        result = np.zeros((self.n_weights, values.shape[1]))
        for block, places, outputs in self.parts:
            along = outputs.T @ values[places]
            result[block.weights] = along.reshape(-1, values.shape[1])
        return result

    def times_from_left(self, matrix: NDArray) -> NDArray:
        """``M Phi`` (k, n_weights) for a matrix M (k, size)."""
        result = np.zeros((len(matrix), self.n_weights))
        for block, places, outputs in self.parts:
            for shell, rows in zip(block.shells(), places, strict=True):
                result[:, shell] = matrix[:, rows] @ outputs
        return result

    def add_gram(self, products: NDArray, into: NDArray) -> None:
        """Add ``Phi^T M Phi`` to the lower half of a matrix (n_weights, n_weights).

        Parameters
        ----------
        products : (size, n_weights) array
            ``M Phi``.
        into : (n_weights, n_weights) array
        """
        for block, places, outputs in self.parts:
            for shell, rows in zip(block.shells(), places, strict=True):
                into[shell, : shell.stop] += outputs.T @ products[rows, : shell.stop]

    @classmethod
    def joined(cls, designs: Sequence[DesignMatrix]) -> DesignMatrix:
        """Map to the coefficients of several molecules, one after the other."""
        starts = np.cumsum([0, *(one.size for one in designs)])
        found: dict[Block, list[tuple[NDArray, NDArray]]] = {}
        for start, one in zip(starts, designs, strict=False):
            for block, places, outputs in one.parts:
                found.setdefault(block, []).append((places + start, outputs))
        parts = []
        for block in sorted(found, key=lambda block: block.start):
            places, outputs = zip(*found[block], strict=True)
            parts.append(Part(block, np.concatenate(places, axis=1), np.concatenate(outputs)))
        return cls(int(starts[-1]), designs[0].n_weights, tuple(parts))
