// Numbers that show their origin, tables that sort and copy as CSV, mathematics that copies as TeX.
"use strict";
{
const origins = JSON.parse(document.getElementById("origins").textContent);

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Text that copies: the exact values of numbers, and TeX in place of MathML.

// A number as it is shown, such as "−1,234", as "-1234". Other text stays as it is.
function plain(text) {
  const digits = text.replace(/^−/, "-").replace(/,(?=\d{3})/g, "");
  return /^-?\d+(\.\d+)?$/.test(digits) ? digits : text;
}

function tex(math) {
  const written = math.querySelector("annotation") ?? math;
  const dollars = math.getAttribute("display") === "block" ? "$$" : "$";
  return dollars + written.textContent + dollars;
}

function replaceMath(node) {
  for (const math of node.querySelectorAll("math")) math.replaceWith(tex(math));
}

function exactText(cell) {
  const copy = cell.cloneNode(true);
  for (const interval of copy.querySelectorAll(".interval")) {
    const ends = [...interval.querySelectorAll("data")].map((number) => number.value);
    if (ends.length) interval.replaceWith(ends.join(" to "));
  }
  for (const number of copy.querySelectorAll("data")) number.replaceWith(number.value);
  replaceMath(copy);
  return plain(copy.textContent.replace(/\s+/g, " ").trim());
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // where the browser does not offer the clipboard to this page
    const set = (event) => { event.clipboardData.setData("text/plain", text); event.preventDefault(); };
    document.addEventListener("copy", set, { once: true, capture: true });
    document.execCommand("copy");
    document.removeEventListener("copy", set, { capture: true });
  }
}

function copyButton(label, text) {
  const button = element("button", { type: "button", className: "copy", textContent: label });
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await copyText(text());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 2000);
  });
  return button;
}

document.addEventListener("copy", (event) => {
  const selection = document.getSelection();
  if (event.defaultPrevented || !selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0).cloneRange();
  const formula = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("math");
  if (formula(range.startContainer)) range.setStartBefore(formula(range.startContainer));
  if (formula(range.endContainer)) range.setEndAfter(formula(range.endContainer));
  const content = range.cloneContents();
  if (!content.querySelector("math")) return;
  const html = element("div", {}, content);
  event.clipboardData.setData("text/html", html.innerHTML);
  replaceMath(html);
  html.className = "copied"; // in the page, but not seen, so that `innerText` has the lines of the text
  document.body.append(html);
  event.clipboardData.setData("text/plain", html.innerText);
  html.remove();
  event.preventDefault();
});

// The origin of a number, in a popover.

const popover = element("div", { id: "origin", popover: "auto", tabIndex: -1 });
popover.setAttribute("role", "dialog");
popover.setAttribute("aria-label", "Origin of a number");
document.body.append(popover);

function list(entries) {
  const rows = entries.filter(([, value]) => value).map(([name, value]) =>
    element("div", {}, element("dt", { textContent: name }), element("dd", { textContent: value })));
  return element("dl", {}, ...rows);
}

// What is shown of one file: where the value is in it, and what makes it.
function fileParts(file, row, column) {
  const parts = [list([["file", file], ["row", row], ["column", column]])];
  const { rule, wildcards } = origins.files[file] ?? {};
  if (!rule) return parts;
  const { script, parameters } = origins.rules[rule];
  const values = Object.entries({ ...wildcards, ...parameters }).map((pair) => pair.join(" = ")).join("\n");
  parts.push(list([["rule", rule], ["script", script], ["parameters", values]]));
  const stage = file.split("/")[1];
  const pre = element("pre", { textContent: origins.configuration[stage] });
  parts.push(element("details", {}, element("summary", { textContent: "configuration of " + stage }), pre));
  const command = origins.command + " " + file;
  const code = element("code", { textContent: command });
  const copy = copyButton("Copy", () => command);
  parts.push(element("p", {}, "To compute the file anew:"), element("p", { className: "command" }, code, copy));
  return parts;
}

