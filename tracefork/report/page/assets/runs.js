"use strict";
/* Keeps the list up to date while runs go on, and two of them chosen. Texts go into nodes as texts, nothing else. */
(() => {
const $ = (id) => document.getElementById(id);
const SOON = 1000, LATER = 3000; // milliseconds between two looks: while a run goes on, and else
const body = $("rows");
const VALUES = ["calls", "tokens", "cost", "duration", "escapes", "branches", "created"];
const NAMES = {duration: "time", created: "recorded"};

const make = (tag, set = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(set)) node.setAttribute(name, value);
  node.append(...inside);
  return node;
};
const line = (kind, ...texts) => {
  const spans = texts.filter(([, text]) => text).map(([name, text]) => make("span", name ? {class: name} : {}, text));
  return make("small", kind ? {class: kind} : {}, ...spans);
};

const head = (run) => {
  const parts = [make("a", {href: run.address}, run.title),
    line("", ["id", run.run], ["", run.agent], ["", run.model], ["from", run.from && `from ${run.from}`])];
  for (const kind of ["note", "found"]) if (run[kind]) parts.push(make("small", {class: kind}, run[kind]));
  return parts;
};
const word = (run) => make("span", {class: "word", "data-word": run.word}, run.word);
const row = (run) => {
  const pick = make("input", {type: "checkbox", name: "run", value: run.key, form: "compare", "aria-label": `Compare ${run.title}`});
  return make("tr", {"data-key": run.key},
    make("td", {class: "pick"}, pick), make("th", {scope: "row"}), make("td", {"data-name": "ended"}),
    ...VALUES.map((name) => make("td", {class: "value", "data-name": NAMES[name] || name})));
};

/* What was shown of each run, by its key: a cell is touched only where its text is another. */
const shown = new Map();
const fill = (tr, run) => {
  const was = shown.get(run.key) || {}, [, title, ended, ...values] = tr.cells;
  const same = (...names) => names.every((name) => was[name] === run[name]);
  if (!same("title", "address", "run", "agent", "model", "from", "note", "found")) {
    const held = title.contains(document.activeElement);
    title.replaceChildren(...head(run));
    if (held) title.firstChild.focus();
  }
  if (!same("word")) ended.replaceChildren(word(run));
  VALUES.forEach((name, n) => { if (values[n].textContent !== run[name]) values[n].textContent = run[name]; });
  shown.set(run.key, run);
};
const show = (list) => {
  const rows = new Map([...body.rows].map((tr) => [tr.dataset.key, tr]));
  let place = body.firstElementChild;
  for (const run of list.rows) {
    const tr = rows.get(run.key) || row(run);
    rows.delete(run.key);
    fill(tr, run);
    if (tr === place) place = tr.nextElementSibling;
    else body.insertBefore(tr, place);
  }
  for (const [key, tr] of rows) { tr.remove(); shown.delete(key); }
  body.parentElement.hidden = !list.rows.length;
  $("none").hidden = list.rows.length > 0;
  $("none").textContent = list.none;
  $("sums").replaceChildren(...list.sums.map(([name, figure]) => make("div", {}, make("dt", {}, name), make("dd", {}, figure))));
  const notes = list.notes.join(" ");
  if ($("notes").textContent !== notes) $("notes").textContent = notes;
  $("here").textContent = list.here;
  choose();
};

/* -- two beside each other ------------------------------------------------------ */
const chosen = () => [...body.querySelectorAll("input:checked")];
const choose = () => {
  const count = chosen().length;
  $("beside").disabled = count !== 2;
  const text = count === 0 ? "Choose two runs to compare them." : count === 1 ? "One more." : count === 2 ? "" : `${count} are chosen: two can be compared.`;
  if ($("chosen").textContent !== text) $("chosen").textContent = text;
};
body.addEventListener("change", choose);

/* -- time goes on ----------------------------------------------------------------- */
let failures = 0;
const look = async () => {
  let pause = LATER;
  try {
    if (!document.hidden) {
      const answer = await fetch(body.dataset.from, {headers: {accept: "application/json"}});
      if (!answer.ok) throw new Error(String(answer.status));
      const list = await answer.json();
      show(list);
      failures = 0;
      if (list.going_on || list.unread) pause = SOON;
    }
  } catch {
    failures += 1;
    pause = Math.min(30000, LATER * failures);
    if (failures > 1) $("notes").textContent = "The server does not answer: this is what it was when it last did.";
  }
  setTimeout(look, pause);
};

/* -- forms ------------------------------------------------------------------------ */
$("filters").addEventListener("change", (event) => { if (event.target.tagName === "SELECT") $("filters").requestSubmit(); });
$("filters").addEventListener("formdata", ({formData}) => {
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName) && document.activeElement.type !== "checkbox") return;
  event.preventDefault();
  $("filters").elements.grep.focus();
});
const root = document.documentElement;
$("theme").hidden = false;
$("theme").addEventListener("click", () => {
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
});

choose();
root.dataset.ready = "";
if (!document.querySelector(".wrong")) setTimeout(look, SOON);
})();
