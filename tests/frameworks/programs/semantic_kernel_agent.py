# /// script
# dependencies = ["semantic-kernel"]
# ///
"""semantic-kernel, ChatCompletionAgent"""

from openai import AsyncOpenAI
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion
from semantic_kernel.functions import kernel_function
from weather_task import DESCRIPTION, KEY, SYSTEM, TASK, weather


class Guide:
    @kernel_function(name="weather", description=DESCRIPTION)
    def weather(self, city: str) -> str:
        return weather(city)


async def agent(url: str) -> str:
    async with AsyncOpenAI(api_key=KEY, base_url=f"{url}/v1") as client:
        model = OpenAIChatCompletion(ai_model_id="gpt-4o-mini", async_client=client)
        guide = ChatCompletionAgent(name="guide", service=model, instructions=SYSTEM, plugins=[Guide()])
        return str((await guide.get_response(messages=TASK)).content)
