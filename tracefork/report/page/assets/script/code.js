/* -- code in colours ------------------------------------------------------------------------ */

const COLOURED = 20000; // characters up to which code is coloured
const KEYWORDS = "and as assert async await break case catch class const continue def default del do elif else enum except export extends false finally fn for from func function global if impl import in interface is lambda let loop match mod mut new nil none not null or package pass private protected pub public raise return self static struct super switch this throw trait true try type typeof undefined use var void while with yield";
const STATEMENTS = "add all alter and as asc between by case create cross delete desc distinct drop else end exists from full group having in index inner insert intersect into is join left like limit not null offset on or order outer over partition primary key references returning right select set table then union unique update values view when where with";
const rules = (comment, words, flags) => new RegExp(`(${comment})|("(?:[^"\\\\\\n]|\\\\.)*"?|'(?:[^'\\\\\\n]|\\\\.)*'?|\`(?:[^\`\\\\]|\\\\[^])*\`?)|\\b(\\d[\\w.]*)|\\b(${words.split(" ").join("|")})\\b|[A-Za-z_]\\w*`, `g${flags}`);
const HASH = rules("#[^\\n]*", KEYWORDS, ""), SLASH = rules("//[^\\n]*|/\\*(?:[^*]|\\*(?!/))*(?:\\*/)?", KEYWORDS, ""), SQL = rules("--[^\\n]*|/\\*(?:[^*]|\\*(?!/))*(?:\\*/)?", STATEMENTS, "i");
const LANGUAGES = {sql: SQL, postgresql: SQL, mysql: SQL, sqlite: SQL, py: HASH, python: HASH, sh: HASH, bash: HASH, shell: HASH, console: HASH, zsh: HASH, rb: HASH, ruby: HASH, yaml: HASH, yml: HASH, toml: HASH};

/** The rules for a text: by the name of its language, that of the argument which has it, or what it looks like; null for prose. */
function language(text, name = "", key = "") {
  if (LANGUAGES[name]) return LANGUAGES[name];
  if (name) return /^(text|txt|plain|md|markdown)$/.test(name) ? null : SLASH;
  const start = text.slice(0, 2000);
  if (/^\s*(select|insert into|update|delete from|with|create (table|view|index)|alter table|explain)\s/i.test(start) && /\b(from|set|values|into|as|table|on)\b/i.test(start)) return SQL;
  if (/^#!|^\s*(def |class \w+.*:$|from [\w.]+ import |import [\w.]+$|@\w+)|^\s*(if|for|while|elif|try|with|else)\b.*:$/m.test(start) || /^(command|cmd|bash|shell|python)$/i.test(key)) return HASH;
  if (/^\s*(function |const |let |var |import .* from |export |package |func |public |#include|fn |use |struct )|[;{]$/m.test(start)) return SLASH;
  return null;
}

/** Code as nodes, its words in colours. */
function coloured(text, by) {
  if (!by || text.length > COLOURED) return chips(text);
  const out = [];
  let done = 0;
  for (const found of text.matchAll(by)) {
    const kind = ["c", "s", "n", "k"].find((_, n) => found[n + 1] !== undefined);
    if (!kind) continue;
    if (found.index > done) out.push(...chips(text.slice(done, found.index)));
    out.push(el("span", {class: kind}, chips(found[0])));
    done = found.index + found[0].length;
  }
  return [...out, ...chips(text.slice(done))];
}
