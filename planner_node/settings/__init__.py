"""The settings: read once from YAML and the environment, then frozen.

Rule 1: environment (``PLANNER__SECTION__KEY``) before the file, the file before the defaults.
Rule 2: an unknown key refuses to start and names the nearest right one, one twice its lines.
Rule 3: secrets come from the environment or from files, never from the YAML.
Rule 4: a path counts from where it is written: from the file's folder, or from the working folder.
"""

from planner_node.settings.endpoints import EndpointSettings, StructuredOutput
from planner_node.settings.loading import load, secret
from planner_node.settings.mqtt import MqttSettings
from planner_node.settings.sections import (
    EngineSettings,
    GenerationSettings,
    HttpSettings,
    JournalSettings,
    LogSettings,
    ModelSettings,
    PlannerSettings,
    QueueSettings,
    Settings,
)

__all__ = [
    "EndpointSettings",
    "EngineSettings",
    "GenerationSettings",
    "HttpSettings",
    "JournalSettings",
    "LogSettings",
    "ModelSettings",
    "MqttSettings",
    "PlannerSettings",
    "QueueSettings",
    "Settings",
    "StructuredOutput",
    "load",
    "secret",
]
