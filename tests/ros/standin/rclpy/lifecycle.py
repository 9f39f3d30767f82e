"""Nodes with a life cycle, and the services by which it is asked for."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from lifecycle_msgs.srv import ChangeState, GetState

from rclpy.node import Node


class TransitionCallbackReturn(Enum):
    SUCCESS, FAILURE, ERROR = 97, 98, 99


@dataclass(frozen=True)
class LifecycleState:
    state_id: int
    label: str


State = LifecycleState
_STATES = {"unconfigured": 1, "inactive": 2, "active": 3, "finalized": 4}
_WAYS = {
    (1, "unconfigured"): ("configure", "inactive"),
    (2, "inactive"): ("cleanup", "unconfigured"),
    (3, "inactive"): ("activate", "active"),
    (4, "active"): ("deactivate", "inactive"),
    (5, "unconfigured"): ("shutdown", "finalized"),
    (6, "inactive"): ("shutdown", "finalized"),
    (7, "active"): ("shutdown", "finalized"),
}


class LifecycleNode(Node):
    def __init__(self, node_name: str, **_: Any) -> None:
        super().__init__(node_name)
        self._state = "unconfigured"
        self._managed: list[Any] = []
        self.create_service(ChangeState, "~/change_state", self._asked)
        self.create_service(GetState, "~/get_state", self._told)

    def create_lifecycle_publisher(self, *arguments: Any, **more: Any) -> Any:
        publisher = self.create_publisher(*arguments, **more)
        publisher.enabled = False
        self._managed.append(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: Any) -> None:
        self._managed.remove(publisher)
        self.destroy_publisher(publisher)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS

    on_cleanup = on_shutdown = on_configure

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        for publisher in self._managed:
            publisher.enabled = True
        return TransitionCallbackReturn.SUCCESS

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        for publisher in self._managed:
            publisher.enabled = False
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.FAILURE

    def trigger_configure(self) -> TransitionCallbackReturn:
        return self._change(1)

    def trigger_activate(self) -> TransitionCallbackReturn:
        return self._change(3)

    def trigger_shutdown(self) -> TransitionCallbackReturn | None:
        way = next(
            (number for (number, state), (name, _) in _WAYS.items() if (state, name) == (self._state, "shutdown")), 0
        )
        return self._change(way) if way else None

    def _change(self, number: int) -> TransitionCallbackReturn:
        name, goal = _WAYS[number, self._state]
        before = LifecycleState(_STATES[self._state], self._state)
        callback: Callable[[LifecycleState], TransitionCallbackReturn] = getattr(self, f"on_{name}")
        try:
            came = callback(before)
        except Exception:
            traceback.print_exc()
            came = TransitionCallbackReturn.ERROR
        if came == TransitionCallbackReturn.SUCCESS:
            self._state = goal
        elif came == TransitionCallbackReturn.ERROR:
            recovered = self.on_error(before) == TransitionCallbackReturn.SUCCESS
            self._state = "unconfigured" if recovered else "finalized"
        return came

    def _asked(self, request: Any, response: Any) -> Any:
        if (request.transition.id, self._state) not in _WAYS:
            raise RuntimeError("Failed to trigger lifecycle state machine transition")
        response.success = self._change(request.transition.id) == TransitionCallbackReturn.SUCCESS
        return response

    def _told(self, _request: Any, response: Any) -> Any:
        response.current_state.id, response.current_state.label = _STATES[self._state], self._state
        return response
