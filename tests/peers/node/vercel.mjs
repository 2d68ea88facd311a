// An agent on the Vercel AI SDK with OpenAI, streamed.
import { openai } from "@ai-sdk/openai";
import { stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { weather } from "./tools.mjs";

const { textStream } = streamText({
  model: openai("gpt-5"),
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
  onError: ({ error }) => {
    console.error(error);
    process.exitCode = 1;
  },
});
for await (const piece of textStream) process.stdout.write(piece);
process.stdout.write("\n");
