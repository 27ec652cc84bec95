"""PyTorch module of the free energy of hot electrons, with derivatives by autograd.

The numbers are those of `ase_dos.electrons.excitation.excite`, from code that TorchScript compiles:
hence the annotations of before Python 3.9. Nothing but `ase_dos.adapters.metatomic` imports it.
"""

from typing import List, Tuple

import numpy as np
import torch
from ase.units import kB

from ase_dos.electrons.window import MISSED_ELECTRONS, TOP_WIDTH
from ase_dos.spectra.dos import EnergyGrid

__all__ = ["HotElectrons"]

_ERROR = 1e-15  # of Gauss's rule between two energies
_FEWEST = 3  # of its points: T = 0 needs two


class HotElectrons(torch.nn.Module):
    """F(T) - F(T_0) of the electrons of one cell.

    At fixed electron number the derivative of F by the DOS is the grand potential of a state, at a
    chemical potential that counts as constant. So autograd passes through the DOS alone: its
    negative values and the states below a gap are repaired as `ase_dos.electrons.rising_count` and
    `ase_dos.electrons.gap` say.

    Parameters
    ----------
    grid : EnergyGrid
        Energies of the DOS.
    temperature, ground_temperature : float
        T and T_0 (K), zero or above.
    """

    energies: torch.Tensor
    hats: torch.Tensor
    places: torch.Tensor
    shares: torch.Tensor

    def __init__(
        self, grid: EnergyGrid, temperature: float, ground_temperature: float = 0.0
    ) -> None:
        super().__init__()
        self.step = grid.step
        self.kt, self.ground_kt = kB * temperature, kB * ground_temperature
        self.missed_share, self.top_width = MISSED_ELECTRONS, TOP_WIDTH
        places, shares = _gauss_rule(grid.step, [self.kt, self.ground_kt])
        hats = np.ones(grid.size)
        hats[[0, -1]] = 0.5
        self.register_buffer("energies", torch.tensor(grid.energies))
        self.register_buffer("hats", torch.tensor(hats))
        self.register_buffer("places", torch.tensor(places))
        self.register_buffer("shares", torch.tensor(shares))

    def forward(self, dos: torch.Tensor, electrons: float) -> torch.Tensor:
        """F(T) - F(T_0) (eV) of a DOS (n,) in states/eV that holds so many electrons."""
        filled = self.without_gap(self.rising(dos, electrons), electrons)
        states = filled.detach()
        self.check_room(states, electrons)
        mu = self.fermi_level(states, electrons, self.kt)
        ground_mu = self.fermi_level(states, electrons, self.ground_kt)
        known = torch.maximum(states, -dos.detach())  # negative is not known to be zero
        self.check_window(known, electrons, mu, self.kt)
        self.check_window(known, electrons, ground_mu, self.ground_kt)
        # The difference of two free energies would lose the digits of their band energies.
        change = self.grand_potential(mu, self.kt)
        change = change - self.grand_potential(ground_mu, self.ground_kt)
        return change @ filled + (mu - ground_mu) * electrons

    def rising(self, dos: torch.Tensor, electrons: float) -> torch.Tensor:
        """DOS (n,) without negative values, whose count of states never falls."""
        if float(dos.detach().min()) >= 0.0:
            return dos
        counts = torch.cumsum(self.hats * dos, 0)
        high = torch.clamp(torch.cummax(counts, 0)[0], min=0.0)
        low = torch.flip(torch.cummin(torch.flip(counts, [0]), 0)[0], [0])
        counts = torch.minimum(torch.clamp(low, min=electrons / self.step), high)
        return torch.diff(counts, prepend=torch.zeros_like(counts[:1])) / self.hats

    def without_gap(self, dos: torch.Tensor, electrons: float) -> torch.Tensor:
        """DOS (n,) of which the states below a gap hold exactly the electrons."""
        values: List[float] = dos.detach().tolist()
        first, end = find_gap(values, electrons / self.step)
        if end == 0:
            return dos
        below = dos[:first] * self.hats[:first]
        factor = electrons / (self.step * below.sum())
        return torch.cat([dos[:first] * factor, torch.zeros_like(dos[first:end]), dos[end:]])

    def fermi_level(self, dos: torch.Tensor, electrons: float, kt: float) -> float:
        """Chemical potential (eV) by bisection; F depends on its error by the square."""
        low = float(self.energies[0]) - 60.0 * kt
        high = float(self.energies[-1]) + 60.0 * kt
        for _ in range(60):
            mu = 0.5 * (low + high)
            if float(self.occupation(mu, kt) @ dos) < electrons:
                low = mu
            else:
                high = mu
        return 0.5 * (low + high)

    def occupation(self, mu: float, kt: float) -> torch.Tensor:
        """Electrons (n,) that a DOS of 1 at each energy alone would hold."""
        energies, widths = self.points(mu, kt)
        if kt == 0.0:
            return self.on_hats(torch.ones_like(energies), widths)
        return self.on_hats(torch.sigmoid((mu - energies) / kt), widths)

    def grand_potential(self, mu: float, kt: float) -> torch.Tensor:
        """Grand potential (n,) of the same (eV)."""
        energies, widths = self.points(mu, kt)
        below = mu - energies
        if kt == 0.0:
            return -self.on_hats(below, widths)
        return -kt * self.on_hats(torch.logaddexp(torch.zeros_like(below), below / kt), widths)

    def points(self, mu: float, kt: float) -> Tuple[torch.Tensor, torch.Tensor]:
        """Points (n - 1, points) between the energies, and the widths (n - 1, 1) that they cover.

        At T = 0 they lie below mu.
        """
        starts = self.energies[:-1, None]
        widths = torch.full_like(starts, self.step)
        if kt == 0.0:
            widths = torch.clamp(mu - starts, min=0.0, max=self.step)
        return starts + widths * self.places, widths

    def on_hats(self, values: torch.Tensor, widths: torch.Tensor) -> torch.Tensor:
        """Integrals (n,) of values at the points with the hat function of every energy."""
        values = values * self.shares * widths
        right = (values * self.places * widths / self.step).sum(dim=1)
        left = values.sum(dim=1) - right
        return torch.nn.functional.pad(left, [0, 1]) + torch.nn.functional.pad(right, [1, 0])

    def check_room(self, dos: torch.Tensor, electrons: float) -> None:
        """Refuse more electrons than the states hold."""
        if self.step * float(self.hats @ dos) <= electrons * (1.0 + 1e-9):
            raise ValueError(
                "the predicted states do not hold all electrons and empty states above"
            )

    def check_window(self, dos: torch.Tensor, electrons: float, mu: float, kt: float) -> None:
        """Refuse a temperature at which too many electrons are above the last energy."""
        top = self.energies[-1]
        density = dos[self.energies >= top - self.top_width].mean()
        missed = density * kt * torch.logaddexp(torch.zeros_like(top), (mu - top) / max(kt, 1e-9))
        if float(missed) > self.missed_share * electrons:
            raise ValueError(
                "the electrons are too hot for the energies that the model knows: export it with "
                "a lower temperature"
            )


