/* -- searching ------------------------------------------------------------------------ */

/** What a person would read in a piece. */
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
  if (said.failure) gather([["", ...said.failure]]);
  if (said.tools) gather(said.tools.map((tool) => ["", ...tool.slice(0, 2)]));
  return out.join("\n");
}

const lowered = [];     // by chunk: what its pieces say, in lower case
let spare = 16e6;       // characters of that which may still be kept

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

/** Opens what a search will look at, while nothing else is to be done. */
function warm(n) {
  if (n + 1 >= index.chunks.length || spare < 1e6) return;
  const idle = window.requestIdleCallback || ((run) => setTimeout(run, 50));
  idle(() => heard(n).catch(() => []).then(() => warm(n + 1)));
}

async function search(text) {
  const mine = query = text.trim().toLowerCase();
  if (!mine) {
    hits = null;
    $("found").textContent = "";
  } else {
    const pieces = new Set();
    for (let n = 0; n + 1 < index.chunks.length; n++) {
      const said = await heard(n).catch(() => []);  // what a broken chunk holds cannot be found
      if (query !== mine) return;
      said.forEach((one, k) => { if (one.includes(mine)) pieces.add(index.chunks[n] + k); });
    }
    const has = (...said) => said.some((one) => one && one.toLowerCase().includes(mine));
    const beside = new Set(index.asides.filter(([, ...said]) => has(...said)).map(besides));
    hits = new Set([...index.steps.keys()].filter((step) => {
      const row = index.steps[step];
      return beside.has(step) || pieces.has(row.d ?? row.r) || has(row.n, row.p, row.w, row.f)
        || fresh(step).some((number) => pieces.has(number) && !(row.b || []).includes(number));
    }));
    const own = [...hits].filter((step) => step < index.own).length;
    $("found").textContent = `${own} of ${index.own}${hits.size > own ? `, ${hits.size - own} in branches` : ""}`;
  }
  list();
  highlight();
}

function highlight() {
  if (!("highlights" in CSS)) return;
  CSS.highlights.delete("found");
  if (!query) return;
  const ranges = [], walk = document.createTreeWalker($("detail"), NodeFilter.SHOW_TEXT);
  while (walk.nextNode() && ranges.length < 1000) {
    const said = walk.currentNode.data.toLowerCase();
    if (said.length !== walk.currentNode.data.length) continue;
    for (let place = said.indexOf(query); place >= 0 && ranges.length < 1000; place = said.indexOf(query, place + query.length)) {
      const range = new Range();
      range.setStart(walk.currentNode, place);
      range.setEnd(walk.currentNode, place + query.length);
      ranges.push(range);
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
}
