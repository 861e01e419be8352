"""The service: HTTP, database, running, ingest, command line."""

import os

# Read by LangGraph when it is imported: a checkpoint may hold plain values only, so that nobody who can write the file
# can run code here.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")
# Tracing would send documents to a third party. A variable left in the environment for another program must not do
# that.
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["LANGCHAIN_TRACING_V2"] = "false"
