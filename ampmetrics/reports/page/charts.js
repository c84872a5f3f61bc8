(() => {
  "use strict";
  const root = document.documentElement;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Charts: the bundle is unpacked once, and each chart is as wide as its card.
  const NARROW = 520;
  const load = async (packed) => {
    const script = document.createElement("script");
    script.textContent = await amUnpack(packed, "gzip");
    document.head.append(script);
  };
  const fitted = (spec, width) => {
    let config = spec.config;
    if (width < NARROW) {
      config = {
        ...config,
        axisY: { ...(config || {}).axisY, labelLimit: Math.round(width * 0.3) },
      };
    }
    if (!isFluid(spec)) return { ...spec, config };
    const size = typeof spec.height === "number"
      ? { width: "container", autosize: { type: "fit-x", contains: "padding" } }
      : { width };
    return { ...spec, config, ...size };
  };
  const isFluid = (spec) =>
    spec.usermeta && spec.usermeta.fluid && ("mark" in spec || "layer" in spec);
  const draw = async (figure) => {
    const place = figure.querySelector(".vis");
    try {
      const [spec] = await amLines(figure.querySelector(".am-packed"));
      // Expressions are walked, not compiled: the page's policy allows no eval.
      const options = { mode: "vega-lite", renderer: "svg", actions: false, ast: true };
      const shown = fitted(spec, place.clientWidth);
      await vegaEmbed(place, shown, options);
      if (isFluid(spec) && shown.width !== "container") {
        // A height in steps does not go with a width that fits: what the axes took is known now.
        const over = Number(place.querySelector("svg").getAttribute("width")) - shown.width;
        await vegaEmbed(place, { ...shown, width: shown.width - over }, options);
      }
      place.style.minHeight = "";
    } catch (error) {
      place.textContent = `This chart could not be drawn: ${error.message || error}`;
      place.classList.add("broken");
    }
  };
  const drawAll = async () => {
    const packed = document.getElementById("_vega");
    if (!packed) {
      root.dataset.drawn = 0;
      return;
    }
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
  // A finger does not move before it taps, and Vega shows what a mark says when the pointer moves.
  for (const place of all("figure.chart .vis")) {
    place.addEventListener("click", (event) =>
      event.target.dispatchEvent(new PointerEvent("pointermove", event)));
  }
  addEventListener("pointerdown", (event) => {
    const said = document.getElementById("vg-tooltip-element");
    if (said && event.pointerType !== "mouse") said.classList.remove("visible");
  });
  drawAll();
})();
