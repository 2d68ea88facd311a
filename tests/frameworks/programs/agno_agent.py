# /// script
# dependencies = ["agno", "openai"]
# ///
"""agno"""

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    model = OpenAIChat(id="gpt-5-mini", api_key=KEY, base_url=f"{url}/v1")
    return Agent(model=model, instructions=SYSTEM, tools=[weather], telemetry=False).run(TASK).content
