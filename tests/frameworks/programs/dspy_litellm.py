# /// script
# dependencies = ["dspy", "litellm"]
# ///
"""dspy, ReAct, over litellm"""

import os

from weather_task import KEY, TASK, weather

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it downloads a table of prices

import dspy


def agent(url: str) -> str:
    model = dspy.LM("openai/gpt-5-mini", api_base=f"{url}/v1", api_key=KEY, cache=False, engine="litellm")
    with dspy.context(lm=model):
        return dspy.ReAct("question -> answer", tools=[weather])(question=TASK).answer
