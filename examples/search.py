"""Searches the parameters of a classifier in parallel and draws how good each pair is into a PNG.

One call for each pair of C and gamma: cross-validation of a support vector machine on scikit-learn's handwritten digits.
The drawing is made in a container as well; nothing but Burrow needs to be installed here.

    burrow run examples/search.py --picture search.png
"""

from pathlib import Path
from typing import List, Tuple

import burrow

image = burrow.Image.debian_slim().apt_install("python3-sklearn").apt_install("python3-matplotlib")
app = burrow.App("search", image=image)

COSTS = [0.1, 1.0, 10.0, 100.0]
GAMMAS = [0.0001, 0.0003, 0.001, 0.003, 0.01]


@app.function(max_containers=2, cpu=1, memory=1024)
def score(cost: float, gamma: float, digits: int) -> float:
    """Mean accuracy of three folds, of the first so many digits."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import cross_val_score
    from sklearn.svm import SVC

    pixels, labels = load_digits(return_X_y=True)
    model = SVC(C=cost, gamma=gamma)
    return float(cross_val_score(model, pixels[:digits], labels[:digits], cv=3).mean())


@app.function(memory=1024)
def draw(scores: List[List[float]]) -> bytes:
    """A heat map of the scores, as a PNG."""
    import io

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 5), layout="constrained")
    drawn = axes.imshow(scores, cmap="viridis", vmin=0.0, vmax=1.0)
    axes.set(xlabel="gamma", ylabel="C", title="Accuracy in cross-validation")
    axes.set_xticks(range(len(GAMMAS)), [f"{gamma:g}" for gamma in GAMMAS])
    axes.set_yticks(range(len(COSTS)), [f"{cost:g}" for cost in COSTS])
    for row, values in enumerate(scores):
        for column, value in enumerate(values):
            axes.text(
                column, row, f"{value:.3f}", ha="center", color="white" if value < 0.7 else "black"
            )
    figure.colorbar(drawn)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


@app.local_entrypoint()
def main(picture: str = "search.png", digits: int = 900) -> None:
    pairs: List[Tuple[float, float]] = [(cost, gamma) for cost in COSTS for gamma in GAMMAS]
    found = list(score.starmap((cost, gamma, digits) for cost, gamma in pairs))
    best, (cost, gamma) = max(zip(found, pairs))
    print(f"{len(pairs)} pairs; best accuracy {best:.3f} with C={cost:g}, gamma={gamma:g}")
    rows = [found[at : at + len(GAMMAS)] for at in range(0, len(found), len(GAMMAS))]
    png = draw.remote(rows)
    Path(picture).write_bytes(png)
    print(f"{picture}: {len(png)} bytes")
