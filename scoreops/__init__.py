"""ScoreOps: from raw events to a score that somebody can defend."""
