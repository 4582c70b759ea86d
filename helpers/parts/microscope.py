"""The microscope: what the Dropout and the BatchNormalization layer of a network do to one batch, while training and
when predicting.

    microscope(model, clothes.x_train)

Nothing is trained, and the network stays as it is.
"""

from html import escape

import ipywidgets as widgets
import numpy as np

from helpers.curves import feature_maps
from helpers.curves.sheets import INK, WIDTH
from helpers.engine import activations
from helpers.live.controls import value_of
from helpers.live.part import Live

STEPS = 60  # batches that moving averages can catch up for
SHOWN = 5  # channels
BATCH_SIZES, MOMENTA = [2, 4, 8, 16, 32, 64], [0.5, 0.9, 0.99]
TALL = {"dropout": 396, "batch norm": 392}  # pixels
HEADS = (
    ("", ["channel"]),
    ("batch", ["mean", "std"]),
    ("training=True", ["mean", "std"]),
    ("training=False", ["mean", "std"]),
    ("moving", ["mean", "std"]),
    ("trained", ["gamma", "beta"]),
)


def microscope(model, pictures, picture=0):
    """Show a part that looks at the first Dropout and the first BatchNormalization layer of `model`; one of them may be
    missing.

    model: a built network, best a trained one; it stays as it is. pictures: what it takes as input, such as
    `clothes.x_train`.
    picture: the row of the garment whose feature maps are shown; the batch begins with it, and row follows row.

    Layers before the two work as when predicting. Channels are counted from 0, as in NumPy. Returns the `Microscope`.
    Raises `LessonError` for a network or pictures that cannot be looked at.
    """
    part = Microscope(model, pictures, picture)
    part.show()
    return part


