"use strict";
// Sorts a table when a column's button is pressed: best or first name on the first press, the other way on the next.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const body = head.closest("table").tBodies[0];
    const column = head.cellIndex;
    const text = head.classList.contains("text");
    const before = head.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : !text;
    const key = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
    const compare = (a, b) => {
      const x = key(a), y = key(b);
      const numbers = Number(x) - Number(y);
      return Number.isNaN(numbers) ? (x === y ? 0 : x.localeCompare(y)) : numbers;
    };
    const rows = [...body.rows].sort((a, b) => (descending ? compare(b, a) : compare(a, b)));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.append(...rows);
  });
}
// Paper opens nothing on a click.
const folds = () => [...document.querySelectorAll("details:not([open])")];
let closed = [];
addEventListener("beforeprint", () => { closed = folds(); for (const fold of closed) fold.open = true; });
addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; closed = []; });
