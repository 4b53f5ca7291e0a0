"""Plain word lists that mark a comment as negative, positive or spam: exact, cheap and the same everywhere.

They feed the stream's shares; the text branch of the trust score learns its own weights. Vietnamese is matched without
diacritics, since people type it both ways.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

SKETCH_BITS: Final = 256
"""Buckets of the linear-counting sketches for distinct texts and users."""

NEGATIVE: Final = frozenset(
    (
        "lua dao, that vong, te, chan, do deu, hang gia, kem, phot, dat qua, khong dang, boc phot, fake, "
        "scam, bad, worst, terrible, refund, disappointed, broken, rip off, awful, waste"
    ).split(", ")
)
POSITIVE: Final = frozenset(
    (
        "tuyet voi, thich, hay qua, dep, xinh, yeu, tot, chat luong, dang tien, ung, xuat sac, great, love, "
        "amazing, beautiful, excellent, best, worth it, helpful, nice quality"
    ).split(", ")
)
GENERIC: Final = frozenset(
    (
        "hay, dep, nice, cool, wow, great pic, love it, awesome, good, first, follow, ib, check ib, check "
        "inbox, f4f, hong, hong shop, up, cham, hay qua ban oi, nice pic, so good, amazing post, keep it up"
    ).split(", ")
)
PROMOTION: Final = frozenset(
    (
        "follow me, f4f, sub4sub, kiem tien, vay tien, inbox minh, zalo, click link, link bio, free "
        "followers, tang follow, dau tu, casino, giveaway, telegram, promo code, earn money"
    ).split(", ")
)

_WORDS: Final = re.compile(r"[a-z0-9]+")
_LINK: Final = re.compile(r"https?://|www\.|\b[a-z0-9-]+\.(?:com|vn|net|top|xyz)\b")


class Flags(NamedTuple):
    """What the lists say of one comment; `bucket` is its place in the sketch of distinct texts."""

    negative: int
    positive: int
    spam: int
    bucket: int


def fold_case(text: str) -> str:
    """Lower case without diacritics: "Tuyệt vời" -> "tuyet voi"."""
    decomposed = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@lru_cache(maxsize=65_536)
def flags(text: str) -> Flags:
    """The flags of one comment. Spam is a link, a promotion, or nothing but a generic phrase or symbols."""
    plain = fold_case(text)
    words = _WORDS.findall(plain)
    joined = " ".join(words)
    padded = f" {joined} "
    promotes = bool(_LINK.search(plain)) or any(f" {phrase} " in padded for phrase in PROMOTION)
    spam = not words or joined in GENERIC or promotes
    negative = any(f" {phrase} " in padded for phrase in NEGATIVE)
    positive = not negative and any(f" {phrase} " in padded for phrase in POSITIVE)
    bucket = hashlib.blake2b((joined or text).encode(), digest_size=1).digest()[0]
    return Flags(int(negative), int(positive), int(spam), bucket)
