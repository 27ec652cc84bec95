"""SOAP: symmetries, continuity, twins, and parity with featomic and librascal."""

import json
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import reference_soap as reference
from ase import Atoms
from ase.build import bulk, molecule
from paths import TEST_DATA

from ase_dos.descriptors import backends
from ase_dos.descriptors.backends import featomic_hypers, from_librascal, librascal_hypers
from ase_dos.descriptors.radial import RadialScaling, radial_tables
from ase_dos.descriptors.soap import SOAP
from ase_dos.kernels.harmonics import harmonic_coefficients, real_harmonics
from ase_dos.kernels.radial import (
    WIDTH,
    gto_basis,
    neighbor_weight,
    radial_integrals,
    radial_values,
)

LIBRASCAL = sorted((TEST_DATA / "librascal").glob("*.npz"))


def perovskite():
    scaled = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0, 0.5, 0.5), (0.5, 0, 0.5)]
    atoms = Atoms("SrTiO3", scaled_positions=scaled, cell=[3.905] * 3, pbc=True)
    atoms.rattle(0.1, seed=1)
    return atoms


def silicon():
    atoms = bulk("Si", cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def skewed():
    cell = [[2.5, 0, 0], [1.8, 2.4, 0], [-1.1, 0.9, 2.6]]
    return Atoms("SiGe", [[0, 0, 0], [1.3, 1.1, 1.0]], cell=cell, pbc=True)


def slab():
    atoms = silicon()
    atoms.pbc = (True, False, True)
    atoms.positions[:, 1] -= 40.0
    return atoms


FRAMES = {f.__name__: f() for f in (silicon, perovskite, skewed, slab)} | {
    "ethanol": molecule("CH3CH2OH")
}
SCALINGS = [None, RadialScaling(1.0, 2.5, 4), RadialScaling(0.7, 2.0, 7)]


def soap_for(atoms, **options):
    return SOAP(species=sorted(set(atoms.numbers.tolist())), **options)


def assert_close(values, expected, relative=1e-8):
    assert np.abs(values - expected).max() <= relative * np.abs(expected).max()


# -- parity --------------------------------------------------------------------------------


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


# -- twins ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("silicon", {"cutoff": 4.0}),
        ("perovskite", {"cutoff": 3.0, "max_radial": 5, "max_angular": 3}),
        ("ethanol", {"cutoff": 3.5, "max_radial": 3, "max_angular": 0}),
        ("ethanol", {"cutoff": 3.5, "max_radial": 1, "max_angular": 4, "center_weight": 0.3}),
        ("slab", {"cutoff": 3.0, "max_radial": 6, "radial_scaling": (1.0, 2.0, 5)}),
    ],
)
def test_power_spectrum_agrees_with_naive_formula(name, options):
    atoms = FRAMES[name]
    soap = soap_for(atoms, **options)
    full = reference.power_spectrum(soap, atoms)
    assert_close(soap.basis.unfold(soap.compute(atoms)), full, 1e-9)


@pytest.mark.parametrize("l_max", [0, 1, 2, 12])
def test_harmonics_agree_with_legendre_functions(l_max):
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    vectors[:6] = np.concatenate([np.eye(3), -np.eye(3)])
    vectors /= np.linalg.norm(vectors, axis=1)[:, None]
    stride = 53
    out = np.empty((l_max + 1) ** 2 * stride)
    work = np.empty(5 * stride)
    columns = [np.ascontiguousarray(column) for column in vectors.T]
    real_harmonics(*columns, 50, l_max, harmonic_coefficients(l_max), stride, work, out)
    expected = reference.harmonics(vectors, l_max)
    np.testing.assert_allclose(out.reshape(-1, stride)[:, :50].T, expected, atol=1e-12)


def test_radial_functions_are_orthonormal():
    widths, coefficients, _ = gto_basis(5.0, 8)
    r = np.linspace(0, 60, 60_001)
    k = np.arange(8)[:, None]
    functions = coefficients @ (r**k * np.exp(-0.5 * (r / widths[:, None]) ** 2))
    overlap = np.trapezoid(functions[:, None] * functions * r**2, r)
    np.testing.assert_allclose(overlap, np.eye(8), atol=1e-9)


@pytest.mark.parametrize("hypers", [(6.0, 8, 6, 0.4), (5.0, 10, 9, 0.25), (3.5, 1, 0, 1.0)])
def test_radial_table_agrees_with_closed_form(hypers):
    cutoff, n_max = hypers[:2]
    table, length, at_origin = radial_tables(*hypers)
    distances = np.append(np.linspace(0, cutoff, 300), [cutoff - 1e-13, 1e-9])
    expected = np.array([reference.radial(r, *hypers).ravel() for r in distances])
    values = np.empty_like(expected)
    row = np.empty(expected.shape[1] + WIDTH)
    for i, r in enumerate(distances):
        radial_values(r, 1.0, table[0], length, expected.shape[1], np.empty(6), row, 0)
        values[i] = row[:-WIDTH]
    assert_close(values, expected, 1e-9)
    assert_close(at_origin[0], expected[0, :n_max], 1e-9)


