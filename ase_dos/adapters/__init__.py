"""The package inside other programs: ASE, LAMMPS."""
