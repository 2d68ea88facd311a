# /// script
# dependencies = ["pydantic-ai-slim[anthropic]"]
# ///
"""pydantic-ai"""

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    provider = AnthropicProvider(api_key=KEY, base_url=url)
    async with provider.client:
        guide = Agent(
            AnthropicModel("claude-sonnet-4-5", provider=provider), instructions=SYSTEM, tools=[weather]
        )
        return (await guide.run(TASK)).output
