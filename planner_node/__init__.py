"""The robot task planner node: instructions in, subtasks out, over MQTT and HTTP."""

__version__ = "0.1.0"
