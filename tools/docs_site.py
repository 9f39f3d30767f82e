"""What the documentation site has beside docs/: hooks of MkDocs, named in mkdocs.yml.

READMEs and the changelog stay where GitHub shows them and become pages too, with their links turned to pages; the page
of all settings is written from their descriptions.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

from uavloc.config import Config
from uavloc.section import Section

REPO = Path(__file__).resolve().parent.parent
PAGES = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "engines/README.md": "engines.md",
    "tools/train/README.md": "training.md",
    "ros2_ws/README.md": "ros2-workspace.md",
}
SOURCE_OF = {page: source for source, page in PAGES.items()}
_ABOUT_SETTINGS = """# All settings

What may stand in the file of `--config`, with defaults. What is not named keeps its default; a name that does not exist
is refused. Change settings of the localizer only if you [measure](accuracy.md) what that does.
"""
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s:]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that do not lie in docs/."""
    for source, page in PAGES.items():
        if (REPO / source).is_file():
            files.append(File.generated(config, page, content=(REPO / source).read_text(encoding="utf-8")))
    files.append(File.generated(config, "settings.md", content=settings()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files of the repository into links between pages; links to code become words."""
    here = page.file.src_uri
    return _LINK.sub(lambda link: _turned(link, SOURCE_OF.get(here, f"docs/{here}")), markdown)


def _turned(link: re.Match[str], source: str) -> str:
    words, target, anchor = link.group(1), link.group(2), link.group(3) or ""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    if path in PAGES:
        return f"[{words}]({PAGES[path]}{anchor})"
    if path.startswith("docs/"):
        return f"[{words}]({path.removeprefix('docs/')}{anchor})"
    outside = (REPO / path).exists()
    return words if outside else link.group(0)


def settings() -> str:
    """The page of all settings."""
    sections = [(name, _section(field.annotation)) for name, field in Config.model_fields.items()]
    return _ABOUT_SETTINGS + "".join(_settings_of(name, section) for name, section in sections if section is not None)


def _settings_of(name: str, section: type[Section]) -> str:
    rows = "".join(
        f"| `{key}` | `{field.get_default(call_default_factory=True)!r}` | {_in_table(field.description or '')} |\n"
        for key, field in section.model_fields.items()
    )
    return f"\n## {name}\n\n{section.__doc__}\n\n| setting | default | meaning |\n|---|---|---|\n{rows}"


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _section(annotation: Any) -> type[Section] | None:
    """The section that a field of the configuration is, or is a list of."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner = getattr(annotation, "__args__", ())
    return next((found for each in inner if (found := _section(each)) is not None), None)
