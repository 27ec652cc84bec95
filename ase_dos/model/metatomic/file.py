"""A metatomic model on disk: its DOS of atoms as arrays, and derivatives by autograd."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import NeighborSearch
from ase_dos.utils.digests import checksum

if TYPE_CHECKING:
    from metatensor.torch import TensorBlock
    from metatomic.torch import System
    from torch import Tensor

__all__ = ["MetatomicFile"]

# Ways to write the unit of a density of states; the first is that of metatrain without one.
_UNITS = ("", "1/ev", "ev^-1", "ev^(-1)", "states/ev")
# Models that see the atom alone have no range; a halo of this width (Angstrom) is enough for them.
_LEAST_RANGE = 0.1
_CLOSE = 0.1  # Angstrom; within this, only atoms at the same place are looked for


class MetatomicFile:
    """One output of a metatomic model, for every atom or for the whole structure.

    Parameters
    ----------
    path : str or path
        The model, as metatomic exports it.
    output : str
        Name of the output.
    device : str
        Device of PyTorch that computes.
    extensions : str or path, optional
        Directory of the compiled extensions that the model needs.

    Attributes
    ----------
    name : str
        Of the model.
    extra : dict of str to str
        Extra metadata of the model.
    species : tuple of int
        Atomic numbers that it knows.
    cutoff : float
        Distance (Angstrom) beyond which atoms do not change each other's output.
    per_atom : bool
        Whether the output is one of every atom.
    size : int
        Numbers of the output, for every atom or in all.
    checksum : str
        Of the bytes of the file.

    Raises
    ------
    ImportError
        If metatomic is not installed.
    ValueError
        If the file is no such model, lacks the output, has it in another unit or for something
        else than atoms or structures, or needs input that is not in a structure.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        output: str,
        device: str = "cpu",
        extensions: str | os.PathLike | None = None,
    ) -> None:
        self.path = Path(path).resolve()
        if not self.path.is_file():
            raise ValueError(f"{path}: no such model file")
        self.torch, self._metatomic = _libraries()
        try:
            self._model = self._metatomic.load_atomistic_model(self.path, extensions)
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: not a readable metatomic model ({error})") from error
        self.output, self.device = output, self.torch.device(device)
        self._model.to(self.device)
        capabilities, metadata = self._model.capabilities(), self._model.metadata()
        self.name, self.extra = metadata.name, dict(metadata.extra)
        self._check(capabilities)
        self._dtype = getattr(self.torch, capabilities.dtype)
        self.species = tuple(sorted(int(z) for z in capabilities.atomic_types))
        self.per_atom = capabilities.outputs[output].sample_kind == "atom"
        reach = float(capabilities.engine_interaction_range("angstrom"))
        self.cutoff = max(reach, _LEAST_RANGE) if self.per_atom else np.inf
        ensemble = f"mtt::aux::{output.removeprefix('mtt::')}_ensemble"
        known = self.per_atom and ensemble in capabilities.outputs
        self.ensemble = ensemble if known else None
        self.checksum = checksum(np.fromfile(self.path, np.uint8))
        radius = covalent_radii[self.species[0]]
        pair = Atoms([self.species[0]] * 2, [[0, 0, 0], [0, 0, 2 * radius]])
        self.size = self.values(pair, np.arange(1) if self.per_atom else None).shape[1]

    def values(self, atoms: Atoms, which: NDArray | None) -> NDArray:
        """Output (n, size) of the atoms with the indices ``which`` (n,).

        Without indices that of the structure, (1, size).

        Raises
        ------
        ValueError
            If the frame is empty, holds elements that the model does not know, or has positions
            or a cell that make no structure.
        """
        with self.torch.no_grad():
            given = self._given(atoms)
            return _array(self._evaluate(given, which, self.output))

    def members(self, atoms: Atoms, which: NDArray) -> NDArray:
        """Ensemble (n, members, size) of the atoms with the indices ``which`` (n,)."""
        assert self.ensemble is not None
        with self.torch.no_grad():
            values = _array(self._evaluate(self._given(atoms), which, self.ensemble))
        if values.shape[1] % self.size:
            raise ValueError(
                f"{self.path.name}: expected {self.size} numbers for every member of "
                f"{self.ensemble}, got {values.shape[1]} for all"
            )
        return values.reshape(len(which), -1, self.size)

    def differentiate(
        self, atoms: Atoms, which: NDArray | None, weights: NDArray
    ) -> tuple[NDArray, NDArray]:
        """Gradient (atoms, 3) and virial (3, 3) of a weighted sum of the output.

        Parameters
        ----------
        atoms : Atoms
            The frame.
        which : (n,) int array or None
            Indices of the atoms whose output counts; None for that of the structure.
        weights : (n, size) array
            Of their output.
        """
        given = self._given(atoms, derivatives=True)
        values = self._evaluate(given, which, self.output)
        weight = self.torch.as_tensor(weights, dtype=values.dtype, device=self.device)
        leaves = [given.positions, given.strain]
        parts = self.torch.autograd.grad((values * weight).sum(), leaves, allow_unused=True)
        gradient, virial = (
            np.zeros(tuple(leaf.shape)) if part is None else _array(part)
            for part, leaf in zip(parts, leaves, strict=True)
        )
        return gradient, 0.5 * (virial + virial.T)

    def _check(self, capabilities: object) -> None:
        """Refuse what this class cannot do, by the model's own description."""
        outputs = capabilities.outputs  # type: ignore[attr-defined]
        where = f"{self.path.name}: "
        if self.output not in outputs:
            raise ValueError(
                f"{where}the model has no output {self.output!r}; it has "
                f"{', '.join(sorted(outputs))}; in Python, give the name of the DOS as output="
            )
        declared = outputs[self.output]
        if declared.unit.lower().replace(" ", "") not in _UNITS:
            raise ValueError(
                f"{where}{self.output} is in {declared.unit!r}; expected a DOS in 1/eV"
            )
        if declared.sample_kind not in ("atom", "system"):
            raise ValueError(
                f"{where}{self.output} is one of every {declared.sample_kind}; expected one of "
                "every atom, or of the whole system"
            )
        if not capabilities.length_unit:  # type: ignore[attr-defined]
            raise ValueError(f"{where}the model does not tell its unit of length")
        inputs = self._model.requested_inputs(use_new_names=True)
        if inputs:
            raise ValueError(
                f"{where}the model needs {', '.join(sorted(inputs))}; expected one that needs "
                "nothing but positions, elements and cell"
            )

    def _given(self, atoms: Atoms, derivatives: bool = False) -> _Given:
        """Return a checked frame as tensors, with its neighbours."""
        NeighborSearch(atoms, _CLOSE).pairs()  # the same errors for the same frames
        torch = self.torch
        how = {"dtype": self._dtype, "device": self.device}
        positions = torch.tensor(atoms.positions, **how, requires_grad=derivatives)
        strain = torch.eye(3, **how, requires_grad=derivatives)
        periodic = torch.tensor(np.array(atoms.pbc, dtype=bool), device=self.device)
        cell = torch.tensor(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0), **how)
        system = self._metatomic.System(
            types=torch.tensor(atoms.numbers, dtype=torch.int32, device=self.device),
            positions=positions @ strain,
            cell=cell @ strain,
            pbc=periodic,
        )
        from vesin.metatomic import NeighborList

        for options in self._model.requested_neighbor_lists():
            pairs = NeighborList(options, "angstrom", skin=0.0).compute(system)
            system.add_neighbor_list(options, pairs)
        return _Given(system, positions, strain)

    def _evaluate(self, given: _Given, which: NDArray | None, output: str) -> Tensor:
        """Return an output (n, numbers) of the atoms ``which``, in their order, or of all."""
        from metatensor.torch import Labels

        torch, metatomic = self.torch, self._metatomic
        selected = None
        if which is not None:
            rows = np.stack([np.zeros_like(which), which], axis=1).astype(np.int32)
            selected = Labels(["system", "atom"], torch.tensor(rows, device=self.device))
        kind = "system" if which is None else "atom"
        options = metatomic.ModelEvaluationOptions(
            length_unit="angstrom",
            outputs={output: metatomic.ModelOutput(sample_kind=kind)},
            selected_atoms=selected,
        )
        with _threads(torch):
            result = self._model([given.system], options, check_consistency=False)[output]
        block = self._block(result.blocks(), output)
        if which is None:
            return block.values
        place = np.full(len(given.system), -1)
        place[block.samples.column("atom").cpu().numpy()] = np.arange(len(block.samples))
        if (place[which] < 0).any():
            raise ValueError(f"{self.path.name}: {output} has no value of some of the atoms")
        return block.values[torch.as_tensor(place[which], device=self.device)]

    def _block(self, blocks: list[TensorBlock], output: str) -> TensorBlock:
        if len(blocks) != 1 or blocks[0].values.ndim != 2:
            shapes = [tuple(block.values.shape) for block in blocks]
            raise ValueError(
                f"{self.path.name}: expected {output} as one block (samples, energies), got "
                f"{shapes}"
            )
        return blocks[0]


class _Given(NamedTuple):
    """Frame as metatomic takes it, and what it is differentiated by."""

    system: System
    positions: Tensor
    strain: Tensor


def _libraries() -> tuple[ModuleType, ModuleType]:
    """PyTorch and metatomic."""
    try:
        import metatomic.torch
        import torch
        import vesin.metatomic  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"models in the metatomic format need pip install 'ase_dos[metatomic]' ({error})"
        ) from error
    # Files of ase-dos export-model call it by its name; metatomic says so where it is missing.
    with suppress(ImportError):
        import featomic.torch  # noqa: F401
    return torch, metatomic.torch


def _array(tensor: Tensor) -> NDArray:
    return tensor.detach().cpu().numpy().astype(float)


@contextmanager
def _threads(torch: ModuleType) -> Iterator[None]:
    """Give PyTorch no more threads than numba has here: processes share those of a machine."""
    from numba import get_num_threads

    before = torch.get_num_threads()
    torch.set_num_threads(min(before, get_num_threads()))
    try:
        yield
    finally:
        torch.set_num_threads(before)
