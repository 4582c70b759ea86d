"""How charts look on every page: one style sheet, whose colours follow the theme of JupyterLab, VS Code, Colab or
the website.

A drawing says only what something is (class "training"); its colour, dashes and marker stand here. `SCREEN` is for
pages, `PAPER` the same for a picture that stays, in the light colours, and `ALONE` for a page of our own, whose colours
follow the reader's system.
"""

import re

from helpers.curves.sheets import GHOST, GRID, INK, LOOKS, PINNED

LIGHT = {"paper": "#FFF", "ink": INK, "grid": GRID, "ghost": GHOST}
DARK = {"paper": "#111", "ink": "#E0E0E0", "grid": "#3A3A3A", "ghost": "#9E9E9E"}
FORCED = {"paper": "Canvas", "ink": "CanvasText", "grid": "GrayText", "ghost": "GrayText"}
# The heads of a table, and what is behind a chosen row.
LIGHT |= {"head": "#F0F0F0", "chosen": "#FFF0B8"}
DARK |= {"head": "#2A2A2A", "chosen": "#4D4014"}
FORCED |= {"head": "Canvas", "chosen": "GrayText"}
# Answers. Blue, dark orange: colour-blind eyes tell them apart; signs and an outline say the same.
LIGHT |= {"right": "#0072B2", "wrong": "#B34700"}
DARK |= {"right": "#56B4E9", "wrong": "#FF8C42"}
FORCED |= {"right": "LinkText", "wrong": "CanvasText"}
# A filter for grey pictures and maps, which are ink on paper: what is paper on a light page is paper on a dark one.
LIGHT |= {"picture": "none"}
DARK |= {"picture": "invert(1) hue-rotate(180deg)"}
FORCED |= {"picture": "none"}
# The paper is the page's own, wherever we know how its program calls that colour.
PAPERS = "--jp-layout-color0", "--vscode-editor-background", "--colab-primary-surface-color", "--pst-color-background"
IN_THE_DARK = "[data-jp-theme-light=false],.vscode-dark,.vscode-high-contrast:not(.vscode-high-contrast-light)"
IN_THE_DARK += ",html[theme=dark],html[data-theme=dark]"
# The sign of a marker: how wide, how its strokes end, how wide the hole in it.
MARKERS = {"": (0, "butt", 0), "circle": (5.6, "round", 0), "square": (5, "square", 0)}
MARKERS |= {"ring": (6.6, "round", 3.4), "frame": (4.6, "square", 2)}

RULES = """
.lab-chart text{fill:var(--lab-ink)}
.lab-chart .title{font-size:15px}
.lab-chart .ytick,.lab-chart .end{text-anchor:end}
.lab-chart .xtick,.lab-chart .middle{text-anchor:middle}
.lab-chart .axis{stroke:var(--lab-ink)}
.lab-chart .grid{stroke:var(--lab-grid);vector-effect:non-scaling-stroke}
.lab-chart .best{stroke:var(--lab-ink);stroke-width:.8;vector-effect:non-scaling-stroke}
.lab-chart .notice{font-size:13px;stroke:var(--lab-paper);stroke-width:4px;paint-order:stroke}
.lab-chart .line,.lab-chart .dots,.lab-chart .hole{fill:none;stroke:currentColor;vector-effect:non-scaling-stroke}
.lab-chart .line{stroke-width:1.8}
.lab-chart .ghost{stroke-width:1.1}
.lab-chart .knots .line{stroke:none}
.lab-chart .hole{stroke:var(--lab-paper)}
.lab-chart .band{fill:currentColor;fill-opacity:.16;stroke:currentColor;stroke-opacity:.7;stroke-width:.9}
.lab-chart .band{vector-effect:non-scaling-stroke}
"""
LAYOUT = """
.lab-panes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(320px,100%),1fr));row-gap:8px}
.lab-panes.small{grid-template-columns:repeat(auto-fit,minmax(min(280px,100%),1fr))}
.lab-chart{background:var(--lab-paper);color:var(--lab-ink);font:12px/1.4 sans-serif;border-radius:6px;padding:6px 0;
print-color-adjust:exact}
.lab-chart .heading{font-size:16px;font-weight:bold;padding:0 14px}
.lab-pane{min-width:0;position:relative;overflow:hidden;padding:0 18px 0 50px}
.lab-pane>svg{display:block;width:100%;overflow:visible}
.lab-pane svg svg{overflow:hidden}
.lab-pane .epochs{position:absolute;display:flex;cursor:crosshair;
left:calc(50px + .02*(100% - 68px));right:calc(18px + .02*(100% - 68px))}
.epochs label{flex:1;min-width:0;cursor:inherit;margin:0}
.epochs input{position:absolute;opacity:0;width:1px;height:1px;margin:0;pointer-events:none}
.epochs b{position:absolute;z-index:2;left:-48px;right:-14px;top:calc(-1*var(--head));
min-height:calc(var(--head) - 8px);white-space:pre-line;box-sizing:border-box;padding:2px 6px;
opacity:0;pointer-events:none;font-weight:normal;background:var(--lab-paper);
color:var(--lab-ink);border:1px solid var(--lab-ink);border-radius:4px}
.epochs label:hover b,.epochs input:focus+b{opacity:1}
.epochs label:hover b{z-index:3}
.epochs label:hover,.epochs label:focus-within{
background:linear-gradient(var(--lab-ink),var(--lab-ink)) center/1px 100% no-repeat}
.epochs label:first-child:not(:only-child){background-position:left}
.epochs label:last-child:not(:only-child){background-position:right}
.lab-pane .handles{position:absolute;left:50px;right:18px}
.handle{position:absolute}
.lab-chart .handle{cursor:ns-resize}
.handle i{position:absolute;width:32px;height:32px;margin:-16px;touch-action:none;
background:radial-gradient(circle,transparent 5px,var(--lab-ink) 6px 8px,transparent 9px)}
.handle:hover i{background:radial-gradient(circle,transparent 5px,var(--lab-ink) 6px 10px,transparent 11px)}
.lab-fold{min-height:22px;padding:0 14px}
.lab-figures div{overflow:auto;max-height:20em}
.lab-figures table{border-collapse:collapse;font-size:12px}
.lab-figures caption{text-align:left}
.lab-figures :is(th,td){text-align:right;padding:1px 8px;border-bottom:1px solid var(--lab-grid);color:var(--lab-ink);
background:var(--lab-paper)}
.live-panel{overflow-x:auto}
.lab-projector .lab-chart,.lab-projector .live-panel-state{zoom:1.6}
.lab-row{color:var(--lab-ink);display:flex;flex-wrap:wrap;gap:8px}
.lab-row>div{max-width:100%;overflow-x:auto}
.lab-row .heading{font:15px sans-serif;padding:4px 14px}
"""


