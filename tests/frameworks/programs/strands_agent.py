# /// script
# dependencies = ["strands-agents[anthropic]"]
# ///
"""strands-agents, streamed"""

from strands import Agent, tool
from strands.models.anthropic import AnthropicModel
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    model = AnthropicModel(
        client_args={"api_key": KEY, "base_url": url}, model_id="claude-sonnet-4-5", max_tokens=99
    )
    return str(Agent(model=model, system_prompt=SYSTEM, tools=[tool(weather)], callback_handler=None)(TASK))
