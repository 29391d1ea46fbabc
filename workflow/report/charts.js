// Draws each chart when it comes near the screen, as wide as its place. Its colours are the page's
// variables, so that a dark page, or paper, needs no other drawing.
(() => {
  const soft = "var(--soft)", line = "var(--line)";
  const words = { labelColor: soft, titleColor: soft, labelFontSize: 11, titleFontSize: 12, titleFontWeight: 400 };
  const config = {
    background: "transparent",
    aria: false, // each chart is one image with a text, and its numbers are in tables
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...words, gridColor: line, domainColor: line, tickColor: line, labelLimit: 140 },
    legend: { ...words, orient: "top" },
    header: words,
    text: { color: soft },
  };

  // Small multiples: as many beside each other as their least width allows.
  const fitted = (spec, width, cell) => {
    if (!spec.facet) return { ...spec, autosize: { type: "fit-x", contains: "padding" } };
    const columns = Math.max(1, Math.min(3, Math.floor(width / cell)));
    const each = Math.floor(width / columns) - 62;
    return { ...spec, columns, spec: { height: Math.min(each, 230), ...spec.spec, width: each } };
  };

  const draw = (chart) => {
    const spec = fitted(JSON.parse(chart.dataset.spec), chart.clientWidth, Number(chart.dataset.cell));
    vegaEmbed(chart, { ...spec, config }, { actions: false, renderer: "svg" }).then(() => {
      if (chart.scrollWidth > chart.clientWidth) chart.tabIndex = 0; // so that keys scroll it
    });
  };

  const charts = [...document.querySelectorAll(".chart")];
  for (const chart of charts) chart.dataset.spec = chart.querySelector("script").textContent;
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting || !entry.boundingClientRect.width) continue;
      near.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: "300px" });
  for (const chart of charts) near.observe(chart);

  addEventListener("beforeprint", () => {
    for (const chart of charts) if (chart.clientWidth && !chart.querySelector("svg")) draw(chart);
  });
})();
