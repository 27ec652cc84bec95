"""Models of every kind of regressor, trained once for all modules here."""

import pytest
from networks import network
from toy_training import KERNEL, QUICK, soap, two_species

from ase_dos.fit.network import Network
from ase_dos.model.dos_model import DOSModel


@pytest.fixture(scope="package", params=["ridge", "kernel", "network", "two species"])
def trained(request, toy_data):
    if request.param == "two species":
        frames, states = two_species({"C": 4, "Si": 4})
        return DOSModel(soap(species=("C", "Si")), regressor=KERNEL, **QUICK).fit(frames, states)

    def train(regressor):
        return DOSModel(soap(), regressor=regressor, **QUICK).fit(*toy_data)

    if request.param == "network":
        return network("toy", lambda: train(Network(width=8, committee=2, steps=20)))
    return train({"ridge": "ridge", "kernel": KERNEL}[request.param])
