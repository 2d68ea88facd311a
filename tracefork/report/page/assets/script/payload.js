/* -- the payload ---------------------------------------------------------------- */

const chunks = {c: new Map(), f: new Map()};

const grown = {c: [], f: []};  // of a run that is still going on: its pieces and facts so far

async function block(name) {
  const held = $(name);
  if (!held) throw new Error(`the page has no block ${name}`);
  const stream = new Blob([bytes(held.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function chunk(kind, number) {
  if (live) return Promise.resolve(grown[kind]);
  const held = chunks[kind];
  if (!held.has(number)) {
    const got = block(kind + number);
    held.set(number, got);
    got.catch(() => held.delete(number));
    if (held.size > KEPT[kind]) held.delete(held.keys().next().value);
  }
  return held.get(number);
}

function chunkOf(number) {
  let low = 0, high = index.chunks.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (index.chunks[middle] <= number) low = middle; else high = middle - 1;
  }
  return low;
}

async function piece(number) {
  const n = chunkOf(number);
  const [text, binary, said, key] = (await chunk("c", n))[number - index.chunks[n]];
  return {number, text, binary, said, key};
}

const facts = async (step) => (await chunk("f", Math.floor(step / index.facts)))[step % index.facts];

/** The pieces of a question: those of its base where the row has runs, new ones else. */
function asked(step) {
  const chain = [step];
  while (index.steps[chain.at(-1)].q[0] >= 0) chain.push(index.steps[chain.at(-1)].q[0]);
  let pieces = [];
  for (const one of chain.reverse()) {
    const base = pieces;
    pieces = index.steps[one].q.slice(1).flatMap((part) => typeof part === "number" ? part : base.slice(part[0], part[0] + part[1]));
  }
  return pieces;
}

const fresh = (step) => index.steps[step].q.slice(1).filter((part) => typeof part === "number");

function value(of) {
  if (!("value" in of)) {
    try { of.value = JSON.parse(of.text.replace(/^[\s,]+/, "")); } catch { of.value = null; }
  }
  return of.value;
}

/** A text of a reading: itself, or the path to where it stands in the piece. */
const words = (of, said) => Array.isArray(said) ? String(said.reduce((v, key) => v === null || v === undefined ? v : v[key], value(of)) ?? "") : said;

const response = async (step) => {
  const row = index.steps[step], number = row.d ?? row.r;
  return number === undefined ? null : piece(number);
};

function bytes(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64), out = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) out[n] = text.charCodeAt(n);
  return out;
}
