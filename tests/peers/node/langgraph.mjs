// An agent on LangGraph with Anthropic.
import { ChatAnthropic } from "@langchain/anthropic";
import { tool } from "@langchain/core/tools";
import { createReactAgent } from "@langchain/langgraph/prebuilt";
import { z } from "zod";
import { weather } from "./tools.mjs";

const agent = createReactAgent({
  llm: new ChatAnthropic({ model: "claude-sonnet-5" }),
  prompt: "You know the weather.",
  tools: [
    tool(weather, {
      name: "weather",
      description: "The weather in a city",
      schema: z.object({ city: z.string() }),
    }),
  ],
});
const { messages } = await agent.invoke({ messages: [["user", process.argv[2]]] });
console.log(messages.at(-1).text);
