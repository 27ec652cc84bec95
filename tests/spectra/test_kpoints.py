"""Lists of k-points: paths and meshes."""

from itertools import pairwise, product

import numpy as np
import pytest

from ase_dos.spectra.kpoints import follows_path


def mesh(sizes, shift=0.0):
    return np.array(list(product(*[(np.arange(n) + shift) / n for n in sizes])))


def path(points, *corners):
    pieces = pairwise(corners)
    return np.concatenate([np.linspace(a, b, points) for a, b in pieces])


def equal(kpoints):
    return np.full(len(kpoints), 1 / len(kpoints))


GAMMA, X, W, L = (0, 0, 0), (0.5, 0, 0.5), (0.5, 0.25, 0.75), (0.5, 0.5, 0.5)


@pytest.mark.parametrize("points", [3, 4, 11, 20])
@pytest.mark.parametrize("corners", [(GAMMA, X), (L, GAMMA, X, W), (X, GAMMA, X)])
def test_paths_are_found_whatever_their_density(points, corners):
    kpoints = path(points, *corners)
    assert follows_path(kpoints, equal(kpoints))
    # as programs print them
    assert follows_path(kpoints.round(8), np.ones(len(kpoints)))


@pytest.mark.parametrize("sizes", [(8, 8, 8), (4, 1, 1), (1, 1, 7), (6, 5, 1), (2, 2, 2)])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_whole_meshes_are_no_paths(sizes, shift):
    kpoints = mesh(sizes, shift)
    assert not follows_path(kpoints, equal(kpoints))
    centred = (kpoints + 0.5) % 1 - 0.5
    assert not follows_path(centred.round(7), equal(kpoints))


def test_half_a_mesh_and_other_lattices_are_no_paths():
    half = mesh((4, 4, 4), 0.5)
    half = half[half[:, 0] < 0.5]
    assert not follows_path(half, equal(half))
    centred = np.concatenate([mesh((4, 4, 4)), mesh((4, 4, 4)) + 1 / 8])
    assert not follows_path(centred, equal(centred))


def test_what_symmetry_left_of_a_mesh_is_no_path():
    kpoints = np.array([GAMMA, (0.25, 0, 0), X, (0.5, 0, 0)])
    assert not follows_path(kpoints, [1, 8, 6, 4])
    line = np.array([GAMMA, (0.25, 0, 0), (0.5, 0, 0)])
    assert not follows_path(line, [1, 2, 1])  # four points along one axis
    assert follows_path(line, [1, 1, 1])


def test_scattered_and_few_points_are_no_paths():
    scattered = np.random.default_rng(0).random((50, 3))
    assert not follows_path(scattered, equal(scattered))
    assert not follows_path([GAMMA], [1.0])
    assert not follows_path([GAMMA, X], [0.5, 0.5])
    assert not follows_path(np.zeros((5, 3)), np.ones(5))  # not told


def test_points_without_weight_do_not_count():
    """A hybrid functional's band structure: the mesh, then the path with weights of zero."""
    extra = path(20, GAMMA, X)
    kpoints = np.concatenate([mesh((3, 3, 3)), extra])
    weights = np.concatenate([np.ones(27), np.zeros(len(extra))])
    assert not follows_path(kpoints, weights)
