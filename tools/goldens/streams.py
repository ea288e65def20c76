"""The randomness of a training, written a second time: no library draws these numbers, so the product's own description
(`training::noise`, `training::batches`, `training::picture`) is what both sides follow.
"""

import math

import numpy

from engine import philox_4x32_10
from fixtures import TRAINING, VERSIONS, save_json

ORDER, CROP_PLACE, CROP_CHOICE, POSTERIOR, NOISE, OFFSET_NOISE, TIMESTEP, FLIP, CLASS_ORDER = range(1, 10)
SEEDS = (0, 1, 555, 4294967295)
STEPS = (0, 1, 7, 4294967301)
SHAPE = (2, 4, 1, 3)
# Images, batch size, steps that are recorded.
BATCHES = ((5, 2, 7), (6, 4, 5), (3, 8, 3), (1, 1, 2))
# The shape of each photo, the shapes of each class image, batch size, whether batches are frozen, steps that are recorded.
SHAPED = (
    ((0, 0, 0, 0, 0), (), 2, True, 9),
    ((0, 0, 0, 0, 0), ((0,), (0,), (0,)), 2, False, 9),
    ((0, 1, 0, 1, 1, 2, 0), (), 2, False, 12),
    ((0, 1, 0, 1, 1, 2, 0), ((0,), (1, 0), (1,), (0,)), 2, True, 12),
)
# Width and height of a scaled picture, its index in the data set; the resolution is 64.
PICTURES = ((95, 64, 0), (64, 128, 1), (640, 64, 2))


def words(seed, purpose, step, index):
    """Four random words; the counter is (index, purpose, step)."""
    counter = [numpy.array([part], dtype=numpy.uint32) for part in (index, purpose, step & 0xFFFFFFFF, step >> 32)]
    return [int(word[0]) for word in philox_4x32_10(counter, (seed & 0xFFFFFFFF, seed >> 32))]


def below(seed, purpose, step, index, bound):
    low, high, _, _ = words(seed, purpose, step, index)
    return ((low | high << 32) * bound) >> 64


def uniform(seed, purpose, step, index):
    return words(seed, purpose, step, index)[0] / 2**32


def normal(seed, purpose, step, count):
    numbers = []
    for block in range(-(-count // 4)):
        a, b, c, d = ((word + 0.5) / 2**32 for word in words(seed, purpose, step, block))
        for u, v in ((a, b), (c, d)):
            radius, angle = math.sqrt(-2 * math.log(u)), 2 * math.pi * v
            numbers += [radius * math.cos(angle), radius * math.sin(angle)]
    return [float(numpy.float32(number)) for number in numbers[:count]]


def shuffled(seed, purpose, step, base, items):
    items = list(items)
    for last in range(len(items) - 1, 0, -1):
        other = below(seed, purpose, step, base + last, last + 1)
        items[last], items[other] = items[other], items[last]
    return items


def composed(order, shapes, size):
    """The photos of `order` in batches of one shape; a batch that stays short comes last."""
    full, rest = [], {shape: [] for shape in range(max(shapes) + 1)}
    for photo in order:
        rest[shapes[photo]].append(photo)
        if len(rest[shapes[photo]]) == size:
            full.append(rest[shapes[photo]])
            rest[shapes[photo]] = []
    return full + [batch for batch in rest.values() if batch]


def batches(seed, shapes, classes, size, frozen, steps):
    """The shapes of the photos are numbered by their first photo, so that they are dense and in the order of their rests."""
    photos, done, seen = len(shapes), [], {shape: 0 for shape in shapes}
    epoch = 0
    while len(done) < steps:
        batched = composed(shuffled(seed, ORDER, 0 if frozen else epoch, 0, range(photos)), shapes, size)
        if frozen or len(seen) > 1:
            batched = shuffled(seed, ORDER, epoch, photos, batched)
        for batch in batched:
            shape = shapes[batch[0]]
            images = [photos + image for image, its in enumerate(classes) if shape in its]
            drawn = []
            for number in range(seen[shape], seen[shape] + len(batch)) if images else ():
                one_pass, place = divmod(number, len(images))
                drawn.append(shuffled(seed, CLASS_ORDER, one_pass, shape << 16, images)[place])
            seen[shape] += len(batch)
            done.append(batch + drawn)
        epoch += 1
    return done[:steps]


def corners(seed, width, height, image, crops=4, resolution=64):
    place = lambda index, free: below(seed, CROP_PLACE, image, index, free + 1)
    return [[place(2 * k, width - resolution), place(2 * k + 1, height - resolution)] for k in range(crops)]


def record():
    items, count = SHAPE[0], math.prod(SHAPE)
    cases = []
    for seed in SEEDS:
        for step in STEPS:
            cases.append(
                {
                    "kind": "draw",
                    "seed": seed,
                    "step": step,
                    "noise": normal(seed, NOISE, step, count),
                    "offset": normal(seed, OFFSET_NOISE, step, items * SHAPE[1]),
                    "posterior": normal(seed, POSTERIOR, step, count),
                    "timesteps": [below(seed, TIMESTEP, step, item, 1000) for item in range(items)],
                    "mirrored": [below(seed, FLIP, step, item, 2) == 1 for item in range(items)],
                    "crop_choices": [uniform(seed, CROP_CHOICE, step, item) for item in range(items)],
                }
            )
        for images, size, steps in BATCHES:
            order = batches(seed, [0] * images, [], size, False, steps)
            cases.append({"kind": "batches", "seed": seed, "images": images, "batch_size": size, "batches": order})
        for shapes, classes, size, frozen, steps in SHAPED:
            case = {"kind": "shaped", "seed": seed, "shapes": shapes, "class_shapes": classes, "batch_size": size}
            order = batches(seed, shapes, classes, size, frozen, steps)
            cases.append(case | {"frozen": frozen, "batches": order})
        for width, height, image in PICTURES:
            places = corners(seed, width, height, image)
            size = [width, height]
            cases.append({"kind": "crops", "seed": seed, "image": image, "size": size, "corners": places})
    versions = {"numpy": VERSIONS["numpy"]}
    save_json(TRAINING / "streams.json", {"versions": versions, "shape": SHAPE, "cases": cases})