def test_radial_derivatives_agree_with_differences():
    hypers, step = (6.0, 8, 6, 0.4), 1e-4
    below, at, above = (radial_integrals([r], *hypers) for r in (2.0 - step, 2.0, 2.0 + step))
    for order in (0, 1):
        assert_close((above[order] - below[order]) / (2 * step), at[order + 1], 1e-6)


def test_sharp_gaussians_do_not_overflow():
    assert np.isfinite(radial_integrals([0.0, 5.0, 10.0], 10.0, 6, 8, 0.05)).all()


@pytest.mark.parametrize("scaling", SCALINGS)
def test_neighbor_weight_agrees_with_formula(scaling):
    soap = SOAP(radial_scaling=scaling)
    rate, scale, exponent = scaling or (1.0, 1.0, 0)
    for r in (0.1, 2.0, 5.5, 5.7, 5.999):
        value = neighbor_weight(r, 6.0, 0.5, rate, scale, exponent)
        assert value == pytest.approx(reference.weight(r, soap), rel=1e-13)
    assert neighbor_weight(6.0, 6.0, 0.5, rate, scale, exponent) == 0.0


# -- contraction of the radial functions ---------------------------------------------------


def contraction_for(soap, kept, seed=0):
    """Orthonormal combinations of the primitive functions, others for every species and l."""
    shape = (len(soap.species), soap.max_angular + 1, soap.max_radial, soap.max_radial)
    turned = np.linalg.qr(np.random.default_rng(seed).normal(size=shape))[0]
    return turned[:, :, :kept]


def contracted(soap, kept):
    return replace(soap, contraction=contraction_for(soap, kept))


@pytest.mark.parametrize("name", FRAMES)
def test_contraction_by_the_identity_changes_nothing(name):
    soap = soap_for(FRAMES[name], max_radial=6, max_angular=4)
    identity = np.tile(np.eye(6), (len(soap.species), 5, 1, 1))
    same = replace(soap, contraction=identity)
    assert_close(same.compute(FRAMES[name]), soap.compute(FRAMES[name]), 1e-12)


@pytest.mark.parametrize("kept", [1, 3, 6])
@pytest.mark.parametrize("name", FRAMES)
def test_contraction_acts_on_both_sides_of_the_spectrum(name, kept):
    atoms = FRAMES[name]
    soap = soap_for(atoms, max_radial=6, max_angular=4)
    small = contracted(soap, kept)
    features = small.compute(atoms)
    assert features.shape == (len(atoms), len(small.basis.labels))
    u = np.array(small.contraction)
    plain = soap.basis.unfold(soap.compute(atoms))
    for pair, (za, zb) in enumerate(soap.basis.species_pairs):
        a, b = soap.species.index(za), soap.species.index(zb)
        expected = np.einsum("lqn,ilnk,lpk->ilqp", u[a], plain[:, pair], u[b])
        full = small.basis.unfold(features)[:, pair]
        assert np.abs(full - expected).max() <= 1e-10 * np.abs(features).max()
    assert_close(small.contract(soap.compute(atoms)), features, 1e-10)


def test_contracted_spectrum_agrees_with_naive_formula():
    atoms = FRAMES["perovskite"]
    soap = contracted(soap_for(atoms, cutoff=3.0, max_radial=5, max_angular=3), 2)
    full = reference.power_spectrum(soap, atoms)
    assert_close(soap.basis.unfold(soap.compute(atoms)), full, 1e-9)


def test_turning_all_radial_functions_keeps_every_dot_product():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    plain, turned = soap.compute(atoms), contracted(soap, soap.max_radial).compute(atoms)
    assert_close(turned @ turned.T, plain @ plain.T, 1e-10)
    assert np.abs(turned - plain).max() > 0.1 * np.abs(plain).max()


def test_contracted_features_are_invariant():
    atoms = FRAMES["perovskite"].copy()
    soap = contracted(soap_for(atoms), 3)
    features = soap.compute(atoms)
    order = [3, 1, 4, 0, 2]
    assert_close(soap.compute(atoms[order]), features[order], 1e-12)
    atoms.rotate(73.0, (1, 2, -0.5), rotate_cell=True)
    assert_close(soap.compute(atoms), features, 1e-12)


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


