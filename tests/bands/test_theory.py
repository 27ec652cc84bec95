"""Bands of calculations on the momenta of maps: splines, units, paths, meshes, symmetry."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, graphene
from ase.calculators.test import FreeElectrons
from ase.cell import Cell
from ase.dft.kpoints import monkhorst_pack
from ase.spectrum.band_structure import BandStructure, calculate_band_structure
from ase.units import Bohr, Ha
from toy_bands import graphene_bands, hexagonal_bands, square_bands

from ase_dos import ElectronicStates
from ase_dos.bands import BandMap, BrillouinZone, TheoryBands
from ase_dos.bands.crystal_mesh import CrystalMesh, point_operations

pytest.importorskip("spglib")
pytest.importorskip("xarray")

A = 3.0
SQUARE = np.diag([A, A, 20.0])
TRIANGLE = [[np.cos(t), np.sin(t), 0] for t in np.deg2rad([0, 120, 240])]
KX, KY = np.linspace(-1.1, 1.1, 45), np.linspace(-0.9, 1.2, 36)


def band_map(kx=KX, ky=KY):
    energies = np.linspace(-1.0, 0.0, 3)
    return BandMap.from_arrays(np.ones((len(kx), len(ky), 3)), energies, kx=kx, ky=ky)


def square_theory():
    return TheoryBands(square_bands(KX[:, None], KY, A), (KX, KY))


def mesh_of(function, cell, size, offset=(0, 0, 0)):
    """k-points of a whole mesh, and their energies (kpoints, bands)."""
    n = [np.arange(s) / s + o for s, o in zip(size, offset, strict=True)]
    k = np.stack(np.meshgrid(*n, indexing="ij"), axis=-1).reshape(-1, 3)
    cartesian = 2 * np.pi * k @ np.linalg.inv(cell).T
    return k, function(cartesian[:, 0], cartesian[:, 1], A).T


def irreducible(k, energies, operations):
    """Keep one k-point of each star, with its weight."""
    kept, weights = [], []
    stars = set()
    for i, point in enumerate(k):
        star = {tuple(np.round((point @ o) % 1.0, 6) % 1.0) for o in operations}
        if not star & stars:
            kept.append(i)
            weights.append(len(star))
            stars |= star
    return k[kept], energies[kept], np.array(weights) / len(k)


# ------------------------------------------------------------------------------ the value


def test_on_a_map_by_cubic_splines():
    x, y = np.linspace(-1, 1, 30), np.linspace(-0.8, 0.8, 25)
    on = square_theory().on(band_map(x, y))
    np.testing.assert_allclose(on, square_bands(x[:, None], y, A), atol=2e-5)


def test_cubic_polynomials_come_out_exact():
    def cubic(x, y):
        return x**3 - 2 * x**2 * y + y**3 + x - 0.5

    theory = TheoryBands(cubic(KX[:, None], KY)[None], (KX, KY))
    x, y = np.linspace(-1.1, 1.1, 13), np.linspace(-0.9, 1.2, 17)
    np.testing.assert_allclose(theory.on(band_map(x, y))[0], cubic(x[:, None], y), atol=1e-12)


def test_off_the_theory_is_nan():
    on = square_theory().on(band_map(np.linspace(-2, 2, 41), KY))
    inside = np.abs(np.linspace(-2, 2, 41)) <= 1.1 + 1e-12
    np.testing.assert_array_equal(np.isfinite(on).all(axis=(0, 2)), inside)
    np.testing.assert_array_equal(np.isnan(on).all(axis=(0, 2)), ~inside)


def test_no_overlap_and_other_axes():
    with pytest.raises(ValueError, match=r"do not overlap: .*kx = -1.10 to 1.10.*factor 2 pi"):
        square_theory().on(band_map(KX + 5))
    with pytest.raises(ValueError, match="theory over kx, ky and map over kx, temperature"):
        square_theory().on(
            BandMap.from_arrays(np.ones((2, 2, 2)), [0, 1], kx=[0, 1], temperature=[10, 20])
        )


def test_map_cut_along_a_path():
    cut = band_map().path([[-0.3, 0.2], [0.5, 0.8]], 20)
    kx, ky = np.linspace([-0.3, 0.2], [0.5, 0.8], 20).T
    np.testing.assert_allclose(square_theory().on(cut), square_bands(kx, ky, A), atol=2e-5)


def test_an_axis_named_k_is_any_momentum():
    theory = TheoryBands(np.cos(KX)[None], (KX,))
    cut = BandMap.from_arrays(np.ones((45, 2)), [-1.0, 0.0], kx=KX)
    np.testing.assert_allclose(theory.on(cut)[0], np.cos(KX))


def test_bands_are_ascending_frozen_copies():
    energies = square_bands(KX[:, None], KY, A)
    theory = TheoryBands(energies[::-1], (KX, KY))
    np.testing.assert_array_equal(theory.energies, energies)
    energies[:] = 0
    assert theory.energies.std() > 0.1
    with pytest.raises(ValueError, match="read-only"):
        theory.energies[0] = 0


def test_shift_and_scale():
    theory = square_theory()
    np.testing.assert_allclose(theory.shifted(0.3).energies, theory.energies + 0.3)
    scaled = theory.scaled(energy=1.1, momentum=0.9)
    np.testing.assert_allclose(scaled.energies, 1.1 * theory.energies)
    np.testing.assert_allclose(scaled.momenta[1], 0.9 * KY)
    at = [[0.2, -0.3]]
    np.testing.assert_allclose(scaled.at(0.9 * np.array(at)), 1.1 * theory.at(at))
    with pytest.raises(ValueError, match="momentum: expected a number > 0"):
        theory.scaled(momentum=-1)


def test_selection():
    theory = square_theory()
    np.testing.assert_array_equal(theory.select([1]).energies, theory.energies[1:])
    np.testing.assert_array_equal(theory.select(slice(0, 1)).energies, theory.energies[:1])
    assert theory.within(-1.4, 1.0).n_bands == 1
    with pytest.raises(ValueError, match=r"no band between 5 and 6 eV: they span -3\.30"):
        theory.within(5, 6)
    with pytest.raises(IndexError):
        theory.select([2])


@pytest.mark.parametrize(
    ("energies", "momenta", "message"),
    [
        (np.zeros((1, 45, 30)), (KX, KY), r"expected shape \(any, 45, 36\)"),
        (np.zeros((0, 45, 36)), (KX, KY), "there is no band"),
        (np.full((1, 45, 36), np.nan), (KX, KY), "NaN"),
        (np.zeros((1, 45, 36)), (KX, KY**3), "axis ky: expected equal steps"),
        (np.zeros((1, 45)), (KX[::-1],), "axis k: expected rising"),
    ],
)
def test_what_does_not_fit(energies, momenta, message):
    with pytest.raises(ValueError, match=message):
        TheoryBands(energies, momenta)


def test_from_arrays():
    theory = TheoryBands.from_arrays(np.zeros((1, 45)), k=KX)
    assert theory.names == ("k",)
    theory = TheoryBands.from_arrays(np.zeros((1, 45, 36)), KX, KY)
    assert theory.names == ("kx", "ky")


# ------------------------------------------------------------------------------ paths of ASE


def test_free_electrons_along_a_path():
    """hbar^2 k^2 / 2m with k in 1/Angstrom: the factor 2 pi."""
    atoms = Atoms("H", cell=[A, A, A], pbc=True, calculator=FreeElectrons(nvalence=1))
    path = atoms.cell.bandpath("XGM", npoints=60)
    structure = calculate_band_structure(atoms, path)
    theory = TheoryBands.from_ase(structure, origin="G")
    k = theory.momenta[0]
    assert k[0] == pytest.approx(-np.pi / A)
    assert k[-1] == pytest.approx(np.sqrt(2) * np.pi / A)
    free = Ha * Bohr**2 / 2 * k**2 - structure.reference
    near = np.abs(k) < 0.9 * np.pi / A
    np.testing.assert_allclose(theory.energies[0][near], free[near], atol=1e-8)


def test_corner_of_a_path_stays_sharp():
    """Along the outline of a square E has a corner where the path turns."""
    path = Cell.new([A, A, 20]).bandpath("GXM", npoints=31, pbc=(1, 1, 0))
    kx, ky = 2 * np.pi * path.cartesian_kpts()[:, :2].T
    sloped = 2.0 * np.abs(kx) + 0.5 * np.abs(ky)
    structure = BandStructure(path, sloped[None, :, None], reference=0.0)
    theory = TheoryBands.from_ase(structure, n=401)
    corner = np.pi / A
    k = theory.momenta[0]
    first = np.hypot(kx, ky)[1] < 1e-9 or np.abs(ky[1]) < 1e-9
    slopes = (2.0, 0.5) if first else (0.5, 2.0)
    expected = np.where(k < corner, slopes[0] * k, slopes[0] * corner + slopes[1] * (k - corner))
    np.testing.assert_allclose(theory.energies[0], expected, atol=1e-9)


def test_spin_channels_of_a_path():
    path = Cell.new([A, A, 20]).bandpath("GX", npoints=9, pbc=(1, 1, 0))
    energies = np.stack([np.full((9, 1), -1.0), np.full((9, 1), -2.0)])
    structure = BandStructure(path, energies, reference=0.5)
    assert TheoryBands.from_ase(structure, spin=0).energies.max() == pytest.approx(-1.5)
    both = TheoryBands.from_ase(structure)
    np.testing.assert_allclose(both.energies[:, 0], [-2.5, -1.5])
    with pytest.raises(ValueError, match="there are 2 channels, counted from 0; got 2"):
        TheoryBands.from_ase(structure, spin=2)


def test_paths_that_do_not_fit():
    cell = Cell.new([A, A, 20])
    jumps = cell.bandpath("GX,MG", npoints=9, pbc=(1, 1, 0))
    with pytest.raises(ValueError, match="path GX,MG: it has jumps"):
        TheoryBands.from_ase(BandStructure(jumps, np.zeros((1, 9, 1))))
    path = cell.bandpath("GX", npoints=9, pbc=(1, 1, 0))
    for origin, message in {
        "Q": "special points G, M, X, not 'Q'",
        "M": "not go through M",
    }.items():
        with pytest.raises(ValueError, match=message):
            TheoryBands.from_ase(BandStructure(path, np.zeros((1, 9, 1))), origin=origin)


# ------------------------------------------------------------------------------ meshes


@pytest.mark.parametrize("size", [(12, 12, 1), (13, 10, 1)])
@pytest.mark.parametrize("offset", [(0, 0, 0), (0.5 / 12, 0.02, 0)])
def test_square_lattice_in_closed_form(size, offset):
    k, energies = mesh_of(square_bands, SQUARE, size, offset)
    theory = TheoryBands.from_mesh(
        k, energies, SQUARE, momenta=(KX, KY), reference=-0.2, time_reversal=False
    )
    error = theory.energies - square_bands(KX[:, None], KY, A) - 0.2
    assert np.sqrt((error**2).mean()) < 1e-5
    assert np.sqrt((error**2).mean()) < theory.interpolation_error < 0.02


def test_period_is_that_of_the_reciprocal_lattice_with_2_pi():
    k, energies = mesh_of(square_bands, SQUARE, (16, 16, 1))
    mesh = CrystalMesh.from_irreducible(k, energies, SQUARE, point_operations(None))
    points = np.array([[0.3, 0.1, 0.0], [-0.2, 0.7, 0.4]])
    moved = points + 2 * np.pi / A * np.array([1, -1, 0])
    np.testing.assert_allclose(mesh.at(moved), mesh.at(points), atol=1e-10)
    halfway = points + np.pi / A * np.array([1, 1, 0])
    assert np.abs(mesh.at(halfway) - mesh.at(points)).max() > 0.1


@pytest.mark.parametrize("size", [(12, 12, 1), (9, 9, 1)])
def test_irreducible_wedge_of_a_hexagonal_crystal_gives_the_whole_mesh(size):
    atoms = graphene(a=A, vacuum=10.0)
    cell = atoms.cell.complete().array
    k, energies = mesh_of(graphene_bands, cell, size)
    operations = point_operations(atoms)
    assert len(operations) == 24
    part, levels, _ = irreducible(k, energies, operations)
    assert len(part) < len(k) / 6
    whole = CrystalMesh.from_irreducible(k, energies, cell, point_operations(None))
    from_part = CrystalMesh.from_irreducible(part, levels, cell, operations)
    np.testing.assert_allclose(from_part.energies, whole.energies, atol=1e-10)
    np.testing.assert_array_equal(from_part.offset, whole.offset)


@pytest.mark.parametrize(("bands", "order"), [(graphene_bands, 6), (hexagonal_bands, 3)])
def test_result_has_the_symmetry_of_the_crystal_and_turns_with_it(bands, order):
    """Also at a cone, which splines along two of three equal directions would make lopsided."""
    atoms = graphene(a=A, vacuum=10.0)
    if order == 3:
        atoms = Atoms("CH3", positions=np.vstack([[0, 0, 0], TRIANGLE]), cell=atoms.cell, pbc=True)
    k, energies = mesh_of(bands, atoms.cell.complete().array, (12, 12, 1))
    axis = np.linspace(-1.5, 1.5, 61)
    options = {"momenta": (axis, axis), "time_reversal": False, "atoms": atoms}

    def turned(angle):
        return TheoryBands.from_mesh(k, energies, atoms.cell, azimuth=angle, **options).energies

    straight = turned(0.0)
    np.testing.assert_allclose(turned(360.0 / order), straight, atol=1e-9)
    assert np.abs(turned(180.0 / order) - straight).max() > 0.3
    np.testing.assert_allclose(turned(90.0), np.rot90(straight, axes=(1, 2)), atol=1e-9)


def test_error_of_bands_that_touch_is_stated():
    """The stated error is above the true one, also with a Dirac cone, and falls with the mesh."""
    cell = graphene(a=A, vacuum=10.0).cell.complete().array
    axis = np.linspace(-2, 2, 121)
    true = graphene_bands(axis[:, None], axis, A)
    stated = []
    for n in (12, 15, 24, 36):
        k, energies = mesh_of(graphene_bands, cell, (n, n, 1))
        theory = TheoryBands.from_mesh(k, energies, cell, momenta=(axis, axis))
        error = np.sqrt(((theory.energies - true) ** 2).mean())
        assert error < theory.interpolation_error < 8 * error
        stated.append(theory.interpolation_error)
    assert stated == sorted(stated, reverse=True)


def test_oblique_lattice():
    """Bands of a monoclinic layer, from the phases of its lattice vectors."""
    cell = np.array([[3.0, 0, 0], [0.8, 4.0, 0], [0, 0, 15.0]])

    def bands(kx, ky, _):
        k = np.stack([kx, ky, 0 * kx], axis=-1)
        return -1 - (np.cos(k @ cell[0]) + 0.5 * np.cos(k @ cell[1]))[None]

    k, energies = mesh_of(bands, cell, (14, 12, 1))
    theory = TheoryBands.from_mesh(k, energies, cell)
    x, y = np.meshgrid(*theory.momenta, indexing="ij")
    np.testing.assert_allclose(theory.energies, bands(x, y, None), atol=1e-5)
    assert theory.momenta[0][-1] == pytest.approx(1.25 * BrillouinZone.from_cell(cell).radius)


def test_bulk_crystal_at_a_kz():
    """Free dispersion along z of a primitive fcc cell, with its kz."""
    cell = bulk("Al", "fcc", a=4.0).cell.array

    def bands(k):
        x, y, z = np.cos(k * 2.0).T
        return -(x * y + y * z + z * x)[:, None]

    k = monkhorst_pack((12, 12, 12))
    levels = bands(2 * np.pi * k @ np.linalg.inv(cell).T)
    options = {"momenta": (KX, KY), "atoms": bulk("Al", "fcc", a=4.0)}
    with pytest.raises(ValueError, match="kz: the mesh has several points along z"):
        TheoryBands.from_mesh(k, levels, cell, **options)
    for kz in (0.0, 0.55):
        theory = TheoryBands.from_mesh(k, levels, cell, kz=kz, **options)
        x, y = np.meshgrid(KX, KY, indexing="ij")
        points = np.stack([x, y, np.full_like(x, kz)], axis=-1).reshape(-1, 3)
        expected = bands(points)[:, 0].reshape(x.shape)
        np.testing.assert_allclose(theory.energies[0], expected, atol=2e-4)


def test_what_symmetry_breaks():
    """Bands of three-fold symmetry in a crystal of six-fold symmetry, or with half of a mesh."""
    atoms = graphene(a=A, vacuum=10.0)
    cell = atoms.cell.complete().array
    k, energies = mesh_of(hexagonal_bands, cell, (6, 6, 1))
    with pytest.raises(ValueError, match=r"differ by up to \d\.\d+ eV at k-points"):
        TheoryBands.from_mesh(k, energies, cell, atoms=atoms)
    three_fold = Atoms("CH3", positions=np.vstack([[0, 0, 0], TRIANGLE]), cell=cell, pbc=True)
    operations = point_operations(three_fold, time_reversal=False)
    assert len(operations) == 12
    part, levels, _ = irreducible(k, energies, operations)
    assert len(part) < len(k) / 2
    options = {"time_reversal": False, "momenta": (KX, KY), "atoms": three_fold}
    first = TheoryBands.from_mesh(part, levels, cell, **options)
    second = TheoryBands.from_mesh(k, energies, cell, **options)
    np.testing.assert_allclose(first.energies, second.energies, atol=1e-10)
    with pytest.raises(ValueError, match=r"give \d+ of the 36 points of a mesh 6 x 6 x 1; pass"):
        TheoryBands.from_mesh(part, levels, cell, time_reversal=False)


def test_points_that_are_no_mesh():
    with pytest.raises(ValueError, match="no regular mesh"):
        TheoryBands.from_mesh([[0, 0, 0], [0.3, 0, 0]], [[0.0], [1.0]], SQUARE)
    k, energies = mesh_of(square_bands, SQUARE, (8, 8, 1))
    with pytest.raises(ValueError, match="48 of 64 are off a mesh 4 x 4 x 1"):
        TheoryBands.from_mesh(k, energies, SQUARE, size=(4, 4, 1))
    with pytest.raises(ValueError, match="one point only"):
        TheoryBands.from_mesh([[0, 0, 0]], [[0.0]], SQUARE)
    with pytest.raises(ValueError, match="size: expected three integers"):
        TheoryBands.from_mesh([[0, 0, 0]], [[0.0]], SQUARE, size=(2, 2))


# ------------------------------------------------------------------------------ states


def gapped_states(**options):
    k, energies = mesh_of(square_bands, SQUARE, (8, 8, 1))
    part, levels, weights = irreducible(k, energies + 7.0, SQUARE_OPERATIONS)
    states = ElectronicStates.from_arrays(levels, weights, n_electrons=2, **options)
    return part, states


SQUARE_ATOMS = Atoms("H", cell=SQUARE, pbc=(1, 1, 0))
SQUARE_OPERATIONS = point_operations(SQUARE_ATOMS)


def test_zero_of_energy_from_states():
    part, states = gapped_states(fermi_level=5.4)
    options = {"atoms": SQUARE_ATOMS, "momenta": (KX, KY)}
    fermi = TheoryBands.from_states(states, part, SQUARE, **options)
    np.testing.assert_allclose(
        fermi.energies, square_bands(KX[:, None], KY, A) + 7 - 5.4, atol=1e-3
    )
    top = TheoryBands.from_states(states, part, SQUARE, reference="vbm", **options)
    assert top.energies[0].max() == pytest.approx(0.0, abs=2e-3)
    given = TheoryBands.from_states(states, part, SQUARE, reference=5.0, **options)
    np.testing.assert_allclose(given.energies, fermi.energies + 0.4)
    middle = TheoryBands.from_states(gapped_states()[1], part, SQUARE, **options)
    assert middle.energies[0].max() == pytest.approx(-states.band_gap / 2, abs=2e-3)
    with pytest.raises(ValueError, match='reference: expected "fermi", "vbm" or eV'):
        TheoryBands.from_states(states, part, SQUARE, reference="top", **options)


def test_metal_has_no_top_of_filled_bands():
    k, energies = mesh_of(square_bands, SQUARE, (8, 8, 1))
    states = ElectronicStates.from_arrays(energies, n_electrons=1)
    with pytest.raises(ValueError, match="the states have no gap"):
        TheoryBands.from_states(states, k, SQUARE, reference="vbm")


class Calculated:
    """Calculator with a mesh that symmetry has reduced."""

    name = "calculated"

    def __init__(self, kpoints, states):
        self.kpoints, self.states = kpoints, states

    def get_eigenvalues(self, kpt, spin):
        return self.states.eigenvalues[spin, kpt]

    def get_k_point_weights(self):
        return self.states.weights

    def get_ibz_k_points(self):
        return self.kpoints

    def get_number_of_spins(self):
        return 1

    def get_number_of_electrons(self):
        return 2

    def get_fermi_level(self):
        return 5.4


def test_calculator():
    part, states = gapped_states()
    theory = TheoryBands.from_calculator(Calculated(part, states), SQUARE_ATOMS, momenta=(KX, KY))
    np.testing.assert_allclose(theory.energies, square_bands(KX[:, None], KY, A) + 1.6, atol=1e-3)
    with pytest.raises(ValueError, match="it does not give its k-points"):
        TheoryBands.from_calculator(Calculated(None, states), SQUARE_ATOMS)
