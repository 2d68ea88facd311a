/* -- the list ------------------------------------------------------------------------- */

const rows = [];        // by step: its row, the document's own or one that was made
let shown = [];         // the steps of the list, as they are filtered

/** Whether only the rows in sight are in the document: laying out thousands takes its time. */
const windowed = () => Math.max(index.own, shown.length) > LISTED || shown.length < index.own;

function passes(step) { return (hits ? hits.has(step) : step < index.own) && (lane < 0 || index.steps[step].l === lane) && (!only || wrongs.has(step)); }

function list() {
  shown = ordered([...index.steps.keys()].filter(passes));
  if (windowed()) slide();
  else {
    $("steps").replaceChildren();
    shown.forEach(put);
  }
  renew();
}

/** Puts the row of a step at the end of the list. */
function put(step) {
  let last = $("steps").lastElementChild;
  if (!last || last.childElementCount >= TOGETHER) $("steps").append(last = el("ol"));
  last.append(line(step));
}

/** Puts the rows in sight between two blocks of empty room. */
function slide() {
  const box = $("list"), top = Math.max(0, Math.floor((box.scrollTop - $("steps").offsetTop) / ROW) - 10);
  const seen = shown.slice(top, top + Math.ceil(box.clientHeight / ROW) + 20);
  const room = (count) => {
    const node = el("li", {role: "presentation", class: "room"});
    node.style.height = `${count * ROW}px`;
    return node;
  };
  const held = document.activeElement && document.activeElement.closest("#steps li")?.id;
  $("steps").replaceChildren(el("ol", {class: "rooms"}, room(top), seen.map(line), room(Math.max(0, shown.length - top - seen.length))));
  if (held) $(held)?.querySelector("a").focus({preventScroll: true});
  choose(false);
}

function line(step) {
  if (rows[step]) return rows[step];
  const row = index.steps[step], mark = index.blame.find((one) => one[0] === step && one[4]);
  return rows[step] = el("li", {id: `step-${step}`, class: [row.k, row.x && "restarts", wrongs.has(step) && "wrong"].filter(Boolean).join(" ")}, el("a", {href: address(step, "new")},
    el("i", null, row.i), el("b", null, row.n),
    el("small", null, mark && [el("em", null, Math.round(mark[1] * 100) + "%"), " "], duration(row.t[2] - row.t[0])),
    el("span", null, row.o && [came(row), " "], step >= index.own && [el("code", null, index.branches[ofBranch(step)].name), " "],
      index.lanes.length > 1 && [el("code", null, index.lanes[row.l] || "main"), " "], row.p || ""),
    spent(row) && el("small", null, spent(row))));
}

/** Tokens in and out, and the cost, as far as they are known. */
function spent(row) {
  const counts = row.u && (row.u[0] !== null || row.u[2] !== null) ? [row.u[0], row.u[2]].map((n) => n === null ? "?" : short(n)) : [];
  return [counts.join(" → "), row.c].filter(Boolean).join(" · ");
}

/** Where the answer of a step came from, as a badge. */
const came = (row) => row.o && el("code", {class: `came ${row.o}`}, CAME[row.o]);

let current = [];       // links that are marked

function mark(link, as) {
  link?.setAttribute("aria-current", as);
  if (link) current.push(link);
}

/** Marks the step that is shown, in the list, on the strip and in the tree. */
function choose(scroll = true) {
  current.forEach((node) => node.removeAttribute("aria-current"));
  current = [];
  const n = branch >= 0 ? branch : at >= index.own ? ofBranch(at) : -1;
  if (n >= 0) mark(document.querySelector(`.tree a[href="#branch-${n}"]`), "true");
  if (windowed() && scroll && shown.includes(at)) {
    const place = shown.indexOf(at) * ROW + $("steps").offsetTop, box = $("list");
    if (place < box.scrollTop || place + ROW > box.scrollTop + box.clientHeight) { box.scrollTop = place - box.clientHeight / 2; slide(); return; }
  }
  const link = branch < 0 && $(`step-${at}`)?.querySelector("a");
  if (link) { mark(link, "step"); if (scroll) link.scrollIntoView({block: "nearest"}); }
  cursor(n < 0 ? at : branch >= 0 && index.branches[branch].of === -1 ? index.branches[branch].at : -1);
}

function step(by) {
  if (branch < 0 && (hits || at < index.own)) {
    const place = shown.indexOf(at);
    const next = place < 0 ? shown.find((one) => by > 0 ? one > at : one < at) : shown[place + by];
    if (next !== undefined) go(next);
  } else if (branch < 0 && ofBranch(at + by) === ofBranch(at)) go(at + by);
}

function lanes() {
  const box = $("lanes");
  if (!box) return;
  const own = new Set(index.steps.slice(0, index.own).map((row) => row.l));
  if (own.size < 2) return;
  const choices = [[-1, "all strands"], ...[...own].map((n) => [n, index.lanes[n] || "main"])];
  box.replaceChildren(...choices.map(([n, name]) => button(name, () => { lane = n; lanes(); list(); }, {class: "lane", "aria-pressed": String(lane === n)})));
}
