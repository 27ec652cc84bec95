"""Labels of least energy: against all labelings, against plain message passing, and their bound."""

import numba
import numpy as np
import pytest
from reference_fields import PlainField, TreeReweighted
from toy_fields import band_costs, random_parts

from ase_dos.kernels.markov_field import field_energy, make_field
from ase_dos.kernels.tree_reweighted import least_energy, no_messages

TINY = [(2, 3, 4), (3, 2, 4), (1, 5, 5), (5, 1, 5), (2, 2, 9), (3, 3, 3)]


def solve(field, gap=1e-12, iterations=300):
    return least_energy(field, gap, iterations, no_messages(field))


def band_field(rows, columns, labels, eta=1.0, **options):
    costs, band = band_costs(rows, columns, labels, **options)
    return make_field(costs, 0.5 / eta**2, 0.5 / eta**2, 0.0, 0.0), band


@pytest.mark.parametrize("shape", TINY)
def test_energy_is_the_least_of_all_labelings_and_the_bound_is_never_above(shape):
    for seed in range(34):
        parts = random_parts(seed, *shape)
        found = solve(make_field(*parts))
        plain = PlainField(*parts)
        least = plain.energies().min()
        assert found.energy == pytest.approx(least, abs=1e-9)
        assert plain.energy(found.labels) == pytest.approx(least, abs=1e-9)
        assert found.bound <= least + 1e-9


@pytest.mark.parametrize("shape", [(4, 5, 6), (7, 3, 9), (1, 6, 4), (2, 1, 17), (17, 33, 3)])
def test_passes_are_those_of_the_plain_twin(shape):
    parts = random_parts(5, *shape)
    field = make_field(*parts)
    plain = TreeReweighted(PlainField(*parts))
    messages, bound, energies = no_messages(field), -np.inf, []
    for iterations in range(1, 4):
        found = least_energy(field, 0.0, 1, messages)
        passes = [plain.run(forth) for forth in (True, False)]
        bound = max(bound, *(one[2] for one in passes))
        energies = [one[1] for one in passes]
        best = passes[int(np.argmin(energies))]
        assert found.energy == pytest.approx(best[1], rel=1e-12), iterations
        assert found.bound == pytest.approx(min(bound, best[1]), rel=1e-12), iterations
        assert dict(np.ndenumerate(found.labels)) == best[0]


def test_energy_is_that_of_the_labels():
    field = make_field(*random_parts(1, 6, 5, 7))
    found = solve(field, iterations=2)
    assert field_energy(field, found.labels) == pytest.approx(found.energy, rel=1e-13)


@pytest.mark.parametrize("counts", [0.3, 3.0, 30.0])
def test_gap_closes_on_a_band(counts):
    field, band = band_field(64, 64, 51, counts=counts)
    found = solve(field, gap=1e-5)
    assert found.converged
    assert 0.0 <= found.gap <= 1e-5
    assert found.bound <= found.energy
    assert found.energy <= field_energy(field, np.rint(band).astype(int))


@pytest.mark.parametrize("shape", [(40, 1, 11), (1, 40, 11), (41, 1, 11)])
def test_a_line_is_exact_after_one_pass_forth_and_back(shape):
    found = solve(make_field(*random_parts(3, *shape)), iterations=1)
    assert found.gap < 1e-12


def test_every_line_of_a_grid_is_exact_alone():
    costs, _ = band_costs(5, 30, 12, counts=0.3)
    found = solve(make_field(costs, 0.0, 0.2, 0.0, 0.3), iterations=1)
    assert found.gap < 1e-12
    for row, labels in zip(costs, found.labels, strict=True):
        alone = solve(make_field(row[None], 0.0, 0.2, 0.0, 0.3), iterations=1)
        np.testing.assert_array_equal(labels, alone.labels[0])


def test_bound_rises_and_stopping_between_changes_nothing():
    field, _ = band_field(12, 9, 20, counts=0.3)
    whole = solve(field, gap=0.0, iterations=9)
    messages, bounds, energies = no_messages(field), [], []
    for _ in range(9):
        part = least_energy(field, 0.0, 1, messages)
        bounds.append(part.bound)
        energies.append(part.energy)
    assert np.all(np.diff(bounds) > -1e-9)
    assert max(bounds) == pytest.approx(whole.bound, rel=1e-13)
    assert min(energies) == whole.energy


def test_threads_do_number_by_number_what_one_does():
    field, _ = band_field(33, 50, 16)
    before, results = numba.get_num_threads(), []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            results.append(solve(field, gap=0.0, iterations=5))
    finally:
        numba.set_num_threads(before)
    one, two = results
    np.testing.assert_array_equal(one.messages, two.messages)
    np.testing.assert_array_equal(one.labels, two.labels)
    assert one[1:6] == two[1:6]


def test_constants_in_the_costs_change_neither_labels_nor_gap():
    costs, _ = band_costs(10, 14, 12)
    fields = [make_field(costs + more, 0.5, 0.5, 0.0, 0.0) for more in (0.0, 1000.0)]
    plain, raised = (solve(field, iterations=3) for field in fields)
    np.testing.assert_array_equal(plain.labels, raised.labels)
    assert raised.energy - plain.energy == pytest.approx(1000.0 * 140)
    assert raised.gap == pytest.approx(plain.gap, abs=1e-9)


def test_whole_shifts_are_a_change_of_origin_of_each_node():
    """A prior on label + base is one on labels, of costs moved by base."""
    rng = np.random.default_rng(4)
    base = rng.integers(0, 5, (6, 7))
    costs = np.full((6, 7, 12), np.inf)
    for node, first in np.ndenumerate(base):
        costs[node][first : first + 8] = rng.normal(0, 3, 8)
    moved = np.take_along_axis(costs, base[:, :, None] + np.arange(8), 2)
    plain = solve(make_field(costs, 0.3, 0.7, 0.0, 0.0))
    shifted = solve(make_field(moved, 0.3, 0.7, base[:-1] - base[1:], base[:, :-1] - base[:, 1:]))
    np.testing.assert_array_equal(plain.labels, shifted.labels + base)
    assert plain.energy == pytest.approx(shifted.energy, rel=1e-12)


def test_forbidden_labels_are_never_chosen():
    costs, _ = band_costs(9, 8, 20)
    costs[:, :, 5:] = np.inf
    costs[3, 4] = np.inf
    costs[3, 4, 17] = 0.0
    found = solve(make_field(costs, 0.05, 0.05, 0.0, 0.0), gap=1e-8)
    assert found.labels[3, 4] == 17
    assert np.delete(found.labels.ravel(), 3 * 8 + 4).max() < 5
    assert np.isfinite(found.energy)
    assert found.converged


def test_nodes_without_pairs_take_their_cheapest_label():
    costs, _ = band_costs(5, 6, 9)
    given = costs.copy()
    found = solve(make_field(costs, 0.0, 0.0, 0.0, 0.0), iterations=1)
    np.testing.assert_array_equal(found.labels, costs.argmin(2))
    assert (found.gap, found.converged) == (0.0, True)
    np.testing.assert_array_equal(costs, given)
