"""Eight ways to paint a portrait of 512 x 512 pixels with nothing but Pillow.

Each painter takes an RGB portrait and a seeded source of variety, and returns a new RGB picture.
"""

import random
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageOps

SIDE = 512
SIZE = (SIDE, SIDE)

Colour = tuple[int, int, int]
Curve = Callable[[int], float]

BACKDROPS: tuple[Colour, ...] = ((120, 132, 150), (150, 128, 118), (122, 140, 128), (140, 126, 150))
KEY_LIGHTS: tuple[Colour, ...] = ((96, 74, 44), (48, 66, 96), (92, 60, 62))
SKIES: tuple[tuple[Colour, Colour], ...] = (
    ((150, 190, 255), (255, 190, 205)),
    ((255, 205, 160), (190, 160, 255)),
    ((160, 235, 225), (255, 225, 170)),
)
COMIC_PAPERS: tuple[tuple[Colour, Colour], ...] = (
    ((255, 209, 63), (255, 122, 61)),
    ((86, 197, 208), (33, 126, 170)),
    ((255, 138, 128), (214, 64, 92)),
)
GRAPHITES: tuple[Colour, ...] = ((38, 38, 44), (64, 42, 30), (30, 44, 74))
PRINTS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((28, 20, 78), (240, 40, 110), (255, 224, 60)),
    ((90, 10, 70), (20, 160, 190), (255, 205, 120)),
    ((10, 60, 70), (250, 110, 40), (250, 235, 150)),
    ((40, 10, 90), (50, 180, 110), (255, 170, 200)),
)
NEONS: tuple[tuple[Colour, Colour], ...] = (
    ((255, 20, 150), (0, 220, 255)),
    ((255, 90, 30), (90, 60, 255)),
    ((30, 255, 170), (190, 30, 255)),
)


