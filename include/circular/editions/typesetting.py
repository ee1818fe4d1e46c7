"""Typst with the fonts of a package: what is set looks the same on every machine and embeds its fonts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import typst

from include.base.errors import ConfigurationError

_PACKAGE = "pylopdf_fonts_zh_cn"
_FILES = ("NotoSansSC-Regular.otf", "NotoSerifSC-Regular.otf")
_TEMPLATES = Path(__file__).parent / "templates"


def typeset(template: str, data: Mapping[str, Any], form: Literal["pdf", "png"] = "pdf", *, at: int) -> bytes:
    """The template set with `data`, which stays text whatever it holds. `at`: the file's own date, Unix time.

    Raises ConfigurationError if the fonts are missing: other fonts would leave boxes.
    """
    made = typst.compile(
        _TEMPLATES / template,
        root=_TEMPLATES,
        font_paths=[fonts()],
        ignore_system_fonts=True,
        format=form,
        ppi=200,
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
        timestamp=at,
    )
    if not isinstance(made, bytes):
        raise TypeError(f"{template} is of one page as {form}, but gave {type(made).__name__}")
    return made


def fonts() -> Path:
    """The folder with Noto Sans SC and Noto Serif SC."""
    found = find_spec(_PACKAGE)
    folders = list(found.submodule_search_locations or []) if found else []
    folder = Path(folders[0]) if folders else None
    if folder is None or not all((folder / name).is_file() for name in _FILES):
        raise ConfigurationError(
            "缺少排版用的中文字体（Noto Sans SC、Noto Serif SC），未生成文件。",
            "请安装 requirements.txt 中的 pylopdf-fonts-zh-cn 后重试。",
        )
    return folder
