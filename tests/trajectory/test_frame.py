"""Frames analysed together are the frames one by one, and trouble stays with its frame."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from toy_model import ToyModel
from toy_run import analyze

from ase_dos.electrons.smearing import SmearingWarning
from ase_dos.spectra.dos import EnergyGrid
from ase_dos.trajectory.frame import FrameAnalysis
from ase_dos.trajectory.run import TASK_FRAMES


def test_frames_together_are_the_frames_one_by_one(frames):
    """To the last digit: a run that was killed goes on with other frames together."""
    # Where gas_from_dos would share tables, and solve on several threads.
    temperatures = np.array([0.0, 300.0, 3000.0, 20_000.0])
    many = [frames[i % len(frames)] for i in range(TASK_FRAMES + 1)]
    analysis = FrameAnalysis(Hot(), temperatures, local=True)
    together = analysis([(i, atoms.copy) for i, atoms in enumerate(many)])
    for i, atoms in enumerate(many):
        alone = analysis.analyze_frame(i, atoms.copy).record
        for name, values in alone.items():
            assert values.tobytes() == together[i].record[name].tobytes(), name


class Hot(ToyModel):
    """So wide a band that the electrons may be hot."""

    def __init__(self):
        super().__init__()
        self.grid = EnergyGrid(-8.0, 0.25, 321)


def test_warnings_stay_with_their_frames(frames):
    """Of a DOS that is nothing but Gaussian tails at E_F, among metals."""

    class Tailed(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            if self.calls != 3:
                return local
            band = sum(np.exp(-2 * (local.energies - e) ** 2) for e in (-2.2, 2.2))
            filled = 4 / np.sqrt(np.pi / 2)
            return replace(local, basis=np.stack([filled * band, 0 * band]))

    kinds = set()
    for together in (TASK_FRAMES, 1):
        analysis = FrameAnalysis(Tailed(), np.array([300.0]))
        results = [
            result
            for first in range(0, len(frames), together)
            for result in analysis(
                [(i, frames[i].copy) for i in range(len(frames))[first : first + together]]
            )
        ]
        assert [len(result.warnings) for result in results] == [0, 0, 1, 0, 0, 0, 0]
        (warning,) = results[2].warnings
        assert warning.category is SmearingWarning
        kinds.add(warning.kind)
    assert len(kinds) == 1  # or a run would warn of one kind twice


def test_error_without_a_message_is_an_error(frames):
    class Mute(ToyModel):
        def predict(self, atoms):
            if self.calls == 1:
                self.calls += 1
                raise ValueError
            return super().predict(atoms)

    assert analyze(frames, Mute(), on_error="skip").missing[1].endswith("ValueError")


def test_trouble_with_one_frame_stays_with_it(frames):
    """A frame whose states cannot hold the electrons is missing; those beside it are there."""

    class Narrow(ToyModel):
        def predict(self, atoms):
            local = super().predict(atoms)
            return replace(local, basis=local.basis * (0.1 if self.calls == 2 else 1.0))

    with pytest.raises(ValueError, match=r"frame 1 of .*electrons"):
        analyze(frames, Narrow())
    result = analyze(frames, Narrow(), on_error="skip")
    assert list(result.missing) == [1]
    expected = analyze([*frames[:1], *frames[2:]], ToyModel())
    np.testing.assert_array_equal(result.entropy, expected.entropy)


def test_each_kind_of_warning_is_given_once(frames):
    class Doubtful(ToyModel):
        def predict(self, atoms):
            self.calls += 1
            if self.calls > 2:
                warnings.warn(f"environment far away: {self.calls}", UserWarning, stacklevel=2)
            return super().predict(atoms)

    with pytest.warns(UserWarning, match="environment far away") as caught:
        analyze(frames, Doubtful())
    (only,) = [one for one in caught if one.category is UserWarning]
    assert "of 7 frames" in str(only.message)
