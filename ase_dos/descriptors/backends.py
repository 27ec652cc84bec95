"""SOAP features by other libraries: their hyperparameters, and their order of the features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from ase_dos.descriptors.neighbors import NeighborSearch, enclosing_box
from ase_dos.descriptors.soap_hyperparameters import SOAPHyperparameters

__all__ = ["LIBRARIES", "Features", "featomic_hypers", "from_librascal", "librascal_hypers"]

Features = Callable[[int, int], NDArray]  # of the atoms from start to stop


def _featomic(soap: SOAPHyperparameters, atoms: Atoms) -> Features:
    """Return the function (start, stop) -> features by featomic."""
    try:
        import metatensor
        from featomic import SoapPowerSpectrum
    except ImportError as error:
        raise ImportError(
            "backend 'featomic' needs featomic: pip install ase_dos[featomic]"
        ) from error
    calculator = SoapPowerSpectrum(**featomic_hypers(soap))
    NeighborSearch(atoms, soap.cutoff).pairs()  # the same errors for the same frames
    frame = _boxed(atoms, soap.cutoff)

    def compute(start: int, stop: int) -> NDArray:
        wanted = np.arange(start, stop, dtype=np.int32)[:, None]
        samples = metatensor.Labels(["atom"], wanted)
        full = np.zeros((stop - start, *soap.basis.full_shape))
        for key, block in calculator.compute(frame, selected_samples=samples).items():
            pair = soap.basis.species_pairs.index(
                (int(key["neighbor_1_type"]), int(key["neighbor_2_type"]))
            )
            rows = block.samples.column("atom") - start
            full[rows, pair] = block.values.reshape(-1, *soap.basis.full_shape[1:])
        return soap.basis.fold(full)

    return compute


def featomic_hypers(
    soap: SOAPHyperparameters, spline_accuracy: float | None = 1e-10
) -> dict[str, Any]:
    """Hyperparameters as featomic wants them."""
    density: dict[str, Any] = {
        "type": "Gaussian",
        "width": soap.width,
        "center_atom_weight": soap.center_weight,
    }
    if soap.radial_scaling:
        density["scaling"] = {"type": "Willatt2018", **soap.radial_scaling._asdict()}
    return {
        "cutoff": {
            "radius": soap.cutoff,
            "smoothing": {"type": "ShiftedCosine", "width": soap.cutoff_smoothing},
        },
        "density": density,
        "basis": {
            "type": "TensorProduct",
            "max_angular": soap.max_angular,
            "radial": {"type": "Gto", "max_radial": soap.max_radial - 1},
            "spline_accuracy": spline_accuracy,
        },
    }


def _librascal(soap: SOAPHyperparameters, atoms: Atoms) -> Features:
    """Return the function (start, stop) -> features by librascal."""
    try:
        from rascal.representations import SphericalInvariants
    except ImportError as error:
        raise ImportError(
            "backend 'librascal' needs the package rascal, built from source: "
            "https://github.com/lab-cosmo/librascal"
        ) from error
    NeighborSearch(atoms, soap.cutoff).pairs()  # the same errors for the same frames
    calculator = SphericalInvariants(**librascal_hypers(soap))
    frame = _boxed(atoms, soap.cutoff)
    features = from_librascal(soap, calculator.transform([frame]).get_features(calculator))
    return lambda start, stop: features[start:stop]


def librascal_hypers(soap: SOAPHyperparameters) -> dict[str, Any]:
    """Hyperparameters as librascal wants them."""
    if soap.center_weight != 1.0:
        raise ValueError(
            f"center_weight: librascal knows only 1, got {soap.center_weight:g}; "
            "use another backend"
        )
    hypers: dict[str, Any] = {
        "interaction_cutoff": soap.cutoff,
        "cutoff_smooth_width": soap.cutoff_smoothing,
        "max_radial": soap.max_radial,
        "max_angular": soap.max_angular,
        "gaussian_sigma_type": "Constant",
        "gaussian_sigma_constant": soap.width,
        "cutoff_function_type": "ShiftedCosine",
        "radial_basis": "GTO",
        "soap_type": "PowerSpectrum",
        "normalize": False,
        "inversion_symmetry": True,
        "expansion_by_species_method": "user defined",
        "global_species": list(soap.species),
        "compute_gradients": False,
        "optimization": {},
    }
    if soap.radial_scaling:
        hypers["cutoff_function_type"] = "RadialScaling"
        hypers["cutoff_function_parameters"] = soap.radial_scaling._asdict()
    return hypers


def from_librascal(soap: SOAPHyperparameters, values: NDArray) -> NDArray:
    """Features from librascal's, in the order [species pair][n1][n2][l].

    p_librascal = (-1)^l (pi width^2)^(3/2) / (16 pi^3) p_featomic: it normalises neither
    the Gaussians nor the integral over the angles.
    """
    pairs, n_l, n, _ = soap.basis.full_shape
    full = np.asarray(values).reshape(-1, pairs, n, n, n_l).transpose(0, 1, 4, 2, 3)
    scale = (-1.0) ** np.arange(n_l) * 16.0 * np.pi**3 / (np.pi * soap.width**2) ** 1.5
    return soap.basis.fold(full * scale[:, None, None])


def _boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """Fully periodic frame with the same environments, its atoms inside the cell.

    The other libraries know no partly periodic frames, and librascal no atoms outside the
    cell; so open axes get enough vacuum.
    """
    cell, origin = enclosing_box(atoms.positions, atoms.cell.array, atoms.pbc, margin=cutoff)
    frame = Atoms(atoms.numbers, atoms.positions - origin, cell=cell, pbc=True)
    frame.wrap()
    return frame


LIBRARIES: dict[str, Callable[[SOAPHyperparameters, Atoms], Features]] = {
    "featomic": _featomic,
    "librascal": _librascal,
}
