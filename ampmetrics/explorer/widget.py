"""The explorer itself: what can be picked at the left, what is known of it at the right."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import ipywidgets as widgets
from markupsafe import escape

from ampmetrics import theme
from ampmetrics.aggregates.net import SESSION
from ampmetrics.charts.frame import number
from ampmetrics.explorer.panels import PANELS, figures
from ampmetrics.explorer.picked import (
    ALL,
    Option,
    Picked,
    choices,
    runs_of,
    unit_options,
    where,
)
from ampmetrics.explorer.picture import Picture
from ampmetrics.explorer.rows import Rows, close_whole, parts_of
from ampmetrics.explorer.store import News, Store
from ampmetrics.explorer.style import style, wrapped
from ampmetrics.reports.plain import plain

__all__ = ["Explorer"]

_LOOK_SEC = 1.0
_SHARE = 3
"""After it has read again it rests at least so many times as long."""
_FILTERS = {
    "run": ("run_id", "Run", "outside of a benchmark"),
    "case": ("case_id", "Case", "not named"),
    "variant": ("variant", "Variant", "not named"),
    "ended": ("ended", "Ended", "unfinished"),
}


class Explorer(widgets.VBox):  # type: ignore[misc]
    """The widget of `explore`.

    `filters`, `unit` and `view` are its lists; `refresh()` looks for new lines at once, `close()`
    ends it and all its parts.
    """

    def __init__(self, store: Store) -> None:
        theme.enable()
        self.store = store
        theme.variant_colours(self.store.frames["units"]["variant"].drop_nulls().unique().sort())
        self.filters = {
            name: widgets.Dropdown(description=label, options=[("All", ALL)])
            for name, (_, label, _) in _FILTERS.items()
        }
        self.unit = widgets.Select(description="Trial or session", options=[("All", ALL)], rows=18)
        self.view = widgets.ToggleButtons(options=list(PANELS))
        self.following = widgets.Checkbox(value=True, description="Follow new lines", indent=False)
        self.status, self.sums, self.above = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.picture, self.rows = Picture(), Rows()
        self._updating = False
        self._trouble = ""
        super().__init__(self._laid_out())
        self.add_class("am-explorer")
        # From 0 on the browser counts where it is shown.
        self._view_count = 0
        for widget in (*self.filters.values(), self.unit, self.view):
            widget.observe(self._changed, "value")
        self._update()
        self._task = _follow(self)

    def refresh(self) -> bool:
        """Read what is new in the files and show it; whether there was any."""
        return self._take(self.store.news())

    def close(self) -> None:
        """End it: nothing is followed any more, and the browser forgets it."""
        if self._task is not None:
            self._task.cancel()
        for part in parts_of(self):
            close_whole(part)
        super().close()

    def _laid_out(self) -> list[widgets.Widget]:
        side = widgets.VBox([*self.filters.values(), self.unit, self.following, self.status])
        main = widgets.VBox([self.sums, self.view, self.above, self.picture, self.rows])
        halves = widgets.HBox([side, main])
        for widget, name in (
            (side, "am-side"), (main, "am-main"), (halves, "am-halves"),
            (self.view, "am-views"), (self.status, "am-status"),
        ):  # fmt: skip
            widget.add_class(name)
        return [widgets.HTML(style()), halves]

    def _take(self, news: News | None) -> bool:
        if news is not None:
            self.store.take(news)
        if news is not None or self._trouble:
            self._trouble = ""
            self._update()
        return news is not None

    def _changed(self, _: Any) -> None:
        if not self._updating:
            self.rows.first_page()
            self._update()

    def _update(self) -> None:
        self._updating = True
        try:
            picked = self._picked()
        finally:
            self._updating = False
        panel = PANELS[self.view.value](picked)
        self.sums.value = wrapped(figures(picked.units))
        self.above.value = wrapped(panel.above) if panel.above else ""
        self.picture.show(panel.chart)
        self.rows.show(panel)
        self._tell()

    def _picked(self) -> Picked:
        """What is picked; what can be picked besides follows from it."""
        frames = self.store.frames
        units = frames["units"]
        _set(self.filters["run"], runs_of(frames))
        of_run = where(units, {"run_id": self.filters["run"].value})
        for name in ("case", "variant", "ended"):
            column, _, none = _FILTERS[name]
            _set(self.filters[name], choices(of_run, column, none))
        wanted = {column: self.filters[n].value for n, (column, _, _) in _FILTERS.items()}
        units = where(units, wanted)
        _set(self.unit, unit_options(units))
        of_unit = dict(zip(SESSION, self.unit.value, strict=False))
        return Picked(where(units, {name: (value,) for name, value in of_unit.items()}), frames)

    def _tell(self) -> None:
        units = self.store.frames["units"]
        trials = int(units["is_trial"].sum())
        counts = [(trials, "trial"), (units.height - trials, "session")]
        said = " and ".join(number(n, noun) for n, noun in counts if n) or "nothing"
        said = f"{said} in {number(self.store.n_files, 'event file')}"
        if bad := self.store.frames["unreadable_lines"].height:
            said = f"{said}. {number(bad, 'line')} cannot be read"
        trouble = f" {escape(plain(self._trouble))}" if self._trouble else ""
        self.status.value = f"{said}.{trouble}"

    async def _look(self) -> float:
        """Look for new lines where somebody watches; how long to wait until the next time, s."""
        if not self.following.value or not self._view_count:
            return _LOOK_SEC
        began = time.monotonic()
        try:
            # Lists are answered meanwhile.
            self._take(await asyncio.to_thread(self.store.news))
        except Exception as error:
            # Files change while they are read; whatever it is, it is said, and tried once more.
            self._trouble = f"New lines cannot be shown: {type(error).__name__}: {error}"
            self._tell()
        return max(_LOOK_SEC, _SHARE * (time.monotonic() - began))


def _follow(explorer: Explorer) -> asyncio.Task[None] | None:
    """A task of the kernel's own loop; null where no loop runs: call `refresh`."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop.create_task(_keep_looking(explorer))


async def _keep_looking(explorer: Explorer) -> None:
    # Until it is closed: ipywidgets holds it until then too.
    while True:
        await asyncio.sleep(await explorer._look())


def _set(widget: widgets.Dropdown | widgets.Select, options: list[Option]) -> None:
    """Give it these options; the value stays where it is one of them, else it is all."""
    if list(widget.options) == options:
        return
    value = widget.value
    with widget.hold_sync():
        widget.options = options
        widget.value = value if value in [each for _, each in options] else ALL
