# /// script
# dependencies = ["crewai"]
# ///
"""crewai, a crew of one"""

import os

from weather_task import KEY, SYSTEM, TASK, weather

os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"  # it reports to its maker
os.environ["OTEL_SDK_DISABLED"] = "true"
os.environ["CREWAI_TRACING_ENABLED"] = "false"

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool


def agent(url: str) -> str:
    model = LLM(model="openai/gpt-4o-mini", base_url=f"{url}/v1", api_key=KEY)
    guide = Agent(
        role="guide", goal="tell the weather", backstory=SYSTEM, llm=model, tools=[tool("weather")(weather)]
    )
    task = Task(description=TASK, expected_output="a sentence", agent=guide)
    return Crew(agents=[guide], tasks=[task]).kickoff().raw
