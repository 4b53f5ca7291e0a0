"""Any order of failures, actions, newer versions, crashes and stale looks: the laws hold after every step."""

from __future__ import annotations

import copy

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from scoreops.core.rollout_status import Phase
from scoreops.core.rollout_table import RESTING, RUNNING
from scoreops.core.rollout_world import Verb
from scoreops.core.verdict import Outcome
from tests.rollout_judge import GOING_BACK
from tests.rollout_operator import Crash, Operator
from tests.rollout_stories import NAMES, PLANS, VERSIONS
from tests.rollout_world import Conflict, World

FAILED = {Phase.ROLLED_BACK, Phase.REJECTED}


class Delivery(RuleBasedStateMachine):
    @initialize(
        plan=st.sampled_from(PLANS), first=st.sampled_from([True, False, False, False]), moves=st.integers(0, 12)
    )
    def begin(self, plan, first, moves):
        """Trouble starts after so many moves of a rollout that goes well."""
        self.world = World(plan) if first else World(plan).with_stable()
        self.operator = Operator(self.world)
        self.old = None
        self.failed = set()
        self.retries = set()
        self.attempts = self.ended = 0
        self.back_at = None
        self.world.source = VERSIONS[0]
        while self.world.status.moves < moves and self.world.status.phase not in {Phase.PAUSED, Phase.COMPLETED}:
            decision = self.operator.step()
            self.stepped()
            self.world.later((decision.again - self.world.now).total_seconds())

    def stepped(self):
        """What must hold between two writes that follow each other."""
        world, status = self.world, self.world.status
        if status.attempts > self.attempts:
            tried = status.attempt.candidate
            assert (tried, int(status.attempt.id.split("-")[0])) not in self.failed, "a failed version is not retried"
            self.attempts = status.attempts
        weight = world.weights.get(status.attempt.candidate.version, 0) if status.attempt else 0
        key = (status.attempts, weight)
        if status.phase in GOING_BACK and self.back_at and self.back_at[0] == key[0]:
            assert weight <= max(self.back_at[1], 0) or self.edited, "once back, never up"
        self.back_at = key if status.phase in GOING_BACK else None
        self.edited = False
        if any(answer.accepted and answer.action in self.retries for answer in status.answers if not answer.told):
            self.failed = {one for one in self.failed if one[0].version != status.attempt.candidate.version}
        if status.phase in FAILED and status.moves != self.ended:
            self.failed.add((status.attempt.candidate, world.generation))
        self.ended = status.moves

    edited = False

    @rule()
    def look(self):
        if not self.world.gone:
            self.operator.step()
            self.stepped()

    @rule(seconds=st.sampled_from([5, 10, 60]), looks=st.integers(1, 5))
    def a_little_time_passes(self, seconds, looks):
        self.time_passes(seconds, looks)

    @rule(seconds=st.sampled_from([1, 10, 60, 400, 1200]), looks=st.integers(1, 3))
    def time_passes(self, seconds, looks):
        for _ in range(looks):
            self.world.later(seconds)
            for _ in range(80):
                if self.world.gone:
                    return
                decision = self.operator.step()
                self.stepped()
                if decision.again > self.world.now:
                    break
            else:
                raise AssertionError(f"never rests: {self.world.status.phase} {decision.act}")

    @rule(write=st.integers(0, 3), after=st.booleans())
    def crash(self, write, after):
        self.operator = Operator(self.world, write, after)
        for _ in range(4):
            if self.world.gone:
                break
            try:
                self.operator.step()
            except Crash:
                self.stepped()
                break
            self.stepped()
        self.operator = Operator(self.world)

    @rule()
    def remember_a_look(self):
        self.old = (copy.deepcopy(self.world.observe()), self.world.revision)

    @precondition(lambda self: getattr(self, "old", None) is not None)
    @rule()
    def act_on_the_old_look(self):
        """The other replica wakes up with what it saw before: the fence stops it, or nothing had changed."""
        before, stale = self.world.facts(), self.old[1] != self.world.revision
        try:
            if not stale:
                return
            Operator(self.world).step(self.old)
        except Conflict:
            assert self.world.facts() == before
        self.stepped()

    @rule(name=st.sampled_from(NAMES), outcome=st.sampled_from([Outcome.PASS, Outcome.PASS, *Outcome]))
    def gate_says(self, name, outcome):
        self.world.gates[name] = outcome

    @rule(what=st.sampled_from(["metrics_up", "registry_up", "api_up"]), up=st.sampled_from([True, True, False]))
    def comes_or_goes(self, what, up):
        setattr(self.world, what, up)

    @rule(newer=st.sampled_from(VERSIONS))
    def source_names(self, newer):
        self.world.source = newer

    @rule(
        broken=st.sampled_from([False, False, True]),
        lies=st.sampled_from([False, False, True]),
        which=st.integers(0, 3),
    )
    def pod(self, broken, lies, which):
        pods = list(self.world.pods.values())
        if pods:
            pod = pods[which % len(pods)]
            pod.broken, pod.lies = broken, lies

    @rule(name=st.sampled_from(["17", "18"]), doomed=st.booleans())
    def image(self, name, doomed):
        (self.world.doomed.add if doomed else self.world.doomed.discard)(name)

    @rule(share=st.sampled_from([0, 5, 30, 100]))
    def somebody_edits_the_route(self, share):
        attempt = self.world.status.attempt
        if attempt is not None and attempt.stable is not None and attempt.candidate.version in self.world.pods:
            weights = {attempt.candidate.version: share, attempt.stable.version: 100 - share}
            self.world.write_route({name: one for name, one in weights.items() if one}, {})
            self.edited = True

    @rule(alias=st.sampled_from(["champion", "previous"]), name=st.sampled_from(["15", None]))
    def somebody_moves_an_alias(self, alias, name):
        setattr(self.world, alias, name)

    @rule(verb=st.sampled_from(list(Verb)))
    def ask(self, verb):
        name = self.world.ask(verb)
        if verb is Verb.RETRY:
            self.retries.add(name)

    @rule(
        plan=st.sampled_from(PLANS),
        paused=st.sampled_from([False, False, True]),
        valid=st.sampled_from([True] * 4 + [False]),
    )
    def spec_changes(self, plan, paused, valid):
        self.world.plan = plan.model_copy(update={"paused": paused})
        self.world.plan_valid = valid
        self.world.generation += 1

    @precondition(lambda self: hasattr(self, "world") and self.world.status.attempts > 1)
    @rule()
    def delete(self):
        self.world.deleting = True

    @rule()
    def back_with_the_cluster_alone(self):
        """At any moment: Rollback ends on stable within seconds, with metrics and registry away."""
        world = copy.deepcopy(self.world)
        status = world.status
        if world.gone or world.deleting or status.phase not in {*RUNNING, Phase.PAUSED} or not status.attempt.stable:
            return
        world.metrics_up = world.registry_up = False
        world.api_up = True
        stable = status.attempt.stable.version
        if stable not in world.pods or world.pods[stable].version != status.attempt.stable:
            return
        world.pods[stable].broken, world.pods[stable].failed = False, ""
        world.pods[stable].ready_at = world.now
        world.actions.clear()
        world.ask(Verb.ROLLBACK)
        operator = Operator(world)
        for _ in range(5):
            operator.settle()
            world.later(1)
        assert world.status.phase is Phase.ROLLED_BACK, world.status.message
        assert world.weights == {stable: 100}

    @invariant()
    def the_memory_is_whole(self):
        if hasattr(self, "world") and self.world.status.phase is Phase.PAUSED:
            assert self.world.status.pause is not None
            assert self.world.status.pause.was in RUNNING

    def teardown(self):
        """Whatever happened, once everything is well the rollout comes to an end."""
        if not hasattr(self, "world"):
            return
        world = self.world
        world.metrics_up = world.registry_up = world.api_up = True
        world.gates.clear()
        world.doomed.clear()
        if not world.plan_valid or world.plan.paused:
            world.generation += 1
        world.plan_valid, world.plan = True, world.plan.model_copy(update={"paused": False})
        for _ in range(400):
            for pod in world.pods.values():
                pod.broken, pod.lies, pod.failed = False, False, ""
            decision = Operator(world).settle()
            if world.gone or (not world.deleting and world.status.phase in RESTING):
                break
            if world.status.phase is Phase.PAUSED:
                world.ask(Verb.APPROVE)
                world.ask(Verb.RESUME)
            if world.status.phase is Phase.STALLED and world.status.attempt.stable is None:
                world.source = VERSIONS[2] if world.status.attempt.candidate != VERSIONS[2] else VERSIONS[1]
            world.later(max((decision.again - world.now).total_seconds(), 30))
        else:
            raise AssertionError(f"stuck: {world.status.phase} {world.status.reason} {world.status.message}")


TestDelivery = Delivery.TestCase
TestDelivery.settings = settings(max_examples=250, stateful_step_count=40)
