"""Localised basis of the aluminium runs, nearly complete up to 30 eV above the Fermi level.

    python -m data.aluminium.make_basis runs/      # writes Al.2s2p2d1f.basis

GPAW's own dzp basis (2s 2p 1d) is good to 10 eV above the Fermi level of aluminium and misses one
state in ten 22 eV above it: nearly free electrons of that energy have angular momenta that it
does not hold. Here two shells of d and one of f are added to the confined atomic orbitals, as
Gaussians that end smoothly; widths and cutoffs fit the bands of a plane-wave calculation. All
functions end within 3.9 Angstrom, which keeps the Hamiltonian short-ranged.
"""

from __future__ import annotations

from data.tools.localised_basis import LocalisedBasis, write_basis

ALUMINIUM = LocalisedBasis(
    "Al",
    "2s2p2d1f",
    energy_shift=0.64,
    tail_norm=0.06,
    widths=((2, 2.3), (2, 1.2), (3, 2.3)),
    cutoff=6.3,
)

if __name__ == "__main__":
    write_basis(__doc__, ALUMINIUM)
