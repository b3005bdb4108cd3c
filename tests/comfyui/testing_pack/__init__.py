"""Nodes that the ComfyUI tests need and core does not have: a list of strings, a failure, a look at tensors."""

import time


class Strings:
    """Lines of text as a list, so that the next node runs once for each."""

    CATEGORY = "testing"
    FUNCTION = "run"
    RETURN_TYPES = ("STRING",)
    OUTPUT_IS_LIST = (True,)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"lines": ("STRING", {"multiline": True})}}

    def run(self, lines):
        return (lines.splitlines(),)


class Fail:
    """Fails after a while."""

    CATEGORY = "testing"
    FUNCTION = "run"
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"seconds": ("FLOAT", {"default": 1.0})}}

    async def run(self, seconds):
        import asyncio

        await asyncio.sleep(seconds)
        raise RuntimeError("failing on purpose")


class Inspect:
    """What came through the sockets, as JSON in the UI output; frames also as .npy."""

    CATEGORY = "testing"
    FUNCTION = "run"
    RETURN_TYPES = ()
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls):
        return {
            "required": {"save_as": ("STRING", {"default": ""})},
            "optional": {
                "frames": ("IMAGE",),
                "audio": ("AUDIO",),
                "video": ("VIDEO",),
                "fps": ("FLOAT", {"forceInput": True}),
                "text": ("STRING", {"forceInput": True}),
            },
        }

    def run(self, save_as, frames=None, audio=None, video=None, fps=None, text=None):
        import json

        seen = {"fps": fps, "text": text, "at": time.time()}
        if frames is not None:
            seen["frames"] = {
                "shape": list(frames.shape),
                "dtype": str(frames.dtype),
                "min": float(frames.min()),
                "max": float(frames.max()),
                "contiguous": frames.is_contiguous(),
            }
            if save_as:
                import numpy

                numpy.save(save_as, frames[:: max(1, len(frames) // 4)].numpy())
        if audio is not None:
            seen["audio"] = {
                "shape": list(audio["waveform"].shape),
                "dtype": str(audio["waveform"].dtype),
                "sample_rate": audio["sample_rate"],
                "peak": float(audio["waveform"].abs().max()),
            }
        if video is not None:
            seen["video"] = {"size": list(video.get_dimensions()), "seconds": float(video.get_duration())}
        return {"ui": {"seen": [json.dumps(seen)]}}


class Anything:
    """A string that fits every socket."""

    CATEGORY = "testing"
    FUNCTION = "run"
    RETURN_TYPES = ("*",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("STRING", {})}}

    def run(self, value):
        return (value,)


class Gone:
    """A video whose file is gone, or a part of one."""

    CATEGORY = "testing"
    FUNCTION = "run"
    RETURN_TYPES = ("VIDEO",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"path": ("STRING", {}), "start": ("FLOAT", {"default": 0.0})}}

    def run(self, path, start):
        from comfy_api.latest import InputImpl

        return (InputImpl.VideoFromFile(path, start_time=start) if start else InputImpl.VideoFromFile(path),)


NODE_CLASS_MAPPINGS = {
    "SoraTest_Anything": Anything,
    "SoraTest_Fail": Fail,
    "SoraTest_Gone": Gone,
    "SoraTest_Inspect": Inspect,
    "SoraTest_Strings": Strings,
}