def test_contraction_survives_json():
    soap = contracted(SOAP(species=("Ti", 8)), 3)
    again = SOAP.from_dict(json.loads(json.dumps(soap.to_dict())))
    assert again == soap
    assert hash(again) == hash(soap) != hash(SOAP(species=("Ti", 8)))
    assert soap.to_dict() == again.to_dict()
    assert soap.primitive == SOAP(species=("Ti", 8))
    assert len(repr(soap)) < 300


@pytest.mark.parametrize(
    ("contraction", "message"),
    [
        (np.zeros((1, 3, 5, 4)), "expected 1 to 4 functions of 4 primitive ones, got 5"),
        (np.zeros((1, 3, 0, 4)), "expected 1 to 4 functions of 4 primitive ones, got 0"),
        (
            np.zeros((2, 3, 2, 4)),
            r"contraction: expected shape \(1, 3, any, 4\), got \(2, 3, 2, 4\)",
        ),
        (np.zeros((3, 2, 4)), r"contraction: expected shape \(1, 3, any, 4\), got \(3, 2, 4\)"),
        (np.full((1, 3, 2, 4), np.nan), "contraction: 24 of 24 values are NaN"),
        ("half", "contraction: expected numbers"),
    ],
)
def test_contraction_that_does_not_fit_is_refused(contraction, message):
    with pytest.raises(ValueError, match=message):
        SOAP(max_radial=4, max_angular=2, contraction=contraction)


# -- physics -------------------------------------------------------------------------------


def test_rotation_changes_nothing():
    atoms = FRAMES["perovskite"].copy()
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    atoms.rotate(73.0, (1, 2, -0.5), rotate_cell=True)
    assert_close(soap.compute(atoms), features, 1e-12)


def test_reflection_changes_nothing():
    atoms = FRAMES["skewed"].copy()
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    mirror = np.diag([1.0, -1.0, 1.0])
    atoms.cell[:] = atoms.cell.array @ mirror
    atoms.positions = atoms.positions @ mirror
    assert_close(soap.compute(atoms), features, 1e-12)


def test_translation_changes_nothing():
    for atoms in FRAMES.values():
        moved = atoms.copy()
        moved.positions += [13.1, -7.2, 41.7]
        soap = soap_for(atoms)
        assert_close(soap.compute(moved), soap.compute(atoms), 1e-11)


def test_permutation_permutes_the_features():
    atoms = FRAMES["perovskite"]
    order = [3, 1, 4, 0, 2]
    soap = soap_for(atoms)
    assert_close(soap.compute(atoms[order]), soap.compute(atoms)[order], 1e-12)


def test_supercell_repeats_the_features():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    features = np.tile(soap.compute(atoms), (8, 1))
    assert_close(soap.compute(atoms.repeat(2)), features, 1e-12)


def test_other_choice_of_cell_changes_nothing():
    atoms = FRAMES["silicon"]
    other = atoms.copy()
    other.cell[1] += other.cell[0]
    other.cell[2] -= 2 * other.cell[1]
    soap = SOAP()
    assert_close(soap.compute(other), soap.compute(atoms), 1e-12)


def test_features_are_continuous_across_the_cutoff():
    soap = SOAP(cutoff=4.0, species=("H",))
    lone = soap.compute(Atoms("H"))
    edge = [
        np.abs(soap.compute(Atoms("H2", [[0, 0, 0], [0, 0, 4.0 - d]]))[0] - lone).max()
        for d in (1e-2, 1e-3, 1e-4, -1e-4)
    ]
    # The shifted cosine vanishes with the square of the distance to the cutoff.
    assert edge[1] < 0.02 * edge[0]
    assert edge[2] < 0.02 * edge[1]
    assert edge[3] == 0


def test_neighbors_beyond_the_cutoff_do_not_matter():
    soap = SOAP(cutoff=3.0, species=("H",))
    three = Atoms("H3", [[0, 0, 0], [0, 0, 1.0], [0, 0, 3.5]])
    assert_close(soap.compute(three)[0], soap.compute(three[:2])[0], 1e-14)


def test_lone_atom_sees_itself():
    soap = SOAP(species=(14,))
    features = soap.basis.unfold(soap.compute(Atoms("Si")))[0, 0]
    own = reference.radial(0.0, 6.0, 8, 6, 0.4)[0] / np.sqrt(4 * np.pi)
    assert_close(features[0], np.outer(own, own), 1e-9)
    assert (features[1:] == 0).all()
    assert (replace(soap, center_weight=0.0).compute(Atoms("Si")) == 0).all()


# -- order of the features, and blocks -----------------------------------------------------


def test_dot_products_are_those_of_the_complete_spectrum():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms)
    features = soap.compute(atoms)
    full = soap.basis.unfold(features).reshape(len(atoms), -1)
    np.testing.assert_allclose(features @ features.T, full @ full.T, rtol=1e-12)


