"""What an empty book shows: how to make the first entry."""

import streamlit as st


def show(proxy_port: int) -> None:
    """Show a call that needs no account, and the one line an application changes."""
    st.subheader("Nothing has been asked yet")
    st.write("Make a key, then send a first call. The demo model answers without any account.")
    st.code("tollkeeper keys create --name first", language="bash")
    st.code(curl_line(proxy_port), language="bash", wrap_lines=True)
    st.write("In an application, change one line:")
    st.code(
        f'client = OpenAI(base_url="http://127.0.0.1:{proxy_port}/v1", api_key="tk-…")',
        language="python",
        wrap_lines=True,
    )
    st.button("Look again", icon=":material/refresh:")


def curl_line(proxy_port: int) -> str:
    """Return a call that anybody can paste."""
    return (
        f"curl http://127.0.0.1:{proxy_port}/v1/chat/completions \\\n"
        '  -H "Authorization: Bearer tk-…" -H "Content-Type: application/json" \\\n'
        '  -d \'{"model": "demo/echo", "messages": [{"role": "user", "content": "Hello"}]}\''
    )
