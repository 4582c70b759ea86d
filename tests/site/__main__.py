"""Build the website in site/_build/html, and say where it is: python -m tests.site"""

import sys

from tests.site.build import BUILT, build

if __name__ == "__main__":
    code = build()
    print("The site has warnings, see above." if code else f"Open {BUILT / 'html' / 'index.html'}")
    sys.exit(code)
