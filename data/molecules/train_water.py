"""The density model of water molecules that comes with the package.

python -m data.molecules.train_water ase_dos/shipped_models/water-density.npz
"""

from __future__ import annotations

import argparse

from ase_dos.density.model import DensityModel
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from data.molecules.pack_densities import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", help="model file to write")
    output = parser.parse_args().output
    data = load()
    chosen = [i for i, atoms in enumerate(data.frames) if str(atoms.symbols) == "OH2"]
    fits = data.fits["coulomb"]
    descriptor = LambdaSOAP(4.0, 4, 4, 0.4, ("H", "O"), max_lambda=4)
    model = DensityModel(descriptor, fits[0].basis, n_points=20)
    model.fit([data.frames[i] for i in chosen], [fits[i] for i in chosen])
    model.save(output)


if __name__ == "__main__":
    main()
