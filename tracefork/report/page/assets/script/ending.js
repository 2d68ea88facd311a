/* -- how the run ended, and what went wrong ------------------------------------------------ */

const card0 = $("ending");  // the document's own card, which is put back when it is asked for
let wrongs = new Map();     // by step: what went wrong there
let only = false;           // whether the steps with errors are listed alone

/** Shows how the run ended. */
const end = (opened) => card0 && show({at: -1}, opened);

/** The steps with errors, in their order. */
const erring = () => [...wrongs.keys()].sort((one, other) => one - other);

/** Goes to the next error, or the one before; from the card to the step that should be looked at first. */
function err(by) {
  const steps = erring();
  if (at < 0 || !steps.length) { if (index.end !== undefined) go(index.end, true); return; }
  const next = by > 0 ? steps.find((one) => one > at) ?? steps[0] : steps.findLast((one) => one < at) ?? steps.at(-1);
  go(next, true);
}

/** Keeps something that went wrong, and shows how many steps have something. */
function note(problem) {
  const [step, kind, what] = problem;
  if (!index.problems.includes(problem)) index.problems.push(problem);
  wrongs.set(step, [...wrongs.get(step) || [], [kind, what]]);
  const choice = $("only");
  choice.hidden = false;
  choice.textContent = `errors ${wrongs.size}`;
}

/** Offers to list the steps with errors alone, where there are some. */
function errors() {
  const choice = button("errors", () => {
    only = !only;
    choice.setAttribute("aria-pressed", String(only));
    list();
  }, {id: "only", hidden: true, "aria-pressed": "false", title: "List the steps with errors alone (x)"});
  $("list").querySelector(".sorts").append(choice);
  index.problems.forEach(note);
}

/** What went wrong at a step, above its views. */
const wrong = (step) => (wrongs.get(step) || []).map(([kind, what]) => el("p", {class: "callout wrong"}, el("b", null, `${kind[0].toUpperCase()}${kind.slice(1)}. `), what));

/** Where a step belongs among the strands of the run: what started its own, and what it started. */
function strands(step) {
  const out = [], link = (n) => el("a", {href: address(n, "new")}, `step ${n}`);
  for (const [name, first, by, to, result] of index.strands.filter((one) => one[2] >= 0)) {
    if (first === step) out.push(el("p", {class: "strand"}, el("b", null, name), " begins here", [", started after ", link(by)], to >= 0 && ["; its result was told in ", link(to)], result && `: ${result}`));
    else if (by === step) out.push(el("p", {class: "strand"}, "Started ", el("b", null, name), first >= 0 && [", from ", link(first)], to >= 0 && ["; its result was told in ", link(to)]));
    else if (to === step) out.push(el("p", {class: "strand"}, "Is told the result of ", el("b", null, name), first >= 0 && [", which began in ", link(first)], result && `: ${result}`));
  }
  return out;
}
