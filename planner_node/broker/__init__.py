"""An MQTT broker that the house brings along, for a first run and for demonstrations.

Rule 1: it is a process of its own on the loopback interface, and ends when its parent does.
Rule 2: nothing leans on it: it speaks MQTT 3.1.1 and forgets everything when it stops.
Rule 3: this room never imports the model, so the process is up in a moment.
"""
