"""Figures of densities of states: ``plot_x(result, ax=None) -> Axes``.

Without ``ax`` a figure of its own is made, outside pyplot, so that nothing global is touched and
no display is needed; save it with ``ax.figure.savefig(path)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

__all__ = [
    "plot_calibration",
    "plot_dos",
    "plot_dos_image",
    "plot_ensemble",
    "plot_learning_curve",
    "plot_modes",
    "plot_parities",
    "plot_parity",
    "plot_shifts",
    "plot_spectra",
    "plot_time_series",
]

# Okabe and Ito: told apart with any kind of colour vision.
BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
COLORS = (BLUE, ORANGE, GREEN, PURPLE, "#E69F00", "#56B4E9", "#000000")
ENERGY = "Energy relative to $E_F$ (eV)"
PER_ATOM = "DOS (states/eV/atom)"
HEADROOM = 8.0  # eV above E_F that figures show: empty states far above matter to nobody


def plot_dos(dos: Any, ax: Axes | None = None, **line: Any) -> Axes:
    """Draw one `DOS` (states/eV per cell) with its energies as they stand.

    Parameters
    ----------
    dos : DOS
        The density of states.
    ax : Axes, optional
        Where to draw.
    **line
        Passed to `Axes.plot`.
    """
    ax = _axes(ax)
    ax.plot(dos.energies, dos.values, **{"color": BLUE, **line})
    known = dos.energies <= dos.valid_to
    ax.set(
        xlim=(dos.energies[0], dos.valid_to),
        ylim=(0, 1.05 * dos.values[known].max()),
        xlabel="Energy (eV)",
        ylabel="DOS (states/eV)",
    )
    return ax


def plot_ensemble(result: Any, ax: Axes | None = None) -> Axes:
    """Draw the mean DOS over the frames of a `TrajectoryResult`, its spread, and what is filled.

    The band is one standard deviation over frames. The filled part is occupied at T = 0.
    """
    ax = _axes(ax)
    energies, values = result.aligned_dos()
    mean, spread = values.mean(axis=0), values.std(axis=0)
    filled = np.append(energies[energies < 0], 0.0)
    at_fermi = np.interp(0.0, energies, mean)
    ax.fill_between(
        filled, np.append(mean[energies < 0], at_fermi), color=BLUE, alpha=0.18, lw=0,
        label="occupied",
    )  # fmt: skip
    ax.fill_between(
        energies, mean - spread, mean + spread, color=ORANGE, alpha=0.4, lw=0,
        label="standard deviation over frames",
    )  # fmt: skip
    ax.plot(energies, mean, color=BLUE, label=f"mean of {len(result)} frames")
    ax.axvline(0.0, color="black", lw=0.8, ls="--", label="$E_F$")
    low, high = _span(result, energies)
    shown = (energies >= low) & (energies <= high)
    ax.set(
        xlim=(low, high), ylim=(0, 1.1 * (mean + spread)[shown].max()),
        xlabel=ENERGY, ylabel=PER_ATOM,
    )  # fmt: skip
    ax.legend(frameon=False, loc="upper left", fontsize="small")
    return ax


def plot_time_series(result: Any, figure: Figure | None = None) -> NDArray:
    """Draw Fermi level, g(E_F), heat capacity and entropy against time, one above the other.

    Returns
    -------
    (4,) array of Axes
    """
    figure = figure or Figure(figsize=(6.4, 7.2), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True)
    x, label = _time_axis(result)
    titles = (r"$E_F - E_\mathrm{bottom}$" "\n(eV)", "$g(E_F)$\n(states/eV/atom)")
    series = list(result.series().values())
    for ax, values, title in zip(axes, series, titles, strict=False):
        ax.plot(x, values, color=BLUE, **_markers(x))
        ax.set_ylabel(title)
    count = len(result.temperatures)
    blocks = (series[2 : 2 + count], series[2 + count :])
    for ax, block, title in zip(axes[2:], blocks, (r"$C_\mathrm{el}$", "$S$"), strict=True):
        for i, (values, temperature) in enumerate(zip(block, result.temperatures, strict=True)):
            ax.plot(
                x, values, color=COLORS[i % len(COLORS)], label=f"{temperature:g} K", **_markers(x)
            )
        ax.set_ylabel(f"{title}\n($k_B$/atom)")
        if all((values > 0).all() for values in block) and _decades(block) > 1.5:
            ax.set_yscale("log")
    axes[2].legend(frameon=False, ncols=4, fontsize="small", loc="best")
    axes[-1].set_xlabel(label)
    for ax in axes:
        ax.margins(x=0.02)
    figure.align_ylabels(axes)
    return axes


def plot_dos_image(result: Any, ax: Axes | None = None) -> Axes:
    """Draw the DOS of a `TrajectoryResult` against energy and time as an image."""
    ax = _axes(ax, (7.0, 4.4))
    energies, values = result.aligned_dos()
    x, label = _time_axis(result)
    low, high = _span(result, energies)
    shown = (energies >= low) & (energies <= high)
    mesh = ax.pcolormesh(
        x, energies[shown], values[:, shown].T, shading="nearest", cmap="viridis", vmin=0.0,
        rasterized=True,
    )  # fmt: skip
    ax.axhline(0.0, color="white", lw=0.8, ls="--")
    ax.set(xlabel=label, ylabel=ENERGY)
    ax.figure.colorbar(mesh, ax=ax, label=PER_ATOM)
    return ax


def plot_spectra(
    evaluation: Any, ax: Axes | None = None, count: int = 4, errors: NDArray | None = None
) -> Axes:
    """Draw true and predicted DOS from the best to the worst of an `Evaluation`, offset.

    Parameters
    ----------
    evaluation : Evaluation
        Report of `DOSModel.evaluate`.
    ax : Axes, optional
        Where to draw.
    count : int
        Structures to draw.
    errors : (structures, energies) array, optional
        Standard deviations of the predictions (states/eV per atom), drawn as bands.
    """
    ax = _axes(ax, (6.4, 5.4))
    order = np.argsort(evaluation.errors.squared)
    picked = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    offset = 1.05 * np.nanmax(evaluation.truth[picked])  # NaN where the truth is not known
    for level, i in enumerate(picked):
        base, prediction = level * offset, evaluation.prediction[i] + level * offset
        first = level == 0
        ax.plot(
            evaluation.energies, evaluation.truth[i] + base, color="black", lw=1.6,
            label="truth" if first else None,
        )  # fmt: skip
        ax.plot(
            evaluation.energies, prediction, color=ORANGE, ls="--", lw=1.4,
            label="prediction" if first else None,
        )  # fmt: skip
        if errors is not None:
            ax.fill_between(
                evaluation.energies, prediction - errors[i], prediction + errors[i],
                color=ORANGE, alpha=0.3, lw=0, label="its standard error" if first else None,
            )  # fmt: skip
        rank = {0: "best", (len(picked) - 1) / 2: "median", len(picked) - 1: "worst"}.get(level, "")
        lines = (rank, evaluation.families[i], f"RMSE {np.sqrt(evaluation.errors.squared[i]):.3f}")
        ax.annotate(
            "\n".join(line for line in lines if line), (1.02, base + 0.3 * offset),
            xycoords=("axes fraction", "data"), fontsize="small",
        )  # fmt: skip
    tick = MaxNLocator(2, steps=[1, 2, 5, 10]).tick_values(0.0, offset)[1]
    bases = offset * np.arange(len(picked))
    ax.set_yticks(np.sort([*bases, *(bases + tick)]), ["0", f"{tick:g}"] * len(picked))
    filled = np.nan_to_num(evaluation.truth[picked]).max(axis=0) > 0.01 * offset
    ax.set(
        xlim=(evaluation.energies[filled][0] - 2.0, evaluation.energies[-1]),
        ylim=(-0.02 * offset, (len(picked) + 0.2) * offset),
        xlabel="Energy of the model (eV)",
        ylabel=PER_ATOM,
    )
    ax.legend(frameon=False, loc="upper left", ncols=3, fontsize="small")
    return ax


def plot_parity(evaluation: Any, ax: Axes | None = None, quantity: int = 1) -> Axes:
    """Draw predicted against true values of one derived quantity of an `Evaluation`.

    Parameters
    ----------
    evaluation : Evaluation
        Report of `DOSModel.evaluate`.
    ax : Axes, optional
        Where to draw.
    quantity : int
        Row of `ase_dos.evaluation.QUANTITIES`; g(E_F) by default.
    """
    from ase_dos.evaluation import QUANTITIES

    ax = _axes(ax, (4.6, 4.4))
    name, unit = QUANTITIES[quantity]
    label = f"{name} ({unit})".replace("E_F", "$E_F$").replace("C_el", r"$C_\mathrm{el}$")
    true, predicted = evaluation.true_values[:, quantity], evaluation.predicted_values[:, quantity]
    both = np.concatenate([true, predicted])
    both = both[~np.isnan(both)]  # of predictions that cannot hold the electrons
    margin = 0.05 * max(np.ptp(both), 1e-12)
    limits = (both.min() - margin, both.max() + margin)
    ax.plot(limits, limits, color="black", lw=0.8)
    families = np.unique(evaluation.families)
    markers = "os^Dv<>P*X"
    for i, family in enumerate(families):
        rows = evaluation.families == family
        ax.plot(
            true[rows], predicted[rows], markers[i % len(markers)], ms=5, alpha=0.8,
            color=COLORS[i % len(COLORS)], mew=0, label=family or None,
        )  # fmt: skip
    ax.set(
        xlim=limits, ylim=limits, aspect="equal",
        xlabel=f"true {label}", ylabel=f"predicted {label}",
    )  # fmt: skip
    if families.size > 1:
        ax.legend(frameon=False, fontsize="x-small")
    return ax


def plot_parities(evaluation: Any, figure: Figure | None = None) -> NDArray:
    """Draw predicted against true values of Fermi level, g(E_F), C_el and F of an `Evaluation`.

    Returns
    -------
    (4,) array of Axes
        Without those of quantities that no structure has.
    """
    figure = figure or Figure(figsize=(8.4, 8.0), layout="constrained")
    both = np.isfinite(evaluation.true_values) & np.isfinite(evaluation.predicted_values)
    wanted = [quantity for quantity in (0, 1, 5, 7) if both[:, quantity].any()]
    axes = []
    for place, quantity in enumerate(wanted, start=1):
        ax = plot_parity(evaluation, figure.add_subplot(2, 2, place), quantity)
        axes.append(ax)
        legend = ax.get_legend()
        if legend is not None and place > 1:
            legend.remove()
    return np.array(axes, dtype=object)


def plot_learning_curve(curve: Any, ax: Axes | None = None) -> Axes:
    """Draw the errors of a `LearningCurve` against the number of structures trained on."""
    ax = _axes(ax, (5.0, 4.0))
    series = (("leave-one-out", curve.leave_one_out, BLUE, "o"),
              ("validation", curve.validation, ORANGE, "s"))  # fmt: skip
    for label, errors, color, marker in series:
        if np.isnan(errors).all():
            continue
        ax.plot(curve.sizes, errors, marker, color=color, ms=4, alpha=0.4, mew=0)
        ax.plot(*curve.mean(errors), f"{marker}-", color=color, ms=5, label=label)
    sizes = np.unique(curve.sizes)
    ax.set(
        xscale="log", yscale="log", xlabel="Structures in the training set",
        ylabel=r"RMSE (states eV$^{-1/2}$/atom)",
    )  # fmt: skip
    ax.set_xticks(sizes, [str(n) for n in sizes])
    ax.set_xticks([], minor=True)
    ax.yaxis.set_minor_formatter("{x:.2g}")
    ax.yaxis.set_major_formatter("{x:.2g}")
    ax.legend(frameon=False, fontsize="small")
    return ax


def plot_shifts(shifts: NDArray, families: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw energy references that were found, by family.

    Parameters
    ----------
    shifts : (structures,) array
        Relative to the Fermi level of each structure (eV).
    families : sequence of str
        One for each structure.
    ax : Axes, optional
        Where to draw.
    """
    names = np.unique(families)[::-1]
    ax = _axes(ax, (6.0, 1.6 + 0.28 * len(names)))
    if len(names) == 1:
        ax.hist(shifts, bins="auto", color=BLUE)
        ax.set_ylabel("Structures")
    else:
        for level, name in enumerate(names):
            rows = np.asarray(families) == name
            ax.plot(shifts[rows], np.full(rows.sum(), level), "|", color=BLUE, ms=10, alpha=0.7)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(-0.6, len(names) - 0.4)
    ax.axvline(0.0, color="black", lw=0.8, ls="--")
    ax.set_xlabel("Energy reference found $-$ Fermi level (eV)")
    return ax


