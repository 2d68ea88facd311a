# /// script
# dependencies = ["ag2[openai]"]
# ///
"""ag2"""

from ag2 import Agent
from ag2.config import OpenAIConfig
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    model = OpenAIConfig(model="gpt-5-mini", api_key=KEY, base_url=f"{url}/v1")
    return (await Agent("guide", prompt=SYSTEM, config=model, tools=[weather]).ask(TASK)).body
