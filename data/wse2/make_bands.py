"""Bands of bulk 2H-WSe2 on a mesh of k-points at one kz, computed with GPAW.

    python -m data.wse2.make_bands data/wse2/wse2.npz --log wse2.txt

Kept are the 14 valence bands that photoemission maps show (W 5d and Se 4p); the Se 4s and W 5s, 5p
states below them and the empty states are not. Energies are from the top of the valence band on
this mesh.
"""

from __future__ import annotations

import argparse
import json
import time
from importlib.metadata import version

import numpy as np
from ase import Atoms
from gpaw import GPAW, FermiDirac

from data.tools.gpaw_lcao import SETTINGS, WIDTH

# Schutte, De Boer and Jellinek, J. Solid State Chem. 70, 207 (1987): lattice in Angstrom, and the
# height of Se in units of c.
A, C, Z = 3.282, 12.96, 0.6211
DENSITY_MESH = (
    9,
    9,
    3,
)  # k-points that the density comes from; with Gamma, so that all are hexagonal
MESH = (36, 36, 1)  # k-points of the bands
VALENCE = 14


def crystal() -> Atoms:
    """Bulk 2H-WSe2, two layers of three atoms (space group P6_3/mmc)."""
    w = [(1 / 3, 2 / 3, 1 / 4), (2 / 3, 1 / 3, 3 / 4)]
    se = [
        (1 / 3, 2 / 3, Z),
        (1 / 3, 2 / 3, 1.5 - Z),
        (2 / 3, 1 / 3, Z - 0.5),
        (2 / 3, 1 / 3, 1 - Z),
    ]
    cell = [[A, 0, 0], [-A / 2, A * np.sqrt(3) / 2, 0], [0, 0, C]]
    return Atoms("W2Se4", cell=cell, pbc=True, scaled_positions=w + se)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="file to write (.npz)")
    parser.add_argument("--log", default="-", help="log of GPAW (default: to the screen)")
    arguments = parser.parse_args()

    began = time.process_time()
    atoms = crystal()
    atoms.calc = calc = GPAW(
        **SETTINGS,
        kpts={"size": DENSITY_MESH, "gamma": True},
        occupations=FermiDirac(WIDTH),
        txt=arguments.log,
    )
    atoms.get_potential_energy()
    electrons = round(calc.get_number_of_electrons())
    dense = calc.fixed_density(kpts={"size": MESH, "gamma": True}, txt=arguments.log)
    kpoints, weights = dense.get_ibz_k_points(), np.asarray(dense.get_k_point_weights())
    levels = np.array([dense.get_eigenvalues(kpt=k) for k in range(len(weights))])
    top = electrons // 2
    bands = levels[:, top - VALENCE : top]
    zero = bands.max()
    header = {
        "what": "bulk 2H-WSe2, 14 valence bands at kz = 0, no spin-orbit coupling",
        "program": f"GPAW {version('gpaw')}, gpaw-data {version('gpaw-data')}",
        "settings": {**SETTINGS, "width": WIDTH, "density_mesh": DENSITY_MESH},
        "mesh": MESH,
        "zero": "top of the valence band on this mesh",
        "electrons": electrons,
        "band_gap_at_this_kz": float(levels[:, top].min() - zero),
        "gap_below": float(bands.min() - levels[:, top - VALENCE - 1].max()),
        "cpu_seconds": round(time.process_time() - began),
    }
    np.savez_compressed(
        arguments.output,
        header=np.array(json.dumps(header)),
        cell=atoms.cell.array,
        numbers=atoms.numbers,
        scaled_positions=atoms.get_scaled_positions(),
        kpoints=np.round(kpoints, 9) + 0.0,
        weights=weights,
        energies=np.round(bands - zero, 5),
    )
    print(json.dumps(header, indent=1))


if __name__ == "__main__":
    main()
