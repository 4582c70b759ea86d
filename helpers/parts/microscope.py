"""The microscope: what the Dropout and the BatchNormalization layer of a network do to one batch, while training and
when predicting.

    microscope(model, clothes.x_train)

Nothing is trained, and the network stays as it is.
"""

import ipywidgets as widgets
import numpy as np

from helpers.curves import feature_maps, layers
from helpers.curves.elements import png
from helpers.curves.layers import three, two
from helpers.engine import activations
from helpers.live.controls import read
from helpers.live.fields import in_columns, make_slider
from helpers.live.part import Live

STEPS = 60  # batches that moving averages can catch up for
SHOWN = 5  # channels
BATCH_SIZES, MOMENTA = [2, 4, 8, 16, 32, 64], [0.5, 0.9, 0.99]


def microscope(model, pictures, picture=0):
    """Show a part that looks at the first Dropout and the first BatchNormalization layer of `model`, or at one of them.

    model: a built network, best a trained one; it stays as it is. pictures: what it takes as input, such as
    `clothes.x_train`. picture: the row of the garment whose feature maps are shown; the batch begins with it, and row
    follows row.

    Layers before the two work as when predicting. Channels are counted from 0, as in NumPy. Returns the `Microscope`.
    Raises `LessonError` for a network or pictures that cannot be looked at.
    """
    return Microscope(model, pictures, picture).show()


