# /// script
# dependencies = ["google-adk"]
# ///
"""google-adk"""

from google.adk.agents import LlmAgent
from google.adk.models.google_llm import Gemini
from google.adk.runners import InMemoryRunner
from google.genai import Client, types
from weather_task import KEY, SYSTEM, TASK, weather


async def agent(url: str) -> str:
    model = Gemini(model="gemini-2.5-flash")
    model.__dict__["api_client"] = Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))
    runner = InMemoryRunner(LlmAgent(name="guide", model=model, instruction=SYSTEM, tools=[weather]))
    session = await runner.session_service.create_session(app_name=runner.app_name, user_id="u")
    asked = types.Content(role="user", parts=[types.Part(text=TASK)])
    async for event in runner.run_async(user_id="u", session_id=session.id, new_message=asked):
        said = event
    return said.content.parts[0].text