def find_gap(dos: List[float], electrons: float) -> Tuple[int, int]:
    """First point of the gap above the electrons, and the one after its last; 0 for no gap.

    ``electrons`` over the spacing. As ``find_gap`` of `ase_dos.kernels.known_states`.
    """
    zero = 1e-6 * max(dos)
    first, end, least = 0, 0, 1e-3
    begin, below, count = -1, 0.0, 0.0
    for i in range(len(dos)):
        if dos[i] > zero:
            if begin > 0 and i - begin > 1:
                error = abs((below - 0.5 * dos[0]) / electrons - 1.0)
                if error <= least:
                    first, end, least = begin, i, error
            begin = -1
        elif begin < 0:
            begin, below = i, count
        count += dos[i]
    return first, end


def _gauss_rule(step: float, thermal: List[float]) -> Tuple[np.ndarray, np.ndarray]:
    """Points and weights of Gauss's rule on (0, 1), enough between two energies.

    The nearest poles of the Fermi function lie at i pi kT: an n-point rule on a width ``step`` errs
    by ``(d + sqrt(d^2 + 1))^(-2n)`` with d = 2 pi kT / step.
    """
    count = _FEWEST
    for kt in thermal:
        if kt > 0:
            count = max(
                count, int(np.ceil(-0.5 * np.log(_ERROR) / np.arcsinh(2 * np.pi * kt / step)))
            )
    points, weights = np.polynomial.legendre.leggauss(count)
    return 0.5 * (points + 1.0), 0.5 * weights
