/* -- patterns ---------------------------------------------------------------------------- */
/* Regular expressions that take time in proportion to the text, whatever they are: all that could match
   is followed at once, and nothing is tried again. Texts are in lower case, and patterns are put so.
   What needs to remember or to look ahead, \1 and (?=, is refused. */

const PARTS = 2000;     // of a pattern, with its repetitions written out
const STATES = 2000;    // that are kept before the memory of them begins anew
const SLOW = 4096;      // characters, or states that are followed, between two looks at the clock
const OUTSIDE = -1;     // what stands before a text and behind it
const CLASSES = {d: [[48, 57]], w: [[48, 57], [95, 95], [97, 122], [65, 90]], s: [[9, 13], [32, 32], [160, 160], [5760, 5760], [8192, 8202], [8232, 8233], [8239, 8239], [8287, 8287], [12288, 12288], [65279, 65279]]};
const CONTROLS = {n: 10, r: 13, t: 9, f: 12, v: 11, 0: 0};
const LINES = [[10, 10], [13, 13], [8232, 8233]];

const within = (ranges, code) => ranges.some(([from, to]) => from <= code && code <= to);
const inverse = (ranges) => {
  const out = [];
  let from = 0;
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (low > from) out.push([from, low - 1]);
    from = Math.max(from, high + 1);
  }
  return [...out, [from, 65535]];
};

/** What a pattern says, as a tree of ["set", ranges], ["all", ...], ["any", ...], ["times", tree, least, most], ["at", where]. */
function parsed(source) {
  let at = 0, depth = 0;
  const no = (why) => { throw new Error(why); };
  const lower = (code) => String.fromCharCode(code).toLowerCase().charCodeAt(0);
  const either = () => {
    const ways = [row()];
    while (source[at] === "|") { at++; ways.push(row()); }
    return ways.length > 1 ? ["any", ...ways] : ways[0];
  };
  const row = () => {
    const out = ["all"];
    while (at < source.length && !"|)".includes(source[at])) out.push(times(one()));
    return out;
  };
  const times = (tree) => {
    const found = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})\??/.exec(source.slice(at, at + 40));
    if (!found) return tree;
    at += found[0].length;
    const [, sign, low, comma, high] = found;
    const least = sign ? Number(sign === "+") : Number(low), most = sign ? sign === "?" ? 1 : Infinity : comma ? high ? Number(high) : Infinity : least;
    if (most < least) no(`{${low},${high}} is the wrong way round`);
    if (least > PARTS || (most !== Infinity && most > PARTS)) no("it repeats too often");
    if (/^[*+?]/.test(source.slice(at))) no(`nothing to repeat before ${source[at]}`);
    return ["times", tree, least, most];
  };
  const escaped = (inside) => {
    const c = source[at++];
    if (c === undefined) no("it ends in \\");
    if (c.toLowerCase() in CLASSES && /[dwsDWS]/.test(c)) return c === c.toLowerCase() ? CLASSES[c] : inverse(CLASSES[c.toLowerCase()]);
    if (!inside && /[bB]/.test(c)) return c;
    if (c in CONTROLS) return [[CONTROLS[c], CONTROLS[c]]];
    const long = c === "x" ? /^[0-9a-f]{2}/i.exec(source.slice(at)) : c === "u" ? /^[0-9a-f]{4}/i.exec(source.slice(at)) : null;
    if (long) { at += long[0].length; const code = lower(parseInt(long[0], 16)); return [[code, code]]; }
    if (/[1-9k]/.test(c)) no(`it refers back with \\${c}, which is not done here`);
    if (/[a-z]/i.test(c)) no(`\\${c} is not known here`);
    return [[c.charCodeAt(0), c.charCodeAt(0)]];
  };
  const set = () => {
    const not = source[at] === "^", ranges = [];
    if (not) at++;
    for (let first = true; source[at] !== "]" || first && false; first = false) {
      if (at >= source.length) no("a [ is not closed");
      const from = source[at] === "\\" ? (at++, escaped(true)) : [[source.charCodeAt(at), source.charCodeAt(at++)]];
      if (source[at] === "-" && source[at + 1] !== "]" && at + 1 < source.length && from.length === 1 && from[0][0] === from[0][1]) {
        at++;
        const to = source[at] === "\\" ? (at++, escaped(true)) : [[source.charCodeAt(at), source.charCodeAt(at++)]];
        if (to[0][1] < from[0][0]) no("a range is the wrong way round");
        ranges.push([from[0][0], to[0][1]], [lower(from[0][0]), Math.max(lower(from[0][0]), lower(to[0][1]))]);
      } else for (const [low, high] of from) ranges.push([low, high], ...low === high ? [[lower(low), lower(low)]] : []);
    }
    at++;
    return ["set", not ? inverse(ranges) : ranges];
  };
  const one = () => {
    const c = source[at++];
    if (c === "(") {
      if (source[at] === "?") {
        const kind = /^\?(?::|<[A-Za-z]\w*>)/.exec(source.slice(at, at + 60));
        if (!kind) no("it looks ahead or behind with (?, which is not done here");
        at += kind[0].length;
      }
      if (++depth > 100) no("it is nested too deep");
      const inner = either();
      if (source[at++] !== ")") no("a ( is not closed");
      depth--;
      return inner;
    }
    if (c === "[") return set();
    if (c === ".") return ["set", inverse(LINES)];
    if (c === "^" || c === "$") return ["at", c];
    if ("*+?".includes(c)) no(`nothing to repeat before ${c}`);
    if (c === "\\") {
      const found = escaped(false);
      return typeof found === "string" ? ["at", found] : ["set", found];
    }
    return ["set", [...c.toLowerCase()].length === 1 && c.toLowerCase().length === 1 ? [[lower(c.charCodeAt(0)), lower(c.charCodeAt(0))]] : [[c.charCodeAt(0), c.charCodeAt(0)]]];
  };
  const tree = either();
  if (at < source.length) no("a ) closes nothing");
  return tree;
}

