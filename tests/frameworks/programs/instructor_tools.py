# /// script
# dependencies = ["instructor", "anthropic"]
# ///
"""instructor, answers as classes"""

import instructor
import weather_task
from anthropic import Anthropic
from pydantic import BaseModel
from weather_task import KEY, SYSTEM, TASK


class weather(BaseModel):  # noqa: N801 - the tool's name
    city: str


class final_answer(BaseModel):  # noqa: N801 - the tool's name
    answer: str


def agent(url: str) -> str:
    messages = [{"role": "user", "content": TASK}]
    with Anthropic(api_key=KEY, base_url=url) as client:
        model = instructor.from_anthropic(client)
        for kind in (weather, weather, final_answer):
            said = model.messages.create(
                model="claude-sonnet-4-5",
                max_tokens=99,
                system=SYSTEM,
                messages=messages,
                response_model=kind,
            )
            if kind is weather:
                messages.append({"role": "user", "content": weather_task.weather(said.city)})
        return said.answer
