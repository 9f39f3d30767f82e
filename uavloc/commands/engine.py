"""`uavloc engine`: the engines that turn pictures into descriptors."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

from uavloc.card import EngineCard, engine_folder, list_engines, load_card
from uavloc.commands.words import finite
from uavloc.console import say, show_table
from uavloc.encode import OnnxEncoder, Parity, check_parity, load_engine, open_engine
from uavloc.engine.check import check_engine
from uavloc.engine.importing import HEADS, ImportOrder, import_engine
from uavloc.types import Precision, Provider

PROVIDERS: tuple[str, ...] = get_args(Provider)
PRECISIONS: tuple[str, ...] = get_args(Precision)

_IMPORT_HELP = """
examples:
  uavloc engine import dinov2_vits14.onnx --licence Apache-2.0 --out engines/dinov2
  uavloc engine import places.onnx --licence MIT --colour rgb --size 512 --mean 0 --std 255 --out places

Without --mean and --std, colour pictures are normalised as for ImageNet and grey ones to 0 to 1. Which outputs are
descriptors is told from their shapes; --dense and --global name them where that goes wrong.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `uavloc engine`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True, title="actions")
    actions.add_parser("list", help="name the installed engines").set_defaults(run=run_list)
    info = actions.add_parser("info", help="show the facts of an engine")
    _add_name(info)
    info.set_defaults(run=run_info)
    verify = actions.add_parser("verify", help="check that an engine is unaltered and does what its card says")
    _add_name(verify)
    _add_choice(verify, "--provider", PROVIDERS, "what computes")
    _add_choice(verify, "--precision", PRECISIONS, "variant of the engine")
    verify.set_defaults(run=run_verify)
    build = actions.add_parser("build", help="build the TensorRT plan of an engine for this board, and check it")
    _add_name(build)
    _add_choice(build, "--precision", PRECISIONS, "variant of the engine")
    build.set_defaults(run=run_build)
    _configure_import(actions.add_parser("import", help="make an engine of an ONNX encoder"))


def run_list(arguments: argparse.Namespace) -> None:
    """Every installed engine with what it says of itself."""
    del arguments
    show_table([(name, load_card(engine_folder(name)).description) for name in list_engines()])


def run_info(arguments: argparse.Namespace) -> None:
    """The card of an engine."""
    folder = engine_folder(arguments.name)
    card = open_engine(folder).card
    show_table([("engine", card.name), ("folder", str(folder)), *_facts(card)])


def run_verify(arguments: argparse.Namespace) -> None:
    """Run an engine on test pictures and say that it keeps its word."""
    engine = open_engine(engine_folder(arguments.name), provider=arguments.provider, precision=arguments.precision)
    check_engine(engine)
    say(f"{engine.name}: intact, and does what its card says: {engine.identity}")
    _show_parity(engine)


def run_build(arguments: argparse.Namespace) -> None:
    """Load an engine with TensorRT, which builds and keeps its plan, and compare with the reference."""
    engine = load_engine(arguments.name, provider="tensorrt", precision=arguments.precision)
    say(f"{engine.name}: the plan is built and kept")
    _show_parity(engine)


def run_import(arguments: argparse.Namespace) -> None:
    """Write an engine folder for a model and show what was found."""
    name = arguments.name or arguments.file.stem.lower().replace(" ", "_").replace(".", "_")
    engine = import_engine(
        ImportOrder(
            file=arguments.file,
            out=arguments.out or Path(name),
            name=name,
            licence=arguments.licence,
            description=arguments.description,
            training_data=arguments.training_data or ("unknown",),
            gsd_range_m=(arguments.gsd_min, arguments.gsd_max),
            colour=arguments.colour,
            mean=arguments.mean,
            std=arguments.std,
            size_px=arguments.size,
            window_px=arguments.window,
            halo_px=arguments.halo,
            heads=arguments.heads,
            dense=arguments.dense,
            whole=arguments.whole,
            layout=arguments.layout,
            centre=arguments.centre,
        )
    )
    show_table([("engine", engine.name), ("folder", str(arguments.out or Path(name))), *_facts(engine.card)])


