"""Two nodes of the leak hunt: one makes the pack's next jobs crash, one leaks a secret wherever a leak could stand."""

import base64
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

_told = {}  # what object_info shows from then on


class Crash:
    """While ``on``, delivery ends in an error that is nobody's."""

    CATEGORY = "hunting"
    FUNCTION = "run"
    RETURN_TYPES = ()
    OUTPUT_NODE = True
    _kept: ClassVar = {}

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"on": ("BOOLEAN", {"default": True})}}

    def run(self, on):
        (run,) = [module for name, module in list(sys.modules.items()) if name.endswith(".sora_core.jobs.run")]
        self._kept.setdefault("deliver", run.deliver)
        run.deliver = _crash if on else self._kept["deliver"]
        return {"ui": {"text": ["on" if on else "off"]}}


def _crash(*words, **named):
    raise RuntimeError("planted crash")


class Leak:
    """The secret in the variable HUNT_PLANTED, each time in another spelling."""

    CATEGORY = "hunting"
    FUNCTION = "run"
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"text": ("STRING", {"default": "", "tooltip": _told.get("secret", "")})}}

    def run(self, text):
        import folder_paths
        from server import PromptServer

        secret = os.environ["HUNT_PLANTED"]
        _told["secret"] = secret
        logging.getLogger("hunting").debug("user %s", base64.b64encode(f"ab{secret}".encode()).decode())
        for folder in (folder_paths.get_temp_directory(), folder_paths.get_input_directory()):
            Path(folder).mkdir(parents=True, exist_ok=True)
            (Path(folder) / "leak.bin").write_bytes(secret.encode("utf-16-le"))
        sys.argv.append(secret)  # system_stats shows them
        PromptServer.instance.send_sync("hunting.leak", {"text": "".join(f"&#{ord(char)};" for char in secret)})
        subprocess.run([sys.executable, "-c", "import time; time.sleep(2)", secret], check=True)
        return {"ui": {"text": [secret.encode().hex()]}}


NODE_CLASS_MAPPINGS = {"Hunt_Crash": Crash, "Hunt_Leak": Leak}
