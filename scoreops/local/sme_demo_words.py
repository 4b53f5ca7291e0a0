"""What the demo of SME Pulse says of its training and of how good the scores were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kfp_pipelines.report import RunReport
from kfp_pipelines.sme_steps import SCORES
from scoreops.sme.cash_features import HORIZON

Json = Mapping[str, Any]


def outcomes(report: RunReport) -> list[dict[str, Any]]:
    """What became of each score in a run of `sme_train`: its version and alias, gates passed and gates that said no.

    `version` and `alias` are None where a gate ended the training before anything was registered.
    """
    found = []
    for score in SCORES:
        mine: dict[str, Json] = {step["step"]: step for step in report.steps if step.get("score") == score}
        registered = mine.get("register", {})
        gates = [gate for gate in report.gates if gate["score"] == score]
        found.append(
            {
                "score": score,
                "version": registered.get("version"),
                "alias": registered.get("alias"),
                "gates": len(gates),
                "refused": [f"{g['gate']}: {g['outcome']}: {g['reason']}" for g in gates if g["outcome"] != "Pass"],
                "metrics": mine.get("evaluate", {}).get("metrics", {}),
            }
        )
    return found


def told(outcome: Json) -> str:
    """One of `outcomes` in words."""
    if outcome["version"] is None:
        return f"was not registered: {'; '.join(outcome['refused'])}"
    if outcome["alias"] == "champion":
        return f"version {outcome['version']} is champion, all of {outcome['gates']} gates passed"
    return f"version {outcome['version']} stays a candidate: {'; '.join(outcome['refused'])}"


def agreements(late: Json, cash: Json, alerts: Json) -> Iterator[str]:
    """How far the scores agreed with the truth, a line each; of a score without a champion, that it said nothing."""
    if cash["companies"]:
        mornings = len(cash["made_on"])
        covers = f"80 % interval of a day covers {cash['day_interval_80_covers']:.1%} on {mornings} mornings"
        yield f"cash of {HORIZON} days by {', '.join(cash['methods'])}: {covers}"
    else:
        yield f"cash of {HORIZON} days: no company has enough history"
    if late["open_and_not_due"]:
        yield f"days late: MAE {late['mae_days']}, 80 % interval covers {late['interval_80_covers']:.1%}"
    else:
        yield "days late: nothing was said"
    odd = alerts.get("medium_and_above")
    if odd:
        yield f"odd transactions: precision {odd['precision']}, recall {odd['recall']} at medium and above"
    else:
        yield "odd transactions: nothing was said"
