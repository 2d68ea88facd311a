# /// script
# dependencies = ["ollama"]
# ///
"""ollama, streamed"""

from ollama import Client
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TASK}]
    with Client(host=url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        while True:
            parts = [
                part.message
                for part in client.chat(model="llama3.2", messages=messages, tools=[weather], stream=True)
            ]
            calls = [call for part in parts for call in part.tool_calls or ()]
            text = "".join(part.content or "" for part in parts)
            messages.append({"role": "assistant", "content": text, "tool_calls": calls})
            if not calls:
                return text
            for call in calls:
                result = weather(**call.function.arguments)
                messages.append({"role": "tool", "tool_name": call.function.name, "content": result})
