"""Coordinates without elements: files with a topology, and MDAnalysis."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_files import N_FRAMES

from ase_dos.io.frames import open_frames


@pytest.mark.parametrize("suffix", ["dcd", "xtc", "trr", "nc"])
@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_coordinates_with_a_topology(images, tmp_path, suffix):
    pytest.importorskip("chemfiles")
    mda = pytest.importorskip("MDAnalysis")
    if suffix == "nc":
        pytest.importorskip("netCDF4")
    path = tmp_path / f"md.{suffix}"
    universe = mda.Universe.empty(8, trajectory=True)
    with mda.Writer(str(path), 8) as writer:
        for i, atoms in enumerate(images):
            universe.atoms.positions = atoms.positions
            universe.dimensions = atoms.cell.cellpar()
            universe.trajectory.ts.time = universe.trajectory.ts.frame = i
            writer.write(universe.atoms)
    with pytest.raises(ValueError, match=r"no elements.*--topology"):
        open_frames(path)
    ase.io.write(tmp_path / "start.extxyz", images[0])
    frames = open_frames(path, topology=tmp_path / "start.extxyz")
    assert frames.count() == N_FRAMES
    for i in (3, 0, 4):
        # These formats keep lengths and angles of the cell, so the crystal may be turned.
        np.testing.assert_array_equal(frames[i].numbers, images[i].numbers)
        np.testing.assert_allclose(frames[i].positions, images[i].positions, atol=2e-2)
        np.testing.assert_allclose(frames[i].cell.cellpar(), images[i].cell.cellpar(), atol=2e-2)
        assert frames[i].pbc.all()
    with pytest.raises(ValueError, match=r"frame 0 of .* 8 atoms, the topology 1"):
        open_frames(path, topology=Atoms("Si"))[0]


@pytest.mark.filterwarnings("ignore")  # of MDAnalysis, about what the structures do not have
def test_universe(images):
    mda = pytest.importorskip("MDAnalysis")
    from MDAnalysis.coordinates.memory import MemoryReader

    universe = mda.Universe.empty(8, trajectory=False)
    universe.load_new(
        np.array([a.positions for a in images], dtype=np.float32),
        format=MemoryReader,
        dimensions=np.array([a.cell.cellpar() for a in images]),
    )
    with pytest.raises(ValueError, match="add_TopologyAttr"):
        open_frames(universe)
    universe.add_TopologyAttr("types", np.where(images[0].numbers == 14, "1", "2"))
    by_types = open_frames(universe, types=["Si", "Ge"])
    assert by_types.count() == N_FRAMES
    universe.add_TopologyAttr("elements", images[0].get_chemical_symbols())
    for frames in (by_types, open_frames(universe.atoms)):
        np.testing.assert_array_equal(frames[3].numbers, images[0].numbers)
        np.testing.assert_allclose(frames[3].positions, images[3].positions, atol=1e-5)
        np.testing.assert_allclose(frames[3].cell.cellpar(), images[3].cell.cellpar(), atol=1e-5)
    assert len(open_frames(universe.select_atoms("element Ge"))[0]) == 2
