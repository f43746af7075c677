"use strict";
(() => {
  const all = (query, root = document) => [...root.querySelectorAll(query)];

  // Tables: sort by a click on a head, or Enter on it. What is missing stays last.
  const read = (row, column) => {
    const cell = row.cells[column];
    if (!cell) return null;
    const text = cell.textContent.trim();
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    return text === "–" || text === "" ? null : text;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true });
  const sort = (table, head, column) => {
    const numeric = head.classList.contains("num");
    const was = head.getAttribute("aria-sort");
    const down = was ? was === "ascending" : numeric;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [read(row, column), row]);
    rows.sort(([a], [b]) => (a === null || b === null ? (a === null) - (b === null) : down ? compare(b, a) : compare(a, b)));
    body.append(...rows.map(([, row]) => row));
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
  };
  for (const table of all(".output table")) {
    if (!table.tHead || table.tHead.rows.length !== 1 || !table.tBodies[0] || table.tBodies[0].rows.length < 2) continue;
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      head.addEventListener("click", () => sort(table, head, head.cellIndex));
    }
  }

  // Lists: a box that keeps the rows which have every word typed, and says how many.
  for (const table of all("table.filtered")) {
    const box = document.createElement("input");
    box.type = "search";
    box.className = "filter";
    box.placeholder = box.ariaLabel = table.dataset.filter || "";
    const count = document.createElement("output");
    const rows = [...table.tBodies[0].rows];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    const keep = () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      let kept = 0;
      rows.forEach((row, n) => { kept += !(row.hidden = !words.every((word) => texts[n].includes(word))); });
      count.textContent = words.length ? `${kept} / ${rows.length}` : "";
    };
    box.addEventListener("input", keep);
    const bar = document.createElement("p");
    bar.append(box, " ", count);
    table.closest(".output").before(bar);
  }

  // Contents: closed on a phone, the part in sight marked.
  const contents = document.querySelector(".contents");
  const wide = matchMedia("(min-width: 64rem)");
  const fold = () => { if (contents) contents.open = wide.matches; };
  fold();
  wide.addEventListener("change", fold);
  const links = all(".contents a");
  const heads = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
  let waiting = false;
  const mark = () => {
    waiting = false;
    const passed = heads.filter((head) => head && head.getBoundingClientRect().top < innerHeight / 3).length;
    links.forEach((link, n) => (n === passed - 1 ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
  };
  addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, { passive: true });
  mark();

  // All code at once.
  const codes = document.querySelector(".codes");
  if (codes && document.querySelector("details.code")) {
    codes.hidden = false;
    codes.addEventListener("click", () => {
      const open = codes.getAttribute("aria-pressed") !== "true";
      all("details.code").forEach((code) => { code.open = open; });
      codes.setAttribute("aria-pressed", String(open));
      [codes.textContent, codes.dataset.other] = [codes.dataset.other, codes.textContent];
    });
  }

  // Customer cards: what is typed leads to a page by a hash, as in card_pages.find_shard; there an exact id wins.
  const find = document.querySelector("form.find");
  if (find) {
    const page = (typed) => {
      const digest = new TextEncoder().encode(typed).reduce((sum, byte) => Math.imul(sum ^ byte, 16777619) >>> 0, 2166136261);
      return `${find.dataset.folder}cards_${String(digest % Number(find.dataset.shards)).padStart(2, "0")}.html`;
    };
    const ask = (typed) => `${page(typed)}#=${encodeURIComponent(typed)}`;
    const open = () => {
      const sought = location.hash.startsWith("#=") ? decodeURIComponent(location.hash.slice(2)) : null;
      const lost = document.querySelector(".not-found");
      if (lost) lost.hidden = true;
      if (sought === null) {
        const link = document.querySelector("a.elsewhere:target");
        if (link) location.replace(link.href);
        return;
      }
      const name = sought.toUpperCase();
      const card = all("article.customer").find((each) => each.dataset.customer === sought);
      const named = /^C-[0-9A-F]{12}$/.test(name) ? document.getElementById(name) : null;
      if (card) location.replace(`#${card.id}`);
      else if (named) location.replace(named.getAttribute("href") || `#${name}`);
      else if (/^C-[0-9A-F]{12}$/.test(name) && name !== sought) location.replace(ask(name));
      else if (lost) lost.hidden = false;
    };
    find.addEventListener("submit", (event) => {
      event.preventDefault();
      const typed = find.querySelector("input").value.trim();
      if (typed) location.href = ask(typed);
    });
    addEventListener("hashchange", open);
    open();
  }
})();
