from comfy_api.latest import ComfyAPI as ComfyAPI
from comfy_api.latest import ComfyExtension as ComfyExtension
from comfy_api.latest import InputImpl as InputImpl
from comfy_api.latest import io as io
