"""Everything that makes a feature: Feast definitions, the stream runners, the lake and the backfill."""
