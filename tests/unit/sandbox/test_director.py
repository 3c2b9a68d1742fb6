"""A prompt becomes who, where, when and how: in any order of the words, with their plurals, their other senses and what is denied."""

import pytest

from dustreel.providers.sandbox.director import direct
from dustreel.providers.sandbox.storyboard import Action, Hour, Mood, Place, Role, Season, Storyboard, Style, Weather

RED, YELLOW, WHITE, BLACK, BLUE = "#c8322b", "#f2c53d", "#f1ede4", "#1c1b20", "#3568c4"


def read(prompt: str) -> Storyboard:
    return direct(prompt, seconds=10, camera_fixed=False)


def acting(prompt: str) -> list[tuple[str, Action]]:
    return [(role.subject, role.action) for role in read(prompt).roles]


def only(prompt: str) -> Role:
    (role,) = read(prompt).roles
    return role


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("A cat playing piano in a jazz club", [("cat", Action.PLAY)]),
        ("In a jazz club, a cat plays the piano", [("cat", Action.PLAY)]),
        ("At the piano of a night club sits a cat", [("cat", Action.PLAY)]),
        ("a cat and a dog dance", [("cat", Action.DANCE), ("dog", Action.DANCE)]),
        ("A cat plays the piano while a dog dances", [("cat", Action.PLAY), ("dog", Action.DANCE)]),
        ("dancing cats", [("cat", Action.DANCE)]),
        ("Running through the forest, a fox", [("fox", Action.RUN)]),
        ("In the garden plays a puppy", [("dog", Action.PLAY)]),
        ("A fox looks up. It jumps.", [("fox", Action.JUMP)]),
        ("a man walking his dog in the park", [("man", Action.WALK), ("dog", Action.WALK)]),
        ("Three dogs, two cats and a bird play in a garden", [("dog", Action.PLAY), ("cat", Action.PLAY), ("bird", Action.PLAY)]),
        ("A wolf chases a rabbit", [("wolf", Action.RUN), ("rabbit", Action.RUN)]),
        ("a girl dances with a robot", [("child", Action.DANCE), ("robot", Action.DANCE)]),
        ("Under a big oak tree, a fox sleeps", [("fox", Action.SLEEP), ("tree", Action.STAND)]),
        ("In front of a train a dog plays", [("dog", Action.PLAY), ("train", Action.DRIVE)]),
        ("A cat near a sleeping dog dances", [("cat", Action.DANCE), ("dog", Action.SLEEP)]),
        ("dancing in the rain", [("dancer", Action.DANCE)]),
        ("A knight rides a white horse", [("knight", Action.RUN), ("horse", Action.RUN)]),
        ("A boat glides across a lake", [("boat", Action.SAIL)]),
        ("A whale flies through the sea", [("whale", Action.SWIM)]),
        ("A photograph of a fox", [("fox", Action.RUN)]),
    ],
)
def test_everybody_does_what_is_said_of_them(prompt: str, expected: list[tuple[str, Action]]) -> None:
    assert acting(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "subject"),
    [
        ("mice", "rabbit"),
        ("wolves", "wolf"),
        ("children", "child"),
        ("women", "woman"),
        ("butterflies", "butterfly"),
        ("hot-air balloons", "balloon"),
        ("hot air balloon", "balloon"),
        ("sail boats", "boat"),
        ("sailboats", "boat"),
        ("space ship", "rocket"),
        ("steam trains", "train"),
        ("taxis", "car"),
        ("buses", "bus"),
        ("ponies", "horse"),
        ("geese", "bird"),
        ("ballerina", "dancer"),
        ("a robot dog", "dog"),
        ("THE DRAGON'S CAVE", "dragon"),
        ("🐈", "cat"),
        ("🚀", "rocket"),
    ],
)
def test_plurals_synonyms_and_compounds_find_their_drawing(prompt: str, subject: str) -> None:
    assert only(prompt).subject == subject


