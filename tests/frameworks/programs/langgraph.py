# /// script
# dependencies = ["langgraph", "langchain-openai"]
# ///
"""langgraph, a graph of nodes, asynchronous, streamed"""

import httpx2
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    async with httpx2.AsyncClient() as http:
        model = ChatOpenAI(
            model="gpt-5-mini", api_key=KEY, base_url=f"{url}/v1", http_async_client=http, stream_usage=True
        ).bind_tools([weather])

        async def ask(state: MessagesState) -> dict:
            return {"messages": [await model.ainvoke([("system", SYSTEM), *state["messages"]])]}

        graph = StateGraph(MessagesState)
        graph.add_node("ask", ask)
        graph.add_node("tools", ToolNode([weather]))
        graph.add_edge(START, "ask")
        graph.add_conditional_edges("ask", tools_condition)
        graph.add_edge("tools", "ask")
        question, text = {"messages": [("user", TASK)]}, ""
        async for part, _ in graph.compile().astream(question, stream_mode="messages"):
            text = text + part.text if part.type == "AIMessageChunk" else ""
        return text
