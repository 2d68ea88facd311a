/* -- two runs, side by side ----------------------------------------------------------- */

const FOLD = 3;         // steps in a row that are alike, from which on they are folded
const ASKED = 6;        // messages that were asked otherwise, of one pair, that are shown

/** Both sides of a text that changed, word by word: what the left alone has, and the right; null where nothing is alike. */
function apart(before, after) {
  const both = changed(before, after);
  if (!both) return null;
  const of = (tag) => both.filter((one) => !one.nodeType || one.tagName === tag).map((one) => one.nodeType ? one.cloneNode(true) : one);
  return [of("DEL"), of("INS")];
}

/** The answers of a pair, what differs in them marked. */
async function differing(sides, answers) {
  const parts = answers.map((of) => of && of.said && of.said.choices && of.said.choices.length === 1 ? of.said.choices[0].parts : null);
  const shown = await Promise.all(sides.map((step, side) => answer(step, answers[side])));
  if (!parts[0] || !parts[1]) return shown;
  parts[0].forEach((one, n) => {
    const twin = parts[1].findIndex((other) => other[0] === one[0] && (one[0] !== "call" || other[2] === one[2]));
    if (twin < 0 || !["text", "call"].includes(one[0])) return;
    const text = (of, said) => said[0] === "call" ? pretty(words(of, said[3])) : words(of, said[1]);
    const said = [text(answers[0], one), text(answers[1], parts[1][twin])];
    const marked = said[0] !== said[1] && said.every((x) => x.length <= FIRST) ? apart(...said) : null;
    if (!marked) return;
    [n, twin].forEach((place, side) => {
      const node = shown[side][0].querySelector(".body").children[place];
      if (one[0] === "text") node?.querySelector("p")?.replaceChildren(...marked[side]);
      else node?.lastElementChild.replaceWith(el("pre", {tabindex: 0, role: "group", "aria-label": "Arguments"}, marked[side]));
    });
  });
  return shown;
}

/** What is new in one question of a pair and not in the other, in words; null where they ask the same. */
async function otherwise(sides) {
  const lists = sides.map(fresh), sets = sides.map((step) => new Set(asked(step)));
  const [gone, come] = await Promise.all([0, 1].map(async (side) => {
    const echoed = new Set(index.steps[sides[side]].b);  // what the model said before, and was shown then
    const own = lists[side].filter((number) => !sets[1 - side].has(number) && !echoed.has(number));
    return (await Promise.all(own.slice(0, 200).map(piece))).filter(isMessage);
  }));
  const out = [], models = sides.map((step) => index.steps[step].m || "");
  if (models[0] !== models[1]) out.push(el("p", null, "model: ", el("del", null, models[0] || "not said"), " ", el("ins", null, models[1] || "not said")));
  const left = [...come];
  for (const one of gone) {
    const twin = left.findIndex((other) => other.said.role === one.said.role);
    const other = twin < 0 ? null : left.splice(twin, 1)[0];
    const before = plainText(one), after = other ? plainText(other) : "";
    if (before === after) continue;
    const diff = other && changed(before, after);
    out.push(el("p", null, el("b", null, one.said.role), ": ", diff || [el("del", null, before.slice(0, 2000)), other && [" ", el("ins", null, after.slice(0, 2000))]]));
  }
  for (const one of left) out.push(el("p", null, el("b", null, one.said.role), ": ", el("ins", null, plainText(one).slice(0, 2000))));
  if (!out.length) return null;
  const more = out.length > ASKED ? el("p", null, `and ${plural(out.length - ASKED, "message")} more`) : null;
  return el("details", {class: "kept asked", open: out.length <= 2}, el("summary", null, "Asked otherwise"), out.slice(0, ASKED), more);
}

/** The steps of a branch that stand beside those of its parent, -1 where none does. */
function pairsOf(one) {
  if (one.beside) return one.beside;
  const parent = one.of ?? -1;
  const from = parent < 0 ? one.at : index.branches[parent].first + one.at - index.branches[parent].at;
  const end = parent < 0 ? index.own : index.branches[parent].first + index.branches[parent].count;
  const left = Math.max(0, end - from), place = (k, many, first) => k < many ? first + k : -1;
  return Array.from({length: Math.max(left, one.count)}, (_, k) => [place(k, left, from), place(k, one.count, one.first)]);
}

/** Two runs, side by side from where they part: what is alike is folded, what differs is marked. */
async function beside(n) {
  const one = index.branches[n], parent = one.of ?? -1;
  const stranger = one.kin === 0;
  const name = parent >= 0 ? index.branches[parent].name : stranger ? index.run || "this run" : "recorded run";
  const pairs = pairsOf(one), count = pairs.length;
  const alone = stranger ? ["it has no such step", "it has no such step"] : one.beside ? ["not asked before", "not asked any more"] : ["it was over", "it was over"];
  const added = index.steps.slice(one.first, one.first + one.count).filter((row) => row.o !== "served").length;
  const grid = el("div", {class: "beside"}, el("h3", null, name), el("h3", {class: "right"}, one.name));
  const title = (step, side) => step < 0 ? null : [el("a", {href: address(step, "new")}, `Step ${index.steps[step].i}: ${index.steps[step].n}`), side === 1 && index.steps[step].o && [" ", came(index.steps[step])]];
  const answeredAlike = (sides) => el("p", {class: "kept"}, title(sides[0], 0), " and ", title(sides[1], 1), ": the same answer");
  let alikes = [];
  const fold = () => {
    const lines = alikes.map(answeredAlike);
    if (alikes.length < FOLD) grid.append(...lines);
    else grid.append(el("details", {class: "kept alike"}, el("summary", null, `${plural(alikes.length, "step")} with the same answers, ${label(alikes[0][0])} to ${label(alikes.at(-1)[0])}`), lines));
    alikes = [];
  };
  const add = async (start) => {
    let shown = 0, k = start;
    for (; k < count && shown < PAIRS; k++) {
      const sides = pairs[k], both = sides.every((step) => step >= 0);
      const answers = await Promise.all(sides.map((step) => step < 0 ? null : response(step)));
      const differs = both ? await otherwise(sides) : null, equal = both && alike(...answers);
      if (equal && !differs) { alikes.push(sides); continue; }
      fold();
      shown++;
      if (differs) grid.append(differs);
      if (equal) { grid.append(answeredAlike(sides)); continue; }
      const bodies = both ? await differing(sides, answers) : await Promise.all(sides.map((step, side) => step < 0 ? [el("p", {class: "kept"}, alone[side])] : answer(step, answers[side])));
      grid.append(...sides.map((step, side) => el("div", null, step >= 0 && el("p", {class: "sub"}, title(step, side)), bodies[side])));
    }
    fold();
    if (k < count) {
      const rest = button(`${plural(count - k, "more step")}`, () => { rest.remove(); add(k); });
      grid.append(rest);
    }
  };
  await add(0);
  const kin = stranger ? "It is another run, shown beside this one, from where they differ. It"
    : one.of === null ? `It left another run ${one.place}; it is shown beside this one, from where they differ. It`
    : `It left the ${parent < 0 ? "recorded run" : `branch ${name}`} at step ${one.at},`;
  return el("div", {class: "pair"},
    el("div", {class: "name"}, el("h2", {id: "name"}, stranger ? `Beside: ${one.name}` : `Branch: ${one.name}`)),
    el("p", {class: "sub"}, `${kin} has ${plural(added, "step")} of its own, and ${one.ended}.`, copy("copy link", () => location.href)),
    told(one.told),
    count ? grid : el("p", {class: "kept"}, "Nothing differs: every question and answer is the parent's."));
}
