"""Localised basis of the nickel runs, good to 35 eV above the Fermi level.

    python -m data.nickel.make_basis runs/      # writes Ni.2s2p3d1f.basis

GPAW's own dzp basis is good to 20 eV above the Fermi level of nickel and 1.7 eV too high from there
to 25 eV. Here the confined orbitals 3d and 4s have two functions each and 3p, 63 eV below the Fermi
level, one; shells of p, d and f are added as Gaussians that end smoothly. All functions end within
3.9 Angstrom. Longer ones are no better, and depend on each other linearly where atoms are close:
with ends at 4.1 Angstrom the overlap of bcc at 0.8 of its volume was not positive definite.
"""

from __future__ import annotations

from data.tools.localised_basis import LocalisedBasis, write_basis

NICKEL = LocalisedBasis(
    "Ni",
    "2s2p3d1f",
    energy_shift=0.3,
    tail_norm=0.25,
    widths=((1, 1.8), (2, 1.8), (3, 1.8)),
    cutoff=6.0,
    single=(1,),
)

if __name__ == "__main__":
    write_basis(__doc__, NICKEL)
