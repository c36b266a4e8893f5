"""A routed completion with the official SDK: `pip install openai`, then run this."""

import os

import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8787/v1", api_key=os.environ["BRAINS_KEY"])
answer = client.chat.completions.with_raw_response.create(
    model="brains-auto",
    messages=[{"role": "user", "content": "Fix the retry bug in the webhook handler"}],
)
print(answer.parse().choices[0].message.content)
print("because:", answer.headers["x-brains-route-reason"])
