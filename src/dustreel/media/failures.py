"""What can be wrong with a picture or a video."""

from dustreel.base.errors import DomainError


class InvalidImageUrl(DomainError):
    code = "invalid_image_url"
    sentence = "The image_url must be an https address."


class ImageUrlForbidden(DomainError):
    code = "image_url_forbidden"
    sentence = "The image_url leads to an address that is not public."


class ImageUnreachable(DomainError):
    code = "image_unreachable"
    sentence = "The picture can't be fetched."


class ImageUnsupported(DomainError):
    code = "image_unsupported"
    sentence = "This is no JPEG, PNG, WebP or AVIF picture that can be read."


class ImageTooLarge(DomainError):
    code = "image_too_large"
    sentence = "The picture is larger than 20 MiB or 50 megapixels."


class BrokenBench(Exception):
    """The process that was to look at a video died over it or took too long. Another try may tell more. The text is for the operator."""


class BrokenVideo(Exception):
    """A file that a renderer delivered is not the video that was asked for. The text is for the user."""
