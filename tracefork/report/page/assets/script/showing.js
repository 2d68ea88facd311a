/* -- showing ------------------------------------------------------------------------ */

const ofBranch = (step) => index.branches.findIndex((one) => one.first <= step && step < one.first + one.count);

/** How a step is named: its number in its own run. */
function label(step) {
  const n = step < index.own ? -1 : ofBranch(step);
  return n < 0 ? String(step) : `${index.steps[step].i} of ${index.branches[n].name}`;
}

function address(step, view) {
  const n = step < index.own ? -1 : ofBranch(step);
  return `#${n < 0 ? "" : `b${n}-`}step-${index.steps[step].i}${view === "new" ? "" : `/${view}`}`;
}

/** Shows what has changed of: the step, its view, a message in it, a branch beside its parent, the table.
    Whether the reader `opened` it is as `enter` has it. */
async function show(change, opened) {
  const mine = ++turn;
  sheet = Boolean(change.sheet);
  spot = change.spot ?? 0;
  if (change.branch === undefined) {
    branch = -1;
    at = change.at ?? at;
    tab = change.tab ?? tab;
  } else branch = change.branch;
  if (change.link !== false) enter(here(), opened);
  else since = performance.now();
  const left = pane().classList.contains("tabled") && !sheet;
  pane().classList.toggle("tabled", sheet);
  if (left && windowed()) slide();
  choose();
  let view;
  try {
    view = sheet ? table() : branch >= 0 ? await beside(branch) : at < 0 ? el("div", {class: "over"}, card0) : await detail(at);
  } catch (error) {
    view = el("div", null, el("p", {class: "notice", role: "alert"}, `This step cannot be shown: ${error.message}`));
  }
  if (mine !== turn) return;
  if (change.said) view.prepend(el("p", {class: "notice", role: "alert"}, change.said));
  forget();
  $("detail").replaceChildren(view);
  if (!sheet && branch < 0 && at >= 0) number();
  $("detail").dataset.shown = here();
  $("detail").scrollTop = 0;
  if (spot) point(spot);
  highlight();
}

const go = (step, opened) => show({at: Math.max(0, Math.min(index.steps.length - 1, step))}, opened);

async function detail(step) {
  const row = index.steps[step], own = step < index.own, n = own ? -1 : ofBranch(step);
  const last = own ? index.own - 1 : index.branches[n].first + index.branches[n].count - 1;
  const first = own ? 0 : index.branches[n].first;
  let panel;
  try { panel = await VIEWS[tab](step); } catch (error) {
    panel = [el("p", {class: "notice", role: "alert"}, `This part of the step cannot be shown: ${error.message}`)];
  }
  const told = await facts(step).catch(() => ({}));
  const tokens = row.u ? `${short(row.u[0] ?? 0)} tokens in${row.u[1] ? ` (${short(row.u[1])} cached)` : ""}, ${short(row.u[2] ?? 0)} out` : "";
  const sub = [row.r === undefined ? `no response: ${row.s}` : `HTTP ${row.s}`, `first byte ${duration(row.t[1] - row.t[0])}`, `total ${duration(row.t[2] - row.t[0])}`,
    tokens, row.c || "", row.m || "", index.lanes.length > 1 ? `strand ${index.lanes[row.l] || "main"}` : ""].filter(Boolean).join(" · ");
  return el("div", null,
    el("div", {class: "name"}, el("h2", {id: "name"}, `Step ${row.i}: ${row.n}`),
      el("div", {class: "nav"}, button("↑", () => go(step - 1), {disabled: step <= first, "aria-label": "Previous step"}), button("↓", () => go(step + 1), {disabled: step >= last, "aria-label": "Next step"}))),
    el("p", {class: "sub"}, sub, copy("copy link", () => location.href)),
    told.site && el("p", {class: "sub"}, "asked at ", el("code", null, told.site)),
    n >= 0 && el("p", {class: "sub"}, "In branch ", el("a", {href: `#branch-${n}`}, index.branches[n].name), `, which left its parent ${index.branches[n].place}.`),
    origin(step, n),
    own && [...strands(step), ...wrong(step)],
    el("div", {class: "tabs", role: "tablist", "aria-label": "Views of the step"}, TABS.map(([key, name]) => button(name, () => show({tab: key}), {
      role: "tab", id: `tab-${key}`, "aria-controls": "panel", "aria-selected": String(key === tab), tabindex: key === tab ? 0 : -1}))),
    el("div", {id: "panel", role: "tabpanel", "aria-labelledby": `tab-${tab}`, tabindex: 0}, panel));
}

/** A line on where the answer of a step came from, where that is known. */
function origin(step, n) {
  const row = index.steps[step];
  if (!row.o) return null;
  const [twin] = n >= 0 && (index.branches[n].beside || []).find(([, right]) => right === step) || [-1];
  const from = row.o !== "served" || row.e === undefined ? "" : twin >= 0 ? [": the answer of ", el("a", {href: address(twin, "new")}, `step ${label(twin)}`)] : `: the answer of step ${row.e} of its parent`;
  return el("p", {class: "sub"}, came(row), from);
}

/** What there is to say of how a branch went on from its parent. */
const told = (facts) => facts && el("dl", {class: "told"}, facts.map(([name, text, before, after]) => el("div", null, el("dt", null, name), el("dd", null, text,
  (before || after) && [el("span", null, el("b", null, "the tape"), " ", el("del", null, before)), el("span", null, el("b", null, "this run"), " ", el("ins", null, after))]))));
