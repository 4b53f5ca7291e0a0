"""One Spark session on this machine, with the Kafka connector's jars from Maven."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady

_LOCAL: Final = "local[2]"
_CONNECTOR: Final = ("spark-sql-kafka", "spark-token-provider", "kafka-clients", "commons-pool2")
"""What the connector adds to the jars of the wheel."""


def session(settings: Settings, jars: Path, memory: str = "1g") -> Any:
    """A session whose temporary files lie under HOME/spark; `memory` is the heap of all of it. Raises NotReady without
    PySpark.

    `SPARK_REMOTE` or a master in the environment is not looked at: on a cluster spark-submit makes the session first.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise NotReady("PySpark is not installed; `make setup` installs the full environment") from error
    folder = settings.root / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SPARK_LOCAL_IP", settings.host)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    here = str(Path(__file__).resolve().parents[1])  # workers unpickle our functions by their module's name
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))
    builder = SparkSession.builder.master(_LOCAL).appName("scoreops")
    for name, value in {
        "spark.jars": ",".join(str(jar) for jar in sorted(jars.glob("*.jar")) if jar.name.startswith(_CONNECTOR)),
        "spark.ui.enabled": "false",
        "spark.driver.memory": memory,
        "spark.driver.host": settings.host,
        "spark.driver.bindAddress": settings.host,
        "spark.driver.extraJavaOptions": "-XX:+UseSerialGC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.local.dir": str(folder / "tmp"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }.items():
        builder = builder.config(name, value)
    made = builder.getOrCreate()
    made.sparkContext.setLogLevel("ERROR")
    return made
