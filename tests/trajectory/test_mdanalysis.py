"""Analysis of a Universe of MDAnalysis, here and in other processes."""

import numpy as np
import pytest
from toy_model import ToyModel, toy_frames

from ase_dos.trajectory.run import analyze_trajectory

mda = pytest.importorskip("MDAnalysis")
from ase_dos.trajectory.mdanalysis import DOSAnalysis  # noqa: E402

TEMPERATURES = (1500.0, 3000.0)
COUNT = 5


def universe(frames, elements=True):
    made = mda.Universe.empty(len(frames[0]), trajectory=False)
    made.load_new(
        np.array([atoms.positions for atoms in frames]),
        dimensions=np.array([atoms.cell.cellpar() for atoms in frames]),
    )
    if elements:
        made.add_TopologyAttr("elements", frames[0].get_chemical_symbols())
    return made


@pytest.fixture
def frames():
    return toy_frames(COUNT)


def test_results_are_those_of_the_package(frames):
    """In single precision, in which MDAnalysis keeps positions."""
    found = DOSAnalysis(universe(frames), ToyModel(), TEMPERATURES).run(start=1, step=2)
    expected = analyze_trajectory(frames, ToyModel(), TEMPERATURES, start=1, step=2, progress=False)
    np.testing.assert_array_equal(found.frames, [1, 3])
    assert set(found.results) <= set(expected.dataset.variables)
    for name in ("dos", "fermi_level", "heat_capacity", "entropy", "local_charge", "volume"):
        values = expected.dataset[name].values
        scale = np.abs(values).max()
        np.testing.assert_allclose(found.results[name], values, atol=1e-5 * scale, err_msg=name)
    assert found.results.heat_capacity.shape == (2, 2)
    assert found.results.local_charge.shape == (2, 8)
    np.testing.assert_array_equal(found.results.temperature, TEMPERATURES)
    np.testing.assert_array_equal(found.results.energy, ToyModel().grid.energies)


@pytest.mark.parametrize("backend", ["processes", "dask"])
def test_other_processes_give_the_same_numbers(frames, backend):
    pytest.importorskip("dask")
    here = DOSAnalysis(universe(frames), ToyModel(), TEMPERATURES).run()
    there = DOSAnalysis(universe(frames), ToyModel(), TEMPERATURES).run(
        backend=backend, n_workers=2
    )
    np.testing.assert_array_equal(there.frames, np.arange(COUNT))
    assert set(there.results) == set(here.results)
    for name, values in here.results.items():
        np.testing.assert_array_equal(there.results[name], values, err_msg=name)


def test_atoms_of_a_group_alone(frames):
    group = universe(frames).atoms[[0, 3]]
    found = DOSAnalysis(group, ToyModel()).run(stop=1)
    assert found.results.local_charge.shape == (1, 2)
    assert found.results.n_electrons[0] == 8


def test_a_backend_that_hangs_is_refused(frames):
    analysis = DOSAnalysis(universe(frames), ToyModel())
    with pytest.raises(ValueError, match=r"'multiprocessing' forks this process.*'processes'"):
        analysis.run(backend="multiprocessing", n_workers=2)


def test_what_cannot_be_analysed(frames):
    with pytest.raises(ValueError, match="the Universe has no elements"):
        DOSAnalysis(universe(frames, elements=False), ToyModel())
    whole = universe(frames)
    with pytest.raises(ValueError, match="got a group that changes"):
        DOSAnalysis(whole.select_atoms("prop x > 1", updating=True), ToyModel())
    with pytest.raises(ValueError, match="temperature"):
        DOSAnalysis(whole, ToyModel(), [-1.0])
    bad = [atoms.copy() for atoms in frames]
    bad[2].positions[0] = np.nan
    with pytest.raises(ValueError, match=r"frame 2 of the Universe: .*NaN"):
        DOSAnalysis(universe(bad), ToyModel()).run()
    assert "dos" not in DOSAnalysis(whole, ToyModel()).run(stop=0).results


def test_warnings_of_frames_are_counted(frames):
    for atoms in frames:
        atoms.set_pbc(False)
    cluster = mda.Universe.empty(8, trajectory=False)
    cluster.load_new(np.array([atoms.positions for atoms in frames]))
    cluster.add_TopologyAttr("elements", ["Si"] * 8)
    with pytest.warns(UserWarning, match="5 of 5 frames, the first is frame 0: .*as a cluster"):
        DOSAnalysis(cluster, ToyModel()).run()