def plot_calibration(deciles: NDArray, ax: Axes | None = None) -> Axes:
    """Draw observed against expected errors: the rows of `ase_dos.uncertainty.decile_table`."""
    ax = _axes(ax, (4.6, 4.4))
    _, expected, observed = deciles.T
    limits = (0.0, 1.1 * max(expected.max(), observed.max()))
    ax.plot(limits, limits, color="black", lw=0.8)
    ax.plot(expected, observed, "o-", color=BLUE, lw=0.8)
    unit = r"RMSE (states eV$^{-1/2}$/atom)"
    ax.set(
        xlim=limits, ylim=limits, aspect="equal", xlabel=f"expected {unit}",
        ylabel=f"observed {unit}",
    )  # fmt: skip
    return ax


def plot_modes(model: Any, ax: Axes | None = None, count: int = 4) -> Axes:
    """Draw the first energy modes of a `DOSModel`, each with its largest value at 1."""
    ax = _axes(ax)
    for i, mode in enumerate(model.predictor_.modes[:count]):
        scaled = mode / mode[np.abs(mode).argmax()]
        ax.plot(model.grid_.energies, scaled, color=COLORS[i % len(COLORS)], label=f"mode {i + 1}")
    ax.axhline(0.0, color="black", lw=0.6)
    ax.set(
        xlim=(model.grid_.start, model.grid_.stop),
        xlabel="Energy of the model (eV)", ylabel="Energy mode (largest value 1)",
    )  # fmt: skip
    ax.legend(frameon=False, fontsize="small")
    return ax


def _axes(ax: Axes | None, size: tuple[float, float] = (6.0, 4.0)) -> Axes:
    return Figure(figsize=size, layout="constrained").subplots() if ax is None else ax


def _span(result: Any, energies: NDArray) -> tuple[float, float]:
    """Energies to show: from below the lowest band bottom to some eV above E_F."""
    bottom = float((result.band_bottom - result.fermi_level).min())
    return max(energies[0], bottom - 2.0), min(energies[-1], HEADROOM)


def _time_axis(result: Any) -> tuple[NDArray, str]:
    """Time of the frames where all carry one that rises, else their index."""
    for values, label in ((result.time, "Time (unit of the trajectory)"), (result.md_step, "Step")):
        if np.isfinite(values).all() and (np.diff(values) > 0).all():
            return values, label
    return result.frames, "Frame"


def _markers(x: NDArray) -> dict[str, Any]:
    return {"marker": "o", "ms": 3} if len(x) <= 60 else {"lw": 0.8}


def _decades(block: list[NDArray]) -> float:
    values = np.concatenate(block)
    return float(np.log10(values.max() / values.min()))
