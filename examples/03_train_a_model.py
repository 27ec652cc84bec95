"""Train on some of the silicon data with two energy references and compare them."""

from pathlib import Path

from ase_dos import SOAP, DOSModel
from ase_dos.io.dataset import load_dataset

data = load_dataset(Path(__file__).resolve().parents[1] / "data" / "silicon" / "silicon.npz")
frames, states = data.select("train")
frames, states = frames[::3], states[::3]
soap = SOAP(cutoff=5.0, max_radial=6, max_angular=4, width=0.5, species=("Si",))
for reference in ("adaptive", "fermi"):
    model = DOSModel(soap, reference=reference).fit(frames, states)
    print(f"--- {reference}, {len(frames)} training structures")
    print(model.evaluate(*data.select("validation")).summary())
    model.save(f"silicon_{reference}.npz")
