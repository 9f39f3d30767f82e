"""`uavloc engine`: the engines that turn pictures into descriptors."""

from __future__ import annotations

import argparse

from uavloc.console import say, show_table
from uavloc.encode import engine_folder, list_engines, load_card, load_engine
from uavloc.enginecheck import check_engine


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc engine`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    listing = actions.add_parser("list", help="name the installed engines")
    listing.set_defaults(run=run_list)
    for name, about, action in (
        ("info", "show the facts of an engine", run_info),
        ("verify", "check that an engine is unaltered and does what its card says", run_verify),
    ):
        command = actions.add_parser(name, help=about)
        command.add_argument("name", metavar="NAME", help="installed engine, or a folder with an engine.toml")
        command.set_defaults(run=action)


def run_list(arguments: argparse.Namespace) -> None:
    """Every installed engine with what it says of itself."""
    del arguments
    show_table([(name, load_card(engine_folder(name)).description) for name in list_engines()])


def run_info(arguments: argparse.Namespace) -> None:
    """The card of an engine."""
    folder = engine_folder(arguments.name)
    card = load_card(folder)
    finest_m, coarsest_m = card.gsd_range_m
    show_table(
        [
            ("engine", card.name),
            ("folder", str(folder)),
            ("description", card.description),
            ("licence", card.licence),
            ("trained on", ", ".join(card.training_data) or "nothing"),
            ("made for", f"{finest_m:g} to {coarsest_m:g} m per pixel"),
            ("descriptor", f"{card.output.channels} channels per {card.output.stride} x {card.output.stride} pixels"),
            ("identity", load_engine(arguments.name).identity),
        ]
    )


def run_verify(arguments: argparse.Namespace) -> None:
    """Run an engine on a test picture and say that it keeps its word."""
    engine = load_engine(arguments.name)
    check_engine(engine)
    say(f"{engine.name}: intact, and does what its card says: {engine.identity}")
