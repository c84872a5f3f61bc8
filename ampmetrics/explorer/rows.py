"""A table of many rows: a page of them at a time, in the order of a column that is clicked."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets as widgets

from ampmetrics.explorer.panels import Panel, title_of
from ampmetrics.explorer.style import wrapped

__all__ = ["Rows", "close_whole", "parts_of"]

_PAGE = 40


class Rows(widgets.VBox):  # type: ignore[misc]
    """The rows of a panel; the buttons above them sort, a second click turns the order round.

    `by` and `descending` tell the order, `page` which part is shown, from 0.
    """

    def __init__(self) -> None:
        self.by = ""
        self.descending = False
        self.page = 0
        self.heads = widgets.HBox()
        self._head = widgets.HBox([widgets.HTML("Sort by"), self.heads])
        self.body = widgets.HTML()
        self._panel: Panel | None = None
        self._buttons: dict[str, widgets.Button] = {}
        self._before = _button("‹ before", partial(self._turn, -1))
        self._after = _button("after ›", partial(self._turn, 1))
        self._where = widgets.HTML()
        self._pager = widgets.HBox([self._before, self._where, self._after])
        self._head.add_class("am-sort")
        self.heads.add_class("am-sort")
        self._pager.add_class("am-pager")
        super().__init__([self._head, self.body, self._pager])

    def show(self, panel: Panel) -> None:
        """Show these rows; of the same columns as before in the same order, on the same page."""
        before, self._panel = self._panel, panel
        if before is None or before.columns != panel.columns:
            self.by, self.descending, self.page = panel.columns[0], False, 0
            self.heads.children = [self._button_of(name) for name in panel.columns]
        self._draw()

    def first_page(self) -> None:
        """Go back to the first rows: other ones are picked."""
        self.page = 0

    def close(self) -> None:
        """Forget the buttons too that are not shown just now."""
        for button in self._buttons.values():
            close_whole(button)
        super().close()

    def _button_of(self, column: str) -> widgets.Button:
        # Made once: a widget that was thrown away would stay in the kernel.
        if column not in self._buttons:
            self._buttons[column] = _button("", partial(self._sort, column))
        return self._buttons[column]

    def _sort(self, column: str, _: Any = None) -> None:
        self.descending = not self.descending if column == self.by else False
        self.by, self.page = column, 0
        self._draw()

    def _turn(self, pages: int, _: Any = None) -> None:
        self.page += pages
        self._draw()

    def _draw(self) -> None:
        panel = self._panel
        if panel is None:
            return
        frame = panel.rows.sort(
            self.by, descending=self.descending, nulls_last=True, maintain_order=True
        )
        last = max(0, (frame.height - 1) // _PAGE)
        self.page = min(max(0, self.page), last)
        first = self.page * _PAGE
        page = frame.slice(first, _PAGE)
        for button, name in zip(self.heads.children, panel.columns, strict=True):
            sign = "" if name != self.by else " ▼" if self.descending else " ▲"
            button.description = f"{title_of(name)}{sign}"
        self._head.layout.display = None if frame.height > 1 else "none"
        self.body.value = wrapped(panel.show(page))
        self._pager.layout.display = None if last else "none"
        self._before.disabled, self._after.disabled = self.page == 0, self.page == last
        self._where.value = f"{first + 1:,} to {first + page.height:,} of {frame.height:,}"


def _button(text: str, clicked: Any) -> widgets.Button:
    button = widgets.Button(description=text, layout=widgets.Layout(width="auto"))
    button.on_click(clicked)
    return button


def close_whole(widget: widgets.Widget) -> None:
    """Close a widget with its parts, which ipywidgets would hold as long as the kernel lives."""
    for part in parts_of(widget):
        close_whole(part)
    widget.close()


def parts_of(widget: widgets.Widget) -> list[widgets.Widget]:
    """What is within a widget, and what tells how it looks."""
    looks = [getattr(widget, name, None) for name in ("layout", "style")]
    return [*getattr(widget, "children", ()), *(part for part in looks if part is not None)]
