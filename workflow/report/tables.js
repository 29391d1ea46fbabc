// Tables that have a file name can be sorted by every heading and saved as they are shown, long ones
// searched by their first column.
(() => {
  const LONG = 12; // rows beyond which a table can be searched

  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const note = (cell) => cell.querySelector("small");
  // What a cell says, without the small print beneath it.
  const text = (cell) => cell.textContent.slice(0, cell.textContent.length - (note(cell)?.textContent.length ?? 0));
  const number = (cell) => Number.parseFloat(text(cell).replaceAll(",", "").replace(/^</, "").replace("unlimited", "Infinity"));

  const sorter = (column, isText, sign) => (one, other) => {
    const [a, b] = [one.cells[column], other.cells[column]];
    if (isText) return sign * text(a).localeCompare(text(b), undefined, { numeric: true });
    const [x, y] = [number(a), number(b)];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // last either way
    return x === y ? 0 : sign * (x < y ? -1 : 1);
  };

  // A spreadsheet takes text that begins like a formula for one, unless an apostrophe is before it.
  const quoted = (words) => {
    const safe = /^[=+\-@\t\r\n]/.test(words) ? `'${words}` : words;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const isNumber = (words) => /^-?[\d,]+(\.\d+)?(e[-+]?\d+)?$/i.test(words);
  const plain = (words, isText) => (!isText && isNumber(words) ? words.replaceAll(",", "") : quoted(words));

  // The rows shown as CSV; a column with small print has that in a column after it.
  const csv = (heads, rows) => {
    const noted = heads.map((_, column) => rows.some((row) => note(row.cells[column])));
    const head = heads.flatMap((it, column) => [quoted(text(it)), ...(noted[column] ? [quoted(`${text(it)}, note`)] : [])]);
    const body = rows.map((row) => [...row.cells].flatMap((cell, column) => [
      plain(text(cell), heads[column].classList.contains("text")),
      ...(noted[column] ? [quoted(note(cell)?.textContent ?? "")] : []),
    ]));
    return [head, ...body].map((cells) => `${cells.join(",")}\r\n`).join("");
  };

  const save = (words, name) => {
    const file = new Blob(["\ufeff", words], { type: "text/csv" }); // the mark by which spreadsheets know UTF-8
    const link = make("a", { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  const enliven = (table) => {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0], rows = [...body.rows];
    const shown = () => [...body.rows].filter((row) => !row.hidden);

    heads.forEach((head, column) => {
      const arrow = make("span", { className: "arrow" });
      arrow.setAttribute("aria-hidden", "true");
      const button = make("button", { type: "button" }, ...head.childNodes, arrow);
      head.append(button);
      button.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        rows.sort(sorter(column, head.classList.contains("text"), falling ? -1 : 1));
        body.append(...rows);
      });
    });

    const count = make("output");
    const search = make("input", { type: "search" });
    const menu = make("select");
    const narrow = () => {
      const sought = search.value.trim().toLowerCase();
      for (const row of rows) {
        const chosen = !menu.value || text(row.cells[table.dataset.menu]) === menu.value;
        row.hidden = !(chosen && text(row.cells[0]).toLowerCase().includes(sought));
      }
      count.value = `${shown().length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
    };
    const tools = make("div", { className: "tools" });
    if (table.dataset.menu) {
      const choices = new Set(rows.map((row) => text(row.cells[table.dataset.menu])));
      menu.append(...[...choices].map((choice) => new Option(choice, choice)), new Option("all", ""));
      tools.append(make("label", {}, `${text(heads[table.dataset.menu])} `, menu));
    }
    if (rows.length > LONG) tools.append(make("label", {}, `${text(heads[0])} contains `, search), count);
    const button = make("button", { type: "button" }, "Save as CSV");
    button.addEventListener("click", () => save(csv(heads, shown()), `${table.dataset.file}.csv`));
    tools.append(button);
    menu.addEventListener("change", narrow);
    search.addEventListener("input", narrow);
    table.parentElement.before(tools);
    narrow();
  };

  document.querySelectorAll("table[data-file]").forEach(enliven);
})();
