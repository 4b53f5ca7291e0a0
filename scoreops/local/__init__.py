"""The embedded runtime: the real components as processes of one machine."""
