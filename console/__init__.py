"""The REST API for people and programs: rankings, explanations, alerts, models."""