@pytest.mark.parametrize(
    ("prompt", "least", "most"),
    [
        ("a cat", 1, 1),
        ("cats", 2, 4),
        ("wolves", 2, 4),
        ("three dogs", 3, 3),
        ("3 dogs", 3, 3),
        ("three of the dogs", 3, 3),
        ("a pair of horses", 2, 2),
        ("twin girls", 2, 2),
        ("a dozen robots", 12, 12),
        ("5000 robots", 2, 4),
        ("hundreds of birds", 12, 12),
        ("a flock of birds", 9, 9),
        ("a family of foxes", 4, 4),
        ("a school of fish", 9, 9),
        ("fish", 3, 5),
        ("a fish", 1, 1),
        ("a crowd", 12, 12),
        ("a couple", 2, 2),
    ],
)
def test_numbers_are_heard(prompt: str, least: int, most: int) -> None:
    assert least <= only(prompt).count <= most


@pytest.mark.parametrize(
    ("prompt", "colour"),
    [
        ("a red car", RED),
        ("a shiny, bright red sports car", RED),
        ("black cat", BLACK),
        ("a black and white cat", BLACK),
        ("The cat is black", BLACK),
        ("a woman in a red dress", RED),
        ("two ballerinas in white dresses", WHITE),
        ("a girl wearing a yellow raincoat", YELLOW),
        ("a polar bear", WHITE),
        ("a cat with green eyes", None),
        ("a cat in a room of red light", None),
    ],
)
def test_a_colour_goes_to_its_subject(prompt: str, colour: str | None) -> None:
    assert only(prompt).colour == colour


def test_a_colour_of_nobody_is_the_pictures() -> None:
    assert read("A cat under a pink sky").palette == ("#e58aa6",)
    assert read("A red car").palette == ()
    assert [role.colour for role in read("a red car and a blue car race").roles] == [RED, BLUE]
    assert read("a girl with a yellow umbrella").palette == (YELLOW,)


@pytest.mark.parametrize(
    ("prompt", "subject", "prop"),
    [
        ("A cat playing piano", "cat", "piano"),
        ("a pianist", "person", "piano"),
        ("Someone strums a guitar", "person", "guitar"),
        ("a violin", "person", "violin"),
        ("A wizard reads a book by the light of a lantern", "person", "book"),
        ("With an umbrella, a robot walks", "robot", "umbrella"),
        ("a robot bakes a cake", "robot", "cake"),
        ("a dog and a ball", "dog", "ball"),
    ],
)
def test_things_are_held_by_somebody(prompt: str, subject: str, prop: str) -> None:
    role = only(prompt)
    assert (role.subject, role.prop) == (subject, prop)


def test_a_band_is_as_many_players() -> None:
    assert [(role.subject, role.prop) for role in read("a jazz band plays in a smoky bar").roles] == [
        ("person", "piano"),
        ("person", "saxophone"),
        ("person", "drum"),
    ]


def test_who_drives_is_inside() -> None:
    assert acting("A woman drives a red car along the coast") == [("car", Action.DRIVE)]
    assert acting("A man in a boat") == [("boat", Action.SAIL)]
    assert [role.subject for role in read("A cat drives a car").roles] == ["cat", "car"]


def test_the_young_are_young() -> None:
    for prompt in ("a kitten", "a puppy", "a baby elephant", "a little red fox", "a wolf cub"):
        assert only(prompt).young, prompt
    assert not only("an old elephant").young
    baby, mother = read("a baby elephant and its mother").roles
    assert (baby.young, mother.young, mother.subject) == (True, False, "elephant")


