"""The GPAW runs behind al.gpw, h.gpw, h2.gpw and *.gpaw.txt (seconds on one core)."""

from ase import Atoms
from ase.build import bulk
from gpaw import GPAW, PW, FermiDirac


def run(atoms, name, ecut, nbands, width, save=True, **options):
    atoms.calc = GPAW(
        mode=PW(ecut),
        nbands=nbands,
        occupations=FermiDirac(width),
        txt=f"{name}.gpaw.txt",
        **options,
    )
    atoms.get_potential_energy()
    if name == "h2":  # a second structure in the same text file
        atoms.positions[0, 2] -= 0.05
        atoms.get_potential_energy()
    if save:
        atoms.calc.write(f"{name}.gpw")


run(bulk("Al", a=4.04), "al", 150.0, 8, 0.2, xc="PBE", kpts=(2, 2, 2))
hydrogen = Atoms("H", cell=[3.5] * 3, magmoms=[1])
hydrogen.center()
run(hydrogen, "h", 150.0, 4, 0.1, save=False, xc="PBE")
molecule = Atoms("H2", positions=[[1.5, 1.5, 1.2], [1.5, 1.5, 2.0]], cell=[3] * 3, pbc=True)
run(molecule, "h2", 150.0, 4, 1.0, xc="LDA")
