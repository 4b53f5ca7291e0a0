"""The demo: a generated world through the whole loop, on real parts, with what it found as summary.json."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from feature_repo.backfill import backfill
from feature_repo.feast_store import write_config
from feature_repo.frames.trust import read_labels
from feature_repo.lake_writer import lake_span, open_lake
from feature_repo.stream import JOB
from ingestion.generate import write_world
from ingestion.replay import Counts, between, lines, replay
from kfp_pipelines.run_local import run as run_pipeline
from scoreops.adapters.alert_book import AlertBook
from scoreops.adapters.predictor import PredictorClient
from scoreops.adapters.registry import Registry
from scoreops.adapters.score_book import ScoreBook
from scoreops.adapters.settings import Settings
from scoreops.adapters.state_store import StateStore
from scoreops.core.errors import NotReady, Refused, ScoreOpsError
from scoreops.local import runtime
from scoreops.local.demo_report import Reporter
from scoreops.local.demo_summary import Plan, Summary, from_scratch, last_json, write_summary
from scoreops.local.parts import part
from scoreops.local.progress import wait_for
from scoreops.local.service import Service
from scoreops.local.truth import spike_agreement, trust_agreement

FIRST_SHARE: Final = 0.75
"""How much of the history the first champion is trained on."""
WARM_DAYS: Final = 2
"""Alert rules need so many days before they are judged against the truth."""


class Demo:
    """One run in a HOME of its own, which is emptied first."""

    def __init__(self, settings: Settings, plan: Plan, reporter: Reporter) -> None:
        self.settings = settings
        self.plan = plan
        self.say = reporter
        self.summary = Summary(asdict(plan))
        self._world = settings.root / "world"
        self._parts: list[Service] = []

    def run(self) -> Summary:
        """Everything, in order. What was started goes on running; the caller's `running` block ends it."""
        with self._phase("start and generate"), ThreadPoolExecutor(1) as pool:
            plan = self.plan
            made = pool.submit(write_world, self._world, kols=plan.kols, days=plan.days, seed=plan.seed)
            runtime.up([runtime.component(name, self.settings) for name in runtime.COMPONENTS])
            write_config(self.settings)
            self._times(made.result())
        with self._phase("history"):
            sent = self._history()
        with self._phase("train"):
            self._train()
        with self._phase("refusals"):
            self._refusals()
        with self._phase("serve"):
            self._serve()
        with self._phase("live"):
            sent += self._live()
        with self._phase("check"):
            self._check(sent)
        return self.summary

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        with self.say.phase(name):
            yield
        self.summary.seconds[name] = round(time.monotonic() - began, 1)

    def _times(self, world: dict[str, Any]) -> None:
        self._start = datetime.fromisoformat(world["start"])
        self._end = datetime.fromisoformat(world["end"])
        live = self._end - timedelta(minutes=self.plan.live_minutes)
        self._cut = live.replace(minute=0, second=0)
        self._first = self._start + timedelta(hours=int(self.plan.days * 24 * FIRST_SHARE))

    def _start_part(self, name: str) -> Service:
        service = part(name, self.settings)
        runtime.up([service])
        self._parts.append(service)
        return service

    def _alive(self) -> None:
        for service in self._parts:
            if service.process() is None:
                raise ScoreOpsError(f"{service.name} has stopped, see {service.log}:\n{service.tail()}")

    def _history(self) -> list[Counts]:
        stream = self._start_part("stream")
        self._start_part("lake")
        labels = replay(lines(self._world / "labels.jsonl", "labels"), self.settings, form="labels")
        source = between(lines(self._world / "events.jsonl.gz"), None, self._cut)
        sent = replay(source, self.settings, progress=lambda c: self.say.doing(f"replayed {c.produced:,} events"))
        wait_for(self.settings, 600, self._behind, self._alive)
        self._parts.remove(stream)
        stream.stop()  # the live part starts it again from its fence, and so measures only itself
        start, stop = lake_span(open_lake(self.settings))
        self.say.doing("judging the history by the alert rules")
        self.summary.features = {"labels": labels.accepted, "hours": stop - start}
        self.summary.features["history_alerts"] = backfill(self.settings, start, stop, tiles=False).alerts
        return [sent]

    def _behind(self, left: dict[str, int]) -> None:
        self.say.doing(", ".join(f"{name} has {count:,} events to go" for name, count in left.items()))

    def _pipeline(self, until: datetime, rehearse: str = "") -> list[dict[str, Any]]:
        arguments = {"until": int(until.timestamp()) // 3600, "rehearse": rehearse, "fusion": not rehearse}
        return run_pipeline("kol_train", arguments, self.settings, lambda done: self.say.doing(f"{done} done"))

    def _train(self) -> None:
        for until in (self._first, self._cut):
            reports = self._pipeline(until)
            self.summary.training.append({"until": until.isoformat(), "steps": reports})
            self.say.gates(f"trained on what happened before {until:%Y-%m-%d %H:%M} UTC", reports)
        for name in ("trust", "success", "fusion"):
            aliases = Registry(self.settings.mlflow_url).aliases(name)
            if "champion" not in aliases:
                raise ScoreOpsError(f"no version of {name} passed every gate, so there is nothing to serve")

    def _refusals(self) -> None:
        reports = self._pipeline(self._cut, "trust=permuted,success=drifted")
        refused = [
            {"score": report["score"], **verdict}
            for report in reports
            for verdict in report.get("verdicts", [])
            if verdict["outcome"] == "Fail"
        ]
        self.summary.refusals = refused
        self.say.refusals(refused)

    def _serve(self) -> None:
        self._start_part("predictor")
        self._start_part("console")
        client = PredictorClient(self.settings.predictor_url)
        deadline = time.monotonic() + 60
        while not client.ready():
            self._alive()
            if time.monotonic() > deadline:
                raise NotReady(f"the predictor is not ready, see {self.settings.root / 'logs' / 'predictor.log'}")
            time.sleep(0.2)
        self._start_part("stream")
        self._start_part("fusion")

    def _live(self) -> list[Counts]:
        book, alerts = ScoreBook(self.settings.redis_url), AlertBook(self.settings.redis_url)
        sent: list[Counts] = []
        source = between(lines(self._world / "events.jsonl.gz"), self._cut, None)
        speed = self.plan.speed
        worker = threading.Thread(target=lambda: sent.append(replay(source, self.settings, speed=speed)), daemon=True)
        seen, middle = set(), (self._cut + (self._end - self._cut) / 2).timestamp() // 60
        first = book.minute()
        worker.start()
        while worker.is_alive():
            worker.join(0.5)
            self._alive()
            for alert in alerts.newest(50, since_us=round(self._cut.timestamp() * 1e6)):
                if alert["alert_id"] not in seen and alert["severity"] == "high":
                    seen.add(alert["alert_id"])
                    self.say.alert(alert)
            self.say.doing(f"decided {book.minute() - first if first else 0} event-minutes")
            first = first or book.minute()
            if not self.summary.rollback and book.minute() >= middle:
                self._rollback(book)
        if not sent:
            raise ScoreOpsError("the live replay failed")
        wait_for(self.settings, 120, self._behind, self._alive)
        self.summary.fusion = {"first_minute": first, "last_minute": book.minute(), "live_alerts": len(seen)}
        return sent

    def _rollback(self, book: ScoreBook) -> None:
        """Take trust back to the version before; the next decision must come from it."""
        before = book.all()
        labels = read_labels(self.settings, int(self._cut.timestamp()) // 3600)
        truth = json.loads((self._world / "truth.json").read_text())
        self.summary.agreement["trust"] = trust_agreement(before, labels, truth)
        try:
            was, now = Registry(self.settings.mlflow_url).rollback("trust")
        except Refused as error:  # in a small world the first version may not have passed its gates
            self.summary.rollback = {"score": "trust", "refused": str(error)}
            self.say.line(f"no rollback: {error}")
            return
        began, deadline = time.monotonic(), time.monotonic() + 60
        while book.all()[0]["versions"]["trust"] != str(now):
            self._alive()
            if time.monotonic() > deadline:
                raise NotReady(f"60 s after the rollback of trust version {now} does not answer yet")
            time.sleep(0.1)
        seconds = round(time.monotonic() - began, 1)
        self.summary.rollback = {"score": "trust", "from": was, "to": now, "seconds_to_next_decision": seconds}
        self.say.line(
            f"trust rolled back from version {was} to {now}; the next decision came from it {seconds} s later"
        )

    def _check(self, sent: list[Counts]) -> None:
        """Stop the streaming parts, so that their last word is written, and count."""
        for service in reversed(self._parts):
            if service.name in ("stream", "fusion", "lake"):
                service.stop()
        counts = StateStore(self.settings.redis_url, JOB).counts()
        totals = {name: sum(getattr(c, name) for c in sent) for name in ("produced", "accepted", "dead_lettered")}
        folded = {"folded": counts.get("folded", 0), "repeats_ignored": counts.get("repeats", 0)}
        self.summary.events = totals | folded | {"too_late": counts.get("late", 0)}
        logged = last_json((self.settings.root / "logs" / "stream.log").read_text())
        self.summary.latency_ms = {name: logged.get(f"latency_ms_{name}", float("nan")) for name in ("p50", "p99")}
        decided = last_json((self.settings.root / "logs" / "fusion.log").read_text())
        self.summary.fusion |= {"decided_minutes": decided.get("decided"), "skipped_minutes": decided.get("skipped")}
        found = AlertBook(self.settings.redis_url).newest(1_000_000)
        rules = sorted({alert["rule"] for alert in found})
        self.summary.alerts = {rule: sum(alert["rule"] == rule for alert in found) for rule in rules}
        truth = json.loads((self._world / "truth.json").read_text())
        since = round((self._start + timedelta(days=WARM_DAYS)).timestamp() * 1e6)
        until = round(self._end.timestamp() * 1e6)
        self.summary.agreement["follower_spike"] = spike_agreement(found, truth, since, until)
        self.say.ranking(ScoreBook(self.settings.redis_url).all())


def run_demo(settings: Settings, plan: Plan, reporter: Reporter, *, keep: bool) -> Summary:
    """Run it under HOME/demo, write summary.json there, and stop everything unless `keep`."""
    own = settings.model_copy(update={"home": settings.root / "demo"})
    with from_scratch(own, keep=keep):
        demo = Demo(own, plan, reporter)
        try:
            return demo.run()
        finally:
            write_summary(own, demo.summary)
