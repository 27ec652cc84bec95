"""Free energy of hot electrons in PyTorch, beside that of the package."""

from functools import cache

import numpy as np
import pytest
from ase.units import kB

from ase_dos import DOS, EnergyGrid

torch = pytest.importorskip("torch")

from ase_dos.adapters.metatomic_electrons import HotElectrons  # noqa: E402 (needs torch)

GRID = EnergyGrid(-12.0, 0.05, 481)
E = GRID.energies


@cache
def compiled(temperature, ground):
    """As files have it."""
    return torch.jit.script(HotElectrons(GRID, temperature, ground))


def metal():
    return 3.0 * np.sqrt(np.clip(E + 10.0, 0.0, None)) / (1.0 + np.exp((E - 9.0) / 0.5))


def insulator(count=8.0):
    """Two bands with nothing between -1 and 1 eV, the lower one with so many states."""
    below = np.where((E > -8.0) & (E < -1.0), np.sin(np.pi * (E + 8.0) / 7.0), 0.0)
    above = np.where(E > 1.0, np.sin(np.pi * (E - 1.0) / 14.0).clip(min=0.0), 0.0)
    return count * below / (below.sum() * GRID.step) + above


def wavy():
    """Noise around zero below the bands and in a gap of an insulator, as models predict it."""
    noise = 0.02 * np.sin(3.0 * E) * np.exp(-((E - 0.3) ** 2))
    return insulator() + noise + 0.01 * np.sin(5.0 * E) * (E < -8.5)


@pytest.mark.filterwarnings("ignore:.*negative values", "ignore:.*tail of its Gaussian smearing")
@pytest.mark.parametrize(("temperature", "ground"), [(6000.0, 0.0), (3000.0, 1000.0), (200.0, 0.0)])
@pytest.mark.parametrize(
    "values",
    [metal(), insulator(), insulator(8.0004), insulator(7.5), wavy()],
    ids=["metal", "insulator", "gap repaired", "no gap", "negative"],
)
def test_energy_and_derivative_are_those_of_the_package(values, temperature, ground):
    expected = DOS(E, values, 8.0).excite(temperature, ground)
    dos = torch.tensor(values, requires_grad=True)
    found = compiled(temperature, ground)(dos, 8.0)
    found.backward()
    assert found.item() == pytest.approx(expected.free_energy, abs=1e-11)
    # A change of the DOS that keeps the number of electrons has no part of the Fermi level.
    np.testing.assert_allclose(dos.grad.numpy(), expected.derivative, atol=1e-9)


def test_derivative_is_that_of_finite_differences():
    model, values = HotElectrons(GRID, 4000.0), metal()
    change = np.cos(2.0 * E) * (E > -10.0)
    dos = torch.tensor(values, requires_grad=True)
    model(dos, 8.0).backward()
    up, down = (float(model(torch.tensor(values + s * change), 8.0)) for s in (1e-4, -1e-4))
    assert (up - down) / 2e-4 == pytest.approx(float(dos.grad.numpy() @ change), rel=1e-6)


def test_sommerfeld_limit():
    """F(T) - F(0) of a metal is -pi^2/6 g(E_F) (kT)^2 at low temperature."""
    kt = kB * 300.0
    found = float(HotElectrons(GRID, 300.0)(torch.tensor(np.full(E.size, 2.0)), 20.0))
    assert found == pytest.approx(-(np.pi**2) / 6.0 * 2.0 * kt**2, rel=1e-9)


def test_what_the_energies_do_not_cover_is_refused():
    flat = torch.full((E.size,), 1.0, dtype=torch.float64)
    with pytest.raises(ValueError, match="do not hold all electrons"):
        HotElectrons(GRID, 300.0)(flat, 24.0)
    with pytest.raises(ValueError, match="too hot for the energies"):
        HotElectrons(GRID, 30000.0)(flat, 20.0)
