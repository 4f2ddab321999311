"""Trains a classifier on scikit-learn's handwritten digits, in a container that has scikit-learn.

Nothing but Burrow needs to be installed here: `burrow run examples/digits.py`
"""

from typing import Any, Dict, List

import burrow

image = burrow.Image.debian_slim().apt_install("python3-sklearn")
app = burrow.App("digits", image=image)


@app.function(cpu=1, memory=1024)
def train(test_share: float, seed: int) -> Dict[str, Any]:
    from sklearn.datasets import load_digits
    from sklearn.metrics import accuracy_score, confusion_matrix
    from sklearn.model_selection import train_test_split
    from sklearn.svm import SVC

    pixels, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        pixels, labels, test_size=test_share, random_state=seed
    )
    print(f"training on {len(train_x)} digits")
    predicted = SVC(gamma=0.001).fit(train_x, train_y).predict(test_x)
    return {
        "accuracy": float(accuracy_score(test_y, predicted)),
        "confusion": confusion_matrix(test_y, predicted).tolist(),
    }


def as_table(confusion: List[List[int]]) -> str:
    header = "true \\ predicted" + "".join(f"{digit:5}" for digit in range(len(confusion)))
    rows = [f"{digit:16}" + "".join(f"{n:5}" for n in row) for digit, row in enumerate(confusion)]
    return "\n".join([header] + rows)


@app.local_entrypoint()
def main(test_share: float = 0.5, seed: int = 0) -> None:
    result = train.remote(test_share, seed)
    print(f"accuracy: {result['accuracy']:.3f}")
    print(as_table(result["confusion"]))
