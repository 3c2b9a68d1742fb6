"""What a video costs."""

from dataclasses import dataclass

from dustreel.base.vocabulary import Dust, GenerationType, Mode


@dataclass(frozen=True, slots=True)
class Prices:
    """DUST per video, and what a newcomer's account begins with."""

    text_to_video: Dust
    image_to_video: Dust
    starting_live: Dust
    starting_test: Dust

    def of(self, generation_type: GenerationType) -> Dust:
        return self.text_to_video if generation_type is GenerationType.TEXT_TO_VIDEO else self.image_to_video

    def starting(self, mode: Mode) -> Dust:
        return self.starting_live if mode is Mode.LIVE else self.starting_test
