"""Parity with featomic and librascal, and what their backends need."""

import json
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from paths import TEST_DATA
from soap_frames import FRAMES, SCALINGS, assert_close, contracted, soap_for

from ase_dos.descriptors import backends
from ase_dos.descriptors.backends import featomic_hypers, from_librascal, librascal_hypers
from ase_dos.descriptors.soap import SOAP

LIBRASCAL = sorted((TEST_DATA / "librascal").glob("*.npz"))


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("name", FRAMES)
def test_featomic_gives_the_same(name, scaling):
    featomic = pytest.importorskip("featomic")
    atoms = FRAMES[name]
    soap = soap_for(atoms, radial_scaling=scaling)
    features = soap.compute(atoms)
    assert_close(features, replace(soap, backend="featomic").compute(atoms))
    if not (atoms.pbc.all() or not atoms.pbc.any()):
        return  # featomic itself knows no partly periodic frames
    calculator = featomic.SoapPowerSpectrum(**featomic_hypers(soap, spline_accuracy=None))
    full = soap.basis.unfold(features)
    for key, block in calculator.compute(atoms).items():
        pair = soap.basis.species_pairs.index((key["neighbor_1_type"], key["neighbor_2_type"]))
        values = full[block.samples.column("atom"), pair].reshape(len(block.samples), -1)
        np.testing.assert_allclose(values, block.values, rtol=0, atol=1e-8 * np.abs(features).max())


def test_featomic_backend_gives_blocks():
    pytest.importorskip("featomic")
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms, max_radial=3, max_angular=2, backend="featomic")
    blocks = [block for _, block in soap.blocks(atoms, size=2)]
    assert [len(block) for block in blocks] == [2, 2, 1]
    assert_close(np.concatenate(blocks), replace(soap, backend="numba").compute(atoms))


def librascal_case(path):
    data = np.load(path)
    hypers = json.loads(str(data["hypers"]))
    atoms = Atoms(data["numbers"], data["positions"], cell=data["cell"], pbc=data["pbc"])
    soap = soap_for(
        atoms,
        cutoff=hypers["interaction_cutoff"],
        max_radial=hypers["max_radial"],
        max_angular=hypers["max_angular"],
        width=hypers["gaussian_sigma_constant"],
        cutoff_smoothing=hypers["cutoff_smooth_width"],
        radial_scaling=hypers.get("cutoff_function_parameters"),
    )
    return atoms, soap, data["features"], hypers


@pytest.mark.parametrize("path", LIBRASCAL, ids=lambda path: path.stem)
def test_librascal_gives_the_same(path):
    atoms, soap, values, _ = librascal_case(path)
    assert_close(soap.compute(atoms), from_librascal(soap, values))
    # The relation as librascal's reference states it, without our own conversion.
    ell = np.arange(soap.max_angular + 1)
    relation = (-1.0) ** ell * (np.pi * soap.width**2) ** 1.5 / (16 * np.pi**3)
    full = soap.basis.unfold(soap.compute(atoms)) * relation[:, None, None]
    assert_close(full.transpose(0, 1, 3, 4, 2).reshape(len(atoms), -1), values)


@pytest.mark.parametrize("path", LIBRASCAL, ids=lambda path: path.stem)
def test_librascal_backend_asks_for_what_the_reference_was_made_with(path, monkeypatch):
    atoms, soap, values, hypers = librascal_case(path)

    class SphericalInvariants:
        def __init__(self, **given):
            for name in set(hypers) - {"compute_gradients", "expansion_by_species_method"}:
                assert given[name] == hypers[name], name

        def transform(self, frames):
            assert [len(frame) for frame in frames] == [len(atoms)]
            return self

        def get_features(self, calculator):
            return values

    module = ModuleType("rascal.representations")
    module.SphericalInvariants = SphericalInvariants
    monkeypatch.setitem(sys.modules, "rascal", ModuleType("rascal"))
    monkeypatch.setitem(sys.modules, "rascal.representations", module)
    assert_close(replace(soap, backend="librascal").compute(atoms), soap.compute(atoms))


def test_featomic_features_are_contracted_alike():
    pytest.importorskip("featomic")
    atoms = FRAMES["perovskite"]
    soap = contracted(soap_for(atoms, max_radial=5, max_angular=2), 3)
    assert_close(replace(soap, backend="featomic").compute(atoms), soap.compute(atoms))


def test_librascal_features_are_contracted_alike(monkeypatch):
    atoms, soap, values, _ = librascal_case(LIBRASCAL[0])
    compute = lambda soap, atoms: lambda start, stop: from_librascal(soap, values)[start:stop]  # noqa: E731
    monkeypatch.setitem(backends.LIBRARIES, "librascal", compute)
    soap = contracted(soap, 3)
    assert_close(replace(soap, backend="librascal").compute(atoms), soap.compute(atoms))


@pytest.mark.parametrize("backend", ["featomic", "librascal"])
def test_missing_backend_says_what_to_install(backend, monkeypatch):
    package = {"featomic": "featomic", "librascal": "rascal.representations"}[backend]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match="pip install" if backend == "featomic" else "github"):
        SOAP(backend=backend).compute(Atoms("Si"))


def test_librascal_knows_no_center_weight(monkeypatch):
    with pytest.raises(ValueError, match="center_weight: librascal knows only 1"):
        librascal_hypers(SOAP(backend="librascal", center_weight=0.5))
