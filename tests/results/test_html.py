"""Report on a trajectory as one page: what it shows, in a browser too."""

import json
import re

import ase.io
import numpy as np
import pytest
from ase.build import bulk
from ase.units import kB
from browser import CHROMIUM, Browser
from toy_model import ToyModel
from toy_results import member_bias, toy_dataset

from ase_dos.cli.main import main
from ase_dos.results.html import report_page, write_report
from ase_dos.results.html.page import symbols
from ase_dos.results.html.viewer import largest_piece
from ase_dos.trajectory.run import analyze_trajectory
from ase_dos.utils.quantities import with_spread


@pytest.fixture(scope="module")
def frames():
    images = [bulk("Si", cubic=True) for _ in range(3)]
    for seed, atoms in enumerate(images):
        atoms.rattle(0.2, seed=seed)
        atoms.info["time"] = 5.0 * seed
    return images


@pytest.fixture(scope="module")
def result(frames):
    return analyze_trajectory(frames, ToyModel(), (300.0, 3000.0), local=True, progress=False)


@pytest.fixture(scope="module")
def page(result, frames):
    pytest.importorskip("chemiscope")
    return report_page(result, frames, n_frames=2, n_atoms=6, title="a < b")


def embedded(page):
    return json.loads(re.search(r'id="viewer-data">(.*?)</script>', page, re.DOTALL)[1])


# What the page shows once the viewer is ready; the viewer draws inside shadow roots.
SEEN = """(() => {
  const count = (node, selector) => [...node.querySelectorAll("*")].reduce(
    (n, inner) => n + (inner.shadowRoot ? count(inner.shadowRoot, selector) : 0),
    node.querySelectorAll(selector).length);
  const images = [...document.images];
  return document.body && document.body.dataset.viewer === "ready" &&
    images.every((image) => image.complete) && {
      structures: count(document.getElementById("viewer-structure"), "canvas"),
      maps: count(document.getElementById("viewer-map"), ".main-svg"),
      message: document.getElementById("viewer-message").textContent,
      images: images.filter((image) => image.naturalWidth > 100).length,
    };
})()"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_page_works_in_a_browser_without_a_network(page, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    with Browser(tmp_path / "profile", width=820, height=300) as browser:
        browser.open(path)
        seen = browser.wait_for(SEEN)
        assert browser.problems == []
        network = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
        assert network == [path.as_uri()]
    assert seen["structures"] >= 1
    assert seen["maps"] >= 1
    assert seen["message"] == ""
    assert seen["images"] == page.count("<figure>") > 3


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_browser_sees_errors_and_requests(tmp_path):
    """The test above can fail."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<script src="https://example.org/a.js"></script>'
        "<script>console.error('first'); document.title = 'done'; undefined.second;</script>"
    )
    with Browser(tmp_path / "profile") as browser:
        browser.open(path)
        browser.wait_for("document.title === 'done'")
        problems = str(browser.problems)
        assert "ERR_NAME_NOT_RESOLVED" in problems
        assert "first" in problems
        assert "second" in problems
        assert "https://example.org/a.js" in browser.requests


def test_page_holds_averages_with_both_errors():
    page = report_page(toy_dataset(n=50, members=8))
    assert "C<sub>el</sub>(1000 K) (k<sub>B</sub>/atom)" in page
    cells = re.search(r"<td>g\(E<sub>F</sub>\).*?</tr>", page)[0]
    texts = re.findall(r"<td>([^<]+)</td>", cells)
    assert len(texts) == 8
    assert float(texts[0]) == pytest.approx(1.0, abs=0.1)
    assert float(texts[4]) == pytest.approx(np.sqrt(np.mean(member_bias(8) ** 2)), rel=0.01)
    assert "–" in re.search(r"<td>E<sub>F</sub> - band bottom.*?</tr>", page)[0]
    # No local quantities: no section on atoms.
    assert "<h2>Atoms</h2>" not in page


def test_page_names_where_the_results_come_from(page, result):
    about = result.about
    assert about["ase_dos_version"] in page
    assert "model_hash" in page
    assert "options: temperatures" in page
    assert "a &lt; b" in page
    assert "structures in memory" in page
    long = result.dataset.assign_attrs(command="x" * 400)
    assert "x" * 301 not in report_page(long, viewer=False).partition("Provenance")[2]


def test_page_is_the_same_for_the_same_results(result):
    first, second = (report_page(result, viewer=False) for _ in range(2))
    assert first == second
    assert "Chemiscope" not in first


def test_viewer_shows_what_the_results_say_of_each_atom(page, result):
    data = embedded(page)
    assert [structure["size"] for structure in data["structures"]] == [6, 6]
    assert "At most 6 atoms of each frame are shown" in page
    assert "4 atoms are left out" in page
    found = data["properties"]["g(E_F)"]
    assert found["units"] == "states/eV"
    last = result.local(2)["local_dos_at_fermi_level"]
    assert all(np.abs(last - value).min() < 1e-4 for value in found["values"][6:])
    assert {"coordination", "charge", "C_el(300 K)", "component 1"} <= set(data["properties"])
    assert data["environments"][0]["structure"] == 0
    assert data["properties"]["C_el(3000 K)"]["units"] == "k_B"
    heat = result.local(2)["local_heat_capacity"][1] / kB
    shown = data["properties"]["C_el(3000 K)"]["values"][6:]
    assert all(np.abs(heat - value).min() < 1e-4 for value in shown)


