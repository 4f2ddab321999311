"""Methods and hooks of base classes are there, too."""

import burrow as modal

app = modal.App("class-inheritance")


class Base:
    @modal.enter()
    def prepare(self):
        self.words = ["base"]

    @modal.method()
    def tell(self):
        return self.words

    @modal.method()
    def shout(self):
        return "base"


@app.cls()
class Derived(Base):
    @modal.enter()
    def more(self):
        self.words.append("derived")

    @modal.method()
    def shout(self):
        return "derived"


@app.local_entrypoint()
def main():
    print(Derived().tell.remote(), Derived().shout.remote())


# prints:
# ['base', 'derived'] derived
