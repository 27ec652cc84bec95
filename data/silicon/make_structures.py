"""Silicon structures: crystals by construction, disorder by molecular dynamics.

    python -m data.silicon.make_structures structures.extxyz [--trajectory melting.extxyz]
    python -m data.silicon.make_structures structures.extxyz --from data/silicon/silicon.npz

The second form writes the structures of the data set itself, to run them again: long molecular
dynamics does not repeat to the last digit.

Molecular dynamics runs in LAMMPS (``lmp`` on the PATH) with the Stillinger-Weber potential,
Phys. Rev. B 31, 5262 (1985); glasses with its form for amorphous silicon and with EDIP, see
`examples/07_compressed_silicon`. Everything is seeded. ``info`` carries ``name``, ``family``
and the k-point spacings (1/Angstrom) of the first dense and of the self-consistent mesh.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk, diamond100, diamond111, make_supercell
from ase.io import read, write
from ase.io.lammpsdata import write_lammps_data

from ase_dos.io.dataset import load_dataset
from data.tools.structures import (
    random_box,
    random_shear,
    rattled,
    structures_parser,
    with_cell,
    write_structures,
)

SW = "Si Si Si 2.1683 2.0951 1.80 21.0 1.20 -0.333333333333 7.049556277 0.6022245584 4.0 0.0 0.0\n"
GLASS = Path(__file__).parents[2] / "examples/07_compressed_silicon/compressed_silicon.sw"
EDIP = Path("/usr/share/lammps/potentials/Si.edip")
SHORTEST = 1.75  # Angstrom; closer pairs are not silicon, they are accidents of the rattling
DIAMOND = 5.43
MASS = 28.0855


def molecular_dynamics(atoms, stages, seed, every=None):
    """Run stages of LAMMPS dynamics and return the last frame, or one every ``every`` steps.

    A stage is (ensemble, first temperature (K), last temperature (K), steps of 1 fs), and where
    that differs from Stillinger-Weber at no pressure, the potential's style and file and the first
    and last pressure (GPa).
    """
    lines = [
        "units metal",
        "atom_style atomic",
        "boundary p p p",
        "box tilt large",
        "read_data start.data",
        f"mass 1 {MASS}",
        "timestep 0.001",
        f"velocity all create {stages[0][1]} {seed} mom yes rot yes",
    ]
    total = sum(stage[3] for stage in stages)
    step = every or total
    lines += [
        f"dump all all custom {step} out.dump id type xu yu zu vx vy vz",
        "dump_modify all sort id element Si first no",
    ]
    for ensemble, first, last, steps, *others in stages:
        style, file, begin, end = others or ("sw", "Si.sw", 0, 0)
        lines += [f"pair_style {style}", f"pair_coeff * * {file} Si"]
        pressure = f" iso {1e4 * begin:g} {1e4 * end:g} 1.0" if ensemble == "npt" else ""
        lines += [f"fix md all {ensemble} temp {first} {last} 0.1{pressure}", f"run {steps}"]
        lines += ["unfix md"]
    with tempfile.TemporaryDirectory() as folder:
        write_lammps_data(Path(folder, "start.data"), atoms, atom_style="atomic")
        Path(folder, "Si.sw").write_text(SW)
        Path(folder, "in.md").write_text("\n".join(lines) + "\n")
        subprocess.run(
            ["lmp", "-in", "in.md", "-log", "none"], cwd=folder, check=True, capture_output=True
        )
        frames = read(Path(folder, "out.dump"), index=":", format="lammps-dump-text")
    for frame in frames:
        frame.numbers[:] = 14
        frame.calc = None
    return frames if every else frames[-1]


def strained(atoms, rng, volume, shear):
    """Scale to a volume ratio within ``volume`` and add a random symmetric strain."""
    deformation = np.eye(3) + random_shear(rng, shear)
    return with_cell(atoms, atoms.cell @ deformation * rng.uniform(*volume) ** (1 / 3))


def crystal(prototype, count, rng, volume, shear, width):
    """``count`` variants of a crystal; the first is perfect, only scaled."""
    for number in range(count):
        if number == 0:
            yield strained(prototype, rng, volume, 0.0)
        else:
            distorted = strained(prototype, rng, volume, shear)
            yield rattled(distorted, rng, rng.uniform(0.02, width), SHORTEST)


def beta_tin():
    """Two-atom cell of the beta-tin structure at its pressure of stability."""
    a, ratio = 4.70, 0.55
    vectors = a * np.array([[-0.5, 0.5, ratio / 2], [0.5, -0.5, ratio / 2], [0.5, 0.5, -ratio / 2]])
    return Atoms("Si2", scaled_positions=[[0, 0, 0], [0.75, 0.25, 0.5]], cell=vectors, pbc=True)


def simple_hexagonal():
    """Two layers of the simple hexagonal structure."""
    a = 2.55
    cell = [[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, 0.94 * a]]
    return Atoms("Si", cell=cell, pbc=True).repeat((1, 1, 2))


def cubic_metals():
    """Return simple cubic, body-centred and face-centred cells of two atoms, at high density."""
    return {
        "sc": bulk("Si", "sc", a=2.53).repeat((1, 1, 2)),
        "bcc": bulk("Si", "bcc", a=3.08, cubic=True),
        "fcc": bulk("Si", "fcc", a=3.88).repeat((1, 1, 2)),
    }


def liquids(rng):
    """Liquid at several densities (g/cm^3) and temperatures (K), cells of 8 to 64 atoms."""
    for number in range(32):
        n_atoms = 64 if number % 16 == 15 else (16, 8, 16, 32, 16, 8, 16, 16)[number % 8]
        density = 2.3 + 0.9 * rng.random()
        temperature = rng.choice([1700, 2200, 3000, 4000])
        box = random_box("Si", MASS, n_atoms, density, rng)
        stages = [("nvt", 5000, 5000, 4000), ("nvt", 5000, temperature, 2000)]
        stages += [("nvt", temperature, temperature, 6000)]
        yield molecular_dynamics(box, stages, seed=1000 + number)


def amorphous(rng):
    """Melt-quenched networks (about 3e13 K/s) at low and high density, then rattled by heat."""
    for number in range(16):
        n_atoms = 64 if number % 8 == 7 else (16, 32, 16, 16)[number % 4]
        density = 2.2 + 0.5 * rng.random()
        final = rng.choice([50, 300, 900])
        box = random_box("Si", MASS, n_atoms, density, rng)
        stages = [("nvt", 4000, 4000, 6000), ("nvt", 4000, 1500, 5000)]
        stages += [("nvt", 1500, 300, 40000), ("nvt", final, final, 3000)]
        yield molecular_dynamics(box, stages, seed=2000 + number)


def vacancies(rng):
    """One atom missing from 16- and 32-atom cells, relaxed by hot dynamics."""
    small = make_supercell(bulk("Si", a=DIAMOND), 2 * np.eye(3))
    large = bulk("Si", cubic=True, a=DIAMOND).repeat((2, 2, 1))
    for number in range(12):
        cell = strained(large if number % 6 == 5 else small, rng, (0.94, 1.06), 0.01)
        del cell[int(rng.integers(len(cell)))]
        temperature = rng.choice([100, 300, 700])
        yield molecular_dynamics(cell, [("nvt", temperature, temperature, 4000)], 3000 + number)


def dimerised(slab):
    """Rows of dimers, 2.35 Angstrom long, on both (100) faces of a slab two atoms wide."""
    slab = slab.copy()
    rising = np.argsort(slab.positions[:, 2])
    for i, j in (rising[:2], rising[-2:]):
        bond = slab.get_distance(i, j, mic=True, vector=True)
        push = bond * (1 - 2.35 / np.linalg.norm(bond)) / 2
        slab.positions[i] += push
        slab.positions[j] -= push
    return slab


def surfaces(rng):
    """(100) and (111) slabs of 8 to 10 layers, bulk-cut or dimerised by hand, rattled."""
    for number in range(10):
        build, size = (diamond100, (2, 1, 8)) if number % 2 else (diamond111, (1, 1, 10))
        slab = build("Si", size=size, a=DIAMOND, vacuum=5.5)
        slab.pbc = (True, True, False)
        if number % 4 == 1:
            slab = dimerised(slab)
        yield rattled(slab, rng, 0.02 + 0.02 * number / 3, SHORTEST)


def hot_crystals(rng):
    """Snapshots of molecular dynamics from 300 K to superheating, 8 to 32 atoms."""
    cube = bulk("Si", cubic=True, a=DIAMOND)
    small = make_supercell(bulk("Si", a=DIAMOND), 2 * np.eye(3))
    large = bulk("Si", cubic=True, a=DIAMOND).repeat((2, 2, 1))
    for number in range(26):
        temperature = (300, 700, 1200, 1600, 2200, 2800)[number % 6]
        prototype = large if number % 8 == 7 else cube if number % 4 == 1 else small
        cell = strained(prototype, rng, (0.95, 1.08), 0.01)
        yield molecular_dynamics(cell, [("nvt", temperature, temperature, 5000)], 4000 + number)


def families(seed=20261121):
    """Yield (family, structures)."""
    rng = np.random.default_rng(seed)
    diamond = bulk("Si", a=DIAMOND)
    cell = bulk("Si", cubic=True, a=DIAMOND)
    yield "diamond2", crystal(diamond, 32, rng, (0.85, 1.15), 0.03, 0.20)
    yield "diamond8", crystal(cell, 32, rng, (0.85, 1.12), 0.03, 0.25)
    yield "beta_tin", crystal(beta_tin(), 14, rng, (0.85, 1.10), 0.03, 0.15)
    yield "simple_hexagonal", crystal(simple_hexagonal(), 12, rng, (0.80, 1.10), 0.02, 0.12)
    for name, prototype in cubic_metals().items():
        yield name, crystal(prototype, 6, rng, (0.75, 1.10), 0.02, 0.12)
    yield "liquid", liquids(rng)
    yield "amorphous", amorphous(rng)
    yield "vacancy", vacancies(rng)
    yield "surface", surfaces(rng)
    yield "hot_crystal", hot_crystals(rng)
    yield "vitreous", glasses(rng)


def glasses(rng):
    """Fourfold glasses, quenched at 2e13 K/s, and what 0 to 20 GPa make of them."""
    pressures = (0, 0, 0, 5, 10, 5, 15, 20, 12, 20, 8, 20, 0, 2, 0, 3)
    for number, pressure in enumerate(pressures):
        box = random_box("Si", MASS, 64 if number % 3 == 2 else 32, 2.3, rng)
        sw, edip = ("sw", GLASS, 0, 0), ("edip", EDIP)
        temperature = rng.choice([300, 500, 800])
        stages = [("nvt", 4000, 4000, 6000, *sw), ("npt", 4000, 2800, 4000, *sw)]
        stages += [("npt", 2800, 1000, 90000, *sw), ("npt", 1000, temperature, 5000, *sw)]
        stages += [("npt", temperature, temperature, 3000, *edip, 0, 0)]
        stages += [("npt", temperature, temperature, 16000, *edip, 0, pressure)]
        yield molecular_dynamics(box, stages, seed=5000 + number)


def first_spacing(n_atoms):
    """Spacing (1/Angstrom) of the first k-point mesh tried."""
    return 0.095 if n_atoms <= 4 else 0.1 if n_atoms <= 16 else 0.11 if n_atoms <= 32 else 0.13


def melting_trajectory():
    """216 atoms heated from 300 K through melting at zero pressure, a frame every 2.5 ps."""
    cell = bulk("Si", cubic=True, a=DIAMOND).repeat(3)
    stages = [("npt", 300, 300, 5000), ("npt", 300, 3300, 55000)]
    frames = molecular_dynamics(cell, stages, seed=99, every=2500)
    snapshots = []
    for number, frame in enumerate(frames):
        atoms = Atoms(
            frame.numbers, frame.positions.round(4), cell=frame.cell.array.round(5), pbc=True
        )
        atoms.wrap()
        atoms.info["time"] = 2.5 * number  # ps
        snapshots.append(atoms)
    return snapshots


def scf_spacing(n_atoms):
    """Spacing (1/Angstrom) of the self-consistent mesh."""
    return 0.5 if n_atoms <= 4 else 0.6


def stored_structures(path):
    """Structures of a data set, with the k-point spacings that their runs had."""
    frames = load_dataset(path).frames
    for atoms in frames:
        atoms.info["kspacing"] = first_spacing(len(atoms))
        atoms.info["scf_kspacing"] = scf_spacing(len(atoms))
    return frames


def main():
    parser = structures_parser(__doc__.splitlines()[0])
    parser.add_argument("--from", dest="data", help="data set whose structures to write")
    parser.add_argument("--trajectory", help="also write the heating run of the README here")
    args = parser.parse_args()
    if args.data:
        write(args.output, stored_structures(args.data))
        return
    write_structures(args.output, families(), first_spacing, scf_spacing)
    if args.trajectory:
        write(args.trajectory, melting_trajectory())


if __name__ == "__main__":
    main()
