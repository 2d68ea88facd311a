/* -- addresses, keys, the start ----------------------------------------------------------- */

function route() {
  const one = /^#(?:b(\d+)-)?step-(\d+)(?:\/(?!m\d+$)(\w+))?(?:\/m(\d+))?$/.exec(location.hash), other = /^#branch-(\d+)$/.exec(location.hash);
  const old = /[?&]step=(\d+)/.exec(location.search);
  if (location.hash === "#end") return show({at: -1, link: false});
  if (location.hash === "#table") return show({sheet: true, at: Math.max(0, at), link: false});
  if (other && index.branches[other[1]]) return show({branch: Number(other[1]), link: false});
  if (one) {
    const of = one[1] === undefined ? null : index.branches[one[1]];
    const place = of ? of.first + Number(one[2]) - of.at : Number(one[2]);
    if (of === undefined || place < 0 || place >= (of ? of.first + of.count : index.own)) return show({at: Math.max(0, Math.min(place || 0, index.own - 1)), said: nowhere(location.hash)}, false);
    return show({at: place, tab: TABS.some(([key]) => key === one[3]) ? one[3] : "new", spot: Number(one[4]) || 0, link: false});
  }
  if (index.branches[0] && index.branches[0].kin === 0 && !nowhere(location.hash)) return show({branch: 0, link: false});
  const start = old ? Math.max(0, Math.min(Number(old[1]), index.own - 1)) : -1;
  return show({at: start, link: false, said: nowhere(location.hash)});
}

function theme() {
  const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  root.dataset.theme = dark ? "light" : "dark";
}

function blamed() {
  const order = index.blame.map((mark) => mark[0]).filter((n) => n < index.own);
  if (order.length) go(order[(order.indexOf(at) + 1) % order.length]);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (event.key === "Escape" && typing) { event.target.value = ""; search(""); event.target.blur(); return; }
  if (typing || document.querySelector("dialog[open]")) return;
  if (event.target.role === "tab" && /^Arrow(Left|Right)$/.test(event.key)) {
    const place = TABS.findIndex(([name]) => name === tab), by = event.key === "ArrowRight" ? 1 : TABS.length - 1;
    show({tab: TABS[(place + by) % TABS.length][0]}).then(() => $(`tab-${tab}`)?.focus());
    event.preventDefault();
    return;
  }
  const keys = {o: () => end(true), e: () => err(1), E: () => err(-1), x: () => $("only")?.click(),
    j: () => step(1), k: () => step(-1), b: blamed, g: () => go(0), G: () => go(index.own - 1), t: theme,
    "/": () => $("search").focus(), "?": () => $("help").showModal(),
    v: () => show({sheet: !sheet}, true), "[": () => fold("list"), "]": () => fold("side")};
  const run = keys[event.key] || (/^[1-6]$/.test(event.key) && branch < 0 && (() => show({tab: TABS[Number(event.key) - 1][0]})));
  if (run) { event.preventDefault(); run(); }
}

function listen() {
  let waiting, resizing;
  $("theme").addEventListener("click", theme);
  $("keys").addEventListener("click", () => $("help").showModal());
  $("search").addEventListener("input", (event) => { clearTimeout(waiting); waiting = setTimeout(() => search(event.target.value), 120); });
  $("search").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); clearTimeout(waiting); visit(event.shiftKey ? -1 : 1); } });
  $("steps").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (link && !event.ctrlKey && !event.metaKey) { event.preventDefault(); go(Number(link.parentNode.id.slice(5)), true); }
  });
  document.querySelector("#strip svg")?.addEventListener("click", pick);
  document.addEventListener("keydown", key);
  addEventListener("hashchange", route);
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => { choose(false); if (windowed()) slide(); }, 100); });
  $("list").addEventListener("scroll", () => { if (windowed()) requestAnimationFrame(slide); }, {passive: true});
}
