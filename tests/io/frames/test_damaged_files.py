"""Damaged files of any format give frames, or a ValueError: nothing else, and nothing large."""

import gc
import tracemalloc

import ase.io
import numpy as np
import pytest
from ase import Atoms
from toy_binaries import dcd, netcdf, trr, xtc
from toy_files import N_FRAMES, dump, gro_text

from ase_dos.io.frames import open_frames

STEPS = range(N_FRAMES)
MOST_MEMORY = 16 * 2**20  # bytes; the files have some thousand
MOST_FRAMES = 100
TRIALS = 60


def write_extxyz(path, images):
    ase.io.write(path, images, format="extxyz")
    return {}


def write_ipi(path, images):
    text = ""
    for atoms in images:
        cell = " ".join(f"{x:.5f}" for x in atoms.cell.cellpar())
        text += f"8\n# CELL(abcABC): {cell} Step: 5 positions{{angstrom}} cell{{angstrom}}\n"
        text += "".join(f"{atom.symbol} {atom.x:.5f} {atom.y:.5f} {atom.z:.5f}\n" for atom in atoms)
    path.write_text(text)
    return {}


def write_dump(path, images):
    text = "ITEM: UNITS\nmetal\n"
    for step, atoms in enumerate(images):
        rows = [
            f"{i + 1} {1 + (n == 14)} {x:.5f} {y:.5f} {z:.5f} {x:.5f}"
            for i, (n, (x, y, z)) in enumerate(zip(atoms.numbers, atoms.positions, strict=True))
        ]
        text += dump(rows, "id type x y z x", step=step, head=f"ITEM: TIME\n{0.1 * step}\n")
    path.write_text(text)
    return {"types": ["Ge", "Si"]}


def write_by_ase(path, images):
    ase.io.write(path, images)
    return {}


def write_gro(path, images):
    path.write_text("".join(gro_text(atoms, f"t= {i} step= {i}") for i, atoms in enumerate(images)))
    return {}


def write_h5md(path, images):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        group = file.create_group("particles/all")
        for name, values in (
            ("position", [a.positions for a in images]),
            ("box/edges", [a.cell.array for a in images]),
            ("species", [a.numbers for a in images]),
        ):
            group[f"{name}/value"] = np.array(values)
            group[f"{name}/step"] = np.arange(len(images))
            group[f"{name}/value"].attrs["unit"] = "Angstrom"
        group["box"].attrs["boundary"] = ["periodic"] * 3
    return {"types": ["Si", "Ge"]}


def write_coordinates(path, images):
    if path.suffix == ".nc":
        netcdf(path, images, STEPS)
    elif path.suffix == ".dcd":
        path.write_bytes(dcd(images))
    else:
        path.write_bytes({".xtc": xtc, ".trr": trr}[path.suffix](images, STEPS, STEPS))
    return {"topology": images[0]}


def write_packed(path, images):
    return write_coordinates(path, [atoms.repeat((1, 1, 2)) for atoms in images])


WRITERS = {
    "md.extxyz": write_extxyz,
    "md.extxyz.gz": write_extxyz,
    "ipi.xyz": write_ipi,
    "md.dump": write_dump,
    "XDATCAR": write_by_ase,
    "md.traj": write_by_ase,
    "md.json": write_by_ase,
    "md.gro": write_gro,
    "md.pdb": write_by_ase,
    "md.h5md": write_h5md,
    "md.dcd": write_coordinates,
    "md.xtc": write_coordinates,
    "packed.xtc": write_packed,
    "md.trr": write_coordinates,
    "md.nc": write_coordinates,
}


def damaged(data, rng):
    """Cut off, with other bytes, without some, without a line, or with some more."""
    data, kind = bytearray(data), rng.integers(5)
    place = int(rng.integers(1, len(data)))
    if kind == 0:
        del data[place:]
    elif kind == 1:
        for i in rng.integers(len(data), size=rng.integers(1, 6)):
            data[i] = rng.integers(256)
    elif kind == 2:
        del data[place : place + int(rng.integers(1, 200))]
    elif kind == 3:
        lines = bytes(data).split(b"\n")
        del lines[int(rng.integers(len(lines)))]
        data = bytearray(b"\n".join(lines)) or data
    else:
        data[place:place] = rng.bytes(int(rng.integers(1, 50)))
    return bytes(data)


def outcome(path, options):
    """Read all frames; return how many are whole."""
    try:
        frames = open_frames(path, **options)
        count = frames.length()
    except ValueError:
        return 0
    assert count <= MOST_FRAMES
    whole = 0
    for i in range(count):
        try:
            atoms = frames[i]
        except ValueError as error:
            assert f"frame {i} of {path}" in str(error)  # noqa: PT017
            continue
        assert isinstance(atoms, Atoms)
        assert np.isfinite(atoms.positions).all()
        whole += 1
    return whole


@pytest.mark.filterwarnings("ignore:the file names no unit of length:UserWarning")
@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files_give_frames_or_a_plain_error(images, tmp_path, name):
    path = tmp_path / name
    options = WRITERS[name](path, images)
    data = path.read_bytes()
    assert outcome(path, options) == N_FRAMES
    whole = 0
    for seed in range(TRIALS):
        path.write_bytes(damaged(data, np.random.default_rng(seed)))
        tracemalloc.start()
        try:
            whole += outcome(path, options)
            assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY, seed
        finally:
            tracemalloc.stop()
    # A file with one fault has whole frames, if its format can be read around it.
    assert whole > (0 if name in ("md.json", "md.h5md", "md.extxyz.gz") else TRIALS)


def test_damage_is_random_but_the_same_each_time():
    data = bytes(range(256))
    kinds = {damaged(data, np.random.default_rng(seed)) for seed in range(TRIALS)}
    assert len(kinds) > TRIALS / 2
    assert damaged(data, np.random.default_rng(3)) == damaged(data, np.random.default_rng(3))


def test_a_damaged_file_is_closed_with_its_frames(images, tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "md.h5md"
    options = write_h5md(path, images)
    with h5py.File(path, "r+") as file:
        del file["particles/all/box/edges/value"]
    gc.disable()  # it would close the file, some time
    try:
        frames = open_frames(path, **options)
        with pytest.raises(ValueError, match="the frame is damaged, h5py cannot read it"):
            frames[0]
        del frames
        h5py.File(path, "r+").close()  # refused as long as the file is open elsewhere
    finally:
        gc.enable()
