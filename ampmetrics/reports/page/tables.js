// Tables: sorted by a click or Enter on a heading, with what is unknown last; long ones are short
// until asked; those marked so are searched and filtered.
(() => {
  "use strict";
  const SHOWN = 15;
  const CHOICES = 12;
  const SEARCHED = 8;
  const DATE = /^\d{4}-\d\d\b|^\d\d?:\d\d\b/;
  const make = (tag, options) => Object.assign(document.createElement(tag), options);
  const textOf = (cell) => (cell ? cell.textContent.trim() : "");

  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (!cell || cell.querySelector(".am-null")) return null;
    return cell.dataset.v === undefined ? textOf(cell).toLowerCase() : Number(cell.dataset.v);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number"
    ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

  const sortable = (table, changed) => {
    const sort = (column, head) => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null)
        : up ? compare(a, b) : compare(b, a));
      body.append(...rows.map(([, row]) => row));
      changed();
    };
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      // Not a button: Chromium prints those blank in a heading that repeats on each sheet.
      const label = make("span", { className: "sort", tabIndex: 0 });
      label.setAttribute("role", "button");
      label.append(...head.childNodes);
      head.append(label);
      label.addEventListener("click", () => sort(column, head));
      label.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(column, head);
      });
    });
  };

  // Columns of text with few different values, each in two rows on average: which they are, in
  // their order. A day or a time is no kind of row.
  const choicesOf = (table, column) => {
    const values = new Set();
    const { rows } = table.tBodies[0];
    const most = Math.min(CHOICES, rows.length / 2);
    for (const row of rows) {
      const cell = row.cells[column];
      if (!cell || cell.classList.contains("am-num") || cell.querySelector("details")) return [];
      const text = textOf(cell);
      if (DATE.test(text)) return [];
      values.add(text);
      if (values.size > most) return [];
    }
    return values.size > 1 ? [...values].sort((a, b) => compare(a.toLowerCase(), b.toLowerCase())) : [];
  };
  // A minus sign is found by a hyphen.
  const plain = (text) => text.toLowerCase().replaceAll("−", "-");
  const filters = (table, changed) => {
    const bar = make("div", { className: "am-filters" });
    const search = make("input", { type: "search", placeholder: "Search", autocomplete: "off" });
    search.setAttribute("aria-label", "Search the rows");
    bar.append(search);
    const picks = [...table.tHead.rows[0].cells].flatMap((head, column) => {
      const values = choicesOf(table, column);
      if (!values.length) return [];
      const pick = make("select");
      const name = textOf(head);
      pick.setAttribute("aria-label", name);
      pick.append(make("option", { value: "", textContent: `${name}: all` }));
      for (const value of values) pick.append(make("option", { value: `=${value}`, textContent: value }));
      bar.append(pick);
      return [[column, pick]];
    });
    const count = make("output");
    bar.append(count);
    const apply = () => {
      const words = plain(search.value).split(/\s+/).filter(Boolean);
      let n = 0;
      for (const row of table.tBodies[0].rows) {
        const said = words.length ? plain(row.textContent) : "";
        const stays = words.every((word) => said.includes(word))
          && picks.every(([column, pick]) => !pick.value || `=${textOf(row.cells[column])}` === pick.value);
        row.classList.toggle("out", !stays);
        n += stays;
      }
      const all = table.tBodies[0].rows.length;
      count.textContent = n === all ? `${all.toLocaleString("en")} rows`
        : `${n.toLocaleString("en")} of ${all.toLocaleString("en")} rows`;
      changed();
    };
    search.addEventListener("input", apply);
    for (const [, pick] of picks) pick.addEventListener("change", apply);
    table.parentElement.before(bar);
    apply();
  };

  const ready = async (table) => {
    const card = table.closest(".am-table");
    const packed = card.querySelector(":scope > .am-packed");
    if (packed) {
      // Rows made by our own blocks, which escape all they are given.
      table.tBodies[0].insertAdjacentHTML("beforeend", (await amLines(packed)).join(""));
      card.querySelector(".am-left").remove();
    }
    const more = make("button", { className: "more", type: "button" });
    let open = false;
    const layout = () => {
      const kept = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("out"));
      const short = !open && kept.length > SHOWN + 3;
      kept.forEach((row, i) => row.classList.toggle("rest", short && i >= SHOWN));
      more.hidden = !short;
      more.textContent = `Show all ${kept.length.toLocaleString("en")} rows`;
    };
    more.addEventListener("click", () => { open = true; layout(); });
    card.append(more);
    if (table.tBodies[0].rows.length > 1) sortable(table, layout);
    if (table.closest("[data-filter]") && table.tBodies[0].rows.length > SEARCHED) filters(table, layout);
    layout();
  };
  for (const table of document.querySelectorAll(".am-table table:not(.am-fixed)")) ready(table);
})();
