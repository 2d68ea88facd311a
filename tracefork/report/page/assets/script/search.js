/* -- searching ------------------------------------------------------------------------ */

const BUDGET = 2000;    // milliseconds that patterns may take, all together
const BREATH = 40;      // milliseconds after which others get their turn
const IDENT = /"(?:id|responseId|request_id)"\s*:\s*"([^"\\]{4,120})"/g;

/** What a person would read in a piece, and the ids of an answer. */
function read([text, binary, said, key]) {
  if (binary) return "";
  if (!said) return text;
  const of = {text, said, key}, out = [];
  const gather = (parts) => {
    for (const one of parts) {
      for (const x of one.slice(1)) {
        if (typeof x === "string") out.push(x);
        else if (Array.isArray(x) && Array.isArray(x[0])) gather(x);
        else if (Array.isArray(x)) out.push(words(of, x));
      }
    }
  };
  if (said.parts) gather(said.parts);
  for (const choice of said.choices || []) gather(choice.parts);
  if (said.choices) for (const [, id] of text.slice(0, 4096).matchAll(IDENT)) out.push(id);
  if (said.failure) gather([["", ...said.failure]]);
  if (said.tools) gather(said.tools.map((tool) => ["", ...tool.slice(0, 2)]));
  return out.join("\n");
}

const lowered = [];     // by chunk: what its pieces say, in lower case
let spare = 64e6;       // characters of that which may still be kept

async function heard(n) {
  if (lowered[n]) return lowered[n];
  const said = (await chunk("c", n)).map((one) => read(one).toLowerCase());
  const length = said.reduce((sum, one) => sum + one.length, 0);
  if (!live && spare > length) {
    spare -= length;
    lowered[n] = said;
  }
  return said;
}

const lines = {texts: [], numbers: new Map(), of: []};  // distinct lines of headers, in lower case, and by step their numbers

/** Notes the headers of steps whose facts are the chunk `n`; what is noted is not read again. */
async function noted(n) {
  const from = live ? lines.of.length : n * index.facts;
  if (!live && lines.of[from]) return;
  (await chunk("f", n)).slice(live ? from : 0).forEach((told, k) => {
    const pairs = [...told.asked.headers || [], ...told.answered.headers || []];
    lines.of[from + k] = pairs.map(([name, said]) => {
      const line = `${name}: ${said}`.toLowerCase();
      let number = lines.numbers.get(line);
      if (number === undefined) lines.numbers.set(line, number = lines.texts.push(line) - 1);
      return number;
    });
  });
}

const chunksOfFacts = () => live ? 1 : Math.ceil(index.steps.length / index.facts);

/** Opens what a search will look at, while nothing else is to be done. */
function warm(n) {
  const all = index.chunks.length - 1, more = n < all;
  if (n >= all + chunksOfFacts() || spare < 1e6) return;
  const idle = window.requestIdleCallback || ((run) => setTimeout(run, 50));
  idle(() => (more ? heard(n) : noted(n - all)).catch(() => []).then(() => warm(n + 1)));
}

/** What is looked for, as terms that must all be in a step: words, "several in a row", or a /pattern/. */
function terms(text) {
  const whole = /^\/(.+)\/i?$/.exec(text);
  if (whole) return [{...pattern(whole[1]), slow: true}];
  return (text.toLowerCase().match(/"[^"]+"|\S+/g) || []).map((word) => {
    const said = /^"[^"]+"$/.test(word) ? word.slice(1, -1) : word;
    return {test: (one) => one.includes(said), spans: (one, most) => {
      const out = [];
      for (let place = one.indexOf(said); place >= 0 && out.length < most; place = one.indexOf(said, place + said.length)) out.push([place, place + said.length]);
      return out;
    }};
  });
}

let wanted = [];        // the terms of the query
let typed = "";         // what was searched for
let hit = -1;           // which of the steps that were found the reader went to
let counted = "";       // how many they are, in words

const rowText = (row) => [row.n, row.p, row.w, row.f, row.m, row.a, row.s, index.lanes[row.l] || "main"].filter(Boolean).join("\n").toLowerCase();

