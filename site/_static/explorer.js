// The recorded explorer: the controls of a lesson's live panel, which move through runs that were trained beforehand.
(() => {
    const { runOf, chart } = window.recordedRuns;
    const PINNED = ["pin 1", "pin 2", "pin 3", "pin 4", "pin 5", "pin 6"];
    const PLAYING = 2500; // milliseconds from the first epoch to the last
    const QUIET = 600; // milliseconds without a move, before what the curves show is read out

    const make = (tag, attributes = {}, ...inside) => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        element.append(...inside);
        return element;
    };
    const inWords = (settings) => settings.map(([name, said]) => `${name} ${said}`).join(", ");

    class Explorer {
        constructor(element, number) {
            const { lesson, cell, links } = element.dataset;
            this.recording = window.recorded[lesson][cell];
            this.element = element;
            this.name = `explorer${number}`;
            this.runs = new Map(); // those that have been read
            this.epochs = "plays" in element.dataset ? this.recording.epochs.high : this.recording.epochs.start;
            this.places = this.recording.controls.map(({ values, start }) => values.indexOf(start));
            this.first = this.run();
            this.past = []; // earlier runs, the latest last; the first one stays the first
            this.pins = [];
            this.build(JSON.parse(links));
            this.draw();
        }

        // The run at the controls: {number, settings: [[control, value in words]], history, told}
        run() {
            const { controls } = this.recording;
            const number = controls.reduce((before, { values }, at) => before * values.length + this.places[at], 0);
            if (!this.runs.has(number)) {
                const settings = controls.map(({ name, said }, at) => [name, said[this.places[at]]]);
                this.runs.set(number, { number, settings, ...runOf(this.recording, number) });
            }
            return this.runs.get(number);
        }

        // What the page has of it

        build(links) {
            const { recording } = this;
            const count = recording.runs.length;
            this.controls = make("div", { class: "explorer-controls" });
            const { low, high } = recording.epochs;
            if (low < high) {
                const all = Array.from({ length: high - low + 1 }, (_, number) => low + number);
                this.addSlider("epochs", all.map(String), this.epochs - low, (place) => { this.epochs = low + place; });
            }
            recording.controls.forEach(({ name, values, said }, at) => {
                const move = (place) => { this.places[at] = place; };
                if (typeof values[0] === "boolean") this.addTick(name, values, this.places[at], move);
                else this.addSlider(name, said, this.places[at], move);
            });
            this.playButton = this.button("▶ Play", () => this.playing ? this.stop() : this.play());
            this.pinButton = this.button("Pin this run", () => this.pin());
            this.pinList = make("ul", { class: "explorer-pins" });
            this.chart = make("div", { class: "explorer-chart" });
            this.words = make("p", { class: "explorer-words" });
            this.spoken = make("p", { class: "explorer-spoken", role: "status" });
            this.figures = make("details", { class: "lab-figures" }, make("summary", {}, "All figures"));
            this.figures.addEventListener("toggle", () => this.fillFigures());
            const launches = Object.entries(links).map(([words, address]) => make("a", { href: address }, words));
            const more = make("p", { class: "explorer-note" }, make("b", {}, "Recorded. "),
                `These are ${count} real trainings of the lesson's own network, made beforehand and rounded; nothing is ` +
                "trained on this page. In the lesson itself these controls train, also a network of yours: ",
                ...launches.flatMap((link, number) => number ? [" · ", link] : [link]));
            this.element.replaceChildren(this.controls, make("div", { class: "explorer-buttons" }, this.playButton,
                this.pinButton), this.chart, this.pinList, this.words, this.figures, more, this.spoken);
        }

        button(words, does) {
            const button = make("button", { type: "button" }, words);
            button.addEventListener("click", does);
            return button;
        }

        addControl(name, input, output) {
            const id = `${this.name}-${name}`;
            input.id = id;
            this.controls.append(make("div", { class: "explorer-control" }, make("label", { for: id }, name), input, output));
        }

        addSlider(name, said, start, move) {
            const input = make("input", { type: "range", min: 0, max: said.length - 1, step: 1, value: start });
            const output = make("output", { for: `${this.name}-${name}` });
            const tell = () => {
                output.textContent = said[input.value];
                input.setAttribute("aria-valuetext", output.textContent);
            };
            tell();
            input.addEventListener("input", () => {
                this.moved(() => move(Number(input.value)));
                tell();
            });
            input.addEventListener("change", () => this.remember());
            this.addControl(name, input, output);
        }

        addTick(name, values, start, move) {
            const input = make("input", { type: "checkbox" });
            input.checked = values[start];
            input.addEventListener("change", () => {
                this.moved(() => move(values.indexOf(input.checked)));
                this.remember();
            });
            this.addControl(name, input, "");
        }

        // What a reader does

        moved(move) {
            this.stop();
            this.left ??= this.run(); // where a drag began is what it is compared with, not all that lies between
            if (!this.past.length) this.past = [this.left];
            move();
            this.draw();
        }

        remember() {
            const { left } = this;
            this.left = null;
            if (left && left !== this.run() && left !== this.past[0])
                this.past = [this.past[0], ...this.past.slice(1).filter((run) => run !== left), left];
            this.draw();
        }

        pin() {
            const run = this.run(), free = PINNED.filter((look) => !this.pins.some((pin) => pin.look === look));
            if (this.pins.some((pin) => pin.run === run)) return this.say("This run is pinned already.");
            if (!free.length) return this.say(`No more than ${PINNED.length} runs: take one off.`);
            const look = free[0], label = inWords(this.difference(run, this.first)) || "first settings";
            const sample = make("span", { class: "lab-chart", "aria-hidden": "true" });
            sample.innerHTML = `<svg width="44" height="16"><g class="${look.replace(" ", "-")}"><path class="line ghost" d="M4 8h36"/></g></svg>`;
            const off = this.button("Take off", () => {
                this.pins = this.pins.filter((pin) => pin.look !== look);
                row.remove();
                this.pinButton.focus();
                this.draw();
            });
            off.setAttribute("aria-label", `Take off: ${label}`);
            const row = make("li", {}, sample, label, off);
            this.pinList.append(row);
            this.pins = [...this.pins, { look, label, run }];
            this.say(`Pinned: ${label}.`);
            this.draw();
        }

        play() {
            const start = performance.now(), steps = Math.max(this.epochs - 1, 1);
            const pace = PLAYING / Math.max(this.recording.epochs.high, 10);
            this.playing = true;
            this.playButton.textContent = "■ Stop";
            const next = (now) => {
                if (!this.playing) return;
                const done = 1 + Math.floor(Math.max(now - start, 0) / pace);
                if (done > steps) return this.stop();
                this.draw(done);
                requestAnimationFrame(next);
            };
            requestAnimationFrame(next);
        }

        stop() {
            if (!this.playing) return;
            this.playing = false;
            this.playButton.textContent = "▶ Play";
            this.draw();
        }

        // What it looks like

        difference(run, other) {
            return run.settings.filter(([, value], at) => value !== other.settings[at][1]);
        }

        ghosts(run) {
            const past = this.past.filter((each) => each !== run);
            const two = [...past.slice(0, 1), ...past.slice(1).slice(-1)]
                .filter((each) => !this.pins.some((pin) => pin.run === each));
            const earlier = two.map((each, number) => ({ look: ["earlier", "earlier too"][number],
                label: inWords(this.difference(each, run)), history: each.history }));
            return [...earlier, ...this.pins.map(({ look, label, run }) => ({ look, label, history: run.history }))];
        }

        draw(done = this.epochs) {
            const run = this.run(), isComplete = done === this.epochs;
            const cut = Object.fromEntries(Object.entries(run.history).map(([name, all]) => [name, all.slice(0, done)]));
            const verdict = run.told.filter(([epochs]) => epochs <= done).at(-1)[1];
            const drawn = chart(cut, this.epochs, this.ghosts(run), verdict, this.name, this.longest(), isComplete);
            this.chart.innerHTML = drawn.html;
            this.tableOf = drawn.figures;
            this.words.textContent = isComplete ? `${verdict} ${this.lowest(cut)}` : `Epoch ${done} of ${this.epochs}`;
            this.element.dataset.state = isComplete ? "done" : "playing";
            if (isComplete) {
                this.fillFigures();
                clearTimeout(this.timer);
                if (this.isSettled) this.timer = setTimeout(() => this.say(this.words.textContent), QUIET);
                this.isSettled = true; // what stands there when the page opens is not read out
            }
        }

        lowest({ val_loss: losses = [] }) {
            const known = losses.filter((loss) => !Number.isNaN(loss)), low = Math.min(...known);
            return known.length < 2 ? "" : `Lowest validation loss: ${low} at epoch ${losses.indexOf(low) + 1} of ${losses.length}.`;
        }

        longest() {
            const all = this.recording.controls.flatMap(({ name, said }) => said.map((words) => `${name} ${words}`));
            return all.reduce((one, other) => other.length > one.length ? other : one, "");
        }

        fillFigures() {
            if (!this.figures.open) return;
            this.figures.querySelector("div")?.remove();
            this.figures.insertAdjacentHTML("beforeend", this.tableOf());
        }

        say(words) {
            this.spoken.textContent = words;
        }
    }

    // Not before: the recordings are scripts, too, further down the page.
    document.addEventListener("DOMContentLoaded", () => {
        const explorers = [...document.querySelectorAll(".explorer")].map((element, at) => new Explorer(element, at));
        // On the home page the curves grow once, for who has not asked for little motion.
        if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
        explorers.filter(({ element }) => "plays" in element.dataset).forEach((explorer) => explorer.play());
    });
})();
