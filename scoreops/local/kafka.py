"""Apache Kafka as one process: KRaft, one node, jars from Maven."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from scoreops.adapters.settings import Settings
from scoreops.core.errors import NotReady
from scoreops.local import jars
from scoreops.local.service import Service

_CLUSTER_ID: Final = "c2NvcmVvcHMtZW1iZWRkZQ"
# A broker that crashed may register again only after its session has ended: 4 s instead of 9.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
log.cleaner.dedupe.buffer.size=4194304
log.retention.hours=-1
log.message.timestamp.before.max.ms=9223372036854775807
num.network.threads=2
num.io.threads=2
auto.create.topics.enable=false
"""
_LOGGING: Final = """\
status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
"""


def service(settings: Settings) -> Service:
    """The broker on `settings.kafka_port`; its controller listens one port higher."""
    home = settings.root / "kafka"
    classes = f"{jars.folder('kafka')}/*"

    def prepare() -> None:
        jars.tool("java")
        _format(settings, home, f"{jars.fetch('kafka')}/*")

    def ready() -> bool:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        try:
            client = AdminClient({"bootstrap.servers": f"{settings.host}:{settings.kafka_port}", "log_level": 0})
            return bool(client.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    # the second compiler takes more time than it gives back in the minutes that this broker lives
    heap = ["-Xms256m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    heap.append(f"-Dlog4j2.configurationFile={home}/log4j2.properties")
    argv = ["java", *heap, "-cp", classes, "kafka.Kafka", f"{home}/server.properties"]
    ports = (settings.kafka_port, settings.kafka_port + 1)
    return Service("kafka", settings.root, argv, ready, ports, prepare=prepare, stop_s=20, host=settings.host)


def _format(settings: Settings, home: Path, classes: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    config = home / "server.properties"
    config.write_text(
        _PROPERTIES.format(
            host=settings.host, port=settings.kafka_port, controller=settings.kafka_port + 1, data=home / "data"
        )
    )
    (home / "log4j2.properties").write_text(_LOGGING)
    if (home / "data" / "meta.properties").exists():
        return
    command = [jars.tool("java"), "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", classes, "kafka.tools.StorageTool"]
    command += ["format", "--cluster-id", _CLUSTER_ID, "--config", str(config), "--ignore-formatted"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotReady(f"Kafka could not format its folder: {(done.stdout + done.stderr).strip()[-800:]}")
