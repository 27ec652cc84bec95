"""How often errors of means are right: autoregressive series of known error.

    python -m benchmarks.utils.statistics [--series 400] [--seed 0]

For each number of samples n and coefficient a, of as many series: `known`, the share that has an
error; `right`, the share whose 95 % interval covers the true mean or that says that its error is
unknown; `cover`, the share of the known intervals that cover it; `error`, the mean standard error
(the widening for few degrees of freedom taken off) in units of the true one; `n_eff`, its median,
beside the true value; `false`, the share flagged to drift; `found`, the share flagged when the
series drifts by twenty true errors of its mean, some six true errors of the drift.
"""

import argparse

import numpy as np
from scipy.signal import lfilter

from ase_dos.utils.statistics import ENOUGH, THREE_ERRORS, estimate_mean

SAMPLES = (3, 4, 6, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
COEFFICIENTS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
DRIFT = 20.0


def autoregressive(n, coefficient, count, rng):
    """First-order autoregressive series (n, count) of unit variance, from its stationary law."""
    noise = rng.normal(size=(n, count))
    noise[1:] *= np.sqrt(1 - coefficient**2)
    return lfilter([1.0], [1.0, -coefficient], noise, axis=0)


def true_error(n, coefficient):
    lags = np.arange(1, n)
    return np.sqrt((1 + 2 * np.sum((1 - lags / n) * coefficient**lags)) / n)


def row(n, coefficient, count, rng):
    series, error = autoregressive(n, coefficient, count, rng), true_error(n, coefficient)
    found = estimate_mean(series)
    ramp = DRIFT * error * np.linspace(0, 1, n)[:, None]
    known = np.isfinite(found.error)
    covers = np.abs(found.mean) < found.interval
    freedom = found.degrees_of_freedom[known]
    standard = found.error[known] * np.sqrt((freedom - 2) / freedom)
    return {
        "n": n,
        "a": coefficient,
        "known": known.mean(),
        "right": np.mean(covers | ~known),
        "cover": covers[known].mean() if known.any() else np.nan,
        "error": standard.mean() / error if known.any() else np.nan,
        "n_eff": np.median(found.n_effective),
        "true": 1 / error**2,
        "false": found.drifts.mean(),
        "found": estimate_mean(series + ramp).drifts.mean(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    rows = [row(n, a, args.series, rng) for n in SAMPLES for a in COEFFICIENTS]
    print("".join(f"{name:>8}" for name in rows[0]))
    for one in rows:
        print("".join(f"{value:8.4g}" if value == value else f"{'-':>8}" for value in one.values()))
    false = np.mean([one["false"] for one in rows])
    print(f"\nfalse drifts {false:.2%}, three errors promise {THREE_ERRORS:.2%}")
    print(f"least share right {min(one['right'] for one in rows):.3f}")
    print(f"errors are known from some {ENOUGH} independent samples on")


if __name__ == "__main__":
    main()