/** A pattern as a list of [what, ...]: "set" ranges next, "fork" one other, "at" where next, "end". Returns it and its first place. */
function compiled(tree) {
  const code = [["end"]];
  const put = (...part) => {
    if (code.length >= PARTS) throw new Error("it is too large");
    return code.push(part) - 1;
  };
  let built = 0;  // empty groups, which leave nothing, are built as well
  const build = ([what, ...of], next) => {
    if (++built > 10 * PARTS) throw new Error("it is too large");
    if (what === "set") return put("set", of[0], next);
    if (what === "at") return put("at", of[0], next);
    if (what === "all") return of.reduceRight((to, one) => build(one, to), next);
    if (what === "any") return of.map((one) => build(one, next)).reduceRight((rest, one) => put("fork", one, rest));
    const [inner, least, most] = of;
    let to = next;
    if (most === Infinity) {
      const loop = put("fork", 0, next);
      code[loop][1] = build(inner, loop);
      to = loop;
    } else for (let n = least; n < most; n++) to = put("fork", build(inner, to), next);
    for (let n = 0; n < least; n++) to = build(inner, to);
    return to;
  };
  return [code, build(tree, 0)];
}

/** What a character is to ^ $ and \b: 0 the end of a line, 1 part of a word, 2 else. */
const kindOf = (code) => code === OUTSIDE || within(LINES, code) ? 0 : within(CLASSES.w, code) ? 1 : 2;

/** A machine for a pattern: `test(text, until)` is whether it is in a text, null where the clock ran out;
    `spans(text, most, until)` where. Throws where the pattern is none. */
function pattern(source) {
  const [code, first] = compiled(parsed(source));
  const machine = (anchored) => {
    let states = new Map();
    const state = (kernel, before, hit) => {
      const key = `${kernel}|${before}|${hit}`;
      let found = states.get(key);
      if (!found) {
        if (states.size >= STATES) states = new Map();
        states.set(key, found = {kernel, before, hit, near: [], far: new Map()});
      }
      return found;
    };
    const step = (from, char) => {
      const held = char >= 0 && char < 128 ? from.near[char] : from.far.get(char);
      if (held) return held;
      const kind = kindOf(char), seen = new Set(), stack = [...from.kernel], next = new Set(anchored ? [] : [first]);
      let hit = false;
      while (stack.length) {
        const n = stack.pop();
        if (seen.has(n)) continue;
        seen.add(n);
        const [what, a, b] = code[n];
        if (what === "end") hit = true;
        else if (what === "fork") stack.push(a, b);
        else if (what === "set") { if (char >= 0 && within(a, char)) next.add(b); }
        else if (a === "^" ? from.before === 0 : a === "$" ? kind === 0 : (a === "b") === ((from.before === 1) !== (kind === 1))) stack.push(b);
      }
      const to = state([...next].sort((x, y) => x - y), kind, hit);
      if (char >= 0 && char < 128) from.near[char] = to; else from.far.set(char, to);
      return to;
    };
    return {start: (before) => state([first], before, false), step};
  };
  const any = machine(false), here = machine(true);
  return {
    test(text, until) {
      let at = any.start(0), work = 0;
      for (let n = 0; n < text.length; n++) {
        at = at.near[text.charCodeAt(n)] || any.step(at, text.charCodeAt(n));
        if (at.hit) return true;
        if ((work += at.near[text.charCodeAt(n)] ? 1 : at.kernel.length + 8) > SLOW) {
          work = 0;
          if (performance.now() > until) return null;
        }
      }
      return any.step(at, OUTSIDE).hit;
    },
    spans(text, most, until) {
      const out = [];
      for (let from = 0, work = 0; from < text.length && out.length < most; from++) {
        if (work > SLOW) {
          work = 0;
          if (performance.now() > until) break;
        }
        let at = here.start(from ? kindOf(text.charCodeAt(from - 1)) : 0), end = -1;
        for (let n = from; n <= text.length && n < from + 1000 && at.kernel.length; n++) {
          work += at.kernel.length + 1;
          at = here.step(at, n < text.length ? text.charCodeAt(n) : OUTSIDE);
          if (at.hit) end = n;
        }
        if (end > from) { out.push([from, end]); from = end - 1; }
      }
      return out;
    },
  };
}
