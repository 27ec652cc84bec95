import json

import pytest

for _name in ("metatomic.torch", "vesin"):
    pytest.importorskip(_name)


@pytest.fixture(scope="package")
def toy_file(tmp_path_factory):
    """A model in double precision, whose file tells its convention, with an ensemble."""
    from toy_metatomic import CONVENTION, write_toy

    path = tmp_path_factory.mktemp("metatomic") / "pairs.pt"
    return write_toy(path, extra={"dos": json.dumps(CONVENTION)}, ensemble=True)
