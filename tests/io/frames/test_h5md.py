"""H5MD as the standard has it, and its variants."""

import numpy as np
import pytest
from ase import Atoms
from toy_files import N_FRAMES, assert_same

from ase_dos.io.frames import open_frames


@pytest.fixture
def h5md(images, tmp_path):
    """As the standard has it, in nanometres."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "md.h5md"
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        steps = np.arange(N_FRAMES) * 10
        for name, values, unit in (
            ("position", [a.positions / 10 for a in images], "nm"),
            ("box/edges", [a.cell.array / 10 for a in images], "nm"),
            ("species", [np.where(a.numbers == 14, 1, 2) for a in images], None),
        ):
            group[f"{name}/value"] = np.array(values)
            group[f"{name}/step"], group[f"{name}/time"] = steps, steps * 0.002
            group[f"{name}/time"].attrs["unit"] = "ps"
            if unit:
                group[f"{name}/value"].attrs["unit"] = unit
        group["box"].attrs["dimension"] = 3
        group["box"].attrs["boundary"] = ["periodic", "periodic", "none"]
    return path


def test_h5md(images, h5md):
    frames = open_frames(h5md, types=["Si", "Ge"])
    assert frames.count() == N_FRAMES
    for atoms, expected in zip(frames, images, strict=True):
        expected.pbc = [True, True, False]
        assert_same(atoms, expected, 1e-12)
    assert frames[2].info == {"step": 20, "time": pytest.approx(40.0)}
    assert_same(open_frames(h5md, topology=images[0])[1], images[1], 1e-12)
    with pytest.raises(ValueError, match=r"frame 0 of .* no elements.*--types"):
        open_frames(h5md)[0]
    with pytest.raises(ValueError, match="8 atoms, the topology 1"):
        open_frames(h5md, topology=Atoms("Si"))[0]


def test_h5md_variants(images, h5md):
    """Species by symbol and for all frames, a fixed box, particles out of order."""
    import h5py

    order = np.random.default_rng(0).permutation(8)
    with h5py.File(h5md, "a") as file:
        group = file["particles/all"]
        del group["species"], group["box/edges"]
        kind = h5py.enum_dtype({"Si": 7, "Ge": 9})
        species = np.where(images[0].numbers[order] == 14, 7, 9)
        group.create_dataset("species", data=species, dtype=kind)
        group["box/edges"] = [0.5, 0.6, 0.7]
        group["box/edges"].attrs["unit"] = "nm"
        group["position/value"][...] = group["position/value"][()][:, order]
        group["id/value"] = np.tile(order, (N_FRAMES, 1))
        del group["position/step"], group["position/time"]
        group["position/step"], group["position/time"] = 100, 0.5  # intervals
        group["position/step"].attrs["offset"] = 7
    atoms = open_frames(h5md)[1]
    np.testing.assert_array_equal(atoms.numbers, images[1].numbers)
    np.testing.assert_allclose(atoms.positions, images[1].positions)
    np.testing.assert_allclose(atoms.cell.array, np.diag([5.0, 6.0, 7.0]))
    assert atoms.info == {"step": 107}  # a time without a unit is none
    with h5py.File(h5md, "a") as file:
        file["particles/all/position/time"].attrs["unit"] = "ns"
    assert open_frames(h5md)[1].info == {"step": 107, "time": pytest.approx(5e5)}
    with h5py.File(h5md, "a") as file:
        file["particles/all/position/value"].attrs["unit"] = "furlong"
    with pytest.raises(
        ValueError, match="position/value is in furlong, which does not give Angstrom"
    ):
        open_frames(h5md)[0]
    with h5py.File(h5md, "a") as file:
        file.move("particles", "other")
    with pytest.raises(ValueError, match="one group of particles, got none"):
        open_frames(h5md)[0]


def test_species_may_be_atomic_numbers(images, h5md):
    import h5py

    with h5py.File(h5md, "a") as file:
        del file["particles/all/species"]
        file["particles/all/species"] = images[0].numbers
    for types in (["Si", "Ge"], ["Ge", "Si"], ["14=Si", "32=Ge"]):
        np.testing.assert_array_equal(open_frames(h5md, types=types)[1].numbers, images[1].numbers)
    with pytest.raises(
        ValueError, match=r"types 14 to 32, but types has 1 elements.*atomic number"
    ):
        open_frames(h5md, types=["Si"])[1]
    with pytest.raises(ValueError, match="types 14 to 32 and no elements"):
        open_frames(h5md)[1]
    with h5py.File(h5md, "a") as file:
        file.create_group("h5md/creator").attrs["name"] = "znh5md"
    np.testing.assert_array_equal(open_frames(h5md)[1].numbers, images[1].numbers)


def test_a_length_without_a_unit_is_said_to_be_taken_for_angstrom(images, h5md):
    import h5py

    with h5py.File(h5md, "a") as file:
        for name in ("position", "box/edges"):
            del file[f"particles/all/{name}/value"].attrs["unit"]
            file[f"particles/all/{name}/value"][...] *= 10
    with pytest.warns(UserWarning, match="names no unit of length, it is taken for Angstrom"):
        atoms = open_frames(h5md, types=["Si", "Ge"])[1]
    np.testing.assert_allclose(atoms.positions, images[1].positions)


def test_a_file_without_a_box_is_a_cluster(images, h5md):
    import h5py

    with h5py.File(h5md, "a") as file:
        del file["particles/all/box"]
    atoms = open_frames(h5md, types=["Si", "Ge"])[1]
    assert not atoms.pbc.any()
    np.testing.assert_allclose(atoms.positions, images[1].positions)


def test_an_array_larger_than_the_file_is_refused(h5md):
    import h5py

    with h5py.File(h5md, "a") as file:
        del file["particles/all/position/value"]
        shape = (5, 1 << 40, 3)
        file["particles/all/position"].create_dataset("value", shape, "f4").attrs["unit"] = "nm"
    with pytest.raises(ValueError, match=r"frame 1 of .*position/value has \d+ bytes, the file"):
        open_frames(h5md, types=["Si", "Ge"])[1]
