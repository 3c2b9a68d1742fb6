"""What models can do, as data: what ships is sound, an operator's file adds to it and wins, and what is wrong is told in a sentence."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from uuid import uuid4

import pytest

from dustreel.base.errors import Misconfigured
from dustreel.base.vocabulary import AspectRatio, GenerationType, Mode, Resolution, Seconds
from dustreel.media.adapt import SHAPE_OFF_BY
from dustreel.providers import Capability, Order, Preferences, Refused, Registry, Shot, Want
from dustreel.providers.catalogue import Catalogue, Recipe, pixels, read_catalogue
from dustreel.providers.sandbox import SandboxProvider

WANT = Want(GenerationType.TEXT_TO_VIDEO, Seconds(5), Resolution.HD_720P, AspectRatio.WIDE, camera_fixed=False, reference_person=False)
SHIPPED = sorted(file.name.removesuffix(".toml") for file in files("dustreel.providers").joinpath("models").iterdir())


def order(want: Want, shot: Shot) -> Order:
    return Order(
        job_id=uuid4(),
        attempt=1,
        generation_type=want.generation_type,
        prompt="A lighthouse",
        seconds=want.seconds,
        resolution=want.resolution,
        aspect_ratio=want.aspect_ratio,
        camera_fixed=want.camera_fixed,
        picture=None,
        reference_person=False,
        directives=False,
        shot=shot,
    )


def filled(provider: str, model: str, want: Want, picture: str | None = None) -> dict[str, object]:
    """The input that a shipped model is sent for this."""
    recipe = read_catalogue(provider).recipe(model)
    plan = recipe.capability.plan(want, max_upscale=1.5)
    assert plan is not None
    return recipe.fill(order(want, plan.shot), picture)


@pytest.mark.parametrize("provider", SHIPPED)
def test_what_ships_can_make_something_of_every_kind_that_it_names(provider: str) -> None:
    recipes = read_catalogue(provider).recipes
    assert recipes and len({recipe.model for recipe in recipes}) == len(recipes)
    for recipe in recipes:
        for kind in recipe.types:
            wants = [
                replace(WANT, generation_type=kind, resolution=resolution, aspect_ratio=aspect)
                for resolution in (Resolution.SD_480P, Resolution.HD_720P)
                for aspect in recipe.aspect_ratios
            ]
            assert any(recipe.capability.plan(want, max_upscale=1.5) for want in wants), recipe.model


def test_a_model_is_sent_its_own_words() -> None:
    wide = replace(WANT, resolution=Resolution.HD_1080P)
    assert filled("replicate", "bytedance/seedance-1-pro", wide) == {
        "prompt": "A lighthouse",
        "duration": 5,
        "resolution": "1080p",
        "aspect_ratio": "16:9",
        "camera_fixed": False,
        "fps": 24,
    }
    assert filled("replicate", "minimax/video-01", wide) == {"prompt": "A lighthouse"}
    wan = filled("replicate", "wan-video/wan-2.2-t2v-fast", WANT)
    assert (wan["num_frames"], wan["frames_per_second"], wan["resolution"]) == (81, 16, "720p")


def test_a_picture_takes_the_place_of_what_it_decides() -> None:
    want = replace(WANT, generation_type=GenerationType.IMAGE_TO_VIDEO)
    sent = filled("replicate", "bytedance/seedance-1-pro", want, "data:image/jpeg;base64,AAAA")
    assert sent["image"] == "data:image/jpeg;base64,AAAA" and "aspect_ratio" not in sent


@pytest.mark.parametrize(
    ("seconds", "resolution", "chosen", "native"),
    [
        (5, Resolution.SD_480P, (6, 768), False),
        (10, Resolution.HD_720P, (10, 768), False),
        (5, Resolution.HD_1080P, (6, 1080), False),
        (10, Resolution.HD_1080P, (10, 768), False),
        (15, Resolution.HD_720P, None, False),
        (5, Resolution.UHD_2160P, None, False),
    ],
)
def test_the_nearest_shot_that_has_enough_is_taken(
    seconds: int, resolution: Resolution, chosen: tuple[int, int] | None, native: bool
) -> None:
    capability = read_catalogue("replicate").recipe("minimax/hailuo-2.3").capability
    plan = capability.plan(replace(WANT, seconds=Seconds(seconds), resolution=resolution), max_upscale=1.5)
    assert (None if plan is None else (plan.shot.seconds, plan.shot.short_side)) == chosen
    assert plan is None or plan.is_native is native


def test_a_price_goes_by_the_video_or_by_the_second() -> None:
    recipe = Recipe.model_validate(
        {
            "model": "m",
            "types": ["text_to_video"],
            "aspect_ratios": ["16:9"],
            "shots": [
                {"seconds": [5, 10], "short_side": 480, "usd_per_second": "0.03"},
                {"seconds": [6], "short_side": 720, "usd": "0.5"},
                {"seconds": [8], "short_side": 720},
            ],
        }
    )
    assert [float(shot.usd) for shot in recipe.capability.shots] == [0.15, 0.3, 0.5, 0]


def test_an_operators_file_adds_to_what_ships_and_wins(tmp_path: Path) -> None:
    own = tmp_path / "models.toml"
    own.write_text(
        """
        [[replicate]]
        model = "acme/dreams"
        types = ["text_to_video"]
        aspect_ratios = ["1:1"]
        inputs = { prompt = "text", frame = "size", seconds = "length", seconds_as = "{seconds}s" }
        constants = { quality = "high" }
        multiple_of = 16
        shots = [{ seconds = [5], short_side = 480 }]

        [[replicate]]
        model = "minimax/video-01"
        types = ["text_to_video"]
        aspect_ratios = ["16:9"]
        shots = [{ seconds = [5], short_side = 1080 }]

        [[fal]]
        model = "none/of/ours"
        types = ["text_to_video"]
        aspect_ratios = ["16:9"]
        shots = [{ seconds = [5], short_side = 480 }]
        """
    )
    catalogue = read_catalogue("replicate", own)
    assert [recipe.model for recipe in catalogue.recipes][:2] == ["acme/dreams", "minimax/video-01"]
    assert sum(recipe.model == "minimax/video-01" for recipe in catalogue.recipes) == 1
    square = replace(WANT, resolution=Resolution.SD_480P, aspect_ratio=AspectRatio.SQUARE)
    recipe = catalogue.recipe("acme/dreams")
    plan = recipe.capability.plan(square, max_upscale=1.0)
    assert plan is not None and plan.is_native
    assert recipe.fill(order(square, plan.shot), None) == {"text": "A lighthouse", "size": "480x480", "length": "5s", "quality": "high"}
    with pytest.raises(Refused):
        catalogue.recipe("none/of/ours")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[replicate]\n", "is not TOML"),
        ("[[replicat]]\n", "models of 'replicat', which is none of"),
        ('[[replicate]]\nmodel = "m"\n', r"replicate\.types: Field required"),
        ('[[replicate]]\nmodel = "m"\ntypes = ["audio"]\naspect_ratios = ["16:9"]\nshots = []\n', r"replicate\.types\.0: Input should be"),
        (
            '[[replicate]]\nmodel = "m"\ntypes = ["image_to_video"]\naspect_ratios = ["16:9"]\n'
            "shots = [{ seconds = [5], short_side = 480 }]\n",
            r"inputs\.picture names no input",
        ),
        (
            '[[replicate]]\nmodel = "m"\ntypes = ["text_to_video"]\naspect_ratios = ["16:9"]\ncolour = 1\n'
            "shots = [{ seconds = [5], short_side = 480, usd = 1, usd_per_second = 1 }]\n",
            "two prices|colour",
        ),
    ],
)
def test_a_file_that_is_wrong_is_told_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    own = tmp_path / "models.toml"
    own.write_text(text)
    with pytest.raises(Misconfigured, match=said) as told:
        read_catalogue("replicate", own)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="DUSTREEL_MODELS_FILE can't be read"):
        read_catalogue("replicate", tmp_path / "none.toml")


class Remote:
    """Only what the routing asks."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self.name, self.models = name, catalogue.models


