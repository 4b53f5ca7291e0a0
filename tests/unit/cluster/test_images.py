from __future__ import annotations

import pytest

from cluster import images
from cluster.place import ROOT
from cluster.wheels import wanted
from scoreops.core.errors import Unsupported

LOCK = """\
numpy==2 \\
    --hash=sha256:a \\
    --hash=sha256:b
    # via pandas
nvidia-nccl-cu12==2 ; sys_platform == 'linux' \\
    --hash=sha256:c
    # via xgboost
pandas==2 \\
    --hash=sha256:d
async-timeout==5 ; python_full_version < '3.11.3' \\
    --hash=sha256:e
"""


def test_libraries_for_graphics_cards_are_left_out():
    made = wanted(LOCK)
    assert "nvidia" not in made
    assert "sha256:c" not in made
    assert "async-timeout==5 \\\n" in made
    for kept in ("numpy==2 \\\n    --hash=sha256:a \\\n    --hash=sha256:b\n", "pandas==2 \\\n    --hash=sha256:d\n"):
        assert kept in made


def test_a_dockerfile_copies_what_its_digest_covers():
    for name, image in images.IMAGES.items():
        lines = (images.FOLDER / name / "Dockerfile").read_text().splitlines()
        copied = {line.split()[1] for line in lines if line.startswith("COPY") and "--from" not in line}
        expected = {*image.content, f"requirements/{image.lock}"} if image.lock else {"pause"}
        assert copied == expected, name


def test_every_image_runs_as_a_numeric_user_that_is_not_root():
    for name in images.IMAGES:
        users = [line for line in (images.FOLDER / name / "Dockerfile").read_text().splitlines() if "USER" in line]
        assert users
        assert int(users[-1].split()[1].partition(":")[0]) > 0


def test_what_is_copied_is_not_ignored():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {path for image in images.IMAGES.values() for path in image.content} <= kept


def test_an_unknown_image_is_refused():
    with pytest.raises(Unsupported, match="is not one of pause, predictors, platform"):
        images.reference("other")