def name_of(look):
    """One of LOOKS as the name of a class."""
    return look.replace(" ", "-")


def _of_look(look):
    width, cap, hole = MARKERS[LOOKS[look].marker]
    own = f".lab-chart .{name_of(look)}"
    dashes = f"stroke-dasharray:{LOOKS[look].dashes}" if LOOKS[look].dashes else ""
    wider = f"{own} .ghost{{stroke-width:1.8}}\n" if look in PINNED else ""
    return wider + (
        f"{own}{{color:var(--lab-{name_of(look)})}}\n{own} .line,{own} .band{{{dashes}}}\n"
        f"{own} .dots{{stroke-width:{width};stroke-linecap:{cap}}}\n"
        f"{own} .hole{{stroke-width:{hole};stroke-linecap:{cap}}}\n"
    )


def _variables(colours, important=""):
    return ";".join(f"--lab-{name_of(name)}:{colour}{important}" for name, colour in colours.items())


def _forced(look):
    """In forced colours dashes and markers tell lines apart; training and A stand out in one of the few colours."""
    return "LinkText" if look in ("training", "A") else "CanvasText"


LIGHT |= {look: LOOKS[look].colour for look in LOOKS}
DARK |= {look: LOOKS[look].dark for look in LOOKS}
FORCED |= {look: _forced(look) for look in LOOKS}
RULES += "".join(map(_of_look, LOOKS))


def _on_page(default):
    """The page's own colour of paper, or else `default`."""
    for name in reversed(PAPERS):
        default = f"var({name},{default})"
    return default


_BY_THEME = f"""
:root{{{_variables({**LIGHT, "paper": _on_page(LIGHT["paper"])})}}}
:is({IN_THE_DARK}){{{_variables({**DARK, "paper": _on_page(DARK["paper"])})}}}
@media (forced-colors:active){{:is(html,body){{{_variables(FORCED, "!important")}}}
.lab-chart{{forced-color-adjust:none}}}}
@media print{{:is(html,body){{{_variables(LIGHT, "!important")}}}}}
"""
_BY_SYSTEM = f"""
:root{{{_variables(LIGHT)}}}
@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
@media (forced-colors:active){{:root{{{_variables(FORCED, "!important")}}}.lab-chart{{forced-color-adjust:none}}}}
"""
ALONE = f"{_BY_SYSTEM}{LAYOUT}{RULES}"
SCREEN = f"<style>{_BY_THEME}{LAYOUT}{RULES}</style>"


def colour(name):
    """One of the theme's colours, or its filter for pictures, as CSS: the page's own, or else the light one."""
    return f"var(--lab-{name_of(name)},{LIGHT[name]})"


def in_light(text):
    """`text` of a style sheet or a drawing, with the light colours in place of the page's."""
    light = {name_of(name): LIGHT[name] for name in LIGHT}
    return re.sub(r"var\(--lab-([\w-]+)(?:,[^()]*)?\)", lambda found: light[found[1]], text)


PAPER = in_light(RULES)
