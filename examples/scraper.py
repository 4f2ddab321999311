"""Crawls a web site with many containers at once and reports what it found, broken links included.

The site is a small bookshop that the program makes itself: every container serves it on its own loopback address, so
that the example needs no network. Point `fetch` at real addresses and it is a real crawler.

    burrow run examples/scraper.py --books 200
"""

import html.parser
import http.server
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Dict, List, Optional, Set

import burrow

app = burrow.App("scraper", image=burrow.Image.debian_slim())
_site: Dict[int, str] = {}  # address of the site in this container, by number of books


class Page(html.parser.HTMLParser):
    """What the crawler wants of a page: its title, its price where it has one, and where it links to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title = ""
        self.price: Optional[float] = None
        self.links: List[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        attributes = dict(attrs)
        self._inside = attributes.get("class") or tag
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])

    def handle_data(self, data: str) -> None:
        if self._inside == "title":
            self.title += data
        elif self._inside == "price":
            self.price = float(data)
        self._inside = ""


@app.function(max_containers=4, retries=2, timeout=60)
def fetch(path: str, books: int) -> Dict[str, Any]:
    """Downloads one page and takes it apart; a page that is not there is a result, not an error."""
    try:
        with urllib.request.urlopen(site(books) + path, timeout=10) as answer:
            page = Page(answer.read().decode())
    except urllib.error.HTTPError as error:
        return {"path": path, "status": error.code, "links": []}
    links = sorted({urllib.parse.urljoin(path, link) for link in page.links})
    return {"path": path, "status": 200, "title": page.title, "price": page.price, "links": links}


@app.local_entrypoint()
def main(books: int = 200) -> None:
    started = time.perf_counter()
    frontier, seen = ["/"], {"/"}
    pages: List[Dict[str, Any]] = []
    while frontier:  # one level of the site after another, each level in parallel
        level = list(fetch.starmap((path, books) for path in frontier))
        pages += level
        frontier = newly_found(level, seen)
    report(pages, time.perf_counter() - started)


def newly_found(pages: List[Dict[str, Any]], seen: Set[str]) -> List[str]:
    found = sorted({link for page in pages for link in page["links"]} - seen)
    seen.update(found)
    return found


def report(pages: List[Dict[str, Any]], seconds: float) -> None:
    found = [page for page in pages if page["status"] == 200]
    priced = [page for page in found if page["price"] is not None]
    cheapest = min(priced, key=lambda page: (page["price"], page["path"]))
    print(f"{len(pages)} pages in {seconds:.1f} s, {len(pages) / seconds:.0f} a second")
    print(
        f"{len(priced)} books, {sum(page['price'] for page in priced) / len(priced):.2f} on average"
    )
    print(f"cheapest: {cheapest['title']} for {cheapest['price']:.2f}")
    print("broken links:", *[page["path"] for page in pages if page["status"] != 200])


def site(books: int) -> str:
    """Address of the bookshop, which is started when a container first needs it."""
    if books not in _site:
        shop = http.server.ThreadingHTTPServer(("127.0.0.1", 0), bookshop(books))
        threading.Thread(target=shop.serve_forever, daemon=True).start()
        _site[books] = f"http://127.0.0.1:{shop.server_port}"
    return _site[books]


def bookshop(books: int) -> type:
    shelves = range(0, books, 20)

    class Bookshop(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, number = self.path.strip("/").partition("/")
            if not kind:
                self.page("Shelves", links=[f"/shelf/{first}" for first in shelves])
            elif kind == "shelf" and int(number) in shelves:
                last = min(int(number) + 20, books)
                self.page(f"Shelf {number}", [f"../book/{n}" for n in range(int(number), last)])
            elif kind == "book" and int(number) % 50 != 49:
                also = f"/book/{(int(number) * 7 + 3) % books}"
                self.page(f"Book {number}", ["/", also], price=5 + int(number) * 37 % 41 / 2)
            else:
                self.send_error(404)

        def page(self, title: str, links: List[str], price: Optional[float] = None) -> None:
            cost = "" if price is None else f"<p class='price'>{price:.2f}</p>"
            body = "".join(f"<li><a href='{link}'>more</a>" for link in links)
            text = f"<html><title>{title}</title>{cost}<ul>{body}</ul></html>".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    return Bookshop
