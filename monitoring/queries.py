"""What is asked of the store. ?1 model, ?2 version (the candidate), ?3 from when, ?4 to when, ?5 stable, ?6 how many.

CROSS JOIN is a join in the order as written: the index by time of the candidate's answers comes first.
"""

from typing import Final

COUNTED: Final = """
SELECT count(*) AS rows, coalesce(sum(unusable), 0) AS unusable,
       coalesce(sum(probability IS NULL AND NOT unusable), 0) AS abstained, count(as_of_us) AS known,
       coalesce(sum(time_us - as_of_us > ?5), 0) AS stale, max(time_us) AS newest
FROM answers WHERE model = ?1 AND version = ?2 AND time_us BETWEEN ?3 AND ?4"""
LABELLED: Final = """
SELECT c.request, c.row, c.probability, l.value AS label
FROM answers c
CROSS JOIN labels l ON l.model = ?1 AND l.kind = 'request' AND l.key = c.request AND l.place = CAST(c.row AS TEXT)
WHERE c.model = ?1 AND c.version = ?2 AND c.time_us BETWEEN ?3 AND ?4 AND c.probability IS NOT NULL
ORDER BY c.time_us LIMIT ?6"""
ABOUT: Final = """
SELECT request, row, probability, time_us, entity
FROM answers
WHERE model = ?1 AND version = ?2 AND time_us BETWEEN ?3 AND ?4 AND probability IS NOT NULL AND entity IS NOT NULL
ORDER BY time_us LIMIT ?6"""
COUNT_PAIRS: Final = """
SELECT count(*)
FROM answers c
CROSS JOIN answers s ON s.model = ?1 AND s.request = c.request AND s.row = c.row AND s.version = ?5
WHERE c.model = ?1 AND c.version = ?2 AND c.time_us BETWEEN ?3 AND ?4 AND s.time_us BETWEEN ?3 AND ?4
      AND c.probability IS NOT NULL AND s.probability IS NOT NULL"""
LABELLED_PAIRS: Final = """
SELECT c.request, c.row, s.probability AS stable, c.probability AS candidate, l.value AS label
FROM answers c
CROSS JOIN labels l ON l.model = ?1 AND l.kind = 'request' AND l.key = c.request AND l.place = CAST(c.row AS TEXT)
CROSS JOIN answers s ON s.model = ?1 AND s.request = c.request AND s.row = c.row AND s.version = ?5
WHERE c.model = ?1 AND c.version = ?2 AND c.time_us BETWEEN ?3 AND ?4 AND s.time_us BETWEEN ?3 AND ?4
      AND c.probability IS NOT NULL AND s.probability IS NOT NULL
ORDER BY c.time_us LIMIT ?6"""
PAIRS_ABOUT: Final = """
SELECT c.request, c.row, s.probability AS stable, c.probability AS candidate, max(c.time_us, s.time_us) AS time_us,
       c.entity
FROM answers c
CROSS JOIN answers s ON s.model = ?1 AND s.request = c.request AND s.row = c.row AND s.version = ?5
WHERE c.model = ?1 AND c.version = ?2 AND c.time_us BETWEEN ?3 AND ?4 AND s.time_us BETWEEN ?3 AND ?4
      AND c.probability IS NOT NULL AND s.probability IS NOT NULL AND c.entity IS NOT NULL
ORDER BY c.time_us LIMIT ?6"""
ENTITY_LABELS: Final = """
SELECT key AS entity, place, value, time_us FROM labels WHERE model = ? AND kind = 'entity'"""
INPUTS: Final = """
SELECT entity, as_of_us, features FROM inputs WHERE model = ? AND version = ? AND time_us >= ?
ORDER BY time_us, request, row LIMIT ?"""
