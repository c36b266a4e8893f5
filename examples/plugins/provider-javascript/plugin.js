// A provider for a vendor that speaks chat completions, in JavaScript. It shows the interface `chat` whole: the request
// in canonical form becomes an exchange, what came back becomes events. Texts only; whatever else a request holds is
// named as a loss.

import config from "brains:plugin/config@0.2.0";
import secrets from "brains:plugin/secrets@0.2.0";

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    base_url: {
      type: "string",
      format: "uri",
      default: "https://api.vendor.example/v1",
      description: "Where the vendor answers, with the version",
    },
  },
  additionalProperties: false,
};

const text = (value) => [{ tag: "text", val: value }];
const fault = (kind, message, failover) => ({ kind: { tag: kind }, message, code: null, retryAfterMs: null, failover });

function baseUrl() {
  const settings = JSON.parse(config.get() || "{}");
  return (settings.base_url ?? SCHEMA.properties.base_url.default).replace(/\/+$/, "");
}

function request(method, path, accept, body) {
  const headers = [{ name: "accept", value: text(accept) }];
  if (secrets.has("api_key")) {
    headers.push({ name: "authorization", value: [...text("Bearer "), { tag: "secret", val: "api_key" }] });
  }
  if (body !== undefined) {
    headers.push({ name: "content-type", value: text("application/json") });
  }
  return {
    method,
    url: text(baseUrl() + path),
    headers,
    body: body === undefined ? { tag: "empty" } : { tag: "text", val: JSON.stringify(body) },
    timeoutMs: null,
  };
}

function message(from, losses) {
  let content = "";
  for (const part of from.parts) {
    if (part.content.tag === "text") {
      content += part.content.val;
    } else {
      losses.add(part.content.tag);
    }
  }
  return { role: from.role, content };
}

function parsed(payload) {
  try {
    return JSON.parse(typeof payload.val === "string" ? payload.val : String.fromCharCode(...payload.val));
  } catch {
    return null;
  }
}

const REASONS = { stop: "end-turn", length: "max-tokens", tool_calls: "tool-use", content_filter: "content-filter" };

function finish(word) {
  const known = REASONS[word];
  const reason = known ? { tag: known } : { tag: "other", val: word };
  return { tag: "finish", val: { choice: 0, reason, stopSequence: null } };
}

function usage(counted) {
  return {
    tag: "usage",
    val: {
      input: counted.prompt_tokens ?? 0,
      output: counted.completion_tokens ?? 0,
      cachedInput: 0,
      cacheWrite: 0,
      reasoning: 0,
      cost: null,
      extra: null,
    },
  };
}

const begin = (answer) => ({ tag: "start", val: { id: answer.id ?? null, model: answer.model ?? null, extra: null } });
const open = { tag: "block-start", val: { choice: 0, index: 0, kind: { tag: "text" } } };
const piece = (value) => ({ tag: "delta", val: { choice: 0, index: 0, text: value } });
const close = { tag: "block-end", val: { choice: 0, index: 0, signature: null, extra: null } };

class Decoder {
  constructor() {
    this.started = false;
    this.ended = false;
  }

  static open(_head, _ctx) {
    return new Decoder();
  }

  push(frames) {
    const events = [];
    for (const frame of frames) {
      if (frame.data === "[DONE]") {
        continue;
      }
      const chunk = parsed({ val: frame.data });
      if (chunk === null || chunk.error) {
        throw fault("protocol", chunk?.error?.message ?? "the vendor sent a frame that is no JSON", true);
      }
      if (!this.started) {
        this.started = true;
        events.push(begin(chunk), open);
      }
      const choice = chunk.choices?.[0];
      if (choice?.delta?.content) {
        events.push(piece(choice.delta.content));
      }
      if (choice?.finish_reason) {
        this.ended = true;
        events.push(close, finish(choice.finish_reason));
      }
      if (chunk.usage) {
        events.push(usage(chunk.usage));
      }
    }
    return events;
  }

  pushBytes(_chunk) {
    throw fault("unsupported", "this decoder reads frames", false);
  }

  finish(_clean) {
    if (!this.ended) {
      throw fault("protocol", "the vendor's stream broke off", true);
    }
    return [];
  }
}

export const meta = {
  describe: () => ({
    name: "provider-javascript",
    version: "0.1.0",
    summary: "A vendor that speaks chat completions, in JavaScript",
  }),
  configSchema: () => JSON.stringify(SCHEMA),
  validateConfig(_config) {},
};

export const errors = {
  decodeError(res) {
    const said = parsed(res.body)?.error?.message ?? `the vendor answered ${res.head.status}`;
    const kinds = { 400: "invalid-request", 401: "unauthorized", 403: "forbidden", 404: "not-found", 429: "rate-limited" };
    const kind = kinds[res.head.status] ?? "upstream";
    const after = res.head.headers.find((field) => field.name === "retry-after");
    const seconds = after === undefined ? NaN : Number(after.value);
    const waits = Number.isFinite(seconds) ? Math.round(seconds * 1000) : null;
    return { ...fault(kind, said, kind !== "invalid-request"), retryAfterMs: waits };
  },
};

export const catalogue = {
  modelsRequest: (_ctx, _cursor) => request("get", "/models", "application/json"),
  models(res) {
    const listed = res === null ? [] : (parsed(res.body)?.data ?? []);
    const model = ({ id }) => ({
      id,
      label: null,
      context: null,
      maxOutput: null,
      caps: [],
      pricing: null,
      extra: null,
    });
    return { models: listed.map(model), next: null };
  },
};

export const chat = {
  encode(req, _headers, _ctx) {
    const losses = new Set(req.tools.length > 0 ? ["tools"] : []);
    const body = { model: req.model, messages: req.messages.map((one) => message(one, losses)), stream: req.stream };
    if (req.stream) {
      body.stream_options = { include_usage: true };
    }
    if (req.sampling.temperature !== null) {
      body.temperature = req.sampling.temperature;
    }
    if (req.sampling.maxOutputTokens !== null) {
      body.max_tokens = req.sampling.maxOutputTokens;
    }
    const accept = req.stream ? "text/event-stream" : "application/json";
    return {
      request: request("post", "/chat/completions", accept, body),
      framing: req.stream ? "sse" : "raw",
      losses: [...losses],
      added: req.stream ? ["stream_options.include_usage"] : [],
    };
  },

  decodeUnary(res, _ctx) {
    const answer = parsed(res.body);
    const choice = answer?.choices?.[0];
    if (choice === undefined || choice.finish_reason == null) {
      throw fault("protocol", "the vendor's answer is none", true);
    }
    const events = [begin(answer), open, piece(choice.message?.content ?? ""), close, finish(choice.finish_reason)];
    return answer.usage ? [...events, usage(answer.usage)] : events;
  },

  Decoder,
};
