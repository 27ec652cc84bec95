"""What the numbers of a metatomic DOS mean: from the caller, the file, or a preset."""

import json

import pytest
from ase.data import atomic_numbers
from toy_metatomic import CONVENTION

from ase_dos.model.metatomic.convention import PRESETS, find_convention

STORED = json.dumps(CONVENTION)


def test_what_is_given_goes_before_the_file_and_the_preset():
    found = find_convention("toy", STORED, "pet-mad-dos", {"step": 0.2, "start": None})
    assert (found.start, found.step, found.smearing) == (-10.0, 0.2, 0.2)
    assert found.valence == {"C": 4.0, "Si": 4.0}
    assert find_convention("toy", found.to_json(), None, {}) == found


def test_files_of_pet_mad_dos_are_known_by_their_name():
    found = find_convention("PET-MAD-DOS v1.0", None, None, {})
    assert found == PRESETS["pet-mad-dos"]
    assert (found.step, found.smearing) == (0.05, 0.3)
    # Pseudopotentials with semicore states: 3s and 3p of titanium, 5s, 5p and 4f of lutetium.
    assert [found.valence[s] for s in ("H", "Si", "Ti", "Lu")] == [1, 4, 12, 25]


def test_elements_of_pet_mad_dos_are_those_of_its_training_set():
    """Hydrogen to radon without astatine, each with the electrons outside of a closed core."""
    counts = {atomic_numbers[s]: n for s, n in PRESETS["pet-mad-dos"].valence.items()}
    assert sorted(counts) == [z for z in range(1, 87) if z != 85]
    cores = {0, 2, 10, 18, 28, 36, 46, 60, 62, 68}
    assert {z - n for z, n in counts.items()} <= cores


@pytest.mark.parametrize(
    ("stored", "preset", "given", "message"),
    [
        (None, None, {"step": 0.1}, "'toy' does not tell start, smearing, valence of its DOS"),
        (None, "mad", {}, "preset: expected one of pet-mad-dos"),
        ("{", None, {}, "extra metadata 'dos': expected JSON"),
        ('{"spacing": 1}', None, {}, "expected a JSON object with some of start, step"),
        ("[1, 2]", None, {}, "expected a JSON object with some of start, step"),
        (STORED, None, {"step": -1.0}, "step: expected a number > 0, got -1"),
        (STORED, None, {"smearing": -1.0}, "smearing: expected a number >= 0"),
        (STORED, None, {"valence": {}}, "valence: expected electrons by symbol"),
        (STORED, None, {"valence": {"Xx": 4}}, "valence: expected symbols of elements, got Xx"),
        (STORED, None, {"valence": {"Si": 0}}, "valence of Si: expected a number > 0"),
    ],
)
def test_what_is_missing_or_wrong_is_named(stored, preset, given, message):
    with pytest.raises(ValueError, match=message):
        find_convention("toy", stored, preset, given)
