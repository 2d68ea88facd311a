"""One rich question and answer for each API, as the vendors document them."""

ANTHROPIC = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
COMPLETIONS = "https://api.openai.com/v1/completions"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent"
STREAM_GEMINI = GEMINI.replace(":generate", ":streamGenerate") + "?alt=sse"
URLS = (ANTHROPIC, CHAT, RESPONSES, COMPLETIONS, GEMINI, STREAM_GEMINI)

PNG = "iVBORw0KGgo="  # eight bytes
TELLS = "Tells the weather."
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
CALL = {"city": "Zürich"}

QUESTIONS = {
    ANTHROPIC: {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "tools": [
            {"name": "weather", "description": TELLS, "input_schema": SCHEMA},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
        "messages": [
            {"role": "user", "content": "How is it in Zürich?"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "I shall look.", "signature": "c2ln"},
                    {"type": "redacted_thinking", "data": "c2ln"},
                    {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": CALL},
                    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
                    {
                        "type": "web_search_tool_result",
                        "tool_use_id": "srvtoolu_1",
                        "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_1",
                        "is_error": True,
                        "content": [
                            {"type": "text", "text": "No wind."},
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                            },
                        ],
                    },
                    {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
                    {"type": "search_result", "source": "s", "title": "t", "content": []},
                ],
            },
        ],
    },
    CHAT: {
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                    {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
                    {"type": "file", "file": {"file_id": "file-1"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "reasoning_content": "Hm.",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
                    },
                    {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "No wind."},
            {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
            {"role": "function", "name": "old", "content": "Done."},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": TELLS, "parameters": SCHEMA},
            },
            {"type": "custom", "custom": {"name": "sh", "description": "A shell."}},
        ],
        "functions": [{"name": "old", "parameters": SCHEMA}],
    },
    RESPONSES: {
        "model": "gpt-5",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": "How is it in Zürich?"},
            {
                "type": "message",
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "And this?"},
                    {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
                    {"type": "input_file", "file_id": "file-1"},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
            {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": "c2ln"},
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "weather",
                "arguments": '{"city": "Zürich"}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "No wind."},
            {"type": "custom_tool_call", "call_id": "call_2", "name": "sh", "input": "ls"},
            {
                "type": "computer_call_output",
                "call_id": "call_3",
                "output": {"type": "computer_screenshot", "image_url": "https://example.org/a.png"},
            },
            {
                "type": "mcp_call",
                "id": "mcp_1",
                "server_label": "s",
                "name": "find",
                "arguments": "{}",
                "output": "Found.",
                "error": None,
            },
            {"type": "item_reference", "id": "msg_1"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": TELLS,
                "parameters": SCHEMA,
            },
            {"type": "web_search_preview"},
        ],
    },
    COMPLETIONS: {"model": "davinci-002", "prompt": ["Once upon", [1, 2, 3]]},
    GEMINI: {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "weather", "description": TELLS, "parameters": SCHEMA},
                    {"name": "find", "parametersJsonSchema": SCHEMA},
                ]
            },
            {"google_search": {}},
        ],
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "How is it in Zürich?"},
                    {"inlineData": {"mimeType": "image/png", "data": PNG}},
                    {"file_data": {"mime_type": "application/pdf", "file_uri": "gs://b/a.pdf"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {
                        "functionCall": {"id": "fc", "name": "weather", "args": CALL},
                        "thoughtSignature": "c2ln",
                    },
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"id": "fc", "name": "weather", "response": {"output": "No wind."}}},
                    {"function_response": {"name": "find", "response": {"error": "Gone."}}},
                    {"executableCode": {"language": "PYTHON", "code": "1"}},
                ],
            },
        ],
    },
}
QUESTIONS[STREAM_GEMINI] = QUESTIONS[GEMINI]

