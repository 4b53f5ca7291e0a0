from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.place import here
from scoreops.core.errors import BadInput

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


def test_the_usual_cluster_lies_in_the_checkout():
    place = here({})
    assert (place.name, place.home.parts[-2:], place.number) == ("scoreops", (".run", "cluster"), 0)
    assert place.api_url == "https://10.231.0.2:6443"


@pytest.mark.parametrize("name", ["", "Upper", "1st", "with space", "a/b", "x" * 32])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(BadInput, match="CLUSTER_NAME"):
        here({"CLUSTER_NAME": name})


@given(NAMES)
def test_every_name_has_addresses_and_a_link_that_linux_takes(name):
    place = here({"CLUSTER_NAME": name})
    assert len(place.link) <= 15
    assert 0 <= place.number <= 254
    assert (place.number == 0) == (name == "scoreops")
    assert place.host.rpartition(".")[0] == place.inside.rpartition(".")[0]


def test_a_command_enters_both_namespaces():
    assert here({}).enter(["ls"]) == [
        "nsenter",
        "--net=/run/netns/scoreops",
        "--mount=/run/scoreops/scoreops/mounts",
        "--",
        "ls",
    ]
