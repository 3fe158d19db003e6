/* Comfort only: the page says everything without it. Copy buttons on commands, a filter for the
 * points, and opening a point that a link names. */
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
