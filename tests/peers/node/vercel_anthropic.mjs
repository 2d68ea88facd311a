// An agent on the Vercel AI SDK with Anthropic.
import { anthropic } from "@ai-sdk/anthropic";
import { generateText, stepCountIs, tool } from "ai";
import { z } from "zod";
import { weather } from "./tools.mjs";

const { text } = await generateText({
  model: anthropic("claude-sonnet-5"),
  system: "You know the weather.",
  prompt: process.argv[2],
  tools: {
    weather: tool({
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string() }),
      execute: weather,
    }),
  },
  stopWhen: stepCountIs(8),
});
console.log(text);
