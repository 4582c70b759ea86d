// The chart of recorded runs: reads a recording, and draws what helpers/curves/live_chart.py draws of the same history.
// A test compares the two.
(() => {
    // How runs are written: tests/site/recording.py. Base64 VLQ, five bits to a letter, the least first.
    const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const NO_NUMBER = -1;

    function decoded(text) {
        const numbers = [];
        let number = 0, unit = 1;
        for (const letter of text) {
            const digit = DIGITS.indexOf(letter);
            number += (digit % 32) * unit;
            unit *= 32;
            if (digit < 32) {
                numbers.push(number % 2 ? -Math.floor(number / 2) : number / 2);
                number = 0;
                unit = 1;
            }
        }
        return numbers;
    }

    // {history: {metric: values}, told: pairs [from how many epochs on, sentence]} of the run with that number.
    function runOf(recording, number) {
        const parts = recording.runs[number].split(" ").map(decoded), told = parts.pop(), history = {};
        parts.forEach((steps, place) => {
            const unit = Math.round(1 / recording.steps[place]);
            let level = 0;
            history[recording.metrics[place]] = steps.map((step) => (level += step) === NO_NUMBER ? NaN : level / unit);
        });
        const sentences = told.flatMap((epochs, place) =>
            place % 2 ? [] : [[epochs, recording.words[told[place + 1]]]]);
        return { history, told: sentences };
    }

    // The drawing

    const HEIGHT = 296, LEAST = 110, FOOT = 40, TITLE = 18, ROW = 16, MARK = 14, ROOM = 288, GUTTER = 34;
    const NARROWEST = 210, LETTER = 6.7, SIGN = 30, INSET = 2, GHOST_POINTS = 30, MARKERS = 20, EXPLODED = 20;

    const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
    const short = (pixels) => pixels.toFixed(1).replace(/\.0$/, "");
    const isValidation = (name) => name.startsWith("val_");

    // The loss and the accuracy, or whatever else comes first: [{name, training, validation}].
    function panesOf(history) {
        const others = Object.keys(history).filter((name) => !isValidation(name) && name !== "loss");
        others.sort((one, other) => other.includes("acc") - one.includes("acc"));
        return ["loss", ...others.slice(0, 1)].map((name) =>
            ({ name, training: history[name], validation: history[`val_${name}`] }));
    }

    function bestOf(history) {
        let best = null;
        (history.val_loss ?? []).forEach((value, place) => {
            if (!Number.isNaN(value) && (best === null || value < history.val_loss[best])) best = place;
        });
        return best === null ? null : best + 1;
    }

    function roundTicks(low, high) {
        const span = high - low || Math.abs(high) || 1, power = 10 ** Math.floor(Math.log10(span / 5));
        const step = power * [1, 2, 2.5, 5, 10].find((n) => 5.001 * n * power >= span);
        const first = Math.floor(low / step), last = Math.max(Math.ceil(high / step - 0.001), first + 1);
        return Array.from({ length: last - first + 1 }, (_, number) => step * (first + number));
    }

    function yTicks(name, lines) {
        const drawn = lines.map((values) => values.filter(Number.isFinite)).filter((values) => values.length);
        let values = [0, ...drawn.flat()];
        if (name === "loss" && drawn.length) {
            let first = drawn[0][0]; // a loss that explodes leaves the picture
            if (drawn[0].length > 1 && drawn[0][1] > 0 && first > EXPLODED * drawn[0][1]) first = drawn[0][1];
            const most = 3 * Math.max(Math.abs(first), Math.abs(Math.min(...drawn[Math.min(1, drawn.length - 1)])));
            values = values.map((value) => Math.min(Math.max(value, -most), most));
        }
        const low = Math.min(...values);
        let high = Math.max(...values);
        if (low === high || (name !== "loss" && low === 0 && high > 0 && high <= 1)) high = 1;
        return roundTicks(low, high);
    }

    function xTicks(epochs) {
        if (epochs <= 10) return Array.from({ length: epochs }, (_, number) => number + 1);
        const steps = [2, 5, 10, 20, 50, 100, 200, 500, 1000], step = steps.find((each) => epochs / each <= 7);
        const room = 0.09 * (epochs - 1), ticks = [1];
        for (let tick = step; tick < epochs; tick += step)
            if (tick - 1 >= room && epochs - tick >= room) ticks.push(tick);
        return [...ticks, epochs];
    }

    function labelsOf(ticks) {
        const words = ticks.map((tick) => String(Number(tick.toPrecision(6))));
        const decimals = Math.max(...words.map((word) => (word.split(".")[1] ?? "").length));
        return ticks.map((tick) => tick.toFixed(decimals));
    }

    const across = (epoch, epochs) => INSET + (epochs > 1 ? (epoch - 1) / (epochs - 1) : 0.5) * (100 - 2 * INSET);
    const pairs = (points) => points.map(([x, y]) => `${short(x)},${short(y)}`).join(" ");
    const dots = (points) => `<path class="dots" d="${points.map(([x, y]) => `M${short(x)},${short(y)}h0`).join("")}"/>`;

    function unbroken(points) {
        const runs = [[]];
        for (const point of points) {
            if (point) runs.at(-1).push(point);
            else if (runs.at(-1).length) runs.push([]);
        }
        return runs.filter((run) => run.length);
    }

    function thinned(points) {
        if (points.length <= GHOST_POINTS) return points;
        const step = (points.length - 1) / (GHOST_POINTS - 1);
        return Array.from({ length: GHOST_POINTS }, (_, number) => points[Math.round(number * step)]);
    }

    // [number of its lines, elements]. names: pairs [look, words], those of ghosts last.
    function legend(title, names, ghosts) {
        let x = 0, row = 1;
        const parts = [`<text class="title" x="-${GUTTER}" y="14">${escaped(title)}</text>`];
        const most = Math.floor((ROOM - SIGN) / LETTER);
        [...names, ...ghosts].forEach(([look, words], number) => {
            const cut = words.length <= most ? words : `${words.slice(0, most - 8)}…${words.slice(-7)}`;
            const wide = Math.round(SIGN + LETTER * cut.length), isGhost = number >= names.length;
            if (x && x + wide > ROOM) {
                x = 0;
                row += 1;
            }
            parts.push(`<g class="${look.replace(" ", "-")}" transform="translate(${x - GUTTER} ${14 + ROW * row})">` +
                `<path class="line${isGhost ? " ghost" : ""}" d="M0-4h24"/>${isGhost ? "" : dots([[12, -4]])}` +
                `<text class="name" x="${SIGN}">${escaped(cut)}</text></g>`);
            x += wide + 12;
        });
        return [row, parts.join("")];
    }

    function plot(pane, ghosts, tall, epochs, best) {
        const lines = [["training", pane.name, pane.training], ["validation", `val_${pane.name}`, pane.validation]]
            .filter(([, , values]) => values);
        const ticks = yTicks(pane.name, [...lines.map(([, , values]) => values), ...ghosts.map(({ values }) => values)]);
        const low = ticks[0], high = ticks.at(-1), words = labelsOf(ticks);
        const y = (value) => tall * (1 - Math.max(Math.min((value - low) / (high - low), 99), -99));
        const x = (epoch) => across(epoch, epochs);
        const points = (values) =>
            values.map((value, place) => Number.isFinite(value) ? [x(place + 1), y(value)] : null);
        const parts = [
            `<path class="axis" d="M0 0V${tall}"/><line class="axis" x2="100%" y1="${tall}" y2="${tall}"/>`,
            `<g transform="translate(-7 4.5)">${ticks.map((tick, number) =>
                `<text class="ytick" y="${short(y(tick))}">${words[number]}</text>`).join("")}</g>`,
            `<g transform="translate(0 ${tall + 17})">${xTicks(epochs).map((epoch) =>
                `<text class="xtick" x="${short(x(epoch))}%">${epoch}</text>`).join("")}</g>`,
            `<text class="middle" x="50%" y="${tall + 34}">epoch</text>`,
        ];
        if (best && pane.name === "loss") {
            const told = `best epoch ${best}`, half = LETTER * told.length / 2, place = NARROWEST * x(best) / 100;
            const side = place - half < -GUTTER ? "" : place + half > NARROWEST ? "end" : "middle";
            parts.push(`<text class="mark ${side}" x="${x(best).toFixed(1)}%" y="-7">${told}</text>`);
        }
        parts.push(`<svg class="curves" y="-4" width="100%" height="${tall + 8}" ` +
            `viewBox="0 -4 100 ${tall + 8}" preserveAspectRatio="none">`);
        parts.push(`<path class="grid" d="${ticks.slice(1).map((tick) => `M0,${short(y(tick))}H100`).join("")}"/>`);
        if (best) parts.push(`<path class="best" d="M${x(best).toFixed(1)},-4V${tall}"/>`);
        for (const { look, values } of ghosts) {
            const drawn = unbroken(thinned(points(values)))
                .map((run) => `<polyline class="line ghost" points="${pairs(run)}"/>`);
            parts.push(`<g class="${look.replace(" ", "-")}">${drawn.join("")}</g>`);
        }
        const step = Math.ceil(epochs / MARKERS);
        for (const [look, key, values] of lines) {
            const runs = unbroken(points(values));
            const marked = runs.flatMap((run) => [...run.slice(0, -1).filter((_, n) => n % step === 0), run.at(-1)]);
            const drawn = runs.map((run) => `<polyline class="line" data-name="${key}" points="${pairs(run)}"/>`);
            parts.push(`<g class="${look}">${drawn.join("")}${marked.length ? dots(marked) : ""}</g>`);
        }
        return [...parts, "</svg>"].join("");
    }

    // A column for each epoch lies over a plotting area: its figures show under the pointer, a finger, or the arrow keys.
    function columns(title, words, epochs, uid, head, tall) {
        const limits = [1, ...words.slice(1).map((_, place) => place + 1.5), words.length];
        const labels = words.map((told, place) => {
            const wide = Math.max(Math.min(limits[place + 1] + (place === words.length - 1 ? 0.5 : 0), epochs) - limits[place], 0.01);
            return `<label style="flex:${wide}"><input type="radio" name="${uid}"/><b>${escaped(told)}</b></label>`;
        });
        const rest = epochs - words.length - 0.5;
        if (rest > 0) labels.push(`<i style="flex:${rest}"></i>`);
        return `<div class="epochs" role="radiogroup" aria-label="${escaped(title)}: figures of an epoch" ` +
            `style="--head:${head}px;top:${head}px;height:${tall}px">${labels.join("")}</div>`;
    }

    // What the curves are called, and their values: [[name, values]].
    const curvesOf = (pane, ghosts) => [["training", pane.training], ["validation", pane.validation],
        ...ghosts.map(({ label, values }) => [`(${label})`, values])].filter(([, values]) => values);
    const figure = (value) => Number.isFinite(value) ? String(value) : "not a number";

    function wordsOf(panes, ghostsOf, epochs) {
        return Array.from({ length: epochs }, (_, place) => [`Epoch ${place + 1}`, ...panes.map((pane) => {
            const told = curvesOf(pane, ghostsOf(pane)).filter(([, values]) => values.length > place)
                .map(([name, values]) => `${name} ${figure(values[place])}`);
            return `${pane.name}: ${told.join(", ")}`;
        })].join("\n"));
    }

    function table(panes, ghostsOf, epochs) {
        const curves = panes.flatMap((pane) =>
            curvesOf(pane, ghostsOf(pane)).map(([name, values]) => [`${pane.name}: ${name}`, values]));
        const heads = curves.map(([name]) => `<th scope="col">${escaped(name)}</th>`).join("");
        const rows = Array.from({ length: epochs }, (_, place) => `<tr><th scope="row">${place + 1}</th>${curves.map(
            ([, values]) => `<td>${place < values.length ? figure(values[place]) : ""}</td>`).join("")}</tr>`);
        return `<div tabindex="0"><table><caption>The figures of the curves, epoch by epoch</caption><thead><tr>` +
            `<th scope="col">epoch</th>${heads}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
    }

    // history: as far as it is to be drawn. ghosts: [{label, look, history}]. coming: the label that takes most room.
    function chart(history, epochs, ghosts, label, uid, coming, isComplete) {
        const panes = panesOf(history), done = history.loss.length, best = done > 1 ? bestOf(history) : null;
        const ghostsOf = (pane) => ghosts.map(({ label, look, history }) => {
            const values = history[`val_${pane.name}`] ?? history[pane.name];
            return { label, look, values: values.slice(0, Math.max(epochs, done)) };
        });
        const names = [["training", "training"], ...(panes[0].validation ? [["validation", "validation"]] : [])];
        const named = ghosts.map(({ look, label }) => [look, label]);
        const later = [["earlier", coming], ["earlier too", coming]];
        const rows = Math.max(legend("", names, named)[0], coming ? legend("", names, later)[0] : 1);
        const head = TITLE + ROW * rows + MARK + 5, tall = Math.max(LEAST, HEIGHT - head - FOOT);
        const words = isComplete ? wordsOf(panes, ghostsOf, done) : [];
        const drawn = panes.map((pane) => {
            const strip = words.length ? columns(pane.name, words, epochs, `${uid}-${pane.name}`, head, tall) : "";
            return `<div class="lab-pane"><svg data-pane="${pane.name}" role="img" aria-label="${pane.name}" ` +
                `height="${head + tall + FOOT}">${legend(pane.name, names, named)[1]}` +
                `<g transform="translate(0 ${head})">${plot(pane, ghostsOf(pane), tall, epochs, best)}</g></svg>${strip}</div>`;
        });
        return { html: `<div class="lab-chart" role="group" aria-label="${escaped(label)}"><div class="lab-panes">` +
            `${drawn.join("")}</div></div>`, figures: () => table(panes, ghostsOf, done) };
    }

    window.recordedRuns = { runOf, chart };
})();
