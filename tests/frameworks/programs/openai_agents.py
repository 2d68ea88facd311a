# /// script
# dependencies = ["openai-agents"]
# ///
"""openai-agents, Responses, streamed"""

import agents
from openai import AsyncOpenAI
from weather_task import KEY, SYSTEM, TASK, weather

agents.set_tracing_disabled(disabled=True)  # it reports to its maker


async def agent(url: str) -> str:
    async with AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        guide = agents.Agent(
            name="guide",
            instructions=SYSTEM,
            model=agents.OpenAIResponsesModel(model="gpt-5-mini", openai_client=client),
            tools=[agents.function_tool(weather)],
        )
        result = agents.Runner.run_streamed(guide, TASK)
        async for _ in result.stream_events():
            pass
        return result.final_output
