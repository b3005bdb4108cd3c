"""Sora Video Nodes: a ComfyUI node pack for servers that speak a Sora video protocol."""

WEB_DIRECTORY = "./web"

if __package__:  # not when a tool imports this file on its own
    from .nodes import comfy_entrypoint

    __all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
