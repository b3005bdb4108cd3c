"""Client for every server that speaks one of the Sora video protocols.

Imports nothing of ComfyUI; usable as a library (`Engine`) and as a command
(`python -m sora_core`).
"""

__version__ = "0.1.0"
