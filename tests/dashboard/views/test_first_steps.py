"""The first steps can be followed as they stand."""

import json
import shlex

from tollkeeper_dashboard.views.first_steps import curl_line


def test_the_call_is_one_a_shell_understands_and_a_proxy_answers() -> None:
    words = shlex.split(curl_line(4567))
    assert words[:2] == ["curl", "http://127.0.0.1:4567/v1/chat/completions"]
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] == "demo/echo"
    assert body["messages"][0]["role"] == "user"