def test_at_most_three_roles_the_first_is_what_it_is_about() -> None:
    roles = read("a cat, a dog, a fox, a bear and a wolf").roles
    assert [role.subject for role in roles] == ["cat", "dog", "fox"]
    assert [role.subject for role in read("The cat sleeps. The cat dances.").roles] == ["cat"]


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("A night club", Place.CLUB),
        ("In a club where jazz is played, cats dance", Place.CLUB),
        ("a club in the city", Place.CLUB),
        ("a golf club", Place.NOWHERE),
        ("a concert", Place.STAGE),
        ("a ballerina", Place.STAGE),
        ("a cat on the sofa", Place.ROOM),
        ("somebody cooks soup", Place.KITCHEN),
        ("Tokyo", Place.CITY),
        ("a cobbled alley", Place.STREET),
        ("a savannah", Place.FIELD),
        ("the woods", Place.FOREST),
        ("a dog in a forest, mountains in the distance", Place.FOREST),
        ("a fox by a stream in the forest", Place.FOREST),
        ("the Alps", Place.MOUNTAINS),
        ("sand dunes", Place.DESERT),
        ("a beach by the sea", Place.BEACH),
        ("the ocean", Place.SEA),
        ("a sailboat on a mountain lake", Place.SEA),
        ("under the sea", Place.UNDERWATER),
        ("fish in the sea", Place.UNDERWATER),
        ("a coral reef", Place.UNDERWATER),
        ("a plane above the clouds", Place.SKY),
        ("outer space", Place.SPACE),
        ("office space", Place.NOWHERE),
        ("an astronaut", Place.SPACE),
        ("the depth of field", Place.NOWHERE),
        ("a child plays the violin in the snow", Place.FIELD),
        ("An idea of justice", Place.NOWHERE),
    ],
)
def test_the_place_is_found(prompt: str, place: Place) -> None:
    assert read(prompt).place == place


@pytest.mark.parametrize(
    ("prompt", "hour"),
    [
        ("at midnight", Hour.NIGHT),
        ("a moonlit field", Hour.NIGHT),
        ("sunrise over the sea", Hour.DAWN),
        ("the sun rose over the sea", Hour.DAWN),
        ("the sun is setting", Hour.GOLDEN),
        ("at sunset", Hour.GOLDEN),
        ("golden hour", Hour.GOLDEN),
        ("the blue hour", Hour.DUSK),
        ("night falls", Hour.DUSK),
        ("one evening in the city", Hour.DUSK),
        ("a sunny beach", Hour.DAY),
        ("a field at noon", Hour.DAY),
        ("a rocket in space", Hour.NIGHT),
    ],
)
def test_the_hour_is_found(prompt: str, hour: Hour) -> None:
    assert read(prompt).hour == hour


@pytest.mark.parametrize(
    ("prompt", "weather"),
    [
        ("It rains in the city", (Weather.RAIN,)),
        ("it was raining in the city", (Weather.RAIN,)),
        ("snowing", (Weather.SNOW,)),
        ("Snow falls on a starry night", (Weather.SNOW, Weather.STARS)),
        ("a thunderstorm", (Weather.STORM, Weather.RAIN)),
        ("a misty morning in the woods", (Weather.FOG,)),
        ("a windy hill", (Weather.WIND,)),
        ("a road winds through the hills, overcast", (Weather.CLOUDS,)),
        ("a campfire", (Weather.FIRE,)),
        ("a fire truck in the sunshine", (Weather.CLEAR,)),
        ("a rock star, overcast", (Weather.CLOUDS,)),
        ("blue skies and rain", (Weather.RAIN,)),
        ("It rains cats and dogs", (Weather.STORM, Weather.RAIN)),
    ],
)
def test_the_weather_is_found(prompt: str, weather: tuple[Weather, ...]) -> None:
    assert read(prompt).weather == weather


@pytest.mark.parametrize(
    ("prompt", "season"),
    [
        ("a spring meadow", Season.SPRING),
        ("in the fall", Season.AUTUMN),
        ("fall in the forest", Season.AUTUMN),
        ("a fall morning", Season.AUTUMN),
        ("falling leaves", Season.AUTUMN),
        ("leaves fall from the trees", Season.AUTUMN),
        ("cherry blossoms", Season.SPRING),
        ("Christmas", Season.WINTER),
        ("a snowy street", Season.WINTER),
        ("midsummer", Season.SUMMER),
    ],
)
def test_the_season_is_found(prompt: str, season: Season) -> None:
    assert read(prompt).season == season


def test_words_of_two_senses_are_read_where_they_stand() -> None:
    assert only("a cat falls from a roof").action == Action.FALL
    assert only("A fox springs over a brook").action == Action.JUMP
    assert only("a child plays in the snow").prop is None
    assert read("a child plays in the snow").place == Place.FIELD
    assert only("a dog barks").subject == "dog" and read("A dog barks at a street lamp").roles[0].prop is None
    assert only("cranes fly over the lake").subject == "bird"
    assert read("construction cranes").roles == ()
    assert only("the balloon rose").subject == "balloon"
    assert only("a rose").subject == "flower"
    assert only("a train").subject == "train" and read("train station").roles == ()
    assert read("they train in the gym").roles == ()
    assert read("a hot dog").roles == ()
    assert [role.subject for role in read("a man fishing").roles] == ["man"]
    assert read("Film noir").style == Style.NOIR and read("A black and white cat").style == Style.FILM
    assert read("Quarterly figures").roles == ()
    assert only("An elephant in the room").subject == "elephant"
    assert only("a cat walks").action == Action.WALK


