# /// script
# dependencies = ["camel-ai", "mcp<2"]
# ///
"""camel-ai, ChatAgent"""

from camel.agents import ChatAgent
from camel.models import ModelFactory
from camel.toolkits import FunctionTool
from camel.types import ModelPlatformType
from camel.utils import BaseTokenCounter
from weather_task import KEY, SYSTEM, TASK, weather


class Words(BaseTokenCounter):
    """Its own counter downloads a vocabulary."""

    def count_tokens_from_messages(self, messages: list) -> int:
        return len(str(messages).split())

    def encode(self, text: str) -> list:
        return text.split()

    def decode(self, token_ids: list) -> str:
        return " ".join(token_ids)


def agent(url: str) -> str:
    model = ModelFactory.create(
        model_platform=ModelPlatformType.OPENAI_COMPATIBLE_MODEL,
        model_type="gpt-4o-mini",
        api_key=KEY,
        url=f"{url}/v1",
        token_counter=Words(),
    )
    return ChatAgent(SYSTEM, model=model, tools=[FunctionTool(weather)]).step(TASK).msgs[0].content
