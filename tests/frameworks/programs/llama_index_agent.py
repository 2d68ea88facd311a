# /// script
# dependencies = ["llama-index-core", "llama-index-llms-openai"]
# ///
"""llama-index, FunctionAgent, streamed"""

from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    counted = {"stream_options": {"include_usage": True}}
    model = OpenAI(model="gpt-4o-mini", api_key=KEY, api_base=f"{url}/v1", additional_kwargs=counted)
    return str(await FunctionAgent(tools=[weather], llm=model, system_prompt=SYSTEM).run(TASK))