class Microscope(Live):
    """What `microscope` has made. `settings`: {name: value of that control} and "mask", which draw of the mask it is,
    from 1.

    `dropped`: the share of units dropped in the batch, and `means`: {"before", "training", "predicting"} of its values
    (None without a Dropout layer). `channel`: the one with the largest spread among the first five, and `moving`: its
    moving mean and variance at each step, two arrays of shape (61,) (None without a BatchNormalization layer).
    """

    made_by = "microscope"
    counts = None  # it never trains
    trains_when_shown = False

    def __init__(self, model, pictures, picture=0):
        super().__init__()
        self._stop_button.close()  # nothing here takes long enough to be stopped
        self._progress.close()
        self._dropout, self._norm = activations.look_inside(model, pictures, picture, BATCH_SIZES[-1])
        self._garment = _garment(np.asarray(pictures)[picture])
        self._available = len((self._dropout or self._norm).inputs)
        self.mask, self._redrawn, self._uniform = 1, False, None
        self.dropped = self.means = self.channel = self.moving = None
        self._controls = self._make_controls()
        self._button = widgets.Button(description="Another draw", tooltip="Draw another dropout mask at random")
        self._button.on_click(self._on_button)
        if self._dropout:
            values = self._dropout.inputs[0]
            self._maps = feature_maps.maps_of(values, SHOWN)
            lowest, highest = float(np.nanmin(self._maps)), float(np.nanmax(self._maps))
            # Room for the values that dropout scales up: the row "before" must not change its shades with the rate.
            self._limits = min(0.0, lowest), 2 * max(0.0, highest) or 1.0
            self._before = feature_maps.strip(self._maps, *self._limits)
        if self._norm:
            spread = activations.joined_statistics(self._norm.means, self._norm.variances)[1]
            self.channel = int(spread[:SHOWN].argmax())
        self._look()
        for control in self._controls.values():
            control.observe(self._on_move, "value")
        self._assemble(in_columns(self._controls.values()), *([self._button] if self._dropout else []))
        self.run()

    def __repr__(self):
        layers = " and ".join(layer.name for layer in (self._dropout, self._norm) if layer)
        return f"<microscope on {layers}: {', '.join(f'{name} {value:g}' for name, value in self.settings.items())}>"

    def close(self):
        """Take it off the page."""
        self._button.on_click(self._on_button, remove=True)
        self._button.close()
        super().close()

    def _make_controls(self):
        sizes = sorted({size for size in BATCH_SIZES if size < self._available} | {self._available})
        made = {}
        if self._dropout:
            rate = min(round(self._dropout.rate, 2), 0.99)
            step = 0.05 if round(rate * 100) % 5 == 0 else 0.01
            limits = {"min": 0, "max": max(0.8, rate), "step": step}
            made["rate"] = make_slider(widgets.FloatSlider, value=rate, description="rate", **limits)
        if len(sizes) > 1:
            made["batch_size"] = _choice("batch_size", sizes, min(sizes, key=lambda size: abs(size - 32)))
        if self._norm:
            momentum = round(self._norm.momentum, 6)
            made["step"] = make_slider(widgets.IntSlider, value=10, min=0, max=STEPS, description="step")
            made["momentum"] = _choice("momentum", sorted({*MOMENTA, momentum}), momentum)
        return made

    # From a control to numbers

    def _on_move(self, _change):
        self.run()  # at once, and not in the thread that trains: the controls follow while another part is busy

    def _on_button(self, _button):
        self.mask, self._redrawn = self.mask + 1, True
        self.run()

    def _train(self, _stop):
        self._look()
        said = [f"Another mask, draw number {self.mask}."] if self._redrawn else []
        self._redrawn = False
        said += [self._dropout_in_words()] if self._dropout else []
        said += [self._norm_in_words()] if self._norm else []
        return "ready", " ".join(said)

    def _look(self):
        """Compute what the controls now ask for."""
        self.settings = {"batch_size": self._available, **read(self._controls), "mask": self.mask}
        if self._dropout:
            self._look_at_dropout(self._dropout, self.settings["rate"], self.settings["batch_size"])
        if self._norm:
            self._look_at_norm(self._norm, self.settings["batch_size"], self.settings["momentum"])

    def _look_at_dropout(self, layer, rate, batch_size):
        # The mask of all pictures at once: another batch size shows the same mask on the same picture.
        keep = activations.dropout_mask(layer.inputs.shape, rate, self.mask, layer.noise_shape)
        keep = np.broadcast_to(keep, layer.inputs.shape)[:batch_size]
        before = layer.inputs[:batch_size]
        after = activations.dropout(before, keep, rate)
        self.dropped = float(1 - keep.mean())
        self.means = {"before": _mean(before), "training": _mean(after), "predicting": _mean(before)}
        self._maps_after, kept = feature_maps.maps_of(after[0], SHOWN), feature_maps.maps_of(keep[0], SHOWN)
        self._maps_dropped = kept == 0

    def _look_at_norm(self, layer, batch_size, momentum):
        self._of_batch = activations.batch_statistics(layer.inputs[:batch_size])
        chosen = slice(self.channel, self.channel + 1)
        of_pictures = layer.means[:, chosen], layer.variances[:, chosen]
        means, variances = activations.statistics_of_batches(*of_pictures, batch_size, STEPS)
        self._batches = means[:, 0], variances[:, 0]
        self.moving = (
            activations.moving_averages(self._batches[0], momentum, 0),
            activations.moving_averages(self._batches[1], momentum, 1),
        )
        self._all = tuple(float(values[0]) for values in activations.joined_statistics(*of_pictures))

    # What it says

    def _dropout_in_words(self):
        rate = self.settings["rate"]
        if rate == 0:
            return "Rate 0: no unit is dropped, so training and predicting are the same."
        return (
            f"Rate {rate:g}: {100 * self.dropped:.1f} % of the units are dropped, the others multiplied by"
            f" {1 / (1 - rate):.2f}."
        )

    def _norm_in_words(self):
        size, step, momentum = (self.settings[name] for name in ("batch_size", "step", "momentum"))
        mean, std = self._spread_of(*self._of_batch)[:, self.channel]
        moved_mean, moved_std = self._spread_of(self._norm.moving_mean, self._norm.moving_variance)[:, self.channel]
        batches = f"{step} {'batch' if step == 1 else 'batches'} with momentum {momentum:g}"
        seen = f"After {batches} a fresh moving mean is" if step else "Fresh, the moving mean is"
        return (
            f"Channel {self.channel}, batch of {size}: mean {two(mean)} and std {two(std)} with the batch's own "
            f"figures, {two(moved_mean)} and {two(moved_std)} with the layer's moving averages. {seen} "
            f"{three(self.moving[0][step])}; over all pictures the mean is {three(self._all[0])}."
        )

    def _spread_of(self, mean, variance):
        """Mean and std of the batch after it is normalised with `mean` and `variance`: float, shape (2, channels)."""
        (own_mean, own_variance), epsilon = self._of_batch, self._norm.epsilon
        std = np.sqrt(own_variance / (variance + epsilon))
        return np.array([activations.normalised(own_mean, mean, variance, epsilon), std])

    def _still_words(self):
        shown, said = [], []
        if self._dropout:
            shown.append(
                "Feature maps of a garment before a dropout layer, while training, where some units are dropped and"
                " crossed out, and when predicting, the same as before."
            )
            said.append(
                "While training, dropout sets units to zero at random and scales the others up, so that the mean"
                " stays nearly the same; when predicting it changes nothing."
            )
        if self._norm:
            shown.append(
                "Histograms of a channel before batch normalisation and after it, with training=True and with"
                " training=False, a table of means and standard deviations, and the moving averages against the"
                " number of batches."
            )
            said.append(
                "While training, batch normalisation uses the mean and standard deviation of the batch; when"
                " predicting, its moving averages, which need many batches to catch up."
            )
        words = f"A microscope on the layers of a network. {' '.join(said)} Run this cell to move its controls."
        return " ".join(shown), words

    # What it looks like

    def _marks(self):
        return {"epoch": self.settings.get("step", 0), "epochs": STEPS if self._norm else 0, "settings": self.settings}

    def _picture(self):
        """One <svg>: dropout above, batch normalisation below."""
        parts = []
        if self._dropout:
            parts.append((self._dropout.name, self._dropout.after, layers.DROPOUT, self._dropout_drawn()))
        if self._norm:
            parts.append((self._norm.name, self._norm.after, layers.NORM, self._norm_drawn()))
        return layers.picture(parts, f"What the layers do to a batch of {self.settings['batch_size']} pictures")

    def _dropout_drawn(self):
        inputs, rate = self._dropout.inputs, self.settings["rate"]
        after = feature_maps.strip(self._maps_after, *self._limits, self._maps_dropped)
        maps = self._maps, self._before, after, self._maps_dropped, self._limits
        units = inputs.shape[1] if inputs.ndim == 2 else None
        return layers.dropout(*maps, rate, self.dropped, self.means, units, self._garment)

    def _norm_drawn(self):
        layer, channel, step = self._norm, self.channel, self.settings["step"]
        every = layer.inputs[..., channel]
        values = every[: self.settings["batch_size"]]
        limits = min(0.0, float(every.min())), max(0.0, float(every.max())) or 1.0
        histograms = [("before the layer", values, *limits, three)]
        for title, mean, variance in (
            ("training=True", *(part[channel] for part in self._of_batch)),
            ("training=False", layer.moving_mean[channel], layer.moving_variance[channel]),
            (f"training=False after step {step}", *(average[step] for average in self.moving)),
        ):
            shown = activations.normalised(values, mean, variance, layer.epsilon)
            histograms.append((title, shown, *layers.LIMITS, two))
        titles = "moving mean", "moving variance"
        averages = zip(titles, self.moving, self._batches, self._all, strict=True)
        return layers.batch_norm(channel, step, histograms, self._rows(), averages)

    def _rows(self):
        """The table: of each channel shown its number and the numbers below `layers.HEADS`, as texts."""
        layer, (mean, variance) = self._norm, self._of_batch
        columns = [
            *((three, mean), (three, np.sqrt(variance))),
            *((two, values) for values in self._spread_of(mean, variance)),
            *((two, values) for values in self._spread_of(layer.moving_mean, layer.moving_variance)),
            *((three, layer.moving_mean), (three, np.sqrt(layer.moving_variance))),
            *((two, layer.gamma), (two, layer.beta)),
        ]
        numbers = range(min(SHOWN, len(layer.gamma)))
        return [[str(number), *(write(values[number]) for write, values in columns)] for number in numbers]


def _choice(name, values, start):
    options = [(f"{value:g}", value) for value in values]
    return make_slider(widgets.SelectionSlider, options=options, value=start, description=name)


def _garment(picture):
    """A grey or coloured picture as a data URI, or None where the network's input is none."""
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    if picture.ndim != 2:
        return None
    return png(picture, cmap="gray_r", vmin=float(picture.min()), vmax=float(picture.max()) or 1.0)


def _mean(values):
    return float(values.mean(dtype=np.float64))
