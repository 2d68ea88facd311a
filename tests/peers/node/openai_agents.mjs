// An agent on OpenAI's Agents SDK.
import { Agent, run, setTracingDisabled, tool } from "@openai/agents";
import { z } from "zod";
import { weather } from "./tools.mjs";

setTracingDisabled(true);
const agent = new Agent({
  name: "Forecaster",
  model: "gpt-5",
  instructions: "You know the weather.",
  tools: [
    tool({
      name: "weather",
      description: "The weather in a city",
      parameters: z.object({ city: z.string() }),
      execute: weather,
    }),
  ],
});
const result = await run(agent, process.argv[2]);
console.log(result.finalOutput);
