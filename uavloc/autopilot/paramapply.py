"""Setting what is wrong, and making sure that it was taken."""

from __future__ import annotations

from collections.abc import Sequence

from uavloc.autopilot.paramcheck import Finding, checked
from uavloc.autopilot.paramprotocol import ParamClient
from uavloc.autopilot.rule import Rule

_ROUNDS = 4
"""A lost PARAM_SET is sent again, and parameters may appear only when another one is set."""


def apply(client: ParamClient, rules: Sequence[Rule], findings: Sequence[Finding]) -> list[Finding]:
    """Set every parameter that is wrong and read all back; gives how things stand then. Advice is not applied."""
    now = list(findings)
    for _ in range(_ROUNDS):
        wrong = [finding for finding in now if finding.wrong]
        if not wrong:
            break
        for finding in wrong:
            if finding.change is not None:
                client.write(finding.rule.name, finding.change)
        now = checked(rules, client.read(rule.name for rule in rules))
    return now
