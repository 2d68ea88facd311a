// What the agents here can do: a function, as anybody has it.
export function weather({ city }) {
  return { Paris: "rain", Rome: "sun" }[city] ?? "fog";
}