class Microscope(Live):
    """What `microscope` has made. `settings`: {name: value of that control} and "mask", which draw of the mask it is,
    from 1.

    `dropped`: the share of units dropped in the batch, and `means`: {"before", "training", "predicting"} of its values
    (None without a Dropout layer). `channel`: the one with the largest spread among the first five, and `moving`: its
    moving mean and variance at each step, two arrays of shape (61,) (None without a BatchNormalization layer).
    """

    made_by = "microscope"
    trains_when_shown = False

    def __init__(self, model, pictures, picture=0):
        super().__init__()
        self._stop_button.close()  # nothing here takes long enough to be stopped
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
            # Room for the values that dropout scales up: the row "before" must not change its shades with the rate.
            self._low, self._high = (
                min(0.0, float(np.nanmin(self._maps))),
                2 * max(0.0, float(np.nanmax(self._maps))) or 1.0,
            )
            self._before = feature_maps.strip(self._maps, self._low, self._high)
        if self._norm:
            spread = activations.joined_statistics(self._norm.means, self._norm.variances)[1]
            self.channel = int(spread[:SHOWN].argmax())
        self._look()
        for control in self._controls.values():
            control.observe(self._on_move, "value")
        row = widgets.Layout(flex_flow="row wrap")
        self._assemble(widgets.HBox([*self._controls.values(), *([self._button] if self._dropout else [])], layout=row))
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
        look = {"style": {"description_width": "6em"}, "layout": widgets.Layout(width="22em", margin="2px")}
        sizes = sorted({size for size in BATCH_SIZES if size < self._available} | {self._available})
        made = {}
        if self._dropout:
            rate = min(round(self._dropout.rate, 2), 0.99)
            step = 0.05 if round(rate * 100) % 5 == 0 else 0.01
            made["rate"] = widgets.FloatSlider(
                value=rate, min=0, max=max(0.8, rate), step=step, description="rate", **look
            )
        if len(sizes) > 1:
            made["batch_size"] = _choice("batch_size", sizes, min(sizes, key=lambda size: abs(size - 32)), look)
        if self._norm:
            momentum = round(self._norm.momentum, 6)
            made["step"] = widgets.IntSlider(value=10, min=0, max=STEPS, description="step", **look)
            made["momentum"] = _choice("momentum", sorted({*MOMENTA, momentum}), momentum, look)
        return made

    # From a control to numbers

    def _on_move(self, _change):
        self.run()  # at once, and not in the thread that trains: the controls follow while another part is busy

    def _on_button(self, _button):
        self.mask, self._redrawn = self.mask + 1, True
        self.run()

    def _train(self, _stop):
        self._look()
        said = f"Another mask, draw number {self.mask}. " if self._redrawn else ""
        self._redrawn = False
        return "ready", said + " ".join(
            [*([self._dropout_in_words()] if self._dropout else []), *([self._norm_in_words()] if self._norm else [])]
        )

    def _look(self):
        """Compute what the controls now ask for."""
        self.settings = {
            "batch_size": self._available,
            **{name: value_of(control) for name, control in self._controls.items()},
            "mask": self.mask,
        }
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
        means, variances = activations.statistics_of_batches(
            layer.means[:, chosen], layer.variances[:, chosen], batch_size, STEPS
        )
        self._batches = means[:, 0], variances[:, 0]
        self.moving = tuple(
            activations.moving_averages(values, momentum, start)
            for values, start in zip(self._batches, (0, 1), strict=True)
        )
        self._all = tuple(
            float(values[0])
            for values in activations.joined_statistics(layer.means[:, chosen], layer.variances[:, chosen])
        )

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
        (mean, std), (moved_mean, moved_std) = (
            self._spread_of(*self._of_batch)[:, self.channel],
            self._spread_of(self._norm.moving_mean, self._norm.moving_variance)[:, self.channel],
        )
        seen = (
            "Fresh, the moving mean is"
            if step == 0
            else f"After {step} {'batch' if step == 1 else 'batches'} with momentum {momentum:g} a fresh moving mean is"
        )
        return (
            f"Channel {self.channel}, batch of {size}: mean {_two(mean)} and std {_two(std)} with the batch's own"
            f" figures, {_two(moved_mean)} and {_two(moved_std)} with the layer's moving averages. {seen}"
            f" {_short(self.moving[0][step])}; over all pictures the mean is {_short(self._all[0])}."
        )

    def _spread_of(self, mean, variance):
        """Mean and std of the batch after it is normalised with `mean` and `variance`: float, shape (2, channels)."""
        own_mean, own_variance = self._of_batch
        epsilon = self._norm.epsilon
        return np.array(
            [activations.normalised(own_mean, mean, variance, epsilon), np.sqrt(own_variance / (variance + epsilon))]
        )

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
        return " ".join(
            shown
        ), f"A microscope on the layers of a network. {' '.join(said)} Run this cell to move its controls."

    # What it looks like

    def _marks(self):
        return {"epoch": self.settings.get("step", 0), "epochs": STEPS if self._norm else 0, "settings": self.settings}

    def _picture(self):
        """One <svg>: dropout above, batch normalisation below."""
        parts, top = [], 0
        for layer, name, draw in (
            (self._dropout, "dropout", self._dropout_drawn),
            (self._norm, "batch norm", self._norm_drawn),
        ):
            if layer:
                parts.append(
                    f'<g transform="translate(0 {top})"><text x="14" y="26" font-size="15">Layer {escape(layer.name)},'
                    f" after {escape(layer.after)}</text>{draw()}</g>"
                )
                top += TALL[name]
        return (
            f'<svg viewBox="0 0 {WIDTH} {top}" role="group" aria-label="What the layers do to a batch of'
            f' {self.settings["batch_size"]} pictures" fill="{INK}"'
            f' style="display:block;width:100%;height:auto;max-width:{WIDTH}px;font:13px sans-serif"><rect'
            f' width="{WIDTH}" height="{top}" rx="6" fill="#FFF"/>{"".join(parts)}</svg>'
        )

    def _dropout_drawn(self):
        rate, means, n = (
            self.settings["rate"],
            {name: _short(mean) for name, mean in self.means.items()},
            len(self._maps),
        )
        after = feature_maps.strip(self._maps_after, self._low, self._high, self._maps_dropped)
        rows = (
            (self._before, ["before", f"batch mean {means['before']}"], "as they come from the layer before"),
            (
                after,
                [
                    "while training",
                    f"batch mean {means['training']}",
                    f"{100 * self.dropped:.1f} % dropped",
                    f"others × {1 / (1 - rate):.2f}",
                ],
                f"{self._maps_dropped.sum()} of {(~np.isnan(self._maps)).sum()} units dropped",
            ),
            (
                self._before,
                ["when predicting", f"batch mean {means['predicting']}", "same as before"],
                "the same as before",
            ),
        )
        flat = self._dropout.inputs.ndim == 2
        what = (
            f"all {self._dropout.inputs.shape[1]} units" if flat else f"channels 0 to {n - 1}" if n > 1 else "channel 0"
        )
        parts = ['<g text-anchor="middle" font-size="12">']
        if not flat:
            parts += [f'<text x="{164 + 52 + 112 * number}" y="48">channel {number}</text>' for number in range(n)]
        parts.append("</g>")
        for number, (href, words, label) in enumerate(rows):
            row = feature_maps.row_of_maps(href, self._maps.shape, words, f"{words[0]}, {what}: {label}")
            parts.append(f'<g transform="translate(14 {56 + 112 * number})">{row}</g>')
        if self._garment:
            parts.append(
                '<text x="798" y="48" font-size="12" text-anchor="middle">the picture</text><image role="img"'
                f' aria-label="the picture" x="746" y="56" width="104" height="104" href="{self._garment}"'
                ' style="image-rendering:pixelated"/>'
            )
        parts.append(f'<g transform="translate(746 182)" font-size="12">{feature_maps.key(self._low, self._high)}</g>')
        return "".join(parts)

    def _norm_drawn(self):
        layer, c, step, size = self._norm, self.channel, self.settings["step"], self.settings["batch_size"]
        every = layer.inputs[..., c]
        values, limits = every[:size], (min(0.0, float(every.min())), max(0.0, float(every.max())) or 1.0)
        normalised = (feature_maps.LOW, feature_maps.HIGH)
        moved = [average[step] for average in self.moving]
        pictures = (
            ("before the layer", None, limits),
            ("training=True", [part[c] for part in self._of_batch], normalised),
            ("training=False", (layer.moving_mean[c], layer.moving_variance[c]), normalised),
            (f"training=False after step {step}", moved, normalised),
        )
        parts = []
        for number, (title, statistics, (low, high)) in enumerate(pictures):
            shown = values if statistics is None else activations.normalised(values, *statistics, layer.epsilon)
            words = (
                f"mean {(_short if statistics is None else _two)(shown.mean())}, std"
                f" {(_short if statistics is None else _two)(shown.std())}"
            )
            parts.append(
                f'<g transform="translate({16 + 214 * number}'
                f' 84)">{feature_maps.histogram(shown, low, high, 188, 84, title, words)}</g>'
            )
        parts.append(
            f'<text x="14" y="206" font-size="12">Channel {c} of this batch, before it is multiplied by gamma and beta'
            " is added. On the right: with"
            " fresh moving averages. Bar heights: √count.</text>"
        )
        rows = self._rows()
        parts.append(f'<g transform="translate(14 238)">{feature_maps.table(HEADS, rows, c, 494)}</g>')
        for number, (title, moving, batches, level) in enumerate(
            zip(("moving mean", "moving variance"), self.moving, self._batches, self._all, strict=True)
        ):
            parts.append(
                f'<g transform="translate({544 + 168 * number} 250)">'
                f"{feature_maps.catching_up(title, moving, batches, level, step, 126, 92)}</g>"
            )
        parts.append('<text x="544" y="376" font-size="12">batches seen; dots: each batch; dashed: all pictures</text>')
        return "".join(parts)

    def _rows(self):
        """The table: of each channel shown the numbers below HEADS, as texts."""
        layer, std = self._norm, np.sqrt
        columns = [
            *_mean_and_std(self._of_batch),
            *self._spread_of(*self._of_batch),
            *self._spread_of(layer.moving_mean, layer.moving_variance),
            layer.moving_mean,
            std(layer.moving_variance),
            layer.gamma,
            layer.beta,
        ]
        texts = [_short, _short, _two, _two, _two, _two, _short, _short, _two, _two]
        return [
            [str(number), *(text(column[number]) for text, column in zip(texts, columns, strict=True))]
            for number in range(min(SHOWN, len(layer.gamma)))
        ]


def _choice(name, values, start, look):
    return widgets.SelectionSlider(
        options=[(f"{value:g}", value) for value in values], value=start, description=name, **look
    )


def _garment(picture):
    """A grey or coloured picture as a data URI, or None where the network's input is none."""
    if picture.ndim == 3 and picture.shape[-1] == 1:
        picture = picture[..., 0]
    if picture.ndim != 2:
        return None
    return feature_maps.png(picture, cmap="gray_r", vmin=float(picture.min()), vmax=float(picture.max()) or 1.0)


def _mean(values):
    return float(values.mean(dtype=np.float64))


def _mean_and_std(statistics):
    return statistics[0], np.sqrt(statistics[1])


def _two(value, decimals=2):
    """With two decimals, and never "-0.00"; large numbers with fewer, so that they fit into the table."""
    if abs(value) < 100:
        return f"{round(float(value), decimals) + 0.0:.{decimals}f}"
    return f"{value:.0f}" if abs(value) < 1e4 else f"{value:.0e}"


def _short(value):
    """With three decimals, as values can be small."""
    return _two(value, 3)
