"""Free energies of hot electrons from self-consistent DFT, and from its cold eigenvalues.

    python -m data.tools.hot_electrons data/silicon/silicon.npz output.json diamond2_00 sc_00 ...

A structure whose result exists is skipped.

Every structure is run at the smearing of the data set, 0.1 eV (1160 K), and at each temperature,
with Fermi-Dirac occupations of width kT and all bands of the basis. The file holds
F(T) - F(1160 K) of these runs, and the same difference for the levels of the first run, frozen.
Both come from the same k-points, so they differ by the response of the density alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.units import kB

from ase_dos.io.dataset import load_dataset
from ase_dos.spectra.kpoints import kpoint_mesh
from ase_dos.spectra.states import ElectronicStates
from ase_dos.utils.files import replace_file
from data.tools.gpaw_lcao import SETTINGS, WIDTH, levels_of, self_consistent, use_basis_path

TEMPERATURES = (3000.0, 10_000.0, 20_000.0)


def free_energies(atoms, spacing: float, basis: str, log: Path) -> dict[str, list[float]]:
    """F(T) - F(1160 K) in eV per cell: self-consistent, and of frozen levels."""
    cold = self_consistent(atoms, spacing, log, basis=basis)
    electrons = cold.get_number_of_electrons()
    states = ElectronicStates(levels_of(cold), cold.get_k_point_weights(), electrons, 2)
    frozen = states.electron_gas([WIDTH / kB, *TEMPERATURES], top=np.inf).free_energy
    # free_energy is E - TS; ASE's energy would be extrapolated to zero smearing
    hot = [
        self_consistent(atoms, spacing, log, width=kB * temperature, basis=basis)
        for temperature in TEMPERATURES
    ]
    total = [calc.get_property("free_energy", calc.atoms) for calc in (cold, *hot)]
    return {
        "self_consistent": np.round(np.subtract(total[1:], total[0]), 6).tolist(),
        "frozen": np.round(frozen[1:] - frozen[0], 6).tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="data set that holds the structures")
    parser.add_argument("output", type=Path)
    parser.add_argument("names", nargs="+", help="of the structures")
    parser.add_argument("--kspacing", type=float, default=0.4, help="1/Angstrom")
    parser.add_argument("--basis", default=SETTINGS["basis"])
    parser.add_argument("--basis-path", help="directory of a basis that is not GPAW's own")
    args = parser.parse_args()
    use_basis_path(args.basis_path)
    header = {
        "program": "GPAW",
        "basis": args.basis,
        "kspacing": args.kspacing,
        "ground_temperature": WIDTH / kB,
        "temperatures": TEMPERATURES,
    }
    result = {**header, "structures": {}}
    if args.output.exists():
        result = json.loads(args.output.read_text())
        old = {name: result[name] for name in header}
        if old != json.loads(json.dumps(header)):
            raise SystemExit(f"{args.output}: made with {old}, wanted {header}; move it away")
    frames = {atoms.info["name"]: atoms for atoms in load_dataset(args.data).frames}
    for name in args.names:
        if name in result["structures"]:
            continue
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            entry = free_energies(frames[name], args.kspacing, args.basis, Path(folder, "log.txt"))
        mesh = list(kpoint_mesh(frames[name], args.kspacing))
        result["structures"][name] = {"mesh": mesh, **entry}
        text = json.dumps(result, indent=1)
        replace_file(args.output, lambda file, text=text: file.write(text.encode()))
        print(f"{name}: mesh {mesh}, {time.perf_counter() - start:.0f} s, {entry}", flush=True)


if __name__ == "__main__":
    main()
