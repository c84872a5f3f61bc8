"""What a program or an agent printed → text that a page can show: no terminal code acts in it."""

from __future__ import annotations

import re

__all__ = ["plain"]

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_SHOWN: dict[int, int | str] = {
    **{code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"},
    127: 0x2421,
    # What turns the direction of writing makes a text look like another one.
    **{code: f"<U+{code:04X}>" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **{code: f"<U+{code:04X}>" for code in (*range(0x80, 0xA0), 0x2028, 0x2029)},
}


def plain(text: str) -> str:
    """The text without colours and moves of a terminal; other control characters are seen."""
    return _TERMINAL.sub("", text.replace("\r\n", "\n")).translate(_SHOWN)
