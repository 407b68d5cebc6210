"use strict";
// Tables that sort and filter, light and dark, and the pages of a single file.

function sortTable(button) {
  const head = button.closest("th"), table = button.closest("table"), body = table.tBodies[0];
  const text = button.dataset.kind === "text";
  const now = head.getAttribute("aria-sort");
  const first = button.dataset.first || "ascending";
  const order = now === "none" ? first : now === "ascending" ? "descending" : "ascending";
  for (const other of table.tHead.querySelectorAll("[aria-sort]")) other.setAttribute("aria-sort", "none");
  head.setAttribute("aria-sort", order);
  const column = columnOf(head), sign = order === "ascending" ? 1 : -1;
  const value = row => row.cells[column].dataset.v;
  const rows = [...body.rows].sort((a, b) => {
    const x = value(a), y = value(b);
    if (x === "" || y === "") return (x === "") - (y === "");  // unknown values come last either way
    return sign * (text ? x.localeCompare(y) : x - y);
  });
  body.append(...rows);
}

// Where a head stands among a row's cells: heads over two rows count first, then those of the second row in between.
function columnOf(head) {
  const place = new Map(), taken = {};
  [...head.closest("thead").rows].forEach((row, y) => {
    let x = 0;
    for (const cell of row.cells) {
      while (taken[`${y},${x}`]) x++;
      for (let i = 0; i < cell.colSpan; i++) for (let j = 0; j < cell.rowSpan; j++) taken[`${y + j},${x + i}`] = true;
      place.set(cell, x);
    }
  });
  return place.get(head);
}

function filterTable(form) {
  const table = document.getElementById(form.dataset.filters);
  const words = form.querySelector("[data-filter=text]").value.trim().toLowerCase();
  const baselines = form.querySelector("[data-filter=baseline]").checked;
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    row.hidden = !row.dataset.name.toLowerCase().includes(words) || (!baselines && "baseline" in row.dataset);
    shown += !row.hidden;
  }
  form.querySelector("[data-count]").textContent = `${shown} of ${table.tBodies[0].rows.length}`;
  const boxes = [...form.querySelectorAll("[data-filter=protocol]")];
  for (const box of boxes) for (const cell of table.querySelectorAll(`.p${box.value}`)) cell.hidden = !box.checked;
  if (boxes.length) {
    const left = boxes.filter(box => box.checked).length;
    for (const group of table.querySelectorAll(".group")) { group.colSpan = Math.max(left, 1); group.hidden = !left; }
  }
  const intervals = form.querySelector("[data-filter=intervals]").checked;
  for (const one of table.querySelectorAll(".ci")) one.hidden = !intervals;
}

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  try { if (theme) localStorage.setItem("bench-theme", theme); } catch { /* not kept where storage is blocked */ }
  document.dispatchEvent(new Event("themechange"));
}

function changeTheme() {
  const now = document.documentElement.dataset.theme
    || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  showTheme(now === "dark" ? "light" : "dark");
}

// In a single file the part after # names a page, or something on one.
function showPage() {
  const pages = [...document.querySelectorAll(".page")];
  if (pages.length < 2) return;
  const target = document.getElementById(location.hash.slice(1));
  if (target && target.id === "main") return;
  const page = (target && target.closest(".page")) || pages[0];
  for (const one of pages) one.hidden = one !== page;
  document.title = page.dataset.title;
  for (const link of document.querySelectorAll(".top li a")) {
    if (link.hash === `#${page.id}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (target && target !== page) target.scrollIntoView(); else scrollTo(0, 0);
  page.dispatchEvent(new Event("pageshown"));
}

try { showTheme(localStorage.getItem("bench-theme")); } catch { /* the system's choice */ }
document.getElementById("theme").addEventListener("click", changeTheme);
for (const button of document.querySelectorAll(".sort")) button.addEventListener("click", () => sortTable(button));
for (const form of document.querySelectorAll("[data-filters]")) {
  form.addEventListener("input", () => filterTable(form));
  form.addEventListener("submit", event => event.preventDefault());
  filterTable(form);
}
addEventListener("hashchange", showPage);
document.addEventListener("DOMContentLoaded", showPage);
