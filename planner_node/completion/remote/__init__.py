"""The same completions from servers that speak OpenAI's API: vLLM, SGLang, llama.cpp, Ollama.

Rule 1: what a server writes is checked against the grammar as it arrives, and never repaired.
Rule 2: another endpoint is tried only as long as nothing was handed on.
Rule 3: who leaves a stream closes its connection, and so stops the server.
Rule 4: keys are in the headers of one client, and in no log, error or name.
"""
