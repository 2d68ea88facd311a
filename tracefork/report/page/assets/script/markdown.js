/* -- Markdown ------------------------------------------------------------------------------- */
/* Read into nodes, never into markup: what is no Markdown here is text. Nothing is loaded; a link is
   followed when somebody follows it, and leads to http or https alone. */

const MARKED = /(^|\n) {0,3}(#{1,6} |[-*+] |\d{1,9}[.)] |> |```|~~~|\|)|\*\*\S|`[^`\n]+`|\]\(/;
const DEEP = 8;         // lists and quotes within one another
const WIDE = 10000;     // characters of a paragraph that is looked into
const FENCE = /^ {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)/, BULLET = /^( {0,8})([-*+]|\d{1,9}[.)])(?:[ \t]+|$)/, RULE = /^ {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}$/;
const CELLS = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$/;

/** A text as Markdown; of a long one the beginning, and a button for the rest as it is. */
function markdown(text) {
  const end = cut(text, 0), node = el("div", {class: "md"}, blocks(text.slice(0, end).split(/\r\n|\r|\n/), 0));
  if (end < text.length) { const rest = button(`Show all ${size(weight(text))}`, () => rest.replaceWith(el("p", null, chips(text.slice(end))))); node.append(rest); }
  return node;
}

function blocks(all, depth) {
  const out = [];
  let at = 0, found;
  const starts = (line) => FENCE.test(line) || /^ {0,3}(#{1,6}[ \t]|>)/.test(line) || BULLET.test(line) || RULE.test(line);
  while (at < all.length) {
    const line = all[at];
    if (!line.trim()) at++;
    else if ((found = FENCE.exec(line))) {
      let to = at + 1;
      while (to < all.length && !all[to].trim().startsWith(found[1])) to++;
      const code = all.slice(at + 1, to).join("\n");
      out.push(el("pre", {tabindex: 0, role: "group", "aria-label": "Code"}, coloured(code, language(code, found[2].toLowerCase()))));
      at = to + 1;
    } else if ((found = /^ {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$/.exec(line.slice(0, WIDE)))) {
      out.push(el("p", {class: `title of-${found[1].length}`}, inline(found[2], depth)));
      at++;
    } else if (RULE.test(line.slice(0, WIDE))) { out.push(el("hr")); at++; }
    else if (depth < DEEP && /^ {0,3}>/.test(line)) {
      const inner = [];
      while (at < all.length && /^ {0,3}>/.test(all[at])) inner.push(all[at++].replace(/^ {0,3}> ?/, ""));
      out.push(el("blockquote", null, blocks(inner, depth + 1)));
    } else if (depth < DEEP && (found = BULLET.exec(line))) {
      const list = el(/\d/.test(found[2]) ? "ol" : "ul", /\d/.test(found[2]) ? {start: parseInt(found[2], 10)} : null), margin = found[1].length;
      for (let mark; at < all.length && (mark = BULLET.exec(all[at])) && mark[1].length <= margin + 1 && !RULE.test(all[at]) && /\d/.test(mark[2]) === /\d/.test(found[2]); ) {
        const inner = [all[at].slice(mark[0].length)], indent = mark[0].length;
        for (at++; at < all.length; at++) {
          const deep = /^ */.exec(all[at])[0].length;
          if (!all[at].trim()) {
            if (at + 1 >= all.length || !/^ {2,}\S/.test(all[at + 1])) break;
            inner.push("");
          } else if (deep > margin + 1 || (!starts(all[at]) && inner.at(-1))) inner.push(all[at].slice(Math.min(deep, indent)));
          else break;
        }
        while (at + 1 < all.length && !all[at]?.trim() && BULLET.test(all[at + 1])) at++;
        list.append(el("li", null, blocks(inner, depth + 1)));
      }
      out.push(list);
    } else if (line.includes("|") && at + 1 < all.length && all[at + 1].includes("-") && all[at + 1].length < 2000 && CELLS.test(all[at + 1])) {
      const row = (one) => one.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).slice(0, 50).map((cell) => inline(cell.trim().replaceAll("\\|", "|"), depth));
      const body = el("tbody"), head = row(line);
      for (at += 2; at < all.length && all[at].includes("|"); at++) body.append(el("tr", null, row(all[at]).map((cell) => el("td", null, cell))));
      out.push(el("div", {class: "scrolled", tabindex: 0, role: "group", "aria-label": "Table"}, el("table", null, el("thead", null, el("tr", null, head.map((cell) => el("th", {scope: "col"}, cell)))), body)));
    } else {
      const from = at++;
      while (at < all.length && all[at].trim() && !starts(all[at])) at++;
      out.push(el("p", null, inline(all.slice(from, at).join("\n"), depth)));
    }
  }
  return out;
}

const LINK = /(!?)\[([^[\]\n]{0,500})\]\((<[^<>\n]{0,1000}>|[^\s()<>]{0,1000}(?:\([^\s()<>]{0,200}\)[^\s()<>]{0,500})?)(?:[ \t]+"[^"\n]{0,200}")?\)/y;
const BARE = /https?:\/\/[^\s<>"'`\])}]{1,1000}/y;

/** A paragraph: code, bold, italic, struck out, links; the rest is text. */
function inline(text, depth, linked = false) {
  if (text.length > WIDE || depth > DEEP + 6) return chips(text);
  const out = [];
  let said = "", at = 0;
  const flush = () => { if (said) out.push(...chips(said)); said = ""; };
  const match = (rule) => { rule.lastIndex = at; return rule.exec(text); };
  while (at < text.length) {
    const c = text[at];
    let found;
    if (c === "\\" && /[!-/:-@[-`{-~]/.test(text[at + 1] || "")) { said += text[at + 1]; at += 2; continue; }
    if (c === "`") {
      const ticks = /^`+/.exec(text.slice(at, at + 50))[0], end = text.indexOf(ticks, at + ticks.length);
      if (end > 0) { flush(); out.push(el("code", null, chips(text.slice(at + ticks.length, end)))); at = end + ticks.length; continue; }
      said += ticks; at += ticks.length; continue;
    }
    if (!linked && (c === "[" || (c === "!" && text[at + 1] === "[")) && (found = match(LINK))) {
      flush();
      out.push(...link(found[1] ? [`[image: ${found[2]}]`] : inline(found[2], depth + 1, true), found[3].replace(/^<|>$/g, "")));
      at += found[0].length; continue;
    }
    if (!linked && c === "h" && (found = match(BARE))) {
      const where = found[0].replace(/[.,;:!?]+$/, "");
      flush(); out.push(...link([where], where)); at += where.length; continue;
    }
    if (c === "*" || c === "_" || c === "~") {
      const mark = text[at + 1] === c ? c + c : c, inner = at + mark.length, before = text[at - 1] || " ";
      const end = mark === "~" || /\s/.test(text[inner] || " ") || (c === "_" && /\w/.test(before)) ? -1 : text.indexOf(mark, inner + 1);
      if (end > 0 && !/\s/.test(text[end - 1]) && !(c === "_" && /\w/.test(text[end + mark.length] || " "))) {
        flush();
        out.push(el(c === "~" ? "s" : mark.length > 1 ? "strong" : "em", null, inline(text.slice(inner, end), depth + 1, linked)));
        at = end + mark.length; continue;
      }
      said += mark; at += mark.length; continue;
    }
    said += c;
    at++;
  }
  flush();
  return out;
}

/** A link to http or https, which says where it leads; of any other address its text. */
function link(said, where) {
  let to = null;
  try { to = new URL(where); } catch { /* no address */ }
  const safe = to && /^https?:$/.test(to.protocol) && /^https?:\/\//i.test(where) && !to.username && !to.password;
  if (!safe) return [...said, where ? ` (${where})` : ""];
  const out = el("a", {href: to.href, rel: "noopener noreferrer nofollow external", referrerpolicy: "no-referrer", target: "_blank", title: to.href}, said);
  return out.textContent === where ? [out] : [out, el("small", null, ` ↗ ${to.host}`)];
}
