"""FHI-aims outputs of a few lines: one helium atom, one k-point, two states."""

START = "          Begin self-consistency loop: "
SMALL = f"""          Invoking FHI-aims ...
  Occupation type: Fermi broadening, width = 0.100000E+00 eV.
  | Number of spin channels           :        1

  Input geometry:
  | Unit cell:
  |        4.00000000        0.00000000        0.00000000
  |        0.00000000        4.00000000        0.00000000
  |        0.00000000        0.00000000        4.00000000
  | Atomic structure:
  |       Atom                x [A]            y [A]            z [A]
  |    1: Species He         0.10000000        0.00000000        0.00000000

  The structure contains        1 atoms,  and a total of           2.000 electrons.

{START}Initialization.
  | Number of k-points                             :         1
          Begin self-consistency iteration #    1
  | Chemical potential (Fermi level):    -5.00000000 eV
  Writing Kohn-Sham eigenvalues.

  State    Occupation    Eigenvalue [Ha]    Eigenvalue [eV]
      1       2.00000          -0.551237          -15.00000
      2       0.00000           0.036749            1.00000

  Self-consistency cycle converged.
  | Total energy uncorrected      :         -0.780000000000000E+02 eV
  | Electronic free energy        :         -0.780100000000000E+02 eV
"""
CYCLE = SMALL[SMALL.index(START) :].replace("Initialization", "Re-initialization")
END = "          Have a nice day.\n"

SPIN_ORBIT = """
  STARTING SECOND VARIATIONAL SOC CALCULATION
  | Chemical potential (Fermi level) in eV                 : -.40000000E+01
  Writing SOC-perturbed Kohn-Sham eigenvalues.
  K-point:       1 at    0.000000    0.000000    0.000000 (in units of recip. lattice)

  State    Occupation    Unperturbed Eigenvalue [eV]    Eigenvalue [eV]    Level Spacing [eV]
      1       1.00000                  -15.000000      -15.100000             0.000000
      2       1.00000                  -15.000000      -14.900000             0.200000
      3       0.00000                    1.000000        0.900000            15.800000
      4       0.00000                    1.000000        1.100000             0.200000
"""
