"""What people and bots write under posts: Vietnamese and English, put together into a phrasebook."""

from __future__ import annotations

from typing import Final

import numpy as np

from scoreops.kol.world_words import PARTS

CATEGORIES: Final = ("praise", "question", "complaint", "generic", "copied", "spam")
PHRASES: Final = 1500
"""Size of the phrasebook of each category and language; short ones repeat."""
NETWORKS: Final = 6
"""Sellers of comments. Each has few texts of its own, used under the posts of all its customers."""
_TEXTS_PER_NETWORK: Final = 14

_SLANG: Final = {
    "không": "ko",
    "được": "dc",
    "vậy": "v",
    "quá": "quáaa",
    "mọi người": "mn",
    "bao nhiêu": "bnh",
    "rồi": "r",
}
_PLAIN: Final = str.maketrans(
    "àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđÀÁĐ",
    "aaaaaaaaaaaaaaaaaeeeeeeeeeeeiiiiiooooooooooooooooouuuuuuuuuuuyyyyydAAD",
)


def phrasebook(rng: np.random.Generator) -> list[str]:
    """2 x 6 x PHRASES texts: index (language * 6 + category) * PHRASES + i, language 0 is Vietnamese.

    Within "copied" and "spam", the texts of network j are those with i % NETWORKS == j, and they are few.
    """
    return [text for language in ("vi", "en") for category in CATEGORIES for text in _section(category, language, rng)]


def _section(category: str, language: str, rng: np.random.Generator) -> list[str]:
    if category not in ("copied", "spam"):
        return [_write(category, language, rng) for _ in range(PHRASES)]
    few = [[_write(category, language, rng) for _ in range(_TEXTS_PER_NETWORK)] for _ in range(NETWORKS)]
    return [few[i % NETWORKS][int(rng.integers(_TEXTS_PER_NETWORK))] for i in range(PHRASES)]


def _write(category: str, language: str, rng: np.random.Generator) -> str:
    text = "".join(part[int(rng.integers(len(part)))] for part in PARTS[category, language])
    text = text.replace("{d}", str(rng.integers(10_000, 99_999)))
    if language == "vi" and category not in ("copied", "spam"):
        style = rng.random()
        if style < 0.35:
            text = text.translate(_PLAIN)
        elif style < 0.5:
            for word, short in _SLANG.items():
                text = text.replace(word, short)
    if rng.random() < 0.2:
        text = text.capitalize()
    return text
