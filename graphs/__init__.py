"""Pure LangGraph and text craft: no HTTP, no database."""
