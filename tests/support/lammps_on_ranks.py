"""LAMMPS on several MPI ranks; ``mpiexec -n 2 python lammps_on_ranks.py`` prints a line of JSON."""

import json

from lammps_runs import MORSE, SYMBOLS, alloy, deviations, start
from mpi4py import MPI
from toy_pairs import PairModel

from ase_dos.adapters.lammps import attach

TEMPERATURE = 9000.0
RANKS = MPI.COMM_WORLD


class FailingModel(PairModel):
    """Fails on the second rank."""

    def predict(self, atoms, which=None):
        if RANKS.rank == 1:
            raise ValueError("this model fails on the second rank")
        return super().predict(atoms, which)


def own_ids(lmp):
    return set(lmp.numpy.extract_atom("id")[: lmp.extract_setting("nlocal")].tolist())


def compared(atoms, cutoff=4.0, commands=(), **options):
    """Deviations after these commands, and what happened to the atoms of every rank."""
    lmp, model = start(atoms, **options), PairModel(cutoff)
    attach(lmp, model, SYMBOLS, TEMPERATURE)
    before = own_ids(lmp)
    lmp.commands_list(["run 0", *commands])
    found = deviations(lmp, model, TEMPERATURE)
    after = own_ids(lmp)
    found["atoms"] = RANKS.allgather(len(after))
    found["newcomers"] = RANKS.allgather(len(after - before))
    return found


def half_empty():
    atoms = alloy(2)
    atoms.pbc = (True, True, False)
    atoms.cell[2, 2] *= 3.0
    atoms.positions[:, 2] += 1.0
    return compared(atoms, processors="1 1 2")


def fast():
    """Atoms that nothing but the electrons holds, at 40 000 K, in a box that was sheared."""
    moves = ["velocity all create 40000 7", "fix move all nve", "fix shear all deform 1 xy erate 9"]
    return compared(alloy(2, skew=0.1), commands=[*moves, "run 10", "unfix shear", "run 50"])


def failures():
    lmp = start(alloy(2), MORSE)
    attach(lmp, FailingModel(), SYMBOLS, TEMPERATURE)
    try:
        lmp.command("run 5")
    except Exception as error:
        return RANKS.allgather(str(error))


if __name__ == "__main__":
    results = {
        "skewed": compared(alloy(2, skew=0.3)),
        "smaller than the cutoff": compared(alloy(1, skew=0.2), cutoff=6.0),
        "half empty": half_empty(),
        "fast": fast(),
        "failures": failures(),
    }
    if RANKS.rank == 0:
        print(json.dumps({"ranks": RANKS.size} | results))
