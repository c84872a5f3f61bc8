(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Colours: as the system says, or as chosen, for as long as the page is open.
  const themes = ["auto", "light", "dark"];
  const theme = document.getElementById("_theme");
  let chosen = 0;
  theme.addEventListener("click", () => {
    chosen = (chosen + 1) % themes.length;
    root.dataset.theme = themes[chosen];
    theme.textContent = `Theme: ${themes[chosen]}`;
  });
  const code = document.getElementById("_code");
  if (code) code.addEventListener("click", () => {
    const shown = document.body.classList.toggle("show-code");
    code.setAttribute("aria-pressed", shown);
    code.textContent = shown ? "Hide code" : "Show code";
    for (const each of all("details.code")) each.open = shown;
  });
  document.querySelector(".controls").hidden = false;

  // Contents: folded where the page is narrow, and the section being read is marked.
  const contents = document.querySelector(".contents");
  if (contents && matchMedia("(max-width: 1080px)").matches) contents.open = false;
  const links = new Map(all(".contents a").map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const mark = () => {
    const passed = headings.filter((h) => h.getBoundingClientRect().top < innerHeight * 0.3);
    const here = passed.length ? passed[passed.length - 1].id : null;
    for (const [id, link] of links) link.classList.toggle("here", id === here);
  };
  addEventListener("scroll", mark, { passive: true });
  mark();

  // Tables: sorted by a click or Enter on a heading; what is unknown stays last.
  const SHOWN = 15;
  const rest = (table) => {
    [...table.tBodies[0].rows].forEach((row, i) => row.classList.toggle("rest", i >= SHOWN));
  };
  const valueOf = (row, column) => {
    const cell = row.cells[column];
    if (cell.querySelector(".am-null")) return null;
    return cell.dataset.v === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.v);
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number"
    ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
  const sort = (table, column, head) => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
    rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null)
      : up ? compare(a, b) : compare(b, a));
    body.append(...rows.map(([, row]) => row));
    rest(table);
  };
  for (const table of all(".am-table table")) {
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) [...table.tHead.rows[0].cells].forEach((head, column) => {
      // Not a button: Chromium prints those blank in a heading that repeats on each sheet.
      const label = document.createElement("span");
      label.className = "sort";
      label.tabIndex = 0;
      label.setAttribute("role", "button");
      label.append(...head.childNodes);
      head.append(label);
      label.addEventListener("click", () => sort(table, column, head));
      label.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(table, column, head);
      });
    });
    rest(table);
    if (rows > SHOWN + 3) {
      const more = document.createElement("button");
      more.className = "more";
      more.type = "button";
      more.textContent = `Show all ${rows.toLocaleString("en")} rows`;
      more.addEventListener("click", () => { table.classList.add("all"); more.remove(); });
      table.closest(".am-table").append(more);
    } else table.classList.add("all");
  }

  // Charts: the bundle is unpacked once, and each chart is as wide as its card.
  const NARROW = 520;
  const load = async (packed) => {
    const bytes = Uint8Array.from(atob(packed.textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
    packed.remove();
  };
  const fitted = (spec, width) => {
    let config = spec.config;
    if (width < NARROW) {
      config = {
        ...config,
        axisY: { ...(config || {}).axisY, labelLimit: Math.round(width * 0.3) },
        legend: {
          ...(config || {}).legend,
          layout: { top: { direction: "vertical", anchor: "start", margin: 6 } },
        },
      };
    }
    const fluid = spec.usermeta && spec.usermeta.fluid && ("mark" in spec || "layer" in spec);
    return fluid
      ? { ...spec, config, width: "container", autosize: { type: "fit-x", contains: "padding" } }
      : { ...spec, config };
  };
  const draw = async (figure) => {
    const place = figure.querySelector(".vis");
    try {
      const spec = JSON.parse(figure.querySelector("script").textContent);
      // Expressions are walked, not compiled: the page's policy allows no eval.
      const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true };
      await vegaEmbed(place, fitted(spec, place.clientWidth), options);
      place.style.minHeight = "";
    } catch (error) {
      place.textContent = `This chart could not be drawn: ${error.message || error}`;
      place.classList.add("broken");
    }
  };
  const drawAll = async () => {
    const packed = document.getElementById("_vega");
    if (!packed) return;
    const figures = all("figure.chart");
    try {
      await load(packed);
    } catch (error) {
      for (const figure of figures) {
        figure.querySelector(".vis").textContent = "This browser is too old to draw the charts.";
      }
      return;
    }
    for (const figure of figures) await draw(figure);
    root.dataset.drawn = figures.length;
  };
  drawAll();
})();