ANSWERS = {
    ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [
            {"type": "text", "text": "I shall look."},
            {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": CALL},
        ],
        "stop_reason": "tool_use",
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 200,
            "cache_read_input_tokens": 3000,
            "output_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    },
    CHAT: {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": 1, "message": {"role": "assistant", "content": "Two."}, "finish_reason": "stop"},
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, "refusal": "No."},
                "finish_reason": "stop",
            },
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 12},
        },
    },
    RESPONSES: {
        "id": "resp_1",
        "object": "response",
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "error": None,
        "model": "gpt-5-2025-08-07",
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            {"type": "image_generation_call", "id": "ig_1", "result": PNG, "output_format": "png"},
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "It is ", "annotations": []},
                    {"type": "output_text", "text": "calm.", "annotations": []},
                    {"type": "refusal", "refusal": "No."},
                ],
            },
        ],
        "usage": {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 12},
        },
    },
    COMPLETIONS: {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "davinci-002",
        "choices": [{"index": 0, "text": " a time", "finish_reason": "length"}],
        "usage": {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4},
    },
    GEMINI: {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "Calm."}]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 64,
            "toolUsePromptTokenCount": 7,
            "candidatesTokenCount": 8,
            "thoughtsTokenCount": 12,
            "totalTokenCount": 127,
        },
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r1",
    },
}
ANSWERS[STREAM_GEMINI] = ANSWERS[GEMINI]

EVENTS = {
    ANTHROPIC: [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "claude-sonnet-4-5-20250929",
                "content": [],
                "stop_reason": None,
                "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1},
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "signature_delta", "signature": "c2ln"},
        },
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "I "}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "look."}},
        {"type": "content_block_stop", "index": 1},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '{"city": '},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": '"Zürich", "n": 1.10}'},
        },
        {
            "type": "message_delta",
            "delta": {"stop_reason": "tool_use", "stop_sequence": None},
            "usage": {"input_tokens": 12, "cache_read_input_tokens": None, "output_tokens": 40},
        },
        {"type": "message_stop"},
    ],
    CHAT: [
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},
        {
            "id": "chatcmpl-1",
            "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 1, "delta": {"role": "assistant", "content": "Two"}}],
        },
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": None, "refusal": "No"}}]},
        {"choices": [{"index": 0, "delta": {"refusal": "."}}, {"index": 1, "delta": {"content": "."}}]},
        {
            "choices": [
                {
                    "index": 1,
                    "delta": {
                        "tool_calls": [
                            {
                                "index": 1,
                                "id": "call_2",
                                "type": "function",
                                "function": {"name": "b", "arguments": ""},
                            },
                            {
                                "index": 0,
                                "id": "call_1",
                                "type": "function",
                                "function": {"name": "a", "arguments": "{"},
                            },
                        ]
                    },
                }
            ]
        },
        {
            "choices": [
                {
                    "index": 1,
                    "delta": {
                        "tool_calls": [
                            {"index": 0, "function": {"arguments": "}"}},
                            {"index": 1, "function": {"arguments": '{"x": 1.0}'}},
                        ]
                    },
                }
            ]
        },
        {
            "choices": [
                {"index": 0, "delta": {}, "finish_reason": "stop"},
                {"index": 1, "delta": {}, "finish_reason": "tool_calls"},
            ]
        },
        {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 20}},
    ],
    RESPONSES: [
        {
            "type": "response.created",
            "response": {"id": "resp_1", "model": "gpt-5-2025-08-07", "status": "in_progress", "output": []},
        },
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_1", "summary": []},
        },
        {
            "type": "response.reasoning_summary_text.delta",
            "output_index": 0,
            "summary_index": 0,
            "delta": "Hm.",
        },
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {"type": "message", "role": "assistant", "content": []},
        },
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "It is "},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "calm."},
        {"type": "response.refusal.delta", "output_index": 1, "content_index": 1, "delta": "No."},
        {
            "type": "response.output_item.added",
            "output_index": 2,
            "item": {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": ""},
        },
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city": '},
        {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Zürich"}'},
    ],
    COMPLETIONS: [
        {"id": "cmpl-1", "model": "davinci-002", "choices": [{"index": 0, "text": " a"}]},
        {"choices": [{"index": 0, "text": " time", "finish_reason": "length"}]},
    ],
    STREAM_GEMINI: [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "H", "thought": True}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "m.", "thought": True}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "Ca"}]}}], "usageMetadata": {"promptTokenCount": 9}},
        {
            "candidates": [
                {
                    "content": {
                        "parts": [{"text": "lm."}, {"functionCall": {"name": "weather", "args": CALL}}]
                    },
                    "finishReason": "STOP",
                }
            ],
            "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 3, "totalTokenCount": 12},
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r1",
        },
    ],
}
EVENTS[GEMINI] = EVENTS[STREAM_GEMINI]
