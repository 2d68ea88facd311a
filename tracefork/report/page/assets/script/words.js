/* -- words that changed ----------------------------------------------------------- */

/** What a message says as one text: words, calls with their arguments, results. */
const plainText = (of) => of.said.parts.map((one) => plainPart(of, one)).join("\n");

function plainPart(of, one) {
  if (one[0] === "text" || one[0] === "thinking") return words(of, one[1]);
  if (one[0] === "call") return `→ ${one[2]} ${pretty(words(of, one[3]))}`;
  if (one[0] === "result") return one[4].map((inner) => plainPart(of, inner)).join("\n");
  return JSON.stringify(spelled(of, [one]));
}

/** Both texts as one, word by word; null where they are too long, or have nothing in common. */
function changed(before, after) {
  const old = before.match(/\s+|\S+/g) || [], now = after.match(/\s+|\S+/g) || [];
  let head = 0, tail = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  while (tail < old.length - head && tail < now.length - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const a = old.slice(head, old.length - tail), b = now.slice(head, now.length - tail);
  if (head + tail === 0 || a.length > WORDS || b.length > WORDS) return null;
  const out = [old.slice(0, head).join("")], width = b.length + 1;
  const common = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * width + j] = a[i] === b[j] ? common[(i + 1) * width + j + 1] + 1 : Math.max(common[(i + 1) * width + j], common[i * width + j + 1]);
    }
  }
  const say = (tag, word) => {
    const last = out.at(-1);
    if (last.nodeType && last.tagName === tag.toUpperCase()) last.append(word); else out.push(el(tag, null, word));
  };
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { out.push(a[i]); i++; j++; }
    else if (j >= b.length || (i < a.length && common[(i + 1) * width + j] >= common[i * width + j + 1])) say("del", a[i++]);
    else say("ins", b[j++]);
  }
  out.push(old.slice(old.length - tail).join(""));
  return out;
}
