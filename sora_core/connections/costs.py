"""What a request will cost, as far as the user has entered prices. Pure; unknown stays unknown."""

from __future__ import annotations

import math
from dataclasses import replace

from ..models import Capabilities
from ..profiles.prices import FREE, Cost, parse_prices, total
from ..profiles.profiles import Profile
from ..providers import Provider, provider_for
from ..requests.checks import with_defaults
from ..requests.kinds import QUALITIES, PictureRequest, RemixRequest, Request, VideoRequest


def estimate(request: Request, profile: Profile) -> Cost:
    """Of one job. The request need not be whole: a prompt and images may still be missing.

    Raises ProfileError, and Unsupported where what it names cannot be had together.
    """
    provider = provider_for(profile)
    can = provider.can
    if not can.paid:
        return FREE
    if not isinstance(request, (VideoRequest, RemixRequest, PictureRequest)) or not profile.prices:
        return Cost(None, profile.currency)
    if isinstance(request, VideoRequest) and request.shots:
        request = replace(request, seconds=round(math.fsum(shot.seconds for shot in request.shots)))
    return cost_of_settled(with_defaults(provider.settle(request), can, profile.name), provider, named=request.model)


def cost_of_settled(request: Request, provider: Provider, *, named: str = "") -> Cost:
    """As estimate, of a request with everything filled in; ``named`` is the model as the user wrote it."""
    profile, can = provider.profile, provider.can
    if not can.paid:
        return FREE
    if not isinstance(request, (VideoRequest, RemixRequest, PictureRequest)):
        return Cost(None, profile.currency)
    models = [model for model in (request.model, named or profile.model) if model]
    is_picture = isinstance(request, PictureRequest)
    made = provider.outputs_of(request)
    units = {"image": 1} if is_picture else {"second": request.seconds * made or None, "clip": made}
    prices = [each for each in parse_prices(profile.prices, profile.name) if each.of_model(models)]
    quality = _quality(request, can)
    if (not quality and any(each.quality for each in prices)) or (
        not request.size and any(each.size for each in prices)
    ):
        return Cost(None, profile.currency)  # the prices differ in what the server decides
    return Cost(total((each for each in prices if each.fits(quality, request.size)), units), profile.currency)


def _quality(request: VideoRequest | RemixRequest | PictureRequest, can: Capabilities) -> str:
    """What a size named by hand amounts to, else the word itself; "" where that cannot be told."""
    size_for = can.picture_size_for if isinstance(request, PictureRequest) else can.size_for
    usual = size_for or can.size_for
    if not request.size or usual.get((request.orientation, request.quality)) == request.size:
        return request.quality
    alike = {quality for (_, quality), size in usual.items() if size == request.size and quality in QUALITIES}
    return alike.pop() if len(alike) == 1 else ""
