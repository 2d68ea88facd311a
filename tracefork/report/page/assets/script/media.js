/* -- pictures, sounds, files ------------------------------------------------------------------- */
/* What they are is told by their first bytes, not by what somebody said. A picture is drawn by the
   browser's decoder on a canvas: nothing is loaded, and nothing in it can act. */

const PIXELS = 4e7;     // of a picture that is decoded
const BIG = 16e6;       // bytes of one that is shown before anybody asks
const ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg", "application/pdf": "pdf", "application/zip": "zip"};
const NAMED = {"text/plain": "txt", "text/csv": "csv", "application/json": "json", "text/markdown": "md", "audio/pcm": "pcm", "audio/l16": "pcm", "audio/flac": "flac", "audio/mp4": "m4a", "video/mp4": "mp4",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx"};

/** What data are: type, and of a picture its width and height; type "" where they are none of what is shown. */
function sniffed(data, said = "") {
  const text = (from, to) => String.fromCharCode(...data.subarray(from, to)), view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const n = data.length;
  try {
    if (text(0, 8) === "\x89PNG\r\n\x1a\n") return {type: "image/png", width: view.getUint32(16), height: view.getUint32(20)};
    if (/^GIF8[79]a$/.test(text(0, 6))) return {type: "image/gif", width: view.getUint16(6, true), height: view.getUint16(8, true)};
    if (text(0, 3) === "\xff\xd8\xff") {
      for (let at = 2; at + 9 < n && data[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
        while (data[at + 1] === 0xff) at++;
        const mark = data[at + 1];
        if (mark >= 0xc0 && mark <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(mark)) return {type: "image/jpeg", width: view.getUint16(at + 7), height: view.getUint16(at + 5)};
      }
      return {type: "image/jpeg", width: Infinity, height: Infinity};
    }
    if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") {
      const kind = text(12, 16), three = (at) => view.getUint16(at, true) + (data[at + 2] << 16);
      if (kind === "VP8X") return {type: "image/webp", width: three(24) + 1, height: three(27) + 1};
      if (kind === "VP8L") { const bits = view.getUint32(21, true); return {type: "image/webp", width: (bits & 16383) + 1, height: (bits >>> 14 & 16383) + 1}; }
      return {type: "image/webp", width: view.getUint16(26, true) & 16383, height: view.getUint16(28, true) & 16383};
    }
    if (text(0, 4) === "RIFF" && text(8, 12) === "WAVE") return {type: "audio/wav"};
    if (text(0, 4) === "OggS") return {type: "audio/ogg"};
    if (text(0, 3) === "ID3" || (/^audio\//.test(said) && data[0] === 0xff && (data[1] & 0xe0) === 0xe0 && data[1] & 6)) return {type: "audio/mpeg"};
    if (text(0, 5) === "%PDF-") return {type: "application/pdf"};
    if (text(0, 4) === "PK\x03\x04") return {type: NAMED[said] ? said : "application/zip"};
  } catch { /* it stops too early */ }
  return {type: ""};
}

const urls = [];   // of what is shown, for as long as it is

/** Lets go of the sounds of what was shown before. */
function forget() { for (const url of urls.splice(0)) URL.revokeObjectURL(url); }

function save(data, name) {
  const url = URL.createObjectURL(new Blob([data], {type: "application/octet-stream"}));
  el("a", {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Data as what they are: a picture, a sound, or a file to save. `said` is the type that they were given. */
function exhibit(data, said = "") {
  const bare = said.split(";")[0].trim().toLowerCase(), {type, width, height} = sniffed(data, bare);
  const ending = ENDINGS[type] || NAMED[type] || (type === "" && NAMED[bare]) || "bin";
  const name = `step-${at < 0 ? 0 : index.steps[at].i}.${ending}`, known = type || (NAMED[bare] ? bare : "");
  const about = [known || "a file", width && width !== Infinity ? `${width} × ${height}` : "", size(data.length), bare && type && bare !== type && bare.replace("jpg", "jpeg") !== type && !/wave|x-wav|mp3/.test(bare) ? `said to be ${bare}` : "",
    bare && !type && /^image\//.test(bare) ? `said to be ${bare}, which is not shown` : ""].filter(Boolean).join(", ");
  const box = el("div", {class: "media"}, el("p", {class: "sub"}, about, button("save", () => save(data, name), {"aria-label": `Save ${name}`})));
  if (type.startsWith("image/")) picture(box, data, type, width, height, about);
  if (type.startsWith("audio/") && type !== "audio/pcm") {
    const url = URL.createObjectURL(new Blob([data], {type}));
    urls.push(url);
    const player = el("audio", {controls: true, preload: "metadata", "aria-label": about, error: () => player.replaceWith(el("p", {class: "sub"}, "This browser cannot play it."))});
    player.src = url;
    box.append(player);
  }
  return box;
}

async function picture(box, data, type, width, height, about) {
  const say = (why) => box.append(el("p", {class: "sub"}, why));
  if (!(width > 0 && height > 0 && width * height <= PIXELS)) { say("Its size is such that it is not decoded here."); return; }
  if (data.length > BIG && !box.asked) { const ask = button("show", () => { ask.remove(); box.asked = true; picture(box, data, type, width, height, about); }); box.append(ask); return; }
  try {
    const made = await createImageBitmap(new Blob([data], {type}), width > 2000 ? {resizeWidth: 2000, resizeQuality: "medium"} : {});
    const canvas = el("canvas", {width: made.width, height: made.height, role: "img", "aria-label": `Picture: ${about}`});
    canvas.getContext("2d").drawImage(made, 0, 0);
    made.close();
    box.append(canvas);
  } catch { say("It cannot be decoded."); }
}

/** The bytes of base64 of either alphabet, of a data URL, or of a text that is itself the data. */
function decoded(text, plain = false) {
  const url = /^data:[^,]{0,200},/.exec(text.slice(0, 300)), bare = url ? text.slice(url[0].length) : text;
  if (plain || (url && !/;base64,$/i.test(url[0]))) return new TextEncoder().encode(bare);
  return bytes(bare.replaceAll("-", "+").replaceAll("_", "/").replace(/\s+/g, ""));
}

/** What a part of a message is that is no text; where its data are on the tape, when it comes into sight. */
function medium(of, [, what, type, count, url, place]) {
  const told = [type, count === null ? "" : size(count), words(of, url)].filter(Boolean).join(", ");
  const node = el("div", {class: "part"}, el("b", null, `[${what}]`), told && el("p", null, told));
  if (!place) return node;
  const reveal = () => {
    let data;
    try { data = decoded(located(of, place), place.text); } catch { node.append(el("p", {class: "sub"}, "Its data cannot be read.")); return; }
    node.lastChild.replaceWith(exhibit(data, type));
  };
  const watch = new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) { watch.disconnect(); reveal(); } });
  watch.observe(node);
  return node;
}

/** The text at a place of a piece's JSON, or of that of one of its events. */
function located(of, {at: path, event}) {
  const whole = event === undefined ? value(of) : JSON.parse(of.text.split("\n").filter((line) => line.startsWith("data:"))[event].slice(5));
  return String(path.reduce((v, key) => v[key], whole));
}

/** A button that shows a picture or a sound that stands in a text as base64. */
function embedded(text) {
  if (text.length < 64 || !/^(data:(image|audio)\/|iVBORw0KGgo|\/9j\/|R0lGOD[dl]|UklGR|T2dnUw|SUQz|JVBERi)/.test(text)) return null;
  const reveal = button("show", () => {
    try { reveal.replaceWith(exhibit(decoded(text), /^data:([^;,]+)/.exec(text.slice(0, 200))?.[1] || "")); } catch { reveal.textContent = "it cannot be read"; reveal.disabled = true; }
  });
  return reveal;
}
