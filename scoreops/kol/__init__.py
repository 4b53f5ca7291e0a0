"""The KOL product: pure functions from events to tiles, features, scores and decisions. No I/O, no clock."""