def test_one_frame_and_one_temperature_make_a_page(frames):
    one = analyze_trajectory(frames[:1], ToyModel(), local=True, progress=False)
    page = report_page(one, frames, viewer=False)
    assert page.count("<figure>") == 3  # average DOS, map, components
    assert "DOS along the trajectory" not in page


def test_page_shows_quantities_against_time_and_why_frames_are_missing(frames):
    bad = frames[1].copy()
    bad.positions[0, 0] = np.nan
    images = [frames[0], bad, *frames[1:], bad]
    result = analyze_trajectory(images, ToyModel(), on_error="skip", progress=False)
    page = report_page(result, viewer=False)
    assert "E<sub>F</sub>, g(E<sub>F</sub>), C<sub>el</sub> and S along the trajectory" in page
    missing = page.partition("<h2>Missing frames</h2>")[2].partition("</section>")[0]
    assert "frames 1, 4" in missing
    assert "positions: NaN" in missing
    whole = analyze_trajectory(frames, ToyModel(), progress=False)
    assert "Missing frames" not in report_page(whole, viewer=False)


def test_a_browser_without_webgl_is_told_so_in_plain_text(page):
    script = page.rpartition("<script>")[2]
    assert 'getContext("webgl")' in script
    assert "This view needs WebGL" in script
    assert '<p id="viewer-message" class="note">' in page
    assert "color: #a00" not in page.partition("</style>")[0]


NO_WEBGL = """(() => {
  const message = document.getElementById("viewer-message");
  return document.body && document.body.dataset.viewer === "none" && {
      message: message.textContent,
      hidden: document.getElementById("viewer").offsetParent === null,
    };
})()"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
def test_page_without_webgl_in_a_browser(page, tmp_path):
    path = tmp_path / "report.html"
    # As a browser that has none answers.
    none = "<script>HTMLCanvasElement.prototype.getContext = () => null;</script>"
    path.write_text(page.replace("<body>", "<body>" + none), encoding="utf-8")
    with Browser(tmp_path / "profile") as browser:
        browser.open(path)
        seen = browser.wait_for(NO_WEBGL)
        assert browser.problems == []
    assert "This view needs WebGL" in seen["message"]
    assert seen["hidden"]


def test_missing_structures_are_named(result):
    page = report_page(result)
    assert "Give its path with --structures" in page
    assert "viewer-data" not in page
    assert "Averages by species" in page
    assert "Averages by coordination" not in page


def test_pieces_lie_in_the_middle():
    atoms = bulk("Si", cubic=True) * 3
    piece = largest_piece(atoms, 27)
    assert len(piece) == 27
    away = np.abs(atoms.positions - atoms.cell.array.sum(axis=0) / 2).max(axis=1)
    assert away[piece].max() <= np.delete(away, piece).min() + 1e-9
    np.testing.assert_array_equal(largest_piece(atoms, 1000), np.arange(216))


def test_numbers_and_symbols():
    assert with_spread(0.123456, 0.0123) == "0.123 ± 0.012"
    assert with_spread(1.8e-11, 0.067) == "0.000 ± 0.067"
    assert with_spread(123.4, 55.0) == "123 ± 55"
    assert with_spread(0.5, 0.0) == "0.5"
    assert symbols("C_el < k_B n_eff local_el") == (
        "C<sub>el</sub> &lt; k<sub>B</sub> n<sub>eff</sub> local_el"
    )


def test_command_finds_the_trajectory(frames, tmp_path, capsys):
    pytest.importorskip("chemiscope")
    source, store, page = (tmp_path / name for name in ("md.extxyz", "md.zarr", "report.html"))
    ase.io.write(source, frames)
    analyze_trajectory(source, ToyModel(), output=store, progress=False)
    main(["report", str(store), "-o", str(page)])
    assert f"wrote {page}" in capsys.readouterr().out
    assert len(embedded(page.read_text())["structures"]) == 3
    main(["report", str(store), "-o", str(page), "--no-viewer", "--title", "melt"])
    assert "viewer-data" not in page.read_text()
    assert "<title>melt</title>" in page.read_text()


def test_bad_input(result, frames, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="n_frames"):
        report_page(result, n_frames=0)
    with pytest.raises(ValueError, match="ends after 1 frames"):
        report_page(result, frames[:1])
    with pytest.raises(ValueError, match="16 atoms"):
        report_page(result, [atoms * (2, 1, 1) for atoms in frames])
    with pytest.raises(ValueError, match="results of a trajectory"):
        write_report([1], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    monkeypatch.setitem(__import__("sys").modules, "chemiscope", None)
    with pytest.raises(ImportError, match=r"ase_dos\[report\]"):
        report_page(result, frames)
