"""A program that deploys an app, and calls it by name as any other program could."""

import burrow as modal

app = modal.App("deploy-and-look-up")


@app.function(scaledown_window=2)
def price(item: str, amount: int = 1) -> int:
    return amount * len(item)


@app.function(scaledown_window=2)
def countdown(start: int):
    yield from range(start, 0, -1)


@app.cls(scaledown_window=2)
class Till:
    currency: str = modal.parameter(default="EUR")

    @modal.enter()
    def open(self):
        self.sales = []

    @modal.method()
    def sell(self, item: str) -> str:
        self.sales.append(item)
        return "%s for %d %s" % (item, price.local(item), self.currency)


@app.local_entrypoint()
def main():
    app.deploy(name="deployed-shop")
    deployed = modal.Function.from_name("deployed-shop", "price")
    print(deployed.remote("tea"), deployed.remote("coffee", amount=2))
    print(list(deployed.map(["a", "bb", "ccc"])))
    print(deployed.spawn("milk").get(timeout=60))
    print(list(modal.Function.from_name("deployed-shop", "countdown").remote_gen(3)))
    remote_till = modal.Cls.from_name("deployed-shop", "Till")
    print(remote_till().sell.remote("tea"))
    print(remote_till(currency="CHF").sell.remote("tea"))
    try:
        modal.Function.from_name("deployed-shop", "prize").remote("tea")
    except modal.exception.NotFoundError as error:
        print("prize" in str(error), "price" in str(error))


# deploys: deployed-shop
# prints:
# 3 12
# [1, 2, 3]
# 4
# [3, 2, 1]
# tea for 3 EUR
# tea for 3 CHF
# True True