def registry(**pins: str) -> Registry:
    sandbox = SandboxProvider(processes=1)
    preferences = Preferences(1.5, {GenerationType(kind): pin for kind, pin in pins.items()})
    return Registry([Remote("replicate", read_catalogue("replicate"))], sandbox, preferences)  # type: ignore[list-item]


def test_what_comes_out_as_it_is_wanted_goes_before_what_must_be_adapted() -> None:
    route = registry().route(replace(WANT, resolution=Resolution.HD_1080P), Mode.LIVE)
    assert route.plan.is_native and route.model_used == "replicate/bytedance-seedance-1-pro"
    fifteen = registry().route(replace(WANT, seconds=Seconds(15)), Mode.LIVE)
    assert fifteen.model_used == "replicate/bytedance-seedance-2.0"


@pytest.mark.parametrize("pin", ["replicate/minimax/video-01", "replicate/minimax-video-01"])
def test_a_pinned_model_is_the_only_one_of_its_kind(pin: str) -> None:
    pinned = registry(text_to_video=pin)
    route = pinned.route(replace(WANT, resolution=Resolution.HD_1080P), Mode.LIVE)
    assert route.model_used == "replicate/minimax-video-01" and not route.plan.is_native
    assert pinned.shot("replicate", "minimax/video-01", WANT) == route.plan.shot
    pictured = pinned.route(replace(WANT, generation_type=GenerationType.IMAGE_TO_VIDEO), Mode.LIVE)
    assert pictured.model_used == "replicate/bytedance-seedance-1-pro"
    assert pinned.route(WANT, Mode.TEST).model_used == "sandbox/animatic-1"


def test_a_pin_that_names_no_model_is_told() -> None:
    with pytest.raises(Misconfigured, match="'replicate/nobody' is pinned for text_to_video"):
        registry(text_to_video="replicate/nobody")


def test_a_model_that_is_gone_makes_nothing() -> None:
    assert registry().shot("replicate", "gone", WANT) is None
    assert registry().shot("gone", "minimax/video-01", WANT) is None


@pytest.mark.parametrize("provider", SHIPPED)
def test_what_a_recipe_asks_for_is_of_the_shape_that_the_check_wants(provider: str) -> None:
    for recipe in read_catalogue(provider).recipes:
        for shot in recipe.capability.shots:
            for aspect in recipe.aspect_ratios:
                across, down = aspect.parts
                frame = pixels(shot, aspect, recipe.multiple_of)
                assert abs(frame.width * down / (frame.height * across) - 1) < SHAPE_OFF_BY, (recipe.model, frame)


def test_every_capability_names_its_model() -> None:
    models: list[Capability] = [model for name in SHIPPED for model in read_catalogue(name).models]
    assert all(model.model and model.shots for model in models)
