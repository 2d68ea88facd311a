# /// script
# dependencies = ["langchain", "langchain-anthropic"]
# ///
"""langchain, create_agent"""

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    model = ChatAnthropic(model="claude-sonnet-4-5", api_key=KEY, base_url=url, max_tokens=99)
    guide = create_agent(model, tools=[weather], system_prompt=SYSTEM)
    return guide.invoke({"messages": [{"role": "user", "content": TASK}]})["messages"][-1].text
