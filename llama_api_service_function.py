"""What the seed's ``uvicorn llama_api_service_function:app`` serves: this node's application."""

from planner_node.api.app import app

__all__ = ["app"]