def _configure_import(command: argparse.ArgumentParser) -> None:
    command.epilog = _IMPORT_HELP
    add = command.add_argument
    add("file", type=Path, metavar="FILE", help="ONNX model with a picture as input and descriptors as output")
    add("--licence", required=True, metavar="TEXT", help="licence of the model: you are asked, a file does not tell")
    add("--name", metavar="NAME", help="name of the engine (default: of the file)")
    add("--out", type=Path, metavar="FOLDER", help="folder to write (default: NAME, here)")
    add("--description", metavar="TEXT", help="one sentence")
    add("--training-data", action="append", metavar="TEXT", help="what it was trained on; repeat it for more")
    add("--gsd-min", type=finite, default=0.2, metavar="M", help="finest metres per pixel (default: %(default)s)")
    add("--gsd-max", type=finite, default=2.0, metavar="M", help="coarsest metres per pixel (default: %(default)s)")
    add("--colour", choices=("grey", "rgb", "bgr"), help="what the model takes (default: grey or rgb, by its planes)")
    add("--mean", type=_numbers, metavar="V[,V,V]", help="subtracted from 8-bit values, for all or each plane")
    add("--std", type=_numbers, metavar="V[,V,V]", help="then divided by")
    add("--size", type=int, metavar="PX", help="side of the only picture the model takes (default: as it says)")
    add("--window", type=int, metavar="PX", help="side of the windows the global head describes")
    add("--heads", nargs="+", choices=HEADS, default=HEADS, help="which heads to use (default: both)")
    add("--dense", metavar="OUTPUT", help="output with a descriptor per cell (default: the first that fits)")
    add("--global", dest="whole", metavar="OUTPUT", help="output with one vector (default: the first that fits)")
    add("--layout", choices=("nchw", "nhwc", "tokens"), help="order of the dense output (default: by its shape)")
    add("--halo", type=int, metavar="PX", help="how far pixels influence a cell (default: measured)")
    add("--centre", type=Path, metavar="PICTURE", help="subtract the mean descriptor of this map picture")
    command.set_defaults(run=run_import)


def _add_name(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME", help="installed engine, or a folder with an engine.toml")


def _add_choice(command: argparse.ArgumentParser, option: str, choices: tuple[str, ...], about: str) -> None:
    command.add_argument(
        option, choices=choices, default=choices[0], help=f"{about}: {', '.join(choices)} (default: %(default)s)",
        metavar=option[2:].upper(),
    )  # fmt: skip


def _numbers(text: str) -> list[float]:
    values = [finite(part) for part in text.split(",")]
    if len(values) not in {1, 3}:
        raise argparse.ArgumentTypeError(f"'{text}' is not one number or three")
    return values


def _facts(card: EngineCard) -> list[tuple[str, str]]:
    finest_m, coarsest_m = card.gsd_range_m
    return [
        ("description", card.description),
        ("licence", card.licence),
        ("trained on", ", ".join(card.training_data) or "nothing"),
        ("made for", f"{finest_m:g} to {coarsest_m:g} m per pixel"),
        ("takes", _input_in_words(card)),
        *_heads(card),
        ("precisions", ", ".join(["fp32", *(variant.precision for variant in card.variant or [])])),
        ("identity", card.identity),
    ]


def _input_in_words(card: EngineCard) -> str:
    facts = card.input
    size = f"{facts.size_px} x {facts.size_px} pixels, " if facts.size_px else ""
    return f"{facts.colour}, {size}(value - {_plain(facts.mean)}) / {_plain(facts.std)}"


def _plain(value: float | tuple[float, ...]) -> str:
    return " ".join(f"{v:g}" for v in (value if isinstance(value, tuple) else (value,)))


def _heads(card: EngineCard) -> list[tuple[str, str]]:
    dense, whole, shown = card.output, card.global_head, []
    if dense is not None:
        size = f"{dense.channels} channels per {dense.stride} x {dense.stride} pixels"
        shown.append(("dense descriptor", f"{size}, influenced from {dense.halo_px} pixels around"))
    if whole is not None:
        shown.append(("global descriptor", f"{whole.dim} numbers per {whole.window_px} x {whole.window_px} pixels"))
    return shown


def _show_parity(engine: OnnxEncoder) -> None:
    where = f"{engine.name}: runs on {engine.provider} in {engine.precision}"
    if engine.card.reference is None:
        say(f"{where}; the card has no reference to compare with")
        return
    say(f"{where}; largest difference to the reference: {_parity_in_words(check_parity(engine))}")


def _parity_in_words(found: Parity) -> str:
    parts = [
        f"{value:.2g} ({head})"
        for head, value in (("dense", found.dense), ("global", found.whole))
        if value is not None
    ]
    return f"{', '.join(parts)}, of {found.tolerance:g} accepted"
