"""Manifests and everything else that people and other controllers read, as pure functions. No cluster is asked here."""