async function search(text) {
  const mine = query = typed = text.trim();
  hit = -1;
  counted = "";
  wanted = [];
  try { wanted = terms(mine); } catch (error) { counted = `${mine} is no pattern: ${error.message}`; }
  hits = null;
  if (wanted.length) {
    const found = await looked(wanted, () => query !== mine);
    if (query !== mine) return;
    hits = found.hits;
    const own = [...hits].filter((step) => step < index.own).length;
    counted = `${own} of ${index.own}${hits.size > own ? `, ${hits.size - own} in branches` : ""}${found.cut ? `; not all was searched, for it took more than ${BUDGET / 1000} s` : ""}`;
  }
  $("found").textContent = counted;
  list();
  highlight();
}

/** The steps in which all terms are, each of them somewhere; `cut` if the time was up before all was searched. */
async function looked(all, stale) {
  const until = performance.now() + BUDGET, lanes = [...index.steps.keys()];
  let breath = performance.now() + BREATH, cut = false;
  const rest = async () => {
    if (performance.now() < breath) return;
    await new Promise((done) => setTimeout(done));
    breath = performance.now() + BREATH;
  };
  const test = (term, text) => {
    if (term.slow && performance.now() > until) cut = true;
    if (!text || (cut && term.slow)) return false;
    const found = term.test(text, until);
    if (found === null) cut = true;
    return Boolean(found);
  };
  const pieces = all.map(() => new Set()), told = all.map(() => new Set()), beside = all.map(() => new Set());
  for (let n = 0; n + 1 < index.chunks.length; n++) {
    const said = await heard(n).catch(() => []);  // what a broken chunk holds cannot be found
    for (let k = 0; k < said.length; k++) {
      all.forEach((term, t) => { if (test(term, said[k])) pieces[t].add(index.chunks[n] + k); });
      await rest();
      if (stale()) return null;
    }
  }
  for (let n = 0; n < chunksOfFacts(); n++) await noted(n).catch(() => []);
  for (let n = 0; n < lines.texts.length; n++) {
    all.forEach((term, t) => { if (test(term, lines.texts[n])) told[t].add(n); });
    if (n % 256 === 255) await rest();
  }
  index.asides.forEach((one) => all.forEach((term, t) => { if (one.slice(1).some((said) => said && test(term, said.toLowerCase()))) beside[t].add(besides(one)); }));
  await rest();
  if (stale()) return null;
  const hits = new Set(lanes.filter((step) => {
    const row = index.steps[step], text = rowText(row), echoed = row.b || [];
    const mine = fresh(step).filter((number) => !echoed.includes(number)), answer = row.d ?? row.r;
    return all.every((term, t) => beside[t].has(step) || pieces[t].has(answer) || mine.some((number) => pieces[t].has(number))
      || (lines.of[step] || []).some((number) => told[t].has(number)) || test(term, text));
  }));
  return {hits, cut};
}

/** Goes to the first of the steps that were found, and then to the next, or the one before. */
async function visit(by) {
  if ($("search").value.trim() !== typed || !hits) await search($("search").value);
  if (!hits || !shown.length) return;
  hit = hit < 0 ? (by > 0 ? 0 : shown.length - 1) : (hit + by + shown.length) % shown.length;
  $("found").textContent = `${counted}; this is hit ${hit + 1}`;
  await go(shown[hit]);
  marked[0]?.startContainer.parentElement.scrollIntoView({block: "center"});
}

let marked = [];        // where the step that is shown has what is looked for

function highlight() {
  marked = [];
  if (!("highlights" in CSS)) return;
  CSS.highlights.delete("found");
  if (!wanted.length) return;
  const walk = document.createTreeWalker($("detail"), NodeFilter.SHOW_TEXT), until = performance.now() + 100;
  while (walk.nextNode() && marked.length < 1000 && performance.now() < until) {
    const said = walk.currentNode.data.toLowerCase();
    if (said.length !== walk.currentNode.data.length) continue;
    for (const [from, to] of wanted.flatMap((term) => term.spans(said, 1000 - marked.length, until))) {
      const range = new Range();
      range.setStart(walk.currentNode, from);
      range.setEnd(walk.currentNode, to);
      marked.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...marked));
}
