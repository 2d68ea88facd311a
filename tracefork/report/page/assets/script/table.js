/* -- all steps as a table ---------------------------------------------------------------- */

const LINE = 28;        // pixels of a row
const WHOLE = 300;      // rows up to which all are in the document

const figure = (n) => n === null || n === undefined ? "" : n.toLocaleString("en");

function cells(step, place) {
  const row = index.steps[step], n = step < index.own ? -1 : ofBranch(step);
  return el("tr", {class: row.k, "data-step": step, "aria-rowindex": place + 2, "aria-current": step === at && "step"},
    el("th", {scope: "row"}, el("a", {href: address(step, "new")}, n < 0 ? row.i : `${row.i} of ${index.branches[n].name}`)),
    el("td", null, KINDS[row.k] || row.k), el("td", {class: "what"}, el("b", null, row.n), " ", tail(step)),
    el("td", null, row.m || ""), el("td", null, index.lanes[row.l] || "main"),
    el("td", {class: "value"}, figure(row.u && row.u[0])), el("td", {class: "value"}, figure(row.u && row.u[2])),
    el("td", {class: "value"}, row.c || ""), el("td", {class: "value"}, duration(row.t[2] - row.t[0])));
}

/** The second line of a step; that of a step which the page lists itself is there. */
const tail = (step) => {
  const row = index.steps[step];
  if (row.p !== undefined || !rows[step]) return row.p || "";
  return row.p = [...rows[step].querySelector("a > span").childNodes].filter((node) => node.nodeType === 3).map((node) => node.data).join(" ").trim();
};

/** The table of the steps that are listed, in their order. */
function table() {
  const head = Object.entries(SORTS).map(([key, [name]]) => el("th", {scope: "col", class: ["in", "out", "cost", "time"].includes(key) && "value", "aria-sort": key === sorted && (falling ? "descending" : "ascending")},
    button(name, () => { sort(key); $("detail").querySelector(`[data-sort="${key}"]`)?.focus(); }, {"data-sort": key})));
  const body = el("tbody", {click: (event) => {
    const row = event.target.closest("tr[data-step]");
    if (!row || event.ctrlKey || event.metaKey || String(getSelection())) return;
    event.preventDefault();
    go(Number(row.dataset.step), true);
  }});
  const box = el("div", {class: "grid", tabindex: 0, role: "region", "aria-label": "All steps"},
    el("table", {"aria-rowcount": shown.length + 1}, el("thead", null, el("tr", {"aria-rowindex": 1}, head)), body));
  const fill = () => {
    const all = shown.length <= WHOLE, top = all ? 0 : Math.max(0, Math.floor(box.scrollTop / LINE) - 15);
    const seen = all ? shown : shown.slice(top, top + Math.ceil((box.clientHeight || 900) / LINE) + 30);
    const room = (count) => {
      if (!count) return null;
      const node = el("tr", {role: "presentation"}, el("td", {colspan: head.length}));
      node.style.height = `${count * LINE}px`;
      return node;
    };
    const held = document.activeElement.closest?.("tr[data-step]")?.dataset.step;
    body.replaceChildren(...[room(top), ...seen.map((step, n) => cells(step, top + n)), room(shown.length - top - seen.length)].filter(Boolean));
    if (held) body.querySelector(`[data-step="${held}"] a`)?.focus({preventScroll: true});
  };
  if (shown.length > WHOLE) box.addEventListener("scroll", () => requestAnimationFrame(fill), {passive: true});
  fill();
  return el("div", {class: "sheet"},
    el("div", {class: "name"}, el("h2", {id: "name"}, "All steps"), el("div", {class: "nav"}, button("back to the step", () => show({sheet: false}, true)))),
    el("p", {class: "sub"}, shown.length === index.own ? plural(shown.length, "step") : `${shown.length.toLocaleString("en")} of ${plural(index.own, "step")}`),
    box);
}

/** The table again, where it is shown, once the list has changed. */
function renew() {
  if (!sheet) return;
  const box = $("detail").querySelector(".grid"), top = box ? box.scrollTop : 0;
  $("detail").replaceChildren(table());
  $("detail").querySelector(".grid").scrollTop = top;
}
