// One turn of an agent by a vendor's library or the AI SDK: what is asked, the calls that the model makes, their answers, the end.
//
// Run by `tests/it/clients/matrix.rs` in a folder that it furnished, with BASE_URL, API_KEY, MODEL, PROMPT, MODULES (where the
// packages are) and WIRE in the environment. Prints the text of the last answer.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { BASE_URL, API_KEY, MODEL, PROMPT, MODULES, WIRE } = process.env;
const load = createRequire(`${MODULES}/`);
const schema = { type: "object", properties: { file: { type: "string" } }, required: ["file"] };
const picture = readFileSync("pixel.png").toString("base64");
const shows = PROMPT.includes("picture");
const read = ({ file }) => readFileSync(file, "utf8");
const settings = { apiKey: API_KEY, maxRetries: 0, timeout: 60_000 };

async function chat() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, ...settings });
  const content = [{ type: "text", text: PROMPT }];
  if (shows) content.push({ type: "image_url", image_url: { url: `data:image/png;base64,${picture}` } });
  const messages = [{ role: "user", content }];
  const tools = [{ type: "function", function: { name: "read", description: "Reads a file", parameters: schema } }];
  for (;;) {
    const { message, finish_reason } = (
      await client.chat.completions.stream({ model: MODEL, messages, tools }).finalChatCompletion()
    ).choices[0];
    if (finish_reason === "stop") return message.content;
    if (finish_reason !== "tool_calls") throw new Error(`ended by ${finish_reason}`);
    messages.push(message);
    for (const call of message.tool_calls) {
      messages.push({ role: "tool", tool_call_id: call.id, content: read(JSON.parse(call.function.arguments)) });
    }
  }
}

async function responses() {
  const { OpenAI } = load("openai");
  const client = new OpenAI({ baseURL: `${BASE_URL}/v1`, ...settings });
  const content = [{ type: "input_text", text: PROMPT }];
  if (shows) content.push({ type: "input_image", image_url: `data:image/png;base64,${picture}`, detail: "auto" });
  const input = [{ role: "user", content }];
  const tools = [{ type: "function", name: "read", description: "Reads a file", parameters: schema, strict: false }];
  for (;;) {
    const asked = { model: MODEL, input, tools, store: false, include: ["reasoning.encrypted_content"] };
    const answer = await client.responses.stream(asked).finalResponse();
    if (answer.status !== "completed") throw new Error(`ended as ${answer.status}`);
    const calls = answer.output.filter((item) => item.type === "function_call");
    if (calls.length === 0) return answer.output_text;
    for (const { parsed_arguments, ...item } of answer.output) input.push(item);
    for (const call of calls) {
      input.push({ type: "function_call_output", call_id: call.call_id, output: read(JSON.parse(call.arguments)) });
    }
  }
}

async function messages() {
  const { Anthropic } = load("@anthropic-ai/sdk");
  const client = new Anthropic({ baseURL: BASE_URL, ...settings });
  const content = [{ type: "text", text: PROMPT }];
  if (shows) content.push({ type: "image", source: { type: "base64", media_type: "image/png", data: picture } });
  const history = [{ role: "user", content }];
  const tools = [{ name: "read", description: "Reads a file", input_schema: schema }];
  for (;;) {
    const asked = { model: MODEL, max_tokens: 1000, messages: history, tools };
    const message = await client.messages.stream(asked).finalMessage();
    const blocks = (kind) => message.content.filter((block) => block.type === kind);
    if (message.stop_reason === "end_turn") return blocks("text").map((block) => block.text).join("");
    if (message.stop_reason !== "tool_use") throw new Error(`ended by ${message.stop_reason}`);
    history.push({ role: "assistant", content: message.content });
    const result = ({ id, input }) => ({ type: "tool_result", tool_use_id: id, content: read(input) });
    history.push({ role: "user", content: blocks("tool_use").map(result) });
  }
}

async function aiSdk(model) {
  const { jsonSchema, stepCountIs, streamText, tool } = load("ai");
  const content = [{ type: "text", text: PROMPT }];
  if (shows) content.push({ type: "image", image: picture, mediaType: "image/png" });
  const tools = { read: tool({ description: "Reads a file", inputSchema: jsonSchema(schema), execute: read }) };
  const failures = [];
  const result = streamText({
    model,
    tools,
    messages: [{ role: "user", content }],
    stopWhen: stepCountIs(30),
    maxRetries: 0,
    onError: ({ error }) => failures.push(error),
  });
  const text = await result.text.catch((error) => failures.push(error));
  if (failures.length > 0) throw failures[0];
  const reason = await result.finishReason;
  if (reason !== "stop") throw new Error(`ended by ${reason}`);
  return text;
}

const provider = { baseURL: `${BASE_URL}/v1`, apiKey: API_KEY };
const wires = {
  chat,
  responses,
  messages,
  "ai-openai-chat": () => aiSdk(load("@ai-sdk/openai").createOpenAI(provider).chat(MODEL)),
  "ai-openai-responses": () => aiSdk(load("@ai-sdk/openai").createOpenAI(provider).responses(MODEL)),
  "ai-anthropic": () => aiSdk(load("@ai-sdk/anthropic").createAnthropic(provider)(MODEL)),
  "ai-openai-compatible": () =>
    aiSdk(load("@ai-sdk/openai-compatible").createOpenAICompatible({ name: "brains", ...provider })(MODEL)),
};
console.log(await wires[WIRE]());
