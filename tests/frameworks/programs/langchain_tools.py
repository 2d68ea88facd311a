# /// script
# dependencies = ["langchain-openai"]
# ///
"""langchain-openai, bind_tools, streamed"""

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    tool = StructuredTool.from_function(weather)
    model = ChatOpenAI(model="gpt-5-mini", api_key=KEY, base_url=f"{url}/v1", stream_usage=True)
    messages = [SystemMessage(SYSTEM), HumanMessage(TASK)]
    while True:
        first, *others = model.bind_tools([tool]).stream(messages)
        said = sum(others, first)
        messages.append(said)
        if not said.tool_calls:
            return said.text
        messages += [tool.invoke(call) for call in said.tool_calls]
