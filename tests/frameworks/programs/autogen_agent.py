# /// script
# dependencies = ["autogen-agentchat", "autogen-ext[openai]"]
# ///
"""autogen, AssistantAgent"""

from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    model = OpenAIChatCompletionClient(model="gpt-4o-mini", api_key=KEY, base_url=f"{url}/v1")
    guide = AssistantAgent(
        "guide",
        model,
        tools=[weather],
        system_message=SYSTEM,
        description="knows the weather",
        max_tool_iterations=5,
    )
    result = await guide.run(task=TASK)
    await model.close()
    return result.messages[-1].content
