# Copyright 2026 The uavloc developers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""The state of the relay in words, for diagnostics."""

from __future__ import annotations

from dataclasses import dataclass, field

from uavloc_px4.relay import Relay

OK, WARN, ERROR = 0, 1, 2
_LEVELS = {'fused': OK, 'unknown': WARN, 'ignored': WARN, 'rejected': ERROR}
_SILENT_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of a DiagnosticArray."""

    name: str
    level: int
    message: str
    values: dict[str, str] = field(default_factory=dict)


def report(relay: Relay, now_ns: int, listeners: int, topic: str, type_name: str) -> list[Part]:
    """How it stands with what goes to PX4 and with what comes from it."""
    fusion = relay.fusion.judge(now_ns, listeners)
    counts = {name: str(count) for name, count in sorted(relay.counts.items())}
    out = {name: count for name, count in counts.items() if name.startswith(('sent', 'withheld'))}
    into = {name: count for name, count in counts.items() if name not in out}
    heard = relay.attitude_ns is not None and now_ns - relay.attitude_ns < _SILENT_NS
    return [
        Part(
            'uavloc_px4: position to PX4',
            _LEVELS[fusion.state],
            f'{fusion.state}: {fusion.why}',
            {
                'fusion': fusion.state,
                'topic': topic,
                'type': type_name,
                'subscriptions': str(listeners),
                'last sent (s ago)': _ago(relay.sent_ns, now_ns),
                **out,
            },
        ),
        Part(
            'uavloc_px4: measurements of PX4',
            OK if heard else WARN,
            'attitude comes in'
            if heard
            else 'no attitude of PX4: does the agent run, and is the namespace right?',
            {
                'clock': {'shared': 'of this computer', 'own': 'of PX4', 'unknown': 'not known'}[
                    relay.clock.domain
                ],
                'clock jumps': str(relay.clock.jumps),
                'odd time stamps': str(relay.clock.odd),
                'timesync round trip (us)': 'none'
                if relay.round_trip_us is None
                else str(relay.round_trip_us),
                'last attitude (s ago)': _ago(relay.attitude_ns, now_ns),
                **into,
            },
        ),
    ]


def _ago(t_ns: int | None, now_ns: int) -> str:
    return 'never' if t_ns is None else f'{(now_ns - t_ns) / 1e9:.1f}'