// The parts of a title: "0.5 in results/x.csv, k = 1, column y", or "0.5 = (a formula)". A text stands there without value.
function originOf(title) {
  const [, formula] = /^\S+ = (.*)$/s.exec(title) ?? [];
  if (formula) return { formula };
  const [, file, row, column] = /^(?:\S+ in )?([^,]*), (?:(.*), )?column (.*)$/s.exec(title);
  return { file, row, column };
}

function show(number) {
  const { file, row, column, formula } = originOf(number.title);
  const files = file ? [file] : Object.keys(origins.files).filter((name) => formula.includes(name + "["));
  const short = (name) => name.replace(/.*\//, "");
  const steps = files.reduce((text, name) => text.replaceAll(name + "[", short(name) + "["), formula ?? "");
  const close = element("button", { type: "button", className: "close", textContent: "×" });
  close.setAttribute("aria-label", "Close");
  close.addEventListener("click", () => popover.hidePopover());
  popover.replaceChildren(
    close,
    element("p", { className: "shown", textContent: number.textContent }),
    list([["exact value", number.value], ["formula", steps]]),
    ...files.flatMap((name) => fileParts(name, row, column)),
  );
  popover.togglePopover({ force: true, source: number });
  place(number);
}

// Below the number, or above it where there is more room. It scrolls with the page.
function place(number) {
  const at = number.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = popover;
  const room = document.documentElement;
  const below = at.bottom + height + 8 <= room.clientHeight || at.top < height + 8;
  const left = Math.max(8, Math.min(at.left, room.clientWidth - width - 8));
  popover.style.left = left + scrollX + "px";
  popover.style.top = (below ? at.bottom + 4 : at.top - height - 4) + scrollY + "px";
  popover.focus({ preventScroll: true }); // not before, when it is elsewhere
}

// One number of each group is a stop of the Tab key. The arrow keys move to the others.

const groupOf = new Map();
const stops = new Map();

function makeStop(number) {
  const before = stops.get(groupOf.get(number));
  if (before) {
    before.tabIndex = -1;
    before.removeAttribute("role");
  }
  stops.set(groupOf.get(number), number);
  number.tabIndex = 0;
  number.setAttribute("role", "button");
}

for (const number of document.querySelectorAll("main data")) {
  if (number.closest("a, button, summary") || number.querySelector("a")) continue;
  const homes = ["table", ".answer", "figure", "details:not(details *)", "section"].map((home) => number.closest(home));
  groupOf.set(number, homes.find(Boolean));
  if (stops.has(groupOf.get(number))) number.tabIndex = -1;
  else makeStop(number);
}

function neighbour(number, key) {
  const cell = number.closest("td, th");
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[key];
  let numbers = [...groupOf.get(number).querySelectorAll("data")];
  if (cell && (key === "ArrowUp" || key === "ArrowDown")) {
    const column = [...cell.closest("table").rows].map((row) => row.cells[cell.cellIndex]?.querySelector("data"));
    numbers = column.map((found, row) => (row === cell.parentElement.rowIndex ? number : found));
  }
  numbers = numbers.filter((other) => groupOf.get(other) === groupOf.get(number));
  return key === "Home" ? numbers[0] : key === "End" ? numbers.at(-1) : step && numbers[numbers.indexOf(number) + step];
}

document.addEventListener("click", (event) => {
  const number = event.target.closest("data");
  if (!groupOf.has(number) || !document.getSelection().isCollapsed) return;
  makeStop(number);
  number.focus({ preventScroll: true });
  show(number);
});
document.addEventListener("keydown", (event) => {
  const number = event.target;
  if (!groupOf.has(number) || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    event.preventDefault();
    show(number);
    return;
  }
  const next = neighbour(number, event.key);
  if (!next) return;
  event.preventDefault();
  makeStop(next);
  next.focus();
});

// Tables.

// The cell of each column in each row, where a cell can span several.
function grid(rows) {
  const found = rows.map(() => []);
  rows.forEach((row, top) => {
    let column = 0;
    for (const cell of row.cells) {
      while (found[top][column]) column += 1;
      for (let down = 0; down < cell.rowSpan && found[top + down]; down += 1) {
        for (let right = 0; right < cell.colSpan; right += 1) found[top + down][column + right] = cell;
      }
      column += cell.colSpan;
    }
  });
  return found;
}

const isGroupRow = (row) => row.cells.length === 1 && row.cells[0].scope === "rowgroup";

// Comma-separated values as in RFC 4180. The rows of a group get its name in a column of its own.
function csv(table) {
  const head = grid([...table.tHead.rows]);
  const columns = Math.max(...head.map((row) => row.length));
  const names = Array.from({ length: columns }, (_, column) =>
    [...new Set(head.map((row) => row[column]))].filter(Boolean).map(exactText).filter(Boolean).join(": "));
  const bodies = [...table.tBodies];
  const grouped = bodies.some((body) => [...body.rows].some(isGroupRow));
  const lines = [grouped ? ["group", ...names] : names];
  for (const body of bodies) {
    const groupRow = [...body.rows].find(isGroupRow);
    const rows = [...body.rows].filter((row) => !isGroupRow(row));
    for (const row of grid(rows)) {
      const values = Array.from(row, (cell) => (cell ? exactText(cell) : ""));
      lines.push(grouped ? [groupRow ? exactText(groupRow.cells[0]) : "", ...values] : values);
    }
  }
  const quoted = (text) => (/[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text);
  return lines.map((line) => line.map(quoted).join(",") + "\r\n").join("");
}

// A number if the cell begins with one, else its text, and null if it is empty.
function sortKey(cell) {
  const text = cell ? cell.textContent.trim() : "";
  const first = cell?.querySelector("data");
  const begins = first && text.replace(/^\(/, "").startsWith(first.textContent);
  const value = begins ? first.value : cell ? exactText(cell) : "";
  if (value === "" || value === "–") return null;
  const number = Number(value.replace(/^(-?)inf$/, "$1Infinity"));
  return Number.isNaN(number) ? value : number;
}

function compare(one, other) {
  if (typeof one === "string" && typeof other === "string") return one.localeCompare(other, "en", { numeric: true });
  if (typeof one !== typeof other) return typeof one === "number" ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}

// Array.prototype.sort is stable. Rows without a value come last in both directions.
function sorted(rows, column, descending) {
  const cells = grid(rows);
  const keys = new Map(rows.map((row, place) => [row, sortKey(cells[place][column])]));
  const empty = rows.filter((row) => keys.get(row) === null);
  const full = rows.filter((row) => keys.get(row) !== null);
  full.sort((one, other) => (descending ? -1 : 1) * compare(keys.get(one), keys.get(other)));
  return [...full, ...empty];
}

function makeSortable(table) {
  const originals = [...table.tBodies].map((body) => [...body.rows]);
  const head = grid([...table.tHead.rows]).at(-1);
  head.forEach((cell, column) => {
    if (cell.tagName !== "TH" || cell.colSpan > 1) return;
    const name = cell.cloneNode(true);
    for (const written of name.querySelectorAll("annotation")) written.remove();
    const button = element("button", { type: "button", className: "sort" });
    button.setAttribute("aria-label", "Sort by " + name.textContent.replace(/\s+/g, " ").trim());
    cell.append(" ", button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: null }[cell.getAttribute("aria-sort")];
      for (const other of head) other.removeAttribute("aria-sort");
      const order = next === undefined ? "ascending" : next;
      if (order) cell.setAttribute("aria-sort", order);
      [...table.tBodies].forEach((body, place) => {
        const rows = originals[place];
        const fixed = rows.filter(isGroupRow);
        const rest = rows.filter((row) => !isGroupRow(row));
        body.append(...fixed, ...(order ? sorted(rest, column, order === "descending") : rest));
      });
    });
  });
}

for (const table of document.querySelectorAll(".table > table")) {
  const bodies = [...table.tBodies];
  if (bodies.some((body) => body.rows.length > 1) && !table.querySelector("tbody [rowspan]")) makeSortable(table);
  table.parentElement.after(copyButton("Copy as CSV", () => csv(table)));
}
}
