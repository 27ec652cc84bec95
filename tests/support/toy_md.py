"""Metals and ground states of our own making, whose dynamics are known in closed form."""

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.tersoff import Tersoff, TersoffParameters
from ase.units import kB

from ase_dos.adapters.ase import DOSCalculator
from ase_dos.dynamics.cell_electrons import CellElectrons
from ase_dos.dynamics.cell_grid import CellGrid
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.spectra.local_dos import LocalDOS


class FlatMetal:
    """Every atom brings ``level`` states/eV, more or less of them by ``wave`` where it stands.

    ``g_i(E) = level (1 + wave sum_x sin(x)/3 (1 + E/20))``: C = gamma T with gamma known, exactly
    so where the wave is zero.
    """

    def __init__(self, level=1.0, wave=0.0, half_width=10.0):
        self.energies = np.arange(-half_width, half_width + 1e-9, 0.25)
        self.level, self.wave = level, wave
        self.basis = level * np.array([np.ones_like(self.energies), 1.0 + self.energies / 20.0])
        self.info = {"hash": f"flat {level} {wave}"}
        self.species, self.smearing, self.cutoff = (13,), 0.0, 0.0
        self.grid = EnergyGrid(-half_width, 0.25, self.energies.size)
        self.electrons = level * half_width
        self.calls = {"predict": 0, "differentiate": 0}

    def gamma(self, n_atoms):
        return np.pi**2 / 3 * kB**2 * self.level * n_atoms

    def predict(self, atoms, which=None):
        self.calls["predict"] += 1
        wave = self.wave * np.sin(atoms.positions).sum(axis=1) / 3
        coefficients = np.stack([np.ones(len(atoms)), wave], axis=1)
        valence = np.full(len(atoms), self.electrons)
        local = LocalDOS(coefficients, self.basis, self.energies, valence)
        return local if which is None else local.take(which)

    def differentiate(self, atoms, weights, groups=None):
        self.calls["differentiate"] += 1
        groups = np.zeros(len(atoms), int) if groups is None else groups
        slope = (np.atleast_2d(weights) @ self.basis[1])[groups]
        gradient = slope[:, None] * self.wave * np.cos(atoms.positions) / 3
        virial = atoms.positions.T @ gradient
        return gradient, (virial + virial.T) / 2


class Springs(Calculator):
    """Every atom on a spring of its own: an Einstein crystal."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, sites, constant=2.0):
        super().__init__()
        self.sites, self.constant = sites.copy(), constant

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        away = atoms.positions - self.sites
        energy = 0.5 * self.constant * float((away**2).sum())
        self.results = {"energy": energy, "forces": -self.constant * away}


def crystal(shape=(4, 4, 4), temperature=300.0, seed=0, model=None, hot=300.0, **options):
    """Einstein crystal of a flat metal at a temperature of the ions, electrons at another."""
    shape = np.array(shape)
    sites = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 3)
    sites = 2.5 * (sites + 0.5)
    atoms = Atoms(f"Al{len(sites)}", sites, cell=2.5 * shape, pbc=True)
    atoms.calc = DOSCalculator(
        FlatMetal() if model is None else model,
        ground_state=Springs(sites),
        electronic_temperature=hot,
        **options,
    )
    rng = np.random.default_rng(seed)
    masses = atoms.get_masses()[:, None]
    # Kinetic and potential energy 3 N k T / 2 each, exactly.
    for values, scale in (
        (rng.normal(size=sites.shape), "momenta"),
        (rng.normal(size=sites.shape), "positions"),
    ):
        size = np.sqrt(3 * len(sites) * kB * temperature / (values**2).sum())
        if scale == "momenta":
            atoms.set_momenta(size * values * np.sqrt(masses))
        else:
            atoms.positions += size * values / np.sqrt(2.0)
    return atoms


def tersoff():
    """Silicon of Tersoff, Phys. Rev. B 38, 9902 (1988)."""
    silicon = TersoffParameters(
        m=3.0,
        gamma=1.0,
        lambda3=0.0,
        c=1.0039e5,
        d=16.217,
        h=-0.59825,
        n=0.78734,
        beta=1.1e-6,
        lambda2=1.73222,
        B=471.18,
        R=2.85,
        D=0.15,
        lambda1=2.4799,
        A=1830.8,
    )
    return Tersoff({("Si", "Si", "Si"): silicon})


WAVY = FlatMetal(level=1.0, wave=0.3)


def follow(dynamics, steps, *names):
    """Run and return the course of attributes."""
    course = []
    dynamics.attach(lambda: course.append([getattr(dynamics, name) for name in names]))
    dynamics.run(steps)
    return np.array(course).T


def silicon(repeat=1, temperature=600.0, hot=6000.0):
    atoms = bulk("Si", a=5.432, cubic=True).repeat((repeat, 1, 1))
    atoms.calc = DOSCalculator("silicon", ground_state=tersoff(), electronic_temperature=hot)
    masses = atoms.get_masses()[:8, None]
    velocities = np.random.default_rng(1).normal(0, np.sqrt(kB * 2 * temperature / masses), (8, 3))
    atoms.set_velocities(np.tile(velocities - velocities.mean(axis=0), (repeat, 1)))
    return atoms


def row_of_cells(count):
    """Flat metal on a line of cells with one atom each."""
    atoms = Atoms(f"Al{count}", pbc=True, cell=[4.0 * count, 3.0, 2.0])
    atoms.positions[:, 0] = 4.0 * np.arange(count) + 2.0
    grid = CellGrid((count, 1, 1), atoms)
    metal = FlatMetal()
    return metal, grid, CellElectrons(metal.predict(atoms), grid.assign(atoms.positions), grid.size)


class Insulator(FlatMetal):
    """A gap of 2 eV at the Fermi level."""

    def __init__(self):
        super().__init__()
        self.basis[0] *= np.abs(self.energies) > 1.0
        self.basis[1] *= 0
        self.electrons = float(np.trapezoid(self.basis[0] * (self.energies < 0), self.energies))
