/* -- figures -------------------------------------------------------------------- */

const short = (n) => n < 1000 ? String(n) : n < 9950 ? (n / 1e3).toFixed(1) + "k" : n < 999500 ? (n / 1e3).toFixed(0) + "k" : (n / 1e6).toFixed(1) + "M";
function size(n) {
  if (n < 1024) return n + " B";
  for (const unit of ["KiB", "MiB"]) if ((n /= 1024) < 1023.95) return `${n.toFixed(1)} ${unit}`;
  return (n / 1024).toFixed(1) + " GiB";
}
const weight = (text) => new TextEncoder().encode(text).length;          // bytes of a text,
const heft = (of) => of.binary ? bytes(of.text).length : weight(of.text);  // and of a piece
const plural = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
function duration(s) {
  if (s < 0.9995) return Math.round(s * 1000) + " ms";
  if (s < 59.95) return s.toFixed(1) + " s";
  const whole = Math.round(s);
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`;
}
