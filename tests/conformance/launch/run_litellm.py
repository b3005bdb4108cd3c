"""A LiteLLM proxy in front of the server at `--behind`. It must not repeat a create call by itself."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

CONFIG = """
model_list:
  - model_name: clip
    litellm_params:
      model: openai/{model}
      api_base: {behind}
      api_key: {key}
general_settings:
  master_key: {key}
router_settings:
  num_retries: 0
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--behind", required=True)
    parser.add_argument("--model", required=True)
    asked = parser.parse_args()
    config = Path.cwd() / "config.yaml"
    config.write_text(CONFIG.format(model=asked.model, behind=asked.behind, key=asked.key), "utf-8")
    command = Path(sys.executable).with_name("litellm")
    os.environ.update(LITELLM_LOCAL_MODEL_COST_MAP="True", LITELLM_TELEMETRY="False")
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(asked.port), "--telemetry", "False"]
    os.execv(sys.executable, [sys.executable, str(command), *options])


if __name__ == "__main__":
    main()
