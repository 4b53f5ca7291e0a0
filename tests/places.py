"""The three places that bundles come from, for the cases that all of them must pass."""

from __future__ import annotations

from predictors.sources import FolderSource, RegistrySource
from scoreops.adapters.registry import Registry
from scoreops.adapters.storage import Storage


class FolderPlace:
    """A folder on this machine; with `s3://...` one of a bucket."""

    model = "tiny"

    def __init__(self, root):
        self.source = FolderSource(root)
        self.storage = Storage(root)

    def put(self, model, files):
        version = str(len(self.storage.listing(model)[0]) + 1)
        self.write(f"{model}/{version}", files)
        return version

    def write(self, folder, files):
        self.storage.write(folder, files)

    def spoil(self, model, version, changes):
        for name, data in changes.items():
            if data is None:
                self.storage._files.delete_file(self.storage._at(f"{model}/{version}/{name}"))
            else:
                self.storage.write(f"{model}/{version}", {name: data})


class RegistryPlace:
    """An MLflow server. A bundle that it would not register is a sound one whose files were changed afterwards."""

    def __init__(self, url, model):
        self.model = model
        self.registry = Registry(url)
        self.source = RegistrySource(self.registry)

    def put(self, model, files):
        version = self.registry.register(files, metrics={}, verdicts=[])
        self.registry.promote(model, version.number)
        return str(version.number)

    def spoil(self, model, version, changes):
        folder = self.registry.version(model, version).source.removeprefix("mlflow-artifacts:").lstrip("/")
        for name, data in changes.items():
            path = f"/api/2.0/mlflow-artifacts/artifacts/{folder}/{name}"
            if data is None:
                self.registry._http.delete(path).raise_for_status()
            else:
                self.registry._http.put(path, content=data).raise_for_status()
