"""Figures of a model: its training, its errors, its energy modes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ase_dos.model.dos_model import DOSModel
from ase_dos.model.evaluation import DERIVED_QUANTITIES, Evaluation
from ase_dos.model_selection.learning import LearningCurve
from ase_dos.plot.style import BLUE, COLORS, ORANGE, axes_or_new, math_label
from ase_dos.utils.quantities import QUANTITIES

__all__ = [
    "plot_calibration",
    "plot_learning_curve",
    "plot_modes",
    "plot_parities",
    "plot_parity",
    "plot_shifts",
    "plot_spectra",
]


def plot_spectra(
    evaluation: Evaluation, ax: Axes | None = None, count: int = 4, errors: NDArray | None = None
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
    ax = axes_or_new(ax, (6.4, 5.4))
    order = np.argsort(evaluation.errors.squared)
    picked = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    offset = 1.05 * np.nanmax(evaluation.truth[picked])  # NaN where the truth is not known
    for level, i in enumerate(picked):
        base, prediction = level * offset, evaluation.prediction[i] + level * offset
        first = level == 0
        ax.plot(
            evaluation.energies,
            evaluation.truth[i] + base,
            color="black",
            lw=1.6,
            label="truth" if first else None,
        )
        ax.plot(
            evaluation.energies,
            prediction,
            color=ORANGE,
            ls="--",
            lw=1.4,
            label="prediction" if first else None,
        )
        if errors is not None:
            ax.fill_between(
                evaluation.energies,
                prediction - errors[i],
                prediction + errors[i],
                color=ORANGE,
                alpha=0.3,
                lw=0,
                label="its standard error" if first else None,
            )
        rank = {0: "best", (len(picked) - 1) / 2: "median", len(picked) - 1: "worst"}.get(level, "")
        lines = (rank, evaluation.families[i], f"RMSE {np.sqrt(evaluation.errors.squared[i]):.3f}")
        ax.annotate(
            "\n".join(line for line in lines if line),
            (1.02, base + 0.3 * offset),
            xycoords=("axes fraction", "data"),
            fontsize="small",
        )
    tick = MaxNLocator(2, steps=[1, 2, 5, 10]).tick_values(0.0, offset)[1]
    bases = offset * np.arange(len(picked))
    ax.set_yticks(np.sort([*bases, *(bases + tick)]), ["0", f"{tick:g}"] * len(picked))
    filled = np.nan_to_num(evaluation.truth[picked]).max(axis=0) > 0.01 * offset
    ax.set(
        xlim=(evaluation.energies[filled][0] - 2.0, evaluation.energies[-1]),
        ylim=(-0.02 * offset, (len(picked) + 0.2) * offset),
        xlabel="Energy of the model (eV)",
        ylabel=QUANTITIES["dos"].per_atom.label,
    )
    ax.legend(frameon=False, loc="upper left", ncols=3, fontsize="small")
    return ax


def plot_parity(evaluation: Evaluation, ax: Axes | None = None, quantity: int = 1) -> Axes:
    """Draw predicted against true values of one derived quantity of an `Evaluation`.

    Parameters
    ----------
    evaluation : Evaluation
        Report of `DOSModel.evaluate`.
    ax : Axes, optional
        Where to draw.
    quantity : int
        Place in `ase_dos.model.evaluation.DERIVED_QUANTITIES`; g(E_F) by default.
    """
    ax = axes_or_new(ax, (4.6, 4.4))
    label = math_label(DERIVED_QUANTITIES[quantity].label)
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
            true[rows],
            predicted[rows],
            markers[i % len(markers)],
            ms=5,
            alpha=0.8,
            color=COLORS[i % len(COLORS)],
            mew=0,
            label=family or None,
        )
    ax.set(
        xlim=limits,
        ylim=limits,
        aspect="equal",
        xlabel=f"true {label}",
        ylabel=f"predicted {label}",
    )
    if families.size > 1:
        ax.legend(frameon=False, fontsize="x-small")
    return ax


def plot_parities(evaluation: Evaluation, figure: Figure | None = None) -> NDArray:
    """Draw predicted against true values of Fermi level, g(E_F), C_el, F and M of an `Evaluation`.

    Returns
    -------
    (n,) array of Axes
        Without those of quantities that no structure has.
    """
    both = np.isfinite(evaluation.true_values) & np.isfinite(evaluation.predicted_values)
    wanted = [quantity for quantity in (0, 1, 5, 7, 8) if both[:, quantity].any()]
    rows = max(2, -(-len(wanted) // 2))
    figure = figure or Figure(figsize=(8.4, 4.0 * rows), layout="constrained")
    axes = []
    for place, quantity in enumerate(wanted, start=1):
        ax = plot_parity(evaluation, figure.add_subplot(rows, 2, place), quantity)
        axes.append(ax)
        legend = ax.get_legend()
        if legend is not None and place > 1:
            legend.remove()
    return np.array(axes, dtype=object)


def plot_learning_curve(curve: LearningCurve, ax: Axes | None = None) -> Axes:
    """Draw the errors of a `LearningCurve` against the number of structures trained on."""
    ax = axes_or_new(ax, (5.0, 4.0))
    series = (
        ("leave-one-out", curve.leave_one_out, BLUE, "o"),
        ("validation", curve.validation, ORANGE, "s"),
    )
    for label, errors, color, marker in series:
        if np.isnan(errors).all():
            continue
        ax.plot(curve.sizes, errors, marker, color=color, ms=4, alpha=0.4, mew=0)
        ax.plot(*curve.mean(errors), f"{marker}-", color=color, ms=5, label=label)
    sizes = np.unique(curve.sizes)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="Structures in the training set",
        ylabel=r"RMSE (states eV$^{-1/2}$/atom)",
    )
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
    ax = axes_or_new(ax, (6.0, 1.6 + 0.28 * len(names)))
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
    """Draw observed against expected errors: the rows of `decile_table`."""
    ax = axes_or_new(ax, (4.6, 4.4))
    _, expected, observed = deciles.T
    limits = (0.0, 1.1 * max(expected.max(), observed.max()))
    ax.plot(limits, limits, color="black", lw=0.8)
    ax.plot(expected, observed, "o-", color=BLUE, lw=0.8)
    unit = r"RMSE (states eV$^{-1/2}$/atom)"
    ax.set(
        xlim=limits,
        ylim=limits,
        aspect="equal",
        xlabel=f"expected {unit}",
        ylabel=f"observed {unit}",
    )
    return ax


def plot_modes(model: DOSModel, ax: Axes | None = None, count: int = 4) -> Axes:
    """Draw the first energy modes of a `DOSModel`, each with its largest value at 1."""
    ax = axes_or_new(ax)
    modes = model.predictor.modes
    for i, mode in enumerate(modes[modes.any(axis=1)][:count]):  # others are of the spin DOS alone
        scaled = mode / mode[np.abs(mode).argmax()]
        ax.plot(model.grid.energies, scaled, color=COLORS[i % len(COLORS)], label=f"mode {i + 1}")
    ax.axhline(0.0, color="black", lw=0.6)
    ax.set(
        xlim=(model.grid.start, model.grid.stop),
        xlabel="Energy of the model (eV)",
        ylabel="Energy mode (largest value 1)",
    )
    ax.legend(frameon=False, fontsize="small")
    return ax
