"""Errors of water dimers when a few of them join a training set of monomers.

    python -m benchmarks.density.added_dimers [--seeds 0 1 2]

40 monomers and 6 dimers of `data/molecules`; tested are the other 10 dimers. Leave-one-out chooses
the regularisation, or it is fixed at 1e-7, where the dimers make the model follow what 6 of them do
not tell.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

from ase_dos.density.model import DensityModel
from ase_dos.descriptors.lambda_soap import LambdaSOAP
from benchmarks.measure import print_head, print_row
from data.molecules.pack_densities import load

MONOMERS, DIMERS = 40, 6
FIXED = 1e-7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore")
    data = load()
    fits = data.fits["coulomb"]
    print_head("seed", "dimers", "chosen by", "regularisation", "J %", "dipole (D)")
    for seed in seeds:
        rng = np.random.default_rng(seed)
        monomers = rng.permutation(data.of("water"))[:MONOMERS].tolist()
        dimers = rng.permutation(data.of("dimer")).tolist()
        test = dimers[DIMERS:]
        for added in (0, DIMERS):
            chosen = monomers + dimers[:added]
            for name, options in (("leave-one-out", {}), ("hand", {"regularizations": [FIXED]})):
                descriptor = LambdaSOAP(4.0, 5, 4, 0.4, ("H", "O"))
                model = DensityModel(descriptor, fits[0].basis, n_points=40, **options)
                model.fit([data.frames[i] for i in chosen], [fits[i] for i in chosen])
                report = model.evaluate([data.frames[i] for i in test], [fits[i] for i in test])
                print_row(
                    seed,
                    added,
                    name,
                    f"{model.info['regularization']:.0e}",
                    f"{report.coulomb.mean():.3f}",
                    f"{report.dipole_error:.3f}",
                )


if __name__ == "__main__":
    main()
