"""Test that a model keeps to the interface: shapes, units, extensivity, invariance, derivatives."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from numpy.typing import ArrayLike, NDArray

from ase_dos.model.interface import (
    DOSPredictor,
    EnsemblePredictor,
    require_ensemble,
    require_predictor,
)
from ase_dos.spectra.local_dos import LocalDOS

__all__ = ["validate_model"]

_EXACT = 1e-7  # of the largest value: what invariance and sums may miss
_DERIVATIVE = 1e-4  # of the largest slope: what central differences may miss
_STEP = 1e-3  # Angstrom, and share of a strain, of central differences
_FEW = 3  # atoms whose derivatives are tested

Functional = Callable[[Atoms], float]


def validate_model(model: DOSPredictor, atoms: Atoms | None = None, seed: int = 0) -> None:
    """Test that a model, of this package or of a user, keeps to the interface.

    Parameters
    ----------
    model : DOSPredictor
        The model.
    atoms : Atoms, optional
        A structure that it describes, periodic in three directions; by default a distorted
        simple cubic crystal of its species.
    seed : int
        Of displacements and weights.

    Raises
    ------
    ValueError
        At the first rule that is broken; the message says which, what came and what was
        expected.
    """
    model = require_predictor(model)
    _check_header(model)
    rng = np.random.default_rng(seed)
    atoms = _crystal(model, rng) if atoms is None else atoms.copy()
    before = atoms.copy()
    local = model.predict(atoms)
    _require(atoms == before, "predict", "changed the structure")
    _check_values(model, atoms, local)
    if local.divided:
        _check_subset(model, atoms, local)
    _check_invariance(model, atoms, local, rng)
    if local.spin_basis is not None:
        _check_spin(model, atoms, local)
    _check_derivatives(model, atoms, local.divided, rng)
    if hasattr(model, "predict_ensemble"):
        _check_ensemble(require_ensemble(model), atoms, local)


def _require(holds: bool | np.bool_, where: str, why: str) -> None:
    if not holds:
        raise ValueError(f"model, {where}: {why}")


def _crystal(model: DOSPredictor, rng: np.random.Generator) -> Atoms:
    """Distorted simple cubic crystal of eight atoms, with every species of the model."""
    numbers = np.resize(np.array(model.species[:8]), 8)
    spacing = 2.2 * covalent_radii[numbers].mean()
    corners = np.stack(np.meshgrid(*[[0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = spacing * (corners + rng.uniform(-0.05, 0.05, (8, 3)))
    cell = 2 * spacing * (np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3)))
    return Atoms(numbers, positions, cell=cell, pbc=True)


def _check_header(model: DOSPredictor) -> None:
    try:
        json.dumps(dict(model.info))
    except (TypeError, ValueError) as error:
        raise ValueError(f"model, info: expected plain values for JSON, got {error}") from error
    _require(isinstance(model.info["hash"], str), "info", "expected a text as 'hash'")
    _require(model.cutoff > 0, "cutoff", f"expected Angstrom > 0, got {model.cutoff}")
    _require(model.smearing >= 0, "smearing", f"expected eV >= 0, got {model.smearing}")
    known = [int(z) for z in model.species]
    _require(min(known, default=0) > 0, "species", f"expected atomic numbers, got {model.species}")


def _check_values(model: DOSPredictor, atoms: Atoms, local: LocalDOS) -> None:
    _require(
        isinstance(local, LocalDOS), "predict", f"expected LocalDOS, got {type(local).__name__}"
    )
    _require(len(local) == len(atoms), "predict", f"{len(local)} local DOS of {len(atoms)} atoms")
    _require(
        local.energies.shape == (model.grid.size,)
        and np.allclose(local.energies, model.grid.energies, atol=1e-9),
        "predict",
        "the energies are not those of the grid",
    )
    _require(local.smearing == model.smearing, "predict", "smearing differs from the model's")
    total = local.total()
    room = float(np.trapezoid(total.values, total.energies))
    _require(
        room > total.n_electrons > 0,
        "predict",
        f"states on the grid hold {room:.4g} electrons, the cell has {total.n_electrons:g}; "
        "is the DOS in states/eV, both spins counted, and does the grid reach above E_F?",
    )


def _check_subset(model: DOSPredictor, atoms: Atoms, local: LocalDOS) -> None:
    which = np.arange(len(atoms))[::-2]
    some = model.predict(atoms, which=which)
    _require(len(some) == len(which), "predict(which)", f"{len(some)} atoms for {len(which)}")
    _same(some.values, local.values[which], "predict(which)", "differs from the whole frame")
    if local.spin_basis is not None:
        _same(_spin(some), _spin(local)[which], "predict(which)", "the spin DOS differs")
    _same(some.valence, local.valence[which], "predict(which)", "valences differ")


def _check_invariance(
    model: DOSPredictor, atoms: Atoms, local: LocalDOS, rng: np.random.Generator
) -> None:
    values = _rows(local)
    turned, moved = atoms.copy(), atoms.copy()
    turned.rotate(40.0, (1, 2, 3), rotate_cell=True)
    moved.positions += rng.uniform(-5.0, 5.0, 3)
    order = rng.permutation(len(atoms))
    larger = atoms.repeat((2, 1, 1))
    if local.divided:
        reordered, doubled = values[order], np.tile(values, (2, 1))
    else:
        reordered, doubled = values, 2 * values
    for name, other, expected in (
        ("rotation", turned, values),
        ("translation", moved, values),
        ("order of the atoms", atoms[order], reordered),
        ("supercell", larger, doubled),
    ):
        found = _rows(model.predict(other))
        _same(found, expected, name, "the local DOS of an atom is not what it was")


def _check_spin(model: DOSPredictor, atoms: Atoms, local: LocalDOS) -> None:
    """Test the spin DOS where there is one: its sum, its size, and that atoms can be turned."""
    total = local.total()
    assert total.spin is not None
    _same(_spin(local).sum(axis=0), total.spin, "spin", "that of the atoms is not that of the cell")
    moment = float(total.magnetic_moment())
    _require(
        abs(moment) <= total.n_electrons * (1 + _EXACT),
        "spin",
        f"a moment of {moment:.4g} mu_B with {total.n_electrons:g} electrons; is the spin DOS that "
        "of the majority less that of the minority, in states/eV?",
    )
    turned = atoms.copy()
    turned.rotate(40.0, (1, 2, 3), rotate_cell=True)
    found = model.predict(turned[::-1])
    _same(_spin(found)[::-1], _spin(local), "spin", "it is not that of the turned structure")


def _spin(local: LocalDOS) -> NDArray:
    """Spin DOS (atoms, n) of every atom."""
    assert local.spin_basis is not None
    return local.coefficients @ local.spin_basis


def _rows(local: LocalDOS) -> NDArray:
    """Local DOS (atoms, n), or one row of the structure where there is none."""
    return local.values if local.divided else local.total().values[None]


def _check_derivatives(
    model: DOSPredictor, atoms: Atoms, divided: bool, rng: np.random.Generator
) -> None:
    weights, groups = _smooth_weights(model, rng), np.arange(len(atoms)) % 2
    if not divided:
        groups[:] = 0
    of_rows = weights[groups if divided else [0]]

    def functional(structure: Atoms) -> float:
        return float(np.sum(_rows(model.predict(structure)) * of_rows))

    gradient, virial = map(np.asarray, model.differentiate(atoms, weights, groups))
    _require(
        gradient.shape == (len(atoms), 3) and virial.shape == (3, 3),
        "differentiate",
        f"expected shapes ({len(atoms)}, 3) and (3, 3), got {gradient.shape} and {virial.shape}",
    )
    chosen = rng.permutation(len(atoms))[:_FEW]
    slopes = [[_by_position(functional, atoms, i, axis) for axis in range(3)] for i in chosen]
    where = "differentiate"
    _same(gradient[chosen], slopes, where, "the gradient is not that of predict", _DERIVATIVE)
    strains = np.array([[_by_strain(functional, atoms, a, b) for b in range(3)] for a in range(3)])
    symmetric = 0.5 * (strains + strains.T)
    _same(virial, symmetric, where, "the virial is not the derivative by strain", _DERIVATIVE)
    alone, _ = model.differentiate(atoms, weights[0])
    whole, _ = model.differentiate(atoms, weights[[0, 0]], groups)
    _same(whole, alone, where, "groups of equal weights differ from one group")


def _smooth_weights(model: DOSPredictor, rng: np.random.Generator) -> NDArray:
    """Two weights over the grid, (2, n), that derivatives are tested with."""
    energies = model.grid.energies
    middle, width = rng.uniform(energies[0], energies[-1]), 0.1 * np.ptp(energies)
    bump = np.exp(-0.5 * ((energies - middle) / width) ** 2) + 0.3
    return np.stack([bump, bump[::-1]])


def _by_position(functional: Functional, atoms: Atoms, index: int, axis: int) -> float:
    def displaced(step: float) -> float:
        moved = atoms.copy()
        moved.positions[index, axis] += step
        return functional(moved)

    return _central(displaced)


def _by_strain(functional: Functional, atoms: Atoms, a: int, b: int) -> float:
    def strained(step: float) -> float:
        strain = np.eye(3)
        strain[a, b] += step
        moved = atoms.copy()
        moved.set_cell(atoms.cell.array @ strain, scale_atoms=True)
        return functional(moved)

    return _central(strained)


def _central(function: Callable[[float], float]) -> float:
    return (function(_STEP) - function(-_STEP)) / (2 * _STEP)


def _check_ensemble(model: EnsemblePredictor, atoms: Atoms, local: LocalDOS) -> None:
    where = "predict_ensemble"
    ensemble = model.predict_ensemble(atoms, 4, seed=1)
    _require(len(ensemble) == 4, where, f"expected 4 members, got {len(ensemble)}")
    _same(ensemble.mean.values, local.total().values, where, "its mean is not that of predict")
    again = model.predict_ensemble(atoms, 4, seed=1)
    _same(again.values, ensemble.values, where, "a seed gives other members when called again")


def _same(
    found: ArrayLike, expected: ArrayLike, where: str, why: str, tolerance: float = _EXACT
) -> None:
    """Compare arrays, relative to the largest expected value."""
    found, expected = np.asarray(found), np.asarray(expected)
    away = np.abs(found - expected).max()
    scale = np.abs(expected).max()
    if not away <= tolerance * scale:
        raise ValueError(f"model, {where}: {why} (by {away:.2g}, of values up to {scale:.2g})")