def test_a_comparison_is_nobody() -> None:
    assert acting("A man dances like a robot") == [("man", Action.DANCE)]
    assert acting("A cat dressed as an astronaut") == [("cat", Action.WALK)]
    assert acting("As big as an elephant") == [("elephant", Action.WALK)]


@pytest.mark.parametrize("seed", range(12))
def test_what_is_denied_is_not_there(seed: int) -> None:
    empty = read(f"Take {seed}: no people, cars or rain, an empty street, not at night, without any fog")
    assert empty.roles == () and empty.place == Place.STREET
    assert empty.hour != Hour.NIGHT
    assert not {Weather.RAIN, Weather.STORM, Weather.FOG} & set(empty.weather)
    assert read(f"A field {seed}, it is not summer").season != Season.SUMMER
    assert read(f"A city {seed} without music, not melancholy").mood != Mood.MELANCHOLY
    assert read(f"Take {seed}. It isn't raining on the beach").place == Place.BEACH


def test_a_denial_reaches_no_further_than_it_says() -> None:
    assert acting("A cat without a dog") == [("cat", Action.WALK)]
    assert acting("instead of a cat, a dog sleeps") == [("dog", Action.SLEEP)]
    assert acting("neither cats nor dogs, only a bird") == [("bird", Action.FLY)]
    assert [role.subject for role in read("not only a cat but also a dog").roles] == ["cat", "dog"]
    assert read("no people in the forest at night").place == Place.FOREST
    assert read("no people in the forest at night").hour == Hour.NIGHT
    assert read("not at night but at dawn").hour == Hour.DAWN
    assert only("a dog that doesn't run").action != Action.STAND
    assert read("film without colour").style == Style.NOIR


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("a cat", Style.FILM),
        ("Film noir: a detective", Style.NOIR),
        ("a watercolour of a fox", Style.WATERCOLOUR),
        ("a cyberpunk city", Style.NEON),
        ("in the style of Studio Ghibli", Style.ANIME),
        ("8-bit pixel art", Style.PIXEL),
        ("a paper cut-out dragon", Style.PAPER),
        ("a paper boat", Style.PAPER),
        ("claymation", Style.CLAY),
        ("sepia Super 8 footage", Style.VINTAGE),
        ("a photorealistic fox", Style.FILM),
    ],
)
def test_the_style_is_found(prompt: str, style: Style) -> None:
    assert read(prompt).style == style


def test_moods_and_tempo_follow_the_words() -> None:
    assert read("a happy dog").mood == Mood.JOYFUL
    assert read("a spooky forest").mood == Mood.TENSE
    assert read("a lonely man").mood == Mood.MELANCHOLY
    assert read("a cosy room").mood == Mood.TENDER
    assert read("an epic battle").mood == Mood.EPIC
    assert read("A happy dog runs frantically").tempo > read("A calm dog sleeps slowly").tempo + 60


def test_other_languages_are_what_is_recognised_or_abstract() -> None:
    assert only("猫がピアノを弾く 🐈🎹").prop == "piano"
    assert only("un piano dans la nuit").prop == "piano"
    assert read("猫がピアノを弾く").place == Place.NOWHERE


def test_the_abstract_piece_has_the_colours_and_the_rhythm_of_its_words() -> None:
    assert read("The weight of a promise, in violet and gold").palette[:2] == ("#7b4fb5", "#d9a441")
    love, anger, nonsense = read("love"), read("anger"), read("brillig slithy")
    assert len({love.palette, anger.palette, nonsense.palette}) == 3
    assert all(len(board.palette) == 3 for board in (love, anger, nonsense, read("")))
    assert read("Go, go, go! Up, up, up!").tempo > read("Incomprehensible institutional bureaucratisation").tempo
