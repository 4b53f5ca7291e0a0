"""A fifth model touches one domain file, one feature file, one line of the catalog and one model card."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from feature_repo.frames import Frame, frame
from scoreops.catalog import SCORES, recipe_of
from scoreops.core.errors import Unsupported
from scoreops.core.recipe import DRIFTED, PERMUTED

ROOT = Path(__file__).resolve().parents[2]
TRAINED = [score.name for score in SCORES.values() if score.recipe]
PRODUCT = (
    "scoreops/catalog.py",
    "scoreops/kol/",
    "scoreops/sme/",
    "scoreops/local/",
    "scoreops/cli/",
    "feature_repo/frames/",
    "feature_repo/views.py",  # the feature services
    "feature_repo/sme/",
    "kfp_pipelines/kol_train.py",
    "kfp_pipelines/sme_",  # the pipelines of a product name what they run
    "kfp_pipelines/weighing.py",
    "predictors/branches.py",  # fusion joins these very scores
    "predictors/deciding.py",
    "console/",
)
"""Files that are about scores by their names. All else is the platform."""
OTHERWISE = {("scoreops/adapters/prometheus.py", "success")}
"""Where a word that is also a score's name means something else."""


def platform():
    for package in ("scoreops", "kfp_pipelines", "feature_repo", "predictors", "operators", "monitoring"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not name.startswith(PRODUCT):
                yield name, ast.parse(path.read_text())


def test_no_file_of_the_platform_knows_a_score_by_its_name():
    found = {
        (name, node.value)
        for name, tree in platform()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in SCORES
    }
    assert found == OTHERWISE


def test_the_files_that_were_looked_at_are_the_platform():
    names = {name for name, _ in platform()}
    for part in ("training", "evaluation", "checks", "steps", "components", "rehearsal", "bundling", "drift"):
        assert f"kfp_pipelines/{part}.py" in names
    assert {"predictors/server.py", "operators/loop.py", "scoreops/core/recipe.py"} <= names


@pytest.mark.parametrize("name", SCORES)
def test_every_score_has_a_model_card(name):
    card = ROOT / "docs" / "models" / f"{name}.md"
    assert card.read_text().startswith(f"# Model card: {name}")


@pytest.mark.parametrize("name", TRAINED)
def test_every_trained_score_has_its_frame_and_a_recipe_that_can_judge(name):
    assert isinstance(frame(name), Frame)
    recipe = recipe_of(name)
    assert recipe.limits
    assert recipe.min_rows > 0
    assert recipe.need > 0
    assert {*recipe.rehearsals} <= {PERMUTED, DRIFTED}
    assert bool(recipe.counted) == (DRIFTED in recipe.rehearsals)


def test_what_has_no_recipe_or_no_frame_is_said_with_the_choices():
    with pytest.raises(Unsupported, match="'fusion' is not one of the scores that are trained by a recipe: trust, suc"):
        recipe_of("fusion")
    with pytest.raises(Unsupported, match=r"'fifth' has no training rows: fifth\.py is not one of .*success, trust"):
        frame("fifth")