def test_labels_name_the_features():
    atoms = FRAMES["perovskite"]
    soap = soap_for(atoms, max_radial=4, max_angular=2)
    features = soap.compute(atoms)
    assert features.shape == (5, soap.n_features) == (5, len(soap.basis.labels))
    full = soap.basis.unfold(features)
    for value, (za, zb, n1, n2, ell) in zip(features[1], soap.basis.labels, strict=True):
        fold = np.sqrt(2) if za == zb and n1 != n2 else 1.0
        pair = soap.basis.species_pairs.index((za, zb))
        assert value == pytest.approx(fold * full[1, pair, ell, n1, n2], rel=1e-14)


def test_absent_species_give_zeros():
    wide, narrow = SOAP(species=(8, 14, 22)), SOAP(species=(14,))
    features = wide.compute(FRAMES["silicon"])
    of_silicon = (wide.basis.labels[:, :2] == 14).all(axis=1)
    assert_close(features[:, of_silicon], narrow.compute(FRAMES["silicon"]), 1e-14)
    assert (features[:, ~of_silicon] == 0).all()


def test_blocks_join_to_the_whole():
    atoms = FRAMES["silicon"].repeat((2, 2, 3))
    soap = SOAP(max_radial=4, max_angular=3)
    whole = soap.compute(atoms)
    seen = 0
    for where, block in soap.blocks(atoms, size=17):
        assert_close(block, whole[where], 1e-14)
        seen += len(block)
    assert seen == len(atoms)


def test_dictionary_survives_json():
    soap = SOAP(species=("Ti", 8), radial_scaling={"rate": 1, "scale": 2.0, "exponent": 3})
    assert soap.species == (8, 22)
    assert soap.radial_scaling == (1.0, 2.0, 3)
    assert SOAP.from_dict(json.loads(json.dumps(soap.to_dict()))) == soap
    assert SOAP.from_dict({}) == SOAP()
    assert hash(soap) != hash(SOAP())


# -- errors --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cutoff": -1}, "cutoff: expected a number > 0, got -1"),
        ({"cutoff": np.inf}, "cutoff"),
        ({"max_radial": 0}, "max_radial: expected an integer >= 1, got 0"),
        ({"max_radial": 3.0}, "max_radial"),
        ({"max_radial": 30}, "linearly dependent"),
        ({"max_angular": -1}, "max_angular: expected an integer >= 0, got -1"),
        ({"max_angular": True}, "max_angular"),
        ({"width": 0}, "width"),
        ({"species": ()}, "one or more different species"),
        ({"species": (8, "O")}, "different species"),
        ({"species": ("Xx",)}, "got 'Xx'"),
        ({"species": (200,)}, "got 200"),
        ({"cutoff_smoothing": 0}, "cutoff_smoothing"),
        ({"cutoff_smoothing": 7}, "at most the cutoff of 6 Angstrom, got 7"),
        ({"radial_scaling": (1, 2)}, "rate, scale and exponent"),
        ({"radial_scaling": {"speed": 1}}, "rate, scale and exponent"),
        ({"radial_scaling": (1, 2, 2.5)}, "exponent: expected an integer"),
        ({"radial_scaling": (0, 2, 2)}, "rate: expected a number > 0"),
        ({"center_weight": -1}, "center_weight"),
        ({"backend": "rust"}, "expected one of numba, featomic, librascal, got 'rust'"),
    ],
)
def test_hyperparameters_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SOAP(**options)


def test_unknown_hyperparameter_is_named():
    with pytest.raises(ValueError, match="sigma"):
        SOAP.from_dict({"sigma": 0.4})


def test_frames_without_meaning_are_refused():
    soap = SOAP()
    with pytest.raises(ValueError, match="empty"):
        soap.compute(Atoms())
    with pytest.raises(
        ValueError, match=r"unknown species H \(1\); the descriptor knows Si \(14\) only"
    ):
        soap.compute(Atoms("SiH", [[0, 0, 0], [1, 0, 0]]))
    with pytest.raises(ValueError, match="NaN"):
        soap.compute(Atoms("Si", [[0, np.nan, 0]]))
    with pytest.raises(ValueError, match="same place"):
        soap.compute(Atoms("Si2"))
    with pytest.raises(ValueError, match="features: expected shape"):
        soap.basis.unfold(np.zeros((2, 3)))


@pytest.mark.parametrize("backend", ["featomic", "librascal"])
def test_missing_backend_says_what_to_install(backend, monkeypatch):
    package = {"featomic": "featomic", "librascal": "rascal.representations"}[backend]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match="pip install" if backend == "featomic" else "github"):
        SOAP(backend=backend).compute(Atoms("Si"))


def test_librascal_knows_no_center_weight(monkeypatch):
    with pytest.raises(ValueError, match="center_weight: librascal knows only 1"):
        librascal_hypers(SOAP(backend="librascal", center_weight=0.5))
