"""Providers we know by name: where they are, which key opens them, which bare names are theirs.

All of these speak the OpenAI dialect at the given base URL (their own documentation). A configured
provider of the same name overrides any field.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CataloguedProvider:
    """Facts of one provider; ``telemetry_name`` is its value for ``gen_ai.provider.name``."""

    name: str
    base_url: str
    key_variable: str
    telemetry_name: str
    bare_names: re.Pattern[str] | None = None
    takes_stream_options: bool = True  # False: sends usage on streams unasked, refuses the field


def _provider(
    name: str,
    base_url: str,
    key_variable: str,
    *,
    telemetry: str = "",
    bare: str = "",
    takes_stream_options: bool = True,
) -> CataloguedProvider:
    pattern = re.compile(bare) if bare else None
    return CataloguedProvider(
        name, base_url, key_variable, telemetry or name, pattern, takes_stream_options
    )


CATALOGUE: dict[str, CataloguedProvider] = {
    provider.name: provider
    for provider in (
        _provider(
            "openai",
            "https://api.openai.com/v1",
            "OPENAI_API_KEY",
            bare=r"(gpt-|chatgpt-|o[1-9](-|$)|text-embedding-|davinci|babbage)",
        ),
        _provider(
            "anthropic",
            "https://api.anthropic.com/v1",
            "ANTHROPIC_API_KEY",
            bare=r"claude-",
        ),
        _provider(
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
            telemetry="gcp.gemini",
            bare=r"(gemini-|gemma-)",
        ),
        _provider("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        _provider(
            "mistral",
            "https://api.mistral.ai/v1",
            "MISTRAL_API_KEY",
            telemetry="mistral_ai",
            bare=r"(mistral-|ministral-|magistral-|codestral-|pixtral-|open-mi)",
            takes_stream_options=False,
        ),
        _provider("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        _provider("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
        _provider("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        _provider(
            "deepseek",
            "https://api.deepseek.com/v1",
            "DEEPSEEK_API_KEY",
            bare=r"deepseek-(chat|reasoner)",
        ),
        _provider("xai", "https://api.x.ai/v1", "XAI_API_KEY", telemetry="x_ai", bare=r"grok-"),
        _provider(
            "perplexity",
            "https://api.perplexity.ai",
            "PERPLEXITY_API_KEY",
            bare=r"sonar",
            takes_stream_options=False,
        ),
        _provider("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        _provider("nvidia", "https://integrate.api.nvidia.com/v1", "NVIDIA_API_KEY"),
        _provider("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
        _provider("sambanova", "https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
        _provider(
            "moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", bare=r"(kimi-|moonshot-)"
        ),
        _provider("zai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY", bare=r"glm-"),
        _provider(
            "cohere", "https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY", bare=r"command-"
        ),
    )
}