def realistic(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """A studio: soft skin, a key light from one side, the surroundings dim and out of focus."""
    soft = Image.blend(portrait, portrait.filter(ImageFilter.GaussianBlur(3)), 0.35)
    sharp = soft.filter(ImageFilter.UnsharpMask(radius=2, percent=120, threshold=2))
    around = portrait.filter(ImageFilter.GaussianBlur(9))
    around = ImageChops.multiply(around, Image.new("RGB", SIZE, rng.choice(BACKDROPS)))
    scene = Image.composite(sharp, around, _spot(0.5, 0.45, 0.66).point(_ramp(30, 140)))
    key = _tinted(_spot(rng.choice((0.1, 0.9)), 0.1, 0.9), rng.choice(KEY_LIGHTS))
    return ImageEnhance.Contrast(ImageChops.screen(scene, key)).enhance(1.1)


def watercolor(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Washes that pool at their edges on rough paper, with a ragged white margin."""
    smooth = _smooth(portrait)
    wash = Image.blend(_cels(smooth, levels=8, colour=1.5), smooth, 0.4)
    wash = ImageEnhance.Brightness(wash).enhance(1.15)
    pools = _lines(smooth, width=2, gain=9)
    wash = ImageChops.multiply(wash, _grey(ImageOps.invert(pools).point(_between(70, 255))))
    paper = Image.new("RGB", SIZE, (253, 249, 240))
    water = ImageChops.add(_clouds(rng, 5), _clouds(rng, 14), 2).point(_ramp(120, 220))
    wash = Image.composite(paper, wash, water.point(_between(0, 130)))
    brush = ImageChops.add(_clouds(rng, 10), _smeared(rng, 12, 90), 2)
    ragged = ImageChops.add(_margin(44), brush, 1, -128).point(_ramp(100, 124))
    painted = Image.composite(wash, paper, ragged)
    return ImageChops.multiply(painted, _grey(_grain(rng, 1.2).point(_between(212, 270))))


def anime(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Clean pale cels under thin violet lines, a coloured sky light and a little bloom."""
    smooth = _smooth(portrait)
    bright = smooth.point(_gamma(0.85))
    cels = Image.blend(_cels(bright, levels=5, colour=1.5), bright, 0.25)
    sky = _fall(*rng.choice(SKIES))
    cels = Image.blend(cels, ImageChops.soft_light(cels, sky), 0.6)
    around = ImageChops.multiply(cels, sky)
    cels = Image.composite(cels, around, _spot(0.5, 0.48, 0.8).point(_ramp(40, 150)))
    cels.paste((74, 44, 96), mask=_lines(smooth, width=1.5, gain=16))
    bloom = cels.filter(ImageFilter.GaussianBlur(12)).point(_between(-90, 60))
    return _sparkles(ImageChops.screen(cels, bloom), rng)


def cartoon(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Few loud colours and a heavy outline, on the page of a comic."""
    smooth = _smooth(portrait)
    cels = _cels(ImageEnhance.Contrast(smooth).enhance(1.15), levels=5, colour=2.0)
    cels.paste((22, 16, 20), mask=_lines(smooth, width=2.2, gain=24))
    page = _rays(*rng.choice(COMIC_PAPERS), rng.uniform(0, 20))
    page.paste((22, 16, 20), mask=_panel(22))
    page.paste(cels, mask=_panel(26))
    return page


def oil_painting(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Thick strokes that catch the light, on canvas, under a warm varnish."""
    small = ImageEnhance.Color(portrait.reduce(2)).enhance(1.25)
    strokes = small.filter(ImageFilter.ModeFilter(5)).resize(SIZE, Image.Resampling.BICUBIC)
    strokes = Image.blend(strokes, portrait, 0.15)
    ridges = ImageChops.add(_strokes(rng), strokes.convert("L"), 2)
    relief = ridges.filter(ImageFilter.Kernel((3, 3), (-2, -1, 0, -1, 0, 1, 0, 1, 2), 1, 128))
    painted = ImageChops.overlay(strokes, _grey(relief.point(_between(78, 178))))
    painted = ImageChops.multiply(painted, Image.new("RGB", SIZE, (255, 242, 218)))
    shade = _spot(0.5, 0.45, 1.2).point(_ramp(0, 120)).point(_between(70, 255))
    return ImageChops.multiply(ImageEnhance.Contrast(painted).enhance(1.1), _grey(shade))


def pencil_sketch(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Graphite on rough paper, hatched in the shadows."""
    grey = ImageOps.autocontrast(portrait.convert("L"), cutoff=1)
    contours = ImageOps.invert(_lines(portrait, width=1.6, gain=14))
    shade = grey.filter(ImageFilter.GaussianBlur(2)).point(_gamma(0.7))
    hatching = ImageChops.add(_hatches(rng), shade, 1, -100)
    drawn = ImageChops.multiply(hatching.point(_between(70, 300)), contours)
    drawn = ImageChops.multiply(drawn, shade.point(_between(120, 255)))
    faded = ImageChops.add(_margin(60), _clouds(rng, 30), 1, -128).point(_ramp(40, 190))
    sheet = Image.composite(drawn, Image.new("L", SIZE, 255), faded)
    sheet = ImageChops.multiply(sheet, _grain(rng, 0.7).point(_between(215, 270)))
    return ImageOps.colorize(sheet, rng.choice(GRAPHITES), (250, 246, 236))


def pop_art(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """A screen print in three inks, with the halftone dots of a cheap press."""
    grey = ImageOps.autocontrast(_smooth(portrait).convert("L"), cutoff=2)
    dark, middle, light = rng.choice(PRINTS)
    dots = ImageChops.add(grey, _dots(), 1, -128).point(_ramp(118, 138))
    print_ = ImageOps.colorize(dots, middle, light)
    print_.paste(dark, mask=grey.point(_ramp(92, 76)))
    print_.paste(dark, mask=_lines(portrait, width=2.0, gain=16))
    return print_


def cyberpunk(portrait: Image.Image, rng: random.Random) -> Image.Image:
    """Night in two neon colours, with glowing edges, lens fringes and scan lines."""
    grey = ImageOps.autocontrast(portrait.convert("L"), cutoff=1).point(_gamma(1.35))
    left, right = rng.choice(NEONS)
    sides = Image.linear_gradient("L").rotate(90).resize(SIZE)
    light = Image.composite(
        ImageOps.colorize(grey, (8, 4, 26), (255, 244, 250), mid=left),
        ImageOps.colorize(grey, (4, 8, 30), (240, 252, 255), mid=right),
        sides.point(_ramp(90, 165)),
    )
    edges = _lines(portrait, width=1.6, gain=12)
    glow = Image.composite(Image.new("RGB", SIZE, left), Image.new("RGB", SIZE, right), sides)
    glow = ImageChops.multiply(glow, _grey(edges))
    light = ImageChops.screen(
        light, glow.filter(ImageFilter.GaussianBlur(5)).point(_between(0, 500))
    )
    red, green, blue = light.split()
    fringes = (ImageChops.offset(red, 3, 0), green, ImageChops.offset(blue, -3, 0))
    fringed = Image.merge("RGB", fringes)
    dusk = _spot(0.5, 0.45, 1.0).point(_ramp(0, 150)).point(_between(60, 255))
    night = _lamps(ImageChops.multiply(fringed, _grey(dusk)), (left, right), rng)
    return ImageChops.multiply(night, _grey(_scan_lines()))


# -- the paintbox: masks and textures are greyscale ("L"), white where they act -----------------


def _smooth(portrait: Image.Image) -> Image.Image:
    """With less texture but all edges; at half size, where a median is affordable."""
    small = portrait.reduce(2).filter(ImageFilter.MedianFilter(5))
    return Image.blend(small.resize(SIZE, Image.Resampling.BICUBIC), portrait, 0.25)


def _cels(picture: Image.Image, *, levels: int, colour: float) -> Image.Image:
    """Few steps of light, the colour stronger and spread: how animation is painted."""
    light, blue, red = picture.convert("YCbCr").split()
    step = 255 / levels
    light = ImageOps.autocontrast(light, cutoff=1).point(lambda v: (v // step + 0.5) * step)
    light = light.filter(ImageFilter.GaussianBlur(0.7))
    spread = ImageFilter.GaussianBlur(4)
    blue, red = (
        chroma.filter(spread).point(lambda v: 128 + (v - 128) * colour) for chroma in (blue, red)
    )
    return Image.merge("YCbCr", (light, blue, red)).convert("RGB")


def _lines(picture: Image.Image, *, width: float, gain: float) -> Image.Image:
    """The dark side of edges, as a pen would follow them (difference of Gaussians)."""
    grey = picture.convert("L")
    near = grey.filter(ImageFilter.GaussianBlur(width * 0.6))
    far = grey.filter(ImageFilter.GaussianBlur(width * 1.6))
    return ImageChops.subtract(far, near).point(lambda v: (v - 2) * gain)


def _spot(x: float, y: float, radius: float) -> Image.Image:
    """Light that falls off linearly from a point; all three in shares of the side."""
    size = round(2 * radius * SIDE)
    disc = ImageOps.invert(Image.radial_gradient("L")).resize((size, size))
    spot = Image.new("L", SIZE)
    spot.paste(disc, (round(x * SIDE - size / 2), round(y * SIDE - size / 2)))
    return spot


def _margin(width: int) -> Image.Image:
    """White within, black at the rim, soft over about *width* pixels."""
    sheet = Image.new("L", SIZE)
    sheet.paste(255, (width, width, SIDE - width, SIDE - width))
    return sheet.filter(ImageFilter.GaussianBlur(width / 2))


@cache
def _panel(inset: int) -> Image.Image:
    """A square with round corners."""
    panel = Image.new("L", SIZE)
    box = (inset, inset, SIDE - 1 - inset, SIDE - 1 - inset)
    ImageDraw.Draw(panel).rounded_rectangle(box, 60 - inset, fill=255)
    return panel


def _fall(top: Colour, bottom: Colour) -> Image.Image:
    return ImageOps.colorize(Image.linear_gradient("L").resize(SIZE), top, bottom)


def _noise(rng: random.Random, width: int, height: int) -> Image.Image:
    # Not Image.effect_noise: that one cannot be seeded.
    return Image.frombytes("L", (width, height), rng.randbytes(width * height))


def _clouds(rng: random.Random, cells: int) -> Image.Image:
    return _noise(rng, cells, cells).resize(SIZE, Image.Resampling.BICUBIC)


def _smeared(rng: random.Random, across: int, down: int) -> Image.Image:
    return _noise(rng, across, down).resize(SIZE, Image.Resampling.BICUBIC)


def _grain(rng: random.Random, blur: float) -> Image.Image:
    return _noise(rng, *SIZE).filter(ImageFilter.GaussianBlur(blur))


def _strokes(rng: random.Random) -> Image.Image:
    """Short bristle marks in two directions."""
    one = _noise(rng, 200, 40).resize((760, 760), Image.Resampling.BICUBIC).rotate(35)
    two = _noise(rng, 200, 40).resize((760, 760), Image.Resampling.BICUBIC).rotate(-40)
    corner = (124, 124, 124 + SIDE, 124 + SIDE)
    return Image.composite(
        one.crop(corner), two.crop(corner), _clouds(rng, 6).point(_ramp(100, 156))
    )


def _hatches(rng: random.Random) -> Image.Image:
    """Long parallel strokes of a pencil, at a slant."""
    lines = _noise(rng, 24, 380).resize((760, 760), Image.Resampling.BICUBIC).rotate(48)
    return lines.crop((124, 124, 124 + SIDE, 124 + SIDE))


@cache
def _dots() -> Image.Image:
    """A halftone screen: cones on a grid turned by 45 degrees."""
    cell = Image.radial_gradient("L").resize((11, 11))
    sheet = Image.new("L", (770, 770))
    for x in range(0, 770, 11):
        for y in range(0, 770, 11):
            sheet.paste(cell, (x, y))
    return sheet.rotate(45, Image.Resampling.BICUBIC).crop((129, 129, 129 + SIDE, 129 + SIDE))


def _rays(light: Colour, dark: Colour, turn: float) -> Image.Image:
    """The sunburst behind a comic hero."""
    burst = Image.new("RGB", SIZE, light)
    pen = ImageDraw.Draw(burst)
    for ray in range(0, 360, 24):
        pen.pieslice((-SIDE, -SIDE, 2 * SIDE, 2 * SIDE), ray + turn, ray + turn + 12, fill=dark)
    return burst


def _sparkles(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A few soft lights near the rim."""
    lights = Image.new("L", SIZE)
    pen = ImageDraw.Draw(lights)
    for _ in range(14):
        x, y = rng.uniform(0, SIDE), rng.choice((rng.uniform(0, 130), rng.uniform(390, SIDE)))
        radius = rng.uniform(2, 9)
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=rng.randint(90, 200))
    return ImageChops.screen(picture, _grey(lights.filter(ImageFilter.GaussianBlur(2))))


def _lamps(picture: Image.Image, colours: tuple[Colour, Colour], rng: random.Random) -> Image.Image:
    """The out-of-focus signs of a street at night."""
    lamps = Image.new("RGB", SIZE)
    pen = ImageDraw.Draw(lamps)
    for _ in range(9):
        x, y = rng.choice((rng.uniform(0, 110), rng.uniform(400, SIDE))), rng.uniform(0, 330)
        radius = rng.uniform(10, 30)
        colour = tuple(int(channel * 0.45) for channel in rng.choice(colours))
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return ImageChops.screen(picture, lamps.filter(ImageFilter.GaussianBlur(3)))


@cache
def _scan_lines() -> Image.Image:
    pair = Image.new("L", (1, 4), 255)
    pair.paste(205, (0, 2, 1, 4))
    sheet = Image.new("L", SIZE)
    for y in range(0, SIDE, 4):
        sheet.paste(pair.resize((SIDE, 4)), (0, y))
    return sheet


def _tinted(mask: Image.Image, colour: Colour) -> Image.Image:
    return ImageOps.colorize(mask, (0, 0, 0), colour)


def _grey(mask: Image.Image) -> Image.Image:
    return mask.convert("RGB")


def _ramp(low: int, high: int) -> Curve:
    """Stretches low..high to 0..255; falls instead of rises when *low* is the larger."""
    return lambda value: min(255, max(0, (value - low) * 255 / (high - low)))


def _between(low: int, high: int) -> Curve:
    """Squeezes 0..255 into low..high; what lies outside is clipped."""
    return lambda value: min(255, max(0, low + value * (high - low) / 255))


def _gamma(exponent: float) -> Curve:
    return lambda value: 255 * (value / 255) ** exponent
