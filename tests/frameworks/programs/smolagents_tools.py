# /// script
# dependencies = ["smolagents[openai]"]
# ///
"""smolagents, ToolCallingAgent"""

from smolagents import OpenAIServerModel, ToolCallingAgent, tool
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    model = OpenAIServerModel(model_id="gpt-5-mini", api_base=f"{url}/v1", api_key=KEY)
    guide = ToolCallingAgent(tools=[tool(weather)], model=model, instructions=SYSTEM, verbosity_level=0)
    return guide.run(TASK)
