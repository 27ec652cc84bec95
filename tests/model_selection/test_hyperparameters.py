"""Search of hyperparameters: the walk, its limits, and its record."""

import json

import pytest

from ase_dos.model.dos_model import DOSModel
from ase_dos.model.like_structures import as_groups
from ase_dos.model.training_set import make_targets
from ase_dos.model_selection.hyperparameters import AXES, DEFAULTS, make_options
from ase_dos.model_selection.search import Search, search_hyperparameters
from ase_dos.model_selection.trials import Trial, TrialRunner

SMALL = {"cutoff": 4.0, "max_radial": 3, "max_angular": 2, "degree": 2, "sparse_points": 20}
LINEAR = {"regressor": "ridge", "reference": "fermi", "n_modes": 6}


def rung(choice, name):
    """Position of a value on its ladder."""
    ladder = next(axis for axis in AXES if name in axis[0])
    return next(i for i, step in enumerate(ladder) if step[name] == choice[name])


def landscape(choice):
    """Smallest where the cutoff and the width are two rungs from the defaults, towards others."""
    return 1 + abs(rung(choice, "cutoff") - 4) + abs(rung(choice, "width") - 0)


def valley(choice):
    """No single step goes down: the two have to move together."""
    a, b = rung(choice, "cutoff") - 2, rung(choice, "width") - 2
    return 10 + 5 * (a - b) ** 2 - (a + b)


@pytest.fixture
def pretend(monkeypatch):
    """Replace training by a function of the choice; return the choices that were tried."""
    tried = []

    def install(function, stop_at=None):
        def run(self, choice):
            if stop_at is not None and len(tried) == stop_at:
                raise KeyboardInterrupt
            tried.append(choice)
            return Trial(choice, float(function(choice)), 1e-3, 10, 2.0)

        monkeypatch.setattr(TrialRunner, "run", run)
        return tried

    return install


def look(toy_data, **options):
    return search_hyperparameters(*toy_data, progress=False, **options)


def test_search_finds_the_bottom(toy_data, pretend):
    pretend(landscape)
    found = look(toy_data, trials=60, fixed={"degree": 2})
    best = found.best.choice
    assert (best["cutoff"], best["width"], best["degree"]) == (4.0, 0.2, 2)
    assert found.trials[0].choice == {**DEFAULTS, "degree": 2}
    assert "cutoff 4.0" in found.summary()


def test_search_takes_two_steps_where_one_does_not_help(toy_data, pretend):
    pretend(valley)
    fixed = {name: DEFAULTS[name] for name in DEFAULTS if name not in ("cutoff", "width")}
    found = look(toy_data, trials=100, fixed=fixed)
    assert found.ended
    assert found.best.choice["cutoff"] == AXES[0][5]["cutoff"]
    assert found.best.choice["width"] == AXES[1][5]["width"]


def test_limits_only_cut_the_walk(toy_data, pretend):
    tried = pretend(landscape)
    whole = look(toy_data, trials=30).trials
    assert len(tried) == len({json.dumps(c) for c in tried}) == 30
    assert look(toy_data, trials=7).trials == whole[:7]
    assert look(toy_data, budget=9.0).trials == whole[:5]  # of two seconds each
    assert look(toy_data, trials=3, budget=9.0).trials == whole[:3]


def test_what_has_no_meaning_is_not_searched(toy_data, pretend):
    tried = pretend(landscape)
    look(toy_data, trials=300, fixed={"max_radial": 6}, regressor="ridge")
    assert {(c["degree"], c["sparse_points"], c["max_radial"]) for c in tried} == {(6, 500, 6)}
    assert {c["max_angular"] for c in tried} == {4, 6, 8}


def test_rungs_that_cannot_be_taken_do_not_block_others(toy_data, pretend):
    tried = pretend(lambda choice: 1.0)
    look(toy_data, trials=300, fixed={"max_radial": 4}, regressor="ridge")
    assert {c["radial_basis"] for c in tried} == {None, 4}


def test_small_gains_are_noise():
    trials = [Trial({"cutoff": c}, rmse, 1e-3, 1, 1.0) for c, rmse in ((6, 1.0), (7, 0.999))]
    assert Search(trials, True).best.choice == {"cutoff": 6}


def test_interrupted_search_goes_on(toy_data, pretend, tmp_path):
    tried = pretend(landscape)
    whole = look(toy_data, trials=12)
    tried.clear()
    path = tmp_path / "m.search.json"
    pretend(landscape, stop_at=5)
    with pytest.raises(KeyboardInterrupt):
        look(toy_data, trials=12, record=path, about={"note": 1})
    pretend(landscape)
    assert look(toy_data, trials=12, record=path) == whole
    assert len(tried) == 12  # five, then seven
    assert json.loads(path.read_text())["about"] == {"note": 1}
    # More trials go on from there.
    assert look(toy_data, trials=14, record=path).trials[:12] == whole.trials
    assert len(tried) == 14


def test_another_search_does_not_go_on(toy_data, pretend, tmp_path):
    pretend(landscape)
    path = tmp_path / "m.search.json"
    look(toy_data, trials=2, record=path)
    frames, states = toy_data
    for change, data, name in (
        ({"seed": 1}, toy_data, "seed was 0, is 1"),
        ({"fixed": {"cutoff": 5.0}}, toy_data, "fixed"),
        ({"reference": "fermi"}, toy_data, "options"),
        ({}, (frames[1:], states[1:]), "data"),
    ):
        with pytest.raises(ValueError, match=f"another run.*{name}.*remove the file"):
            look(data, trials=2, record=path, **change)
    path.write_text("{}")
    with pytest.raises(ValueError, match="not the record of a search"):
        look(toy_data, trials=2, record=path)


def test_bad_limits(toy_data):
    for limits in ({}, {"trials": 0}, {"budget": 0.0}):
        with pytest.raises(ValueError, match="search: expected"):
            look(toy_data, **limits)
    with pytest.raises(ValueError, match="hyperparameters: expected cutoff"):
        look(toy_data, trials=1, fixed={"cut": 3})


def test_trials_are_cheap_trainings(toy_data):
    alone = range(len(toy_data[0]))
    found = look(toy_data, trials=3, fixed=SMALL, groups=alone, **LINEAR)
    frames, states = toy_data
    for trial in found.trials:
        model = DOSModel.from_options(
            make_options(trial.choice, ["Si"], penalties=[0.01], **LINEAR)
        ).fit(frames, states, groups=alone)
        assert trial.rmse == pytest.approx(model.info["leave_one_out_rmse"], rel=1e-9)
        assert trial.n_features == model.options.descriptor.n_features
    assert len({trial.rmse for trial in found.trials}) == 3
    again = look(toy_data, trials=3, fixed=SMALL, groups=alone, **LINEAR)
    assert [t.rmse for t in again.trials] == [t.rmse for t in found.trials]


def test_features_beyond_the_limit_are_computed_in_each_pass(toy_data):
    frames, states = toy_data
    targets = make_targets(states, 0.3)
    choice = {**DEFAULTS, **SMALL}
    stored, computed = (
        TrialRunner(frames, targets, LINEAR, as_groups(range(14), 14), limit).run(choice)
        for limit in (10**8, 0)
    )
    assert computed.rmse == pytest.approx(stored.rmse, rel=1e-9)
    assert computed.choice == stored.choice
