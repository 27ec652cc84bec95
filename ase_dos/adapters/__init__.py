"""Adapters to other programs: ASE, LAMMPS."""
