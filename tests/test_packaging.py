"""Recipes for other registries state what `pyproject.toml` states."""

import re

import pytest
from paths import REPOSITORY

tomllib = pytest.importorskip("tomllib")  # of Python 3.11
yaml = pytest.importorskip("yaml")
PYPROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
VERSION = re.search(r'"(.*)"', (REPOSITORY / "ase_dos/_version.py").read_text())[1]


@pytest.fixture(scope="module")
def recipe():
    """The recipe as conda-build renders it."""
    jinja2 = pytest.importorskip("jinja2")

    def load_file_data(path, from_recipe_dir):
        assert (REPOSITORY / "conda" / path).resolve() == REPOSITORY / "pyproject.toml"
        return PYPROJECT

    def load_file_regex(path, pattern, from_recipe_dir):
        return re.search(pattern, (REPOSITORY / "conda" / path).read_text())

    template = jinja2.Template((REPOSITORY / "conda/meta.yaml").read_text())
    return yaml.safe_load(
        template.render(
            load_file_data=load_file_data, load_file_regex=load_file_regex, PYTHON="python"
        )
    )


def test_conda_package_needs_what_the_project_needs(recipe):
    python, *needed = recipe["requirements"]["run"]
    assert python == f"python {PROJECT['requires-python']}"
    # What conda-forge calls matplotlib brings a graphical interface; its base is what pip installs.
    pip = [line.replace(" ", "").replace("matplotlib-base", "matplotlib") for line in needed]
    assert pip == PROJECT["dependencies"]
    assert [line.replace(" ", "") for line in recipe["requirements"]["host"]] == [
        f"python{PROJECT['requires-python']}",
        "pip",
        *PYPROJECT["build-system"]["requires"],
    ]


def test_conda_package_is_this_release_with_its_command(recipe):
    assert recipe["package"] == {"name": "ase-dos", "version": VERSION}
    commands = [f"{name} = {function}" for name, function in PROJECT["scripts"].items()]
    assert recipe["build"]["entry_points"] == commands
    assert recipe["about"]["license"] == PROJECT["license"]
    assert (REPOSITORY / "conda" / recipe["source"]["path"]).resolve() == REPOSITORY


def test_mdakit_states_what_the_project_states():
    kit = yaml.safe_load((REPOSITORY / "mdakit/metadata.yaml").read_text())
    assert kit["project_name"] == PROJECT["name"]
    assert kit["license"] == PROJECT["license"]
    assert kit["python_requires"] == PROJECT["requires-python"]
    formats = PROJECT["optional-dependencies"]["formats"]
    assert f"MDAnalysis{kit['mdanalysis_requires']}" in formats
    [tests] = kit["run_tests"]
    assert (REPOSITORY / tests.removeprefix("pytest ")).is_file()
    assert any(line.endswith(kit["development_status"]) for line in PROJECT["classifiers"])
