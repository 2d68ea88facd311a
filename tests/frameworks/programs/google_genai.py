# /// script
# dependencies = ["google-genai"]
# ///
"""google-genai, which calls the tool by itself"""

from google.genai import Client, types
from weather_task import KEY, SYSTEM, TASK, weather


def agent(url: str) -> str:
    config = types.GenerateContentConfig(system_instruction=SYSTEM, tools=[weather])
    with Client(api_key=KEY, http_options=types.HttpOptions(base_url=url)) as client:
        return client.models.generate_content(model="gemini-2.5-flash", contents=TASK, config=config).text
