// What is of a technique can be picked out in all figures and tables, and figures say the values under the pointer.
(() => {
  const root = document.documentElement;
  const named = new Map();
  for (const head of document.querySelectorAll("tr[data-technique] > th")) named.set(head.parentNode.dataset.technique, head.textContent.trim());

  const told = document.body.appendChild(Object.assign(document.createElement("div"), {className: "told", hidden: true}));
  told.setAttribute("aria-hidden", "true");
  const only = document.body.appendChild(Object.assign(document.createElement("button"), {type: "button", className: "only", hidden: true}));

  let picked = "";
  const pick = (technique) => {
    picked = picked === technique ? "" : technique;
    root.classList.toggle("picking", picked !== "");
    for (const one of document.querySelectorAll("[data-technique]")) one.classList.toggle("picked", one.dataset.technique === picked);
    for (const one of document.querySelectorAll("button.pick")) one.setAttribute("aria-pressed", String(one.dataset.of === picked));
    for (const figure of document.querySelectorAll(".figure")) figure.classList.toggle("has", picked !== "" && figure.querySelector(".picked") !== null);
    only.hidden = picked === "";
    only.textContent = `${named.get(picked) ?? picked} stands out. Show all alike`;
  };
  only.addEventListener("click", () => pick(picked));
  addEventListener("keydown", (event) => { if (event.key === "Escape" && picked) pick(picked); });

  for (const head of document.querySelectorAll("tr[data-technique] > th")) {
    const button = Object.assign(document.createElement("button"), {type: "button", className: "pick"});
    button.dataset.of = head.parentNode.dataset.technique;
    button.setAttribute("aria-pressed", "false");
    button.title = "Shows it through all figures";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => pick(button.dataset.of));
  }

  // Corners of lines and centres of markers, in the figure's own points.
  const corners = (group) => {
    const found = [];
    for (const use of group.querySelectorAll("use[x]")) found.push([Number(use.getAttribute("x")), Number(use.getAttribute("y"))]);
    if (!found.length) for (const path of group.querySelectorAll("path[d]")) {
      if (path.closest("defs")) continue;
      const numbers = (path.getAttribute("d").match(/-?\d+(?:\.\d+)?(?:e-?\d+)?/g) ?? []).map(Number);
      for (let i = 0; i + 1 < numbers.length; i += 2) found.push([numbers[i], numbers[i + 1]]);
    }
    return found;
  };
  const value = (share, [from, to], log) => log ? from * (to / from) ** share : from + (to - from) * share;
  const digits = (number) => (Math.abs(number) >= 100 || Number.isInteger(number) ? number.toFixed(0) : number.toPrecision(3)).replace("-", "\u2212");

  for (const figure of document.querySelectorAll(".figure[data-axes]")) {
    const svg = figure.querySelector("svg"), axes = JSON.parse(figure.dataset.axes);
    const groups = [...svg.querySelectorAll("[data-technique]")];
    let known = null;
    const nearest = (event) => {
      known ??= groups.map((group) => [group, corners(group)]);
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      const own = axes.find(({box: [left, top, right, bottom]}) => at.x >= left - 4 && at.x <= right + 4 && at.y >= top - 4 && at.y <= bottom + 4);
      if (!own) return null;
      const [left, top, right, bottom] = own.box;
      let best = null, least = 12;
      for (const [group, points] of known) for (const [x, y] of points) {
        if (x < left - 1 || x > right + 1 || y < top - 1 || y > bottom + 1) continue;
        const apart = Math.hypot(x - at.x, y - at.y);
        if (apart < least) [best, least] = [{group, x, y}, apart];
      }
      if (!best) return null;
      const shares = [(best.x - left) / (right - left), (bottom - best.y) / (bottom - top)];
      const said = [own.x, own.y].map((ends, i) => own.names[i] ? `${own.names[i]} ${digits(value(shares[i], ends, own.log[i]))}` : "");
      return {technique: best.group.dataset.technique, said: said.filter(Boolean).join(", ")};
    };
    figure.addEventListener("pointermove", (event) => {
      const found = nearest(event);
      told.hidden = !found;
      if (!found) return;
      told.textContent = `${named.get(found.technique) ?? found.technique}: ${found.said}`;
      told.style.left = `${Math.min(event.clientX + 14, innerWidth - told.offsetWidth - 8)}px`;
      told.style.top = `${event.clientY + 16}px`;
    });
    figure.addEventListener("pointerleave", () => { told.hidden = true; });
    figure.addEventListener("click", (event) => { const found = nearest(event); if (found) pick(found.technique); });
  }

  // Images of one kind.
  for (const browser of document.querySelectorAll(".browser")) {
    const filters = browser.querySelector(".filters");
    filters.hidden = false;
    for (const button of filters.querySelectorAll("button")) button.addEventListener("click", () => {
      for (const other of filters.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      for (const card of browser.querySelectorAll(".cards > li")) card.hidden = button.dataset.kind !== "" && card.dataset.kind !== button.dataset.kind;
    });
  }
})();
