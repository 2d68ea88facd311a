/* -- addresses, and the way back ---------------------------------------------------------- */

const SEEN = 1000;      // milliseconds for which a step is looked at, and not run through
let since = 0;          // when the reader came to what is shown

/** Where the reader is: the step and its view, a message of it, a branch, or the table of all. */
function here() {
  if (sheet) return "#table";
  if (branch >= 0) return `#branch-${branch}`;
  if (at < 0) return "#end";
  return address(at, tab) + (spot ? `${tab === "new" ? "/new" : ""}/m${spot}` : "");
}

const stem = (where) => where.split("/")[0];

/** Writes down where the reader is. What was `opened` gets an entry of its own, to go back from; by
    default that is what comes after a while of looking at another step, not what a held key runs through. */
function enter(where, opened) {
  const looked = performance.now() - since > SEEN;
  since = performance.now();
  if (where === location.hash) return;
  if (location.hash && (opened ?? (looked && stem(where) !== stem(location.hash)))) history.pushState(null, "", where);
  else history.replaceState(null, "", where);
}

/** What is said of an address that names nothing here; "" of one that names something, or is none of ours. */
function nowhere(hash) {
  const found = /^#(?:b\d+-)?(step|branch)-(.*)$/.exec(hash);
  if (!found) return "";
  const [, what, rest] = found, has = what === "branch" || hash.startsWith("#b") ? plural(index.branches.length, "branch").replace("branchs", "branches")
    : index.own ? `${plural(index.own, "step")}, 0 to ${index.own - 1}` : "no step so far";
  return `There is no ${hash.startsWith("#b") && what === "step" ? "such step of a branch" : `${what} ${rest.slice(0, 40)}`}: this run has ${has}.`;
}

/** Gives each message of the view a number, and a link to it. */
function number() {
  [...$("panel").querySelectorAll("article.message")].forEach((node, n) => {
    node.id = `m${n + 1}`;
    const to = (event) => {
      event.preventDefault();
      spot = n + 1;
      enter(here(), true);
      $("detail").dataset.shown = here();
      point(spot);
    };
    acts(node).append(el("a", {class: "to", href: `${address(at, tab)}${tab === "new" ? "/new" : ""}/m${n + 1}`, "aria-label": `Link to message ${n + 1}`, title: "Link to this message", click: to}, "#"));
  });
}

/** Leads to a message of the view; says so if there is none of that number. */
function point(n) {
  document.querySelector(".linked")?.classList.remove("linked");
  const node = $(`m${n}`);
  if (!node) {
    $("panel").prepend(el("p", {class: "notice", role: "alert"}, `This view has no message ${n}.`));
    return;
  }
  for (let up = node.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
  node.classList.add("linked");
  node.tabIndex = -1;
  node.scrollIntoView({block: "start"});
  node.focus({preventScroll: true});
}
