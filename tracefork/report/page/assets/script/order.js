/* -- the order of the steps ------------------------------------------------------------- */

const KINDS = {text: "answer", tool: "tool call", error: "error", fault: "no response", http: "other server"};
const dollars = (row) => row.c ? Number(row.c.replace(/[$,]/g, "")) : -1;
const known = (n) => n === null || n === undefined ? -1 : n;

/** What steps can be sorted by: a name, what a row has of it, and whether the most comes first. */
const SORTS = {
  step: ["step", (row, n) => n, false],
  kind: ["kind", (row) => KINDS[row.k] || row.k, false],
  what: ["what", (row) => row.n.toLowerCase(), false],
  model: ["model", (row) => row.m || "", false],
  lane: ["strand", (row) => row.l, false],
  in: ["tokens in", (row) => known(row.u && row.u[0]), true],
  out: ["tokens out", (row) => known(row.u && row.u[2]), true],
  cost: ["cost", dollars, true],
  time: ["time", (row) => row.t[2] - row.t[0], true],
};
let sorted = "step", falling = false;

const inOrder = () => sorted === "step" && !falling;

/** These steps in the order that the reader chose; equal ones as they came. */
function ordered(steps) {
  if (inOrder()) return steps;
  const of = SORTS[sorted][1], keys = new Map(steps.map((n) => [n, of(index.steps[n], n)])), way = falling ? -1 : 1;
  return steps.sort((one, other) => {
    const a = keys.get(one), b = keys.get(other);
    return a < b ? -way : a > b ? way : one - other;
  });
}

/** Sorts the list and the table; once more by the same turns them round. */
function sort(by, turned = by === sorted ? !falling : SORTS[by][2]) {
  sorted = by;
  falling = turned;
  const choice = $("sort");
  if (choice) choice.value = by;
  $("detail").querySelector(".grid")?.scrollTo(0, 0);
  list();
  $("list").scrollTop = 0;
  if (windowed()) slide();
}

/** What stands above the list: what it is sorted by, and the way to the table. */
function orders() {
  const choice = el("select", {id: "sort", "aria-label": "Sort the steps by", change: (event) => sort(event.target.value, SORTS[event.target.value][2])},
    Object.entries(SORTS).map(([key, [name,, most]]) => el("option", {value: key}, most ? `most ${name} first`.replace("most time", "longest").replace("most cost", "dearest") : `by ${name}`)));
  $("list").querySelector("h2").after(el("p", {class: "sorts"}, choice, button("table", () => show({sheet: !sheet}), {id: "as-table", title: "All steps as a table (v)"})));
}
