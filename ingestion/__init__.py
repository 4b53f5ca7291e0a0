"""The doors into the log: the HTTP collector, files and importers, all behind one validation."""
