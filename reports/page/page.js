/* Comfort only: the page says everything without it. Copy buttons on commands, tables sorted by a
 * click on a column's head, a filter for the points, and opening a point that a link names. */
"use strict";
(function () {
  document.querySelectorAll("pre.command").forEach(function (command) {
    if (!navigator.clipboard) return;
    const text = command.textContent;
    const button = document.createElement("button");
    button.className = "copy";
    button.type = "button";
    button.textContent = "copy";
    button.addEventListener("click", function () {
      navigator.clipboard.writeText(text).then(function () {
        button.textContent = "copied";
        setTimeout(function () { button.textContent = "copy"; }, 1500);
      });
    });
    command.appendChild(button);
  });

  /* What a cell is worth: "2.7k", "37 min 11 s", "41 %"; what is no number comes last. */
  const units = { k: 1e3, M: 1e6, G: 1e9, "µs": 1e-6, ms: 1e-3, min: 60, h: 3600, d: 86400 };
  const worth = function (cell) {
    const parts = cell.textContent.replace(/,/g, "").match(/[\d.]+ ?(µs|ms|min|[kMGshd])?/g);
    return (parts || ["-1"]).reduce(function (sum, part) {
      return sum + parseFloat(part) * (units[part.replace(/[\d.\- ]/g, "")] || 1);
    }, 0);
  };
  document.querySelectorAll(".card.scroll > table:not(.waffle)").forEach(function (table) {
    const heads = table.querySelectorAll("th");
    const rows = Array.from(table.rows).slice(1);
    if (rows.length < 3 || heads.length !== table.rows[0].cells.length) return;
    heads.forEach(function (head, column) {
      if (head.textContent.trim() === "") return;
      const numbers = head.classList.contains("num");
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", function () {
        const was = head.getAttribute("aria-sort");
        const up = was === null ? !numbers : was === "descending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        rows.sort(function (a, b) {
          const x = a.cells[column], y = b.cells[column];
          const order = numbers ? worth(x) - worth(y)
            : x.textContent < y.textContent ? -1 : x.textContent > y.textContent ? 1 : 0;
          return up ? order : -order;
        });
        rows[0].parentNode.append(...rows);
      });
    });
  });

  const map = document.querySelector(".map");
  if (map) {
    const bar = document.createElement("div");
    const input = document.createElement("input");
    const gaps = document.createElement("button");
    bar.className = "filter";
    input.type = "search";
    input.placeholder = "filter points, such as log. or fsync";
    input.setAttribute("aria-label", "filter points");
    gaps.type = "button";
    gaps.textContent = "only with gaps";
    gaps.setAttribute("aria-pressed", "false");
    const apply = function () {
      const words = input.value.toLowerCase();
      const only = gaps.getAttribute("aria-pressed") === "true";
      map.querySelectorAll(".group").forEach(function (group) {
        let shown = 0;
        group.querySelectorAll(".point").forEach(function (point) {
          const hide = point.id.toLowerCase().indexOf(words) < 0 ||
            (only && !point.querySelector("summary .never, summary .unreached"));
          point.hidden = hide;
          if (!hide) shown++;
        });
        group.hidden = shown === 0;
      });
    };
    input.addEventListener("input", apply);
    gaps.addEventListener("click", function () {
      gaps.setAttribute("aria-pressed", String(gaps.getAttribute("aria-pressed") !== "true"));
      apply();
    });
    bar.append(input, gaps);
    map.parentNode.parentNode.insertBefore(bar, map.parentNode);
  }

  const open = function () {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  window.addEventListener("hashchange", open);
  open();
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("details.print").forEach(function (d) { d.open = true; });
  });
})();
