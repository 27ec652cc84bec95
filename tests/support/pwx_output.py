"""Output of pw.x for one atom in a cube, as far as the reader needs it, with given levels."""

import numpy as np

HEAD = """
     Program PWSCF v.7.2 starts on  1Jan2025 at  0: 0: 0

     bravais-lattice index     =            1
     lattice parameter (alat)  =    {alat:9.4f}  a.u.
     unit-cell volume          =  {volume:11.4f} (a.u.)^3
     number of atoms/cell      =            1
     number of atomic types    =            1
     number of electrons       =  {electrons:10.2f}
     number of Kohn-Sham states={bands:13d}
     kinetic-energy cutoff     =      20.0000  Ry
     charge density cutoff     =      80.0000  Ry

     celldm(1)={alat:11.6f}  celldm(2)=   0.000000  celldm(3)=   0.000000
     celldm(4)=   0.000000  celldm(5)=   0.000000  celldm(6)=   0.000000

     crystal axes: (cart. coord. in units of alat)
               a(1) = (   1.000000   0.000000   0.000000 )
               a(2) = (   0.000000   1.000000   0.000000 )
               a(3) = (   0.000000   0.000000   1.000000 )

     atomic species   valence    mass     pseudopotential
        {symbol:<2}             {electrons:4.2f}    20.00000     {symbol}( 1.00)

   Cartesian axes

     site n.     atom                  positions (alat units)
         1           {symbol:<2}  tau(   1) = (   0.0000000   0.0000000   0.0000000  )

     number of k points={kpoints:6d}  Marzari-Vanderbilt smearing, width (Ry)=  0.0100
                       cart. coord. in units 2pi/alat
"""
TAIL = """
     the Fermi energy is {fermi:10.4f} ev

!    total energy              =     -10.00000000 Ry
     estimated scf accuracy    <       0.00000010 Ry

     convergence has been achieved in   5 iterations

     JOB DONE.
"""


def pwx_output(levels, n_electrons, alat=7.0, symbol="Al", fermi=None):
    """Text of a run with levels (kpoints, bands) in eV, all k-points of equal weight."""
    levels = np.asarray(levels, dtype=float)
    kpoints, bands = levels.shape
    if fermi is None:  # midway between the last level that is filled and the next one
        ordered = np.append(np.sort(levels, axis=None), levels.max() + 2.0)
        filled = round(n_electrons * kpoints / 2)
        fermi = ordered[filled - 1 : filled + 1].mean()
    text = HEAD.format(
        alat=alat,
        volume=alat**3,
        electrons=n_electrons,
        bands=bands,
        kpoints=kpoints,
        symbol=symbol,
    )
    places = [f"{0.01 * k:10.7f}" for k in range(kpoints)]
    for k, x in enumerate(places, start=1):
        text += f"        k({k:5d}) = ({x:>12}   0.0000000   0.0000000), wk ={2 / kpoints:12.7f}\n"
    text += "\n     Self-consistent Calculation\n\n     End of self-consistent calculation\n"
    for x, row in zip(places, levels, strict=True):
        text += f"\n          k ={float(x):7.4f} 0.0000 0.0000 (   113 PWs)   bands (ev):\n\n"
        for start in range(0, bands, 8):
            text += "  " + "".join(f"{e:9.4f}" for e in row[start : start + 8]) + "\n"
    return text + TAIL.format(fermi=fermi)
