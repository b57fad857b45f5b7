"""The script Streamlit runs for every look at a page; everything it does is in ``frame``."""

from tollkeeper_dashboard.frame import show

show()
