"""Adapters to other programs: ASE, LAMMPS, phonopy, pymatgen."""
