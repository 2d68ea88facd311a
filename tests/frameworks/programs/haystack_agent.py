# /// script
# dependencies = ["haystack-ai"]
# ///
"""haystack"""

import os

from weather_task import KEY, SYSTEM, TASK, weather

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # it reports to its maker

from haystack.components.agents import Agent  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import create_tool_from_function  # noqa: E402
from haystack.utils import Secret  # noqa: E402


def agent(url: str) -> str:
    model = OpenAIChatGenerator(
        model="gpt-5-mini", api_key=Secret.from_token(KEY), api_base_url=f"{url}/v1"
    )
    guide = Agent(
        chat_generator=model, tools=[create_tool_from_function(weather)], system_prompt=SYSTEM
    )
    return guide.run(messages=[ChatMessage.from_user(TASK)])["messages"][-1].text
