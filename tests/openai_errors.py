"""What real servers say when they refuse a call: statuses and bodies, in the words of each."""

from collections.abc import Callable

from tests.openai_answers import Call, Json, error, tokens


def _rate_limit(call: Call, params: Json) -> Json:
    message = (
        f"Rate limit reached for {call.model} in organization org-test on requests per min (RPM): Limit 500, Used 500, "
        f"Requested 1. Please try again in {params.get('retry_after') or 1}s. "
        "Visit https://platform.openai.com/account/rate-limits to learn more."
    )
    return error(message, "requests", None, "rate_limit_exceeded")


def _quota(call: Call, params: Json) -> Json:
    message = (
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
    )
    return error(message, "insufficient_quota", None, "insufficient_quota")


def server_error(call: Call, params: Json) -> Json:
    return error("The server had an error while processing your request. Sorry about that!", "server_error")


def _key(call: Call, params: Json) -> Json:
    message = (
        "Incorrect API key provided: test-********key. You can find your API key at "
        "https://platform.openai.com/account/api-keys."
    )
    return error(message, "invalid_request_error", None, "invalid_api_key")


def _forbidden(call: Call, params: Json) -> Json:
    message = "Country, region, or territory not supported"
    return error(message, "request_forbidden", None, "unsupported_country_region_territory")


def _model(call: Call, params: Json) -> Json:
    message = f"The model `{call.model}` does not exist or you do not have access to it."
    return error(message, "invalid_request_error", None, "model_not_found")


def _bad_request(call: Call, params: Json) -> Json:
    message = (
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
    )
    return error(message, "invalid_request_error", "temperature", "unsupported_value")


def _no_stream(call: Call, params: Json) -> Json:
    message = "Unrecognized request argument supplied: stream_options"
    return error(message, "invalid_request_error", "stream_options", "unknown_parameter")


def _context(call: Call, params: Json) -> Json:
    used = tokens(sum(map(len, call.texts)))
    window = int(params.get("window", max(1, used // 2)))
    return WORDINGS[params.get("wording", "openai")](used, window, call.limit // 4 if call.limit else 16)


def _both(used: int, window: int, room: int) -> str:
    return (
        f"This model's maximum context length is {window} tokens. However, you requested {used + room} tokens ({used} "
        f"in the messages, {room} in the completion). Please reduce the length of the messages or completion."
    )


def _of_openai(used: int, window: int, room: int) -> Json:
    message = (
        f"This model's maximum context length is {window} tokens. However, your messages resulted in {used} tokens. "
        "Please reduce the length of the messages."
    )
    return error(message, "invalid_request_error", "messages", "context_length_exceeded")


def _of_azure(used: int, window: int, room: int) -> Json:
    return error(_both(used, window, room), "invalid_request_error", "messages", "context_length_exceeded")


def _of_vllm(used: int, window: int, room: int) -> Json:
    message = (
        f"You passed {used} input tokens and requested {room} output tokens. However, the model's context length is "
        f"only {window} tokens, resulting in a maximum input length of {max(0, window - room)} tokens. Please reduce "
        f"the length of the input prompt. (parameter=input_tokens, value={used})"
    )
    return error(message, "BadRequestError", "input_tokens", 400)


def _of_old_vllm(used: int, window: int, room: int) -> Json:
    """vLLM before 0.16: nothing is called `error` but the object."""
    message = _both(used, window, room)
    return {"object": "error", "message": message, "type": "BadRequestError", "param": None, "code": 400}


def _of_llamacpp(used: int, window: int, room: int) -> Json:
    message = f"request ({used} tokens) exceeds the available context size ({window} tokens), try increasing it"
    kind = "exceed_context_size_error"
    return {"error": {"code": 400, "message": message, "type": kind, "n_prompt_tokens": used, "n_ctx": window}}


def _of_ollama(used: int, window: int, room: int) -> Json:
    message = f"prompt too long; exceeded max context length by {max(1, used - window)} tokens"
    return error(message, "invalid_request_error")


# How servers say that a prompt of `used` tokens and `room` for the answer is over a `window`.
WORDINGS: dict[str, Callable[[int, int, int], Json]] = {
    "openai": _of_openai,
    "azure": _of_azure,
    "vllm": _of_vllm,
    "vllm_old": _of_old_vllm,
    "llamacpp": _of_llamacpp,
    "ollama": _of_ollama,
}

ERRORS: dict[str, tuple[int, Callable[[Call, Json], Json]]] = {
    "429": (429, _rate_limit),  # retry_after: seconds or a date, null for no header; default 1
    "quota": (429, _quota),
    "500": (500, server_error),
    "401": (401, _key),
    "403": (403, _forbidden),
    "404_model": (404, _model),
    "400_context": (400, _context),  # wording: openai | azure | vllm | vllm_old | llamacpp | ollama; window: tokens
    "400": (400, _bad_request),
    "no_stream": (400, _no_stream),  # of those that ask for a stream
}
